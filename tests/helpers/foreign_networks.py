"""Networks as other programs build them: chains of modules whose places in the chain name their tensors.

Written from the structure of the CycleGAN/pix2pix, GAN Compression and PaddleGAN code, independently of
`ganc.importers`: a chain is a list of layers, from which come the names and shapes of its tensors, or the network in
PyTorch or Paddle.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from ganc.base.rng import keyed_generator


@dataclass(frozen=True)
class Conv:
    ins: int
    outs: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    transposed: bool = False

    @property
    def shape(self):
        if self.transposed:
            return (self.ins, self.outs, self.kernel, self.kernel)
        return (self.outs, self.ins // self.groups, self.kernel, self.kernel)


@dataclass(frozen=True)
class Norm:
    channels: int


@dataclass(frozen=True)
class Inner:
    """A module with a chain of its own under a name: a residual block, or a separable convolution."""

    name: str
    layers: tuple
    residual: bool


@dataclass(frozen=True)
class Plain:
    """A module without tensors: pad1, pad3, relu, leaky, dropout, tanh."""

    kind: str


def _half(block: str, ins: int, outs: int) -> list:
    if block == "resnet":
        return [Plain("pad1"), Conv(ins, outs, 3), Norm(outs)]
    separable = (Conv(ins, ins, 3, groups=ins), Norm(ins), Conv(ins, outs, 1))
    return [Plain("pad1"), Inner("conv", separable, False), Norm(outs)]


def generator_chain(widths, block: str, n_blocks: int, dropout: bool, ins: int = 3, outs: int = 3, inner=None) -> list:
    """Return a generator's chain; `inner` are the channels inside each block, else those of the segment's width."""
    w0, w1, w2, w3, w4, w5, w6, w7 = widths
    stream = 4 * w2
    inner = inner or [4 * (w3, w4, w5)[number * 3 // n_blocks] for number in range(n_blocks)]
    chain: list = [Plain("pad3")]
    for conv in (Conv(ins, w0, 7), Conv(w0, 2 * w1, 3, 2, 1), Conv(2 * w1, stream, 3, 2, 1)):
        chain += [conv, Norm(conv.outs), Plain("relu")]
    for channels in inner:
        between = [Plain("relu"), *([Plain("dropout")] if dropout else [])]
        layers = [*_half(block, stream, channels), *between, *_half(block, channels, stream)]
        chain.append(Inner("conv_block", tuple(layers), True))
    for conv in (Conv(stream, 2 * w6, 3, 2, 1, transposed=True), Conv(2 * w6, w7, 3, 2, 1, transposed=True)):
        chain += [conv, Norm(conv.outs), Plain("relu")]
    return [*chain, Plain("pad3"), Conv(w7, outs, 7), Plain("tanh")]


def discriminator_chain(width: int, n_layers: int, ins: int = 3) -> list:
    chain: list = [Conv(ins, width, 4, 2, 1), Plain("leaky")]
    before = width
    for layer in range(1, n_layers + 1):
        after = width * min(2**layer, 8)
        chain += [Conv(before, after, 4, 2 if layer < n_layers else 1, 1), Norm(after), Plain("leaky")]
        before = after
    return [*chain, Conv(before, 1, 4, 1, 1)]


NORMS = {  # what a norm of each kind keeps: its name and its value, None being random
    "plain": {},
    "affine": {"scale": 1.0, "bias": 0.0},
    "tracking": {"running_mean": None, "running_var": None},
    "batch": {"weight": None, "bias": None, "running_mean": None, "running_var": None},
}


def shapes(chain, norm: str = "plain", prefix: str = "model.") -> Iterator[tuple[str, tuple[int, ...], float | None]]:
    """Yield name, shape and value (None: random) of each tensor."""
    for place, layer in enumerate(chain):
        if isinstance(layer, Conv):
            yield f"{prefix}{place}.weight", layer.shape, None
            yield f"{prefix}{place}.bias", (layer.outs,), None
        elif isinstance(layer, Norm):
            for name, value in NORMS[norm].items():
                yield f"{prefix}{place}.{name}", (layer.channels,), value
        elif isinstance(layer, Inner):
            yield from shapes(layer.layers, norm, f"{prefix}{place}.{layer.name}.")


def tensors(chain, seed: int = 0, norm: str = "plain") -> dict[str, np.ndarray]:
    """Return random tensors under the names that the chain gives them."""
    made = {}
    for name, shape, value in shapes(chain, norm):
        drawn = keyed_generator(seed, f"foreign/{name}").normal(0.0, 1 / np.sqrt(np.prod(shape[1:]) or 1), shape)
        made[name] = np.float32(drawn if value is None else np.full(shape, value))
    return made


def torch_network(chain):
    """Return the chain as a torch module with the attribute `model`."""
    from torch import nn

    return _network(
        chain,
        SimpleNamespace(
            base=nn.Module,
            chain=nn.Sequential,
            conv=lambda c: nn.Conv2d(c.ins, c.outs, c.kernel, c.stride, c.padding, groups=c.groups),
            up=lambda c: nn.ConvTranspose2d(c.ins, c.outs, c.kernel, c.stride, c.padding, output_padding=1),
            norm=nn.InstanceNorm2d,
            pad=nn.ReflectionPad2d,
            plain={"relu": nn.ReLU, "leaky": lambda: nn.LeakyReLU(0.2), "dropout": nn.Dropout, "tanh": nn.Tanh},
        ),
    )


def paddle_network(chain):
    """Return the chain as a Paddle layer, its instance norms with scale and bias as PaddleGAN's have."""
    from ganc.system.runtime import paddle

    nn = paddle.nn
    return _network(
        chain,
        SimpleNamespace(
            base=nn.Layer,
            chain=nn.Sequential,
            conv=lambda c: nn.Conv2D(c.ins, c.outs, c.kernel, c.stride, c.padding, groups=c.groups),
            up=lambda c: nn.Conv2DTranspose(c.ins, c.outs, c.kernel, c.stride, c.padding, output_padding=1),
            norm=nn.InstanceNorm2D,
            pad=lambda width: nn.Pad2D([width] * 4, mode="reflect"),
            plain={"relu": nn.ReLU, "leaky": lambda: nn.LeakyReLU(0.2), "dropout": nn.Dropout, "tanh": nn.Tanh},
        ),
    )


def _network(chain, kit):
    class Held(kit.base):
        def __init__(self, name, layers, residual):
            super().__init__()
            self.held_as, self.residual = name, residual
            setattr(self, name, kit.chain(*map(made_of, layers)))

        def forward(self, x):
            made = getattr(self, self.held_as)(x)
            return x + made if self.residual else made

    def made_of(layer):
        if isinstance(layer, Conv):
            return kit.up(layer) if layer.transposed else kit.conv(layer)
        if isinstance(layer, Norm):
            return kit.norm(layer.channels)
        if isinstance(layer, Inner):
            return Held(layer.name, layer.layers, layer.residual)
        return kit.pad(int(layer.kind[3:])) if layer.kind.startswith("pad") else kit.plain[layer.kind]()

    return Held("model", chain, False)
