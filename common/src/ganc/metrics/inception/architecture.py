"""Inception-v3 in the variant that the Fréchet inception distance is computed on, as data.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", arXiv 1512.00567; the variant is the one
that the distance was published with (Heusel et al., arXiv 1706.08500) and that its PyTorch implementation carries:
average pools leave the padding out of the mean, and the last block has a max pool. Layers have the names that the
public PyTorch weights give them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ganc.models.convolutions import Convolution
from ganc.models.layers import RELU, Branches, GlobalPool, Layer, Layers, Pool, PoolKind, convolutions

EPSILON = 1e-3  # of every batch norm
INPUT_SIDE = 299
DIMENSIONS = 2048

_MAX, _AVERAGE = PoolKind.MAX, PoolKind.AVERAGE


@dataclass(frozen=True)
class InceptionSpec:
    """The network with each batch norm inside the convolution in front of it, as a spec: there is only one."""

    @property
    def layers(self) -> Layers:
        """The layers from planes (n, 3, 299, 299) to features (n, 2048)."""
        return (*network(), GlobalPool())

    def convolutions(self) -> tuple[Convolution, ...]:
        """Return the convolutions in the order in which they are described."""
        return convolutions(network())


def network() -> Layers:
    """Return the layers up to the last block; the features are the mean of its output over all positions."""
    chain = _convolutions(
        3,
        ("Conv2d_1a_3x3", 32, 3, 2, 0),
        ("Conv2d_2a_3x3", 32, 3, 1, 0),
        ("Conv2d_2b_3x3", 64, 3, 1, 1),
    )
    chain += (_pool(_MAX, 2),)
    chain += _convolutions(64, ("Conv2d_3b_1x1", 80, 1, 1, 0), ("Conv2d_4a_3x3", 192, 3, 1, 0))
    chain += (_pool(_MAX, 2),)
    channels = 192
    for name, pooled in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
        chain += (_block_35(name, channels, pooled),)
        channels = 224 + pooled
    chain += (_reduction_35(),)
    for name, inner in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
        chain += (_block_17(name, inner),)
    return (*chain, _reduction_17(), _block_8("Mixed_7b", 1280, _AVERAGE), _block_8("Mixed_7c", 2048, _MAX))


def description() -> list:
    """Return the network as a JSON value, for the digest. Every convolution has its activation, which is left out."""
    return _described(network())


def _described(layers: Iterable[Layer]) -> list:
    rows = []
    for layer in layers:
        match layer:
            case Convolution():
                size = (layer.out_channels, *layer.kernel, layer.stride, *layer.padding)
                rows.append(["convolution", layer.name, *size])
            case Pool():
                rows.append(["pool", layer.kind.value, layer.stride, layer.padding])
            case Branches(chains):
                rows.append(["branches", *(_described(chain) for chain in chains)])
    return rows


def _block_35(name: str, channels: int, pooled: int) -> Branches:
    """Return a block on 35x35 positions."""
    return _block(
        name,
        channels,
        (("branch1x1", 64, 1, 1, 0),),
        (("branch5x5_1", 48, 1, 1, 0), ("branch5x5_2", 64, 5, 1, 2)),
        (("branch3x3dbl_1", 64, 1, 1, 0), ("branch3x3dbl_2", 96, 3, 1, 1), ("branch3x3dbl_3", 96, 3, 1, 1)),
        pool=_pool(_AVERAGE, 1, 1),
        after_pool=("branch_pool", pooled, 1, 1, 0),
    )


def _reduction_35() -> Branches:
    return _block(
        "Mixed_6a",
        288,
        (("branch3x3", 384, 3, 2, 0),),
        (("branch3x3dbl_1", 64, 1, 1, 0), ("branch3x3dbl_2", 96, 3, 1, 1), ("branch3x3dbl_3", 96, 3, 2, 0)),
        pool=_pool(_MAX, 2),
    )


def _block_17(name: str, inner: int) -> Branches:
    """Return a block on 17x17 positions, whose 7x7 convolutions are split into 1x7 and 7x1."""
    flat, tall = (1, 7), (7, 1)
    return _block(
        name,
        768,
        (("branch1x1", 192, 1, 1, 0),),
        (("branch7x7_1", inner, 1, 1, 0), ("branch7x7_2", inner, flat, 1, 3), ("branch7x7_3", 192, tall, 1, 3)),
        (
            ("branch7x7dbl_1", inner, 1, 1, 0),
            ("branch7x7dbl_2", inner, tall, 1, 3),
            ("branch7x7dbl_3", inner, flat, 1, 3),
            ("branch7x7dbl_4", inner, tall, 1, 3),
            ("branch7x7dbl_5", 192, flat, 1, 3),
        ),
        pool=_pool(_AVERAGE, 1, 1),
        after_pool=("branch_pool", 192, 1, 1, 0),
    )


def _reduction_17() -> Branches:
    return _block(
        "Mixed_7a",
        768,
        (("branch3x3_1", 192, 1, 1, 0), ("branch3x3_2", 320, 3, 2, 0)),
        (
            ("branch7x7x3_1", 192, 1, 1, 0),
            ("branch7x7x3_2", 192, (1, 7), 1, 3),
            ("branch7x7x3_3", 192, (7, 1), 1, 3),
            ("branch7x7x3_4", 192, 3, 2, 0),
        ),
        pool=_pool(_MAX, 2),
    )


def _block_8(name: str, channels: int, pool: PoolKind) -> Branches:
    """Return a block on 8x8 positions, two of whose branches end in a 1x3 beside a 3x1."""

    def forked(prefix: str) -> Branches:
        sides = ((f"{prefix}a", 384, (1, 3), 1, 1), (f"{prefix}b", 384, (3, 1), 1, 1))
        return _block(name, 384, *((side,) for side in sides))

    single = _named(name, channels, ("branch3x3_1", 384, 1, 1, 0))
    double = _named(name, channels, ("branch3x3dbl_1", 448, 1, 1, 0), ("branch3x3dbl_2", 384, 3, 1, 1))
    return Branches(
        (
            _named(name, channels, ("branch1x1", 320, 1, 1, 0)),
            (*single, forked("branch3x3_2")),
            (*double, forked("branch3x3dbl_3")),
            (_pool(pool, 1, 1), *_named(name, channels, ("branch_pool", 192, 1, 1, 0))),
        )
    )


def _block(name: str, channels: int, *branches: tuple, pool: Pool | None = None, after_pool: tuple = ()) -> Branches:
    """Return branches of convolutions and, last, one that begins with a pool."""
    chains = [_named(name, channels, *branch) for branch in branches]
    if pool:
        chains.append((pool, *(_named(name, channels, after_pool) if after_pool else ())))
    return Branches(tuple(chains))


def _pool(kind: PoolKind, stride: int, padding: int = 0) -> Pool:
    return Pool(kind=kind, kernel=3, stride=stride, padding=padding)


def _named(block: str, channels: int, *rows: tuple) -> Layers:
    return _convolutions(channels, *((f"{block}.{name}", *rest) for name, *rest in rows))


def _convolutions(channels: int, *rows: tuple) -> Layers:
    """Return convolutions and their activations, each from (name, out_channels, kernel, stride, padding).

    A kernel of one number is square; the padding holds for the directions in which the kernel is longer than 1.
    """
    chain: list[Layer] = []
    for name, out_channels, kernel, stride, padding in rows:
        kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        pads = tuple(padding if side > 1 else 0 for side in kernel)
        sides: dict[str, Any] = {"kernel": kernel, "stride": stride, "padding": pads}
        chain += [Convolution(name=name, in_channels=channels, out_channels=out_channels, **sides), RELU]
        channels = out_channels
    return tuple(chain)
