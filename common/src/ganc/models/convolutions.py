"""Convolutions as data: shapes and costs of a network, known without building it.

A network's spec lists its convolutions; the network is built from that list, checkpoints are checked against it, costs
are summed over it, and a sub-network's tensors are cut to it. Nothing here needs Paddle.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ganc.base.errors import SpecError

INSTANCE_NORM_EPSILON = 1e-5


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """One convolution of a network.

    Attributes:
        name: its place in the network; its tensors are `name.weight` and `name.bias`.
        in_channels, out_channels: full channel counts.
        kernel, stride: the same in both directions.
        reflect, padding: rows and columns added by reflection before it, and zeros added by it.
        depthwise: one filter a channel.
        transposed: upsamples by `stride` (output padding stride - 1).
        normalised: an instance norm follows, so the bias has no effect on the output.
        reduction: the image's size divided by the size of its input.
    """

    name: str
    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    reflect: int = 0
    padding: int = 0
    depthwise: bool = False
    transposed: bool = False
    normalised: bool = True
    reduction: int = 1

    @property
    def groups(self) -> int:
        return self.in_channels if self.depthwise else 1

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(out, in / groups, kernel, kernel); (in, out, kernel, kernel) where transposed, as Paddle stores them."""
        if self.transposed:
            return (self.in_channels, self.out_channels, self.kernel, self.kernel)
        return (self.out_channels, self.in_channels // self.groups, self.kernel, self.kernel)

    @property
    def parameters(self) -> int:
        return int(np.prod(self.weight_shape)) + self.out_channels

    def macs(self, width: int, height: int) -> int:
        """Multiply-accumulates on an image of that size, a transposed convolution counted on its output size."""
        pixels = self._pixels(width, height)
        return pixels * (self.stride**2 if self.transposed else 1) * int(np.prod(self.weight_shape))

    def device_macs(self, width: int, height: int) -> int:
        """Multiply-accumulates that a device computes: a transposed convolution counted on its input size."""
        return self._pixels(width, height) * int(np.prod(self.weight_shape))

    def _pixels(self, width: int, height: int) -> int:
        """Positions at which the kernel is applied."""
        step = self.reduction * (1 if self.transposed else self.stride)
        return (width // step) * (height // step)


class NetworkSpec(Protocol):
    """What every network's frozen spec offers."""

    def convolutions(self) -> tuple[Convolution, ...]:
        """Return the network's convolutions in the order in which it runs them."""


def tensor_shapes(spec: NetworkSpec) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of the network, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for convolution in spec.convolutions():
        shapes[f"{convolution.name}.weight"] = convolution.weight_shape
        shapes[f"{convolution.name}.bias"] = (convolution.out_channels,)
    return shapes


@dataclass(frozen=True)
class NetworkState:
    """A network outside any framework: its spec and its tensors (float32 arrays by name).

    Raises:
        SpecError: a tensor is missing, superfluous or of another shape than the spec says.
    """

    spec: NetworkSpec
    tensors: Mapping[str, np.ndarray]

    def __post_init__(self):
        expected = tensor_shapes(self.spec)
        for name, shape in expected.items():
            if name not in self.tensors:
                raise SpecError(f"tensor {name} is missing, expected with shape {list(shape)}")
            found = self.tensors[name]
            if tuple(found.shape) != shape:
                raise SpecError(f"tensor {name} has shape {list(found.shape)}, expected {list(shape)}")
            if found.dtype != np.float32:
                raise SpecError(f"tensor {name} holds {found.dtype} numbers, expected float32")
        if superfluous := sorted(set(self.tensors) - set(expected)):
            raise SpecError(f"tensor {superfluous[0]} does not belong to the network")

    def leading(self, spec: NetworkSpec) -> "NetworkState":
        """Return the network that the leading channels make, of the narrower `spec`."""
        cut = {
            name: np.ascontiguousarray(self.tensors[name][tuple(slice(size) for size in shape)])
            for name, shape in tensor_shapes(spec).items()
        }
        return NetworkState(spec, cut)


@dataclass(frozen=True)
class Costs:
    """What a network costs: MACs as the published tables count them, MACs a device computes, parameters."""

    macs: int
    device_macs: int
    params: int


def count_costs(convolutions: Iterable[Convolution], image_size: tuple[int, int]) -> Costs:
    """Sum the costs over convolutions for one image of `image_size` (width, height); only convolutions count."""
    listed = list(convolutions)
    return Costs(
        macs=sum(c.macs(*image_size) for c in listed),
        device_macs=sum(c.device_macs(*image_size) for c in listed),
        params=sum(c.parameters for c in listed),
    )
