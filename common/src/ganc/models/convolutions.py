"""Convolutions as data: shapes and costs of a network, known without building it.

A network's spec lists its convolutions; the network is built from that list, checkpoints are checked against it, and a
sub-network's tensors are cut to it. Nothing here needs Paddle.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ganc.base.errors import SpecError

if TYPE_CHECKING:  # the options of commands are made with specs, and --help must not wait for numpy
    import numpy as np

Sides = Any  # given as a number or a pair; once the convolution is made, a pair
Reduction = int | Fraction


@dataclass(frozen=True)
class Costs:
    """What a network costs: MACs as the published tables count them, MACs a device computes, parameters."""

    macs: int
    device_macs: int
    params: int


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """One convolution of a network.

    Attributes:
        name: its place in the network; its tensors are `name.weight` and `name.bias`.
        in_channels, out_channels: full channel counts.
        kernel: (vertical, horizontal); one number is square.
        stride: the same in both directions.
        reflect: rows and columns added by reflection before it.
        padding: rows and columns of zeros added by it, (vertical, horizontal); one number is both.
        end_padding: further rows and columns of zeros at the bottom and the right.
        depthwise: one filter a channel.
        transposed: upsamples by `stride` (output padding stride - 1).
    """

    name: str
    in_channels: int
    out_channels: int
    kernel: Sides
    stride: int = 1
    reflect: int = 0
    padding: Sides = 0
    end_padding: int = 0
    depthwise: bool = False
    transposed: bool = False

    def __post_init__(self) -> None:
        for name in ("kernel", "padding"):
            if isinstance(sides := getattr(self, name), int):
                object.__setattr__(self, name, (sides, sides))
        if self.transposed and self.end_padding:
            raise SpecError(f"{self.name}: a transposed convolution has no end padding")
        if self.depthwise and (self.in_channels != self.out_channels or self.transposed):
            raise SpecError(f"{self.name}: a depthwise convolution keeps its channels and does not upsample")

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """Rows and columns of zeros added at the top, bottom, left and right."""
        vertical, horizontal = self.padding
        return (vertical, vertical + self.end_padding, horizontal, horizontal + self.end_padding)

    @property
    def groups(self) -> int:
        return self.in_channels if self.depthwise else 1

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(out, in / groups, vertical, horizontal); (in, out, …) where transposed, as Paddle stores them."""
        if self.transposed:
            return (self.in_channels, self.out_channels, *self.kernel)
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)

    def costs(self, image_size: tuple[int, int], reduction: Reduction = 1) -> Costs:
        """Return the costs for one image.

        A transposed convolution's MACs are counted on its output size, those that a device computes on its input size.

        Args:
            image_size: (width, height).
            reduction: the image's size divided by the size of the convolution's input.
        """
        step = reduction if self.transposed else reduction * self.stride
        weights = math.prod(self.weight_shape)
        device_macs = int(image_size[0] // step) * int(image_size[1] // step) * weights
        macs = device_macs * self.stride**2 if self.transposed else device_macs
        return Costs(macs, device_macs, weights + self.out_channels)


class NetworkSpec(Protocol):
    """What every network's frozen spec offers."""

    def convolutions(self) -> tuple[Convolution, ...]:
        """Return the network's convolutions in the order in which it runs them."""


_Spec = TypeVar("_Spec", bound=NetworkSpec, covariant=True)


def tensor_shapes(spec: NetworkSpec) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of the network, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for convolution in spec.convolutions():
        shapes[f"{convolution.name}.weight"] = convolution.weight_shape
        shapes[f"{convolution.name}.bias"] = (convolution.out_channels,)
    return shapes


@dataclass(frozen=True)
class NetworkState(Generic[_Spec]):
    """A network outside any framework: its spec and its tensors (float32 arrays by name).

    Raises:
        SpecError: a tensor is missing, superfluous or of another shape than the spec says.
    """

    spec: _Spec
    tensors: "Mapping[str, np.ndarray]"

    def __post_init__(self) -> None:
        expected = tensor_shapes(self.spec)
        for name, shape in expected.items():
            if name not in self.tensors:
                raise SpecError(f"tensor {name} is missing, expected with shape {list(shape)}")
            found = self.tensors[name]
            if tuple(found.shape) != shape:
                raise SpecError(f"tensor {name} has shape {list(found.shape)}, expected {list(shape)}")
            if found.dtype != "float32":
                raise SpecError(f"tensor {name} holds {found.dtype} numbers, expected float32")
        if superfluous := sorted(set(self.tensors) - set(expected)):
            raise SpecError(f"tensor {superfluous[0]} does not belong to the network")

    def leading(self, spec: NetworkSpec) -> "NetworkState":
        """Return the network that the leading channels make, of the narrower `spec`."""
        import numpy as np  # here: see above

        cut = {
            name: np.ascontiguousarray(self.tensors[name][tuple(slice(size) for size in shape)])
            for name, shape in tensor_shapes(spec).items()
        }
        return NetworkState(spec, cut)


def initial_state(spec: NetworkSpec, seed: int, stream: str) -> NetworkState:
    """Return a fresh network: weights from N(0, 0.02), biases 0 (CycleGAN, arXiv 1703.10593, section 7.1).

    Args:
        stream: names the network; each tensor's draws are keyed by seed, stream and the tensor's name.
    """
    import numpy as np  # here: see above

    from ganc.base.rng import keyed_generator

    tensors = {}
    for name, shape in tensor_shapes(spec).items():
        draws = keyed_generator(seed, f"{stream}/{name}")
        values = np.zeros(shape) if name.endswith(".bias") else draws.normal(0.0, 0.02, shape)
        tensors[name] = values.astype(np.float32)
    return NetworkState(spec, tensors)
