"""Layers as data: what a network is made of, and the folds over it. Nothing here needs Paddle.

A network, or a segment of one, is a tuple of layers that run one after another. `ganc.models.network` runs such a tuple
in Paddle, `ganc.onnx_graphs.layers` writes it as ONNX; costs, channels and pruning are folds over it.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from ganc.base.errors import SpecError
from ganc.models.convolutions import Convolution, Costs, Reduction


class Function(Enum):
    """What an activation computes."""

    RELU = "relu"
    RELU6 = "relu6"
    LEAKY_RELU = "leaky relu"
    TANH = "tanh"


class PoolKind(Enum):
    """What a pool takes of the values under its kernel."""

    MAX = "max"
    AVERAGE = "average"


@dataclass(frozen=True)
class InstanceNorm:
    """Each channel of each image to mean 0 and variance 1, without learned scale or shift (arXiv 1607.08022).

    A bias in front of it has no effect on the output, so that both interpreters leave it out.
    """

    epsilon: float = 1e-5


@dataclass(frozen=True)
class Activation:
    """A function of each value; `slope` is that of a leaky ReLU below 0."""

    function: Function
    slope: float = 0.0


@dataclass(frozen=True)
class Dropout:
    """Values that are set to 0 with a probability, while a network is trained; the others are scaled up."""

    probability: float


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A pool over kernel x kernel positions; the mean of an average pool leaves the padding out."""

    kind: PoolKind
    kernel: int
    stride: int
    padding: int = 0


@dataclass(frozen=True)
class GlobalPool:
    """The mean over all positions: (n, c, h, w) to (n, c). Nothing can follow it."""


@dataclass(frozen=True)
class Upsample:
    """Each pixel repeated in a block of scale x scale pixels (nearest neighbour)."""

    scale: int


@dataclass(frozen=True)
class Residual:
    """The input plus what `body` makes of it; the body keeps its size and channels."""

    body: "Layers"


@dataclass(frozen=True)
class Branches:
    """Chains that start from one input and whose outputs are joined along the channels; an empty chain is the input.

    The convolution behind it takes, in a sub-network, the leading ones of the joined channels.
    """

    chains: tuple["Layers", ...]


Layer = Convolution | InstanceNorm | Activation | Dropout | Pool | GlobalPool | Upsample | Residual | Branches
Layers = tuple[Layer, ...]

RELU, RELU6, TANH = Activation(Function.RELU), Activation(Function.RELU6), Activation(Function.TANH)

RELU6_CEILING = 6.0


def leaky_relu(slope: float) -> Activation:
    """Return a ReLU that lets values below 0 through, times `slope`."""
    return Activation(Function.LEAKY_RELU, slope)


def inner_layers(layer: Layer) -> tuple[Layers, ...]:
    """Return the chains inside a layer, in the order in which they run."""
    match layer:
        case Residual(body):
            return (body,)
        case Branches(chains):
            return chains
    return ()


def convolutions(layers: Iterable[Layer]) -> tuple[Convolution, ...]:
    """Return every convolution in the order in which they run."""
    found: list[Convolution] = []
    for layer in layers:
        if isinstance(layer, Convolution):
            found.append(layer)
        for chain in inner_layers(layer):
            found += convolutions(chain)
    return tuple(found)


def with_norms(layers: Layers) -> Iterator[tuple[Layer, bool]]:
    """Yield each layer and whether an instance norm follows it."""
    for place, layer in enumerate(layers, 1):
        yield layer, place < len(layers) and isinstance(layers[place], InstanceNorm)


def normalised(layers: Layers) -> frozenset[str]:
    """Return the names of the convolutions that an instance norm follows."""
    names = {layer.name for layer, norm in with_norms(layers) if norm and isinstance(layer, Convolution)}
    return frozenset(names).union(*(normalised(chain) for layer in layers for chain in inner_layers(layer)))


def placed(layers: Layers, reduction: Reduction = 1) -> tuple[list[tuple[Convolution, Reduction]], Reduction]:
    """Return every convolution with the reduction of its input, and the reduction of the layers' output.

    A reduction is the image's size divided by the size there; padding is taken to make up for the kernels.
    """
    found: list[tuple[Convolution, Reduction]] = []
    for layer in layers:
        match layer:
            case Convolution():
                found.append((layer, reduction))
                reduction = _divided(reduction, layer.stride) if layer.transposed else reduction * layer.stride
            case Pool():
                reduction *= layer.stride
            case Upsample():
                reduction = _divided(reduction, layer.scale)
            case Residual() | Branches():
                parts = [placed(chain, reduction) for chain in inner_layers(layer)]
                found += [one for inside, _ in parts for one in inside]
                reduction = parts[0][1]  # all end alike: they are added or joined
    return found, reduction


def _divided(reduction: Reduction, scale: int) -> Reduction:
    """Return the quotient, as a whole number where it is one."""
    quotient = Fraction(reduction, scale)
    return quotient.numerator if quotient.denominator == 1 else quotient


def channels_after(layers: Layers, channels: int) -> int:
    """Return the channels that come out where `channels` go in.

    Raises:
        SpecError: a convolution expects other channels than those that reach it, or a residual body changes them.
    """
    for layer in layers:
        match layer:
            case Convolution():
                if layer.in_channels != channels:
                    raise SpecError(f"{layer.name} expects {layer.in_channels} channels, {channels} reach it")
                channels = layer.out_channels
            case Residual(body):
                if (made := channels_after(body, channels)) != channels:
                    raise SpecError(f"a residual body makes {made} channels of {channels}, which cannot be added up")
            case Branches(chains):
                channels = sum(channels_after(chain, channels) for chain in chains)
    return channels


def count_costs(layers: Layers, image_size: tuple[int, int], reduction: Reduction = 1) -> Costs:
    """Sum the costs for one image of `image_size` (width, height); only convolutions count.

    Args:
        reduction: the image's size divided by the size of the layers' input.
    """
    return sum_costs(convolution.costs(image_size, at) for convolution, at in placed(layers, reduction)[0])


def sum_costs(parts: Iterable[Costs]) -> Costs:
    """Return the sum of the costs of a network's parts."""
    listed = list(parts)
    return Costs(
        macs=sum(part.macs for part in listed),
        device_macs=sum(part.device_macs for part in listed),
        params=sum(part.params for part in listed),
    )


def smallest_side(layers: Layers) -> int:
    """Return the smallest width or height of an image in which every padding by reflection has enough to reflect."""
    needed = [reduction * (plan.reflect + 1) for plan, reduction in placed(layers)[0] if plan.reflect]
    return math.ceil(max(needed, default=1))
