"""Recognising ResNet generators and PatchGAN discriminators by the names and shapes of their tensors.

The CycleGAN/pix2pix PyTorch code, the GAN Compression code and PaddleGAN number the modules of one chain alike: a
generator's convolutions are `model.1`, `model.4`, `model.7`, then one block a number from `model.10` on, then two
upsampling convolutions and the output; a discriminator's are `model.0`, `model.2`, `model.5` and so on. Everything
between them has no learned values. All of them store weights as (out, in, height, width), transposed as (in, out, …).
"""

import re
from collections.abc import Collection, Mapping

import numpy as np

from ganc.base.errors import SpecError
from ganc.importers.safe_pickle import RefusedError
from ganc.models.convolutions import NetworkSpec, NetworkState
from ganc.models.family import MOBILE, ORIGINAL_BLOCK
from ganc.models.layers import normalised
from ganc.models.resnet import RESNET
from ganc.models.spec import DiscriminatorSpec, GeneratorSpec

Tensors = Mapping[str, np.ndarray]

FIRST_BLOCK = 10
AFTER_FIRST = {False: 5, True: 6}  # the second convolution's number in a block, without and with dropout between
DROPOUT = {
    ORIGINAL_BLOCK: 0.5,
    MOBILE: 0.0,
}  # of the CycleGAN code where it has any; GAN Compression's modules have rate 0

_NESTED = re.compile(r"model\.(\d+\.)?model\.")  # a U-Net's levels, one inside the other
SCALES, STATISTICS = ("weight", "scale"), ("running_mean", "running_var", "_mean", "_variance", "num_batches_tracked")


def network_state(tensors: Tensors, dropout: float | None = None) -> NetworkState:
    """Return a generator or a discriminator as ganc's, with everything read off the tensors.

    Args:
        tensors: arrays by their names, which begin with `model.`.
        dropout: the probability where a generator's blocks number one (the file does not hold it); None takes that of
            the program which made such files.

    Raises:
        RefusedError: it is another network; the first tensor that does not fit is named.
    """
    _refuse_others(tensors)
    if "model.1.weight" in tensors:
        return _generator(tensors, dropout)
    return _discriminator(tensors)


def _refuse_others(tensors: Tensors) -> None:
    first = next(iter(tensors))
    if any(_NESTED.match(name) for name in tensors):
        raise RefusedError(f"is a U-Net generator (it has {first}); ganc's generators are ResNets")
    for name in tensors:
        module, _, kind = name.rpartition(".")
        if kind in STATISTICS and any(f"{module}.{scale}" in tensors for scale in SCALES):
            raise RefusedError(
                f"has batch norm ({name} beside a learned scale); ganc's networks have instance norm, train with that"
            )
    if not {"model.0.weight", "model.1.weight"} & set(tensors):
        raise RefusedError(
            f"has {_described(first, tensors)}; expected model.1.weight of a ResNet generator or model.0.weight of a "
            "PatchGAN discriminator, as the CycleGAN, GAN Compression and PaddleGAN programs name them"
        )


def _generator(tensors: Tensors, dropout: float | None) -> NetworkState:
    numbers = {name.split(".")[1] for name in tensors if ".conv_block." in name}
    blocks = 0
    while str(FIRST_BLOCK + blocks) in numbers:
        blocks += 1
    block = MOBILE if any(name.startswith("model.10.conv_block.1.conv.") for name in tensors) else ORIGINAL_BLOCK
    dropped = not any(name.startswith(f"model.10.conv_block.{AFTER_FIRST[False]}.") for name in tensors)
    if not blocks or blocks % RESNET.block_multiple:
        raise RefusedError(
            f"has {blocks} residual blocks (model.{FIRST_BLOCK}.conv_block and on), expected a multiple of "
            f"{RESNET.block_multiple}, such as 9 or 6"
        )
    probability = 0.0 if not dropped else DROPOUT[block] if dropout is None else dropout
    per_segment, after = blocks // RESNET.block_multiple, FIRST_BLOCK + blocks
    inner = [f"model.{FIRST_BLOCK + number}.conv_block.1{_INNER[block]}.weight" for number in range(blocks)]
    # The tensors whose output channels make a segment's width; a transposed convolution has them second.
    makers = [(f"model.{module}.weight", 0) for module in (1, 4, 7)]
    makers += [(name, 0) for name in inner[::per_segment]]
    makers += [(f"model.{after}.weight", 1), (f"model.{after + 3}.weight", 1)]
    if block == MOBILE:
        _refuse_legacy(tensors, inner, per_segment, AFTER_FIRST[dropped])
    spec = GeneratorSpec(
        widths=tuple(_width(tensors, *maker, segment) for segment, maker in enumerate(makers)),
        block=block,
        n_blocks=blocks,
        in_channels=_shape(tensors, "model.1.weight")[1],
        out_channels=_shape(tensors, f"model.{after + 7}.weight")[0],
        dropout=probability,
    )
    normed = normalised(tuple(layer for layers in spec.segments for layer in layers))
    return _state(spec, _generator_places(spec, AFTER_FIRST[dropped]), normed, tensors)


# The convolution in the first half of a block that makes the channels between the halves.
_INNER = {MOBILE: ".conv.2", ORIGINAL_BLOCK: ""}


def _width(tensors: Tensors, name: str, axis: int, segment: int) -> int:
    """Return a segment's base width."""
    channels, multiplier = _shape(tensors, name)[axis], RESNET.multipliers[segment]
    if channels % multiplier:
        raise RefusedError(
            f"has {_described(name, tensors)}, expected output channels that are a multiple of {multiplier}"
        )
    return channels // multiplier


def _refuse_legacy(tensors: Tensors, inner: list[str], per_segment: int, second: int) -> None:
    """Refuse the generator in which only a segment's first block has the segment's width, the others the stream's."""
    stream = _shape(tensors, "model.7.weight")[0]
    widths = [_shape(tensors, name)[0] for name in inner]
    depthwise = [name.replace(".conv_block.1.conv.2.", f".conv_block.{second}.conv.0.") for name in inner]
    if [tensors[name].shape[:1] if name in tensors else () for name in depthwise] != [(width,) for width in widths]:
        return  # a tensor of a wrong shape: it is named later
    if any(width != stream for place, width in enumerate(widths) if place % per_segment):
        return
    for place, name in enumerate(inner):
        first = place - place % per_segment
        if widths[place] != widths[first]:
            raise RefusedError(
                "is GAN Compression's legacy generator (LegacySubMobileResnetGenerator), whose inner widths differ "
                f"within a segment: {_described(name, tensors)}, {_described(inner[first], tensors)}; ganc's do not"
            )


def _generator_places(spec: GeneratorSpec, second: int) -> dict[str, str]:
    """Return their module for each of our convolutions."""
    after = FIRST_BLOCK + spec.n_blocks
    places = {"stages.0.conv": "model.1", "stages.1.conv": "model.4", "stages.2.conv": "model.7"}
    places |= {"stages.6.conv": f"model.{after}", "stages.7.conv": f"model.{after + 3}"}
    places["stages.7.output"] = f"model.{after + 7}"
    per_segment = spec.n_blocks // RESNET.block_multiple
    for number in range(spec.n_blocks):
        ours = f"stages.{RESNET.block_segments[number // per_segment]}.blocks.{number % per_segment}"
        for half, module in (("first", 1), ("second", second)):
            theirs = f"model.{FIRST_BLOCK + number}.conv_block.{module}"
            places |= {f"{ours}.{half}.conv": theirs}
            places |= {f"{ours}.{half}.depthwise": f"{theirs}.conv.0", f"{ours}.{half}.pointwise": f"{theirs}.conv.2"}
    return places


def _discriminator(tensors: Tensors) -> NetworkState:
    convolutions = 1
    while f"model.{3 * convolutions - 1}.weight" in tensors:
        convolutions += 1
    width, in_channels = _shape(tensors, "model.0.weight")[:2]
    if convolutions < 3:
        raise RefusedError(f"lacks model.{3 * convolutions - 1}.weight, expected a PatchGAN discriminator")
    spec = DiscriminatorSpec(width=width, n_layers=convolutions - 2, in_channels=in_channels)
    places = {f"convs.{layer}": f"model.{max(0, 3 * layer - 1)}" for layer in range(convolutions)}
    return _state(spec, places, normalised(spec.layers), tensors)


def _state(spec: NetworkSpec, places: Mapping[str, str], normed: Collection[str], tensors: Tensors) -> NetworkState:
    """Take every tensor that the spec needs; check that no other one matters.

    Args:
        places: their module for each of our convolutions.
        normed: the convolutions that an instance norm follows.
    """
    taken: dict[str, np.ndarray] = {}
    left = dict(tensors)
    for convolution in spec.convolutions():
        place = places[convolution.name]
        for kind, shape in (("weight", convolution.weight_shape), ("bias", (convolution.out_channels,))):
            name = f"{place}.{kind}"
            if name not in left:
                raise RefusedError(f"lacks {name}, expected with shape {list(shape)}")
            if tuple(left[name].shape) != shape:
                raise RefusedError(f"has {_described(name, tensors)}, expected {list(shape)}")
            taken[f"{convolution.name}.{kind}"] = _as_float32(name, left.pop(name))
        if convolution.name in normed:
            _drop_norm(left, _following(place))
    if left:
        raise RefusedError(f"has {_described(next(iter(left)), tensors)}, which does not belong to such a network")
    try:
        return NetworkState(spec, taken)
    except SpecError as error:
        raise RefusedError(str(error)) from error


def _following(place: str) -> str:
    """Return the module behind a convolution, its norm: a pointwise convolution is the last one of its own chain."""
    chain, _, number = place.removesuffix(".conv.2").rpartition(".")
    return f"{chain}.{int(number) + 1}"


def _drop_norm(left: dict[str, np.ndarray], module: str) -> None:
    """Drop an instance norm's values: the identity that PaddleGAN writes, and statistics, which it does not use."""
    for kind, identity in (*((scale, 1) for scale in SCALES), ("bias", 0)):
        values = left.pop(f"{module}.{kind}", None)
        if values is not None and not np.all(values == identity):
            raise RefusedError(
                f"has an instance norm with learned values: {module}.{kind} is not {identity} everywhere, which "
                "ganc's networks have no place for"
            )
    for kind in STATISTICS:
        left.pop(f"{module}.{kind}", None)


def _as_float32(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        raise RefusedError(f"its {name} holds {array.dtype} numbers, expected floating-point ones")
    with np.errstate(over="ignore"):
        values = np.array(array, np.float32, order="C")
    if not np.isfinite(values).all():
        raise RefusedError(f"its {name} holds numbers that are not finite: its training failed")
    return values


def _shape(tensors: Tensors, name: str) -> tuple[int, ...]:
    """Return the shape of a convolution's weight."""
    if name not in tensors:
        raise RefusedError(f"lacks {name}, expected the weight of a convolution")
    if tensors[name].ndim != 4 or not tensors[name].size:
        raise RefusedError(f"has {_described(name, tensors)}, expected four sizes: the weight of a convolution")
    return tensors[name].shape


def _described(name: str, tensors: Tensors) -> str:
    return f"{name[:200]} with shape {list(tensors[name].shape)[:8]}"
