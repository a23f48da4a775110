"""What the networks look like: frozen specs that are stored in checkpoints and rebuild the networks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import TypeVar

from ganc.base.errors import SpecError
from ganc.models.convolutions import Convolution, Costs, Reduction
from ganc.models.families import DEFAULT, family_named
from ganc.models.family import (
    DEFAULT_BLOCK,
    DEFAULT_BLOCK_COUNT,
    DISCRIMINATOR_WIDTH,
    ORIGINAL_BLOCK,
    Family,
    Widths,
    format_widths,
)
from ganc.models.layers import (
    InstanceNorm,
    Layers,
    channels_after,
    convolutions,
    count_costs,
    leaky_relu,
    placed,
    smallest_side,
    sum_costs,
)
from ganc.models.resnet import RESNET


def parse_widths(text: str, family: Family = DEFAULT) -> Widths:
    """Read a family's width string; see `Family.read_widths`."""
    return family.read_widths(text)


@dataclass(frozen=True, kw_only=True)
class GeneratorSpec:
    """A generator of any family and width.

    Attributes:
        widths: one base width a segment; all equal is the classic "ngf".
        block, n_blocks: the kind and number of blocks, where the family has some.
        dropout: probability inside a block; 0 is none.
        family: its name, see `ganc.models.families`.

    Raises:
        SpecError: a value is not possible.
    """

    widths: Widths
    block: str = DEFAULT_BLOCK
    n_blocks: int = DEFAULT_BLOCK_COUNT
    in_channels: int = 3
    out_channels: int = 3
    dropout: float = 0.0
    family: str = DEFAULT.name

    def __post_init__(self) -> None:
        family_named(self.family)
        object.__setattr__(self, "widths", tuple(self.widths))
        if len(self.widths) != self.shape.segments or any(not _positive(width) for width in self.widths):
            raise SpecError(f"widths (={self.widths}) must be {self.shape.segments} positive numbers")
        if self.block not in self.shape.blocks:
            raise SpecError(f"block (='{self.block}') must be one of {', '.join(self.shape.blocks)}")
        if not _positive(self.n_blocks) or self.n_blocks % self.shape.block_multiple:
            raise SpecError(f"n_blocks (={self.n_blocks}) must be a positive multiple of {self.shape.block_multiple}")
        if not (_positive(self.in_channels) and _positive(self.out_channels)):
            raise SpecError(
                f"in_channels (={self.in_channels}) and out_channels (={self.out_channels}) must be positive"
            )
        if not 0 <= self.dropout < 1:
            raise SpecError(f"dropout (={self.dropout}) must be at least 0 and less than 1")
        _require_bounds(n_blocks=(self.n_blocks, LARGEST_BLOCK_COUNT), widths=(max(self.widths), LARGEST_WIDTH))
        _require_bounds(channels=(max(self.in_channels, self.out_channels), LARGEST_WIDTH))

    @property
    def shape(self) -> Family:
        return family_named(self.family)

    @property
    def segments(self) -> tuple[Layers, ...]:
        """The layers of each segment."""
        return _segments(self)

    @property
    def tap_channels(self) -> tuple[int, ...]:
        """Channels of the outputs of the tap segments."""
        return tuple(self.segment_channels(segment) for segment in self.shape.taps)

    def segment_channels(self, segment: int) -> int:
        """Return the channels that a segment puts out; segment -1 is the image."""
        return (self.in_channels, *_channels(self))[segment + 1]

    def segment_reduction(self, segment: int) -> Reduction:
        """Return the image's size divided by the size of a segment's input."""
        return _reductions(self)[segment]

    def narrowed(self, widths: Widths) -> "GeneratorSpec":
        """Return the spec of the sub-network of these widths.

        Raises:
            SpecError: a width exceeds this generator's.
        """
        sub = replace(self, widths=tuple(widths))
        if any(narrow > wide for narrow, wide in zip(sub.widths, self.widths, strict=True)):
            raise SpecError(
                f"widths {format_widths(sub.widths)} exceed the generator's own, {format_widths(self.widths)}"
            )
        return sub

    def convolutions(self) -> tuple[Convolution, ...]:
        """Return the generator's convolutions in the order in which it runs them."""
        return tuple(plan for layers in self.segments for plan in convolutions(layers))

    def segment_costs(self, segment: int, image_size: tuple[int, int]) -> Costs:
        """Return what a segment adds to the costs for one image of `image_size` (width, height)."""
        return count_costs(self.segments[segment], image_size, self.segment_reduction(segment))

    def costs(self, image_size: tuple[int, int]) -> Costs:
        """Return MACs, device MACs and parameters for one image of `image_size` (width, height)."""
        return sum_costs(self.segment_costs(segment, image_size) for segment in range(self.shape.segments))

    def require_size(self, width: int, height: int) -> None:
        """Raise SpecError where an image of `width` x `height` does not fit the generator."""
        multiple = self.shape.size_multiple
        smallest = max(multiple, _smallest_side(self))
        if width % multiple or height % multiple or min(width, height) < smallest:
            raise SpecError(
                f"images of {width}x{height} do not fit the generator {format_widths(self.widths)}: "
                f"width and height must be multiples of {multiple}, at least {smallest}"
            )


# A spec is asked for its layers in every call of a generator and every look-up of a search; these are few at a time.
@lru_cache(maxsize=256)
def _segments(spec: GeneratorSpec) -> tuple[Layers, ...]:
    segments = spec.shape.layers(spec)
    if len(segments) != spec.shape.segments:
        raise SpecError(f"family {spec.family} has {len(segments)} segments, it says {spec.shape.segments}")
    return segments


@lru_cache(maxsize=256)
def _channels(spec: GeneratorSpec) -> tuple[int, ...]:
    """Channels that each segment puts out."""
    channels = [spec.in_channels]
    for layers in spec.segments:
        channels.append(channels_after(layers, channels[-1]))
    return tuple(channels[1:])


@lru_cache(maxsize=256)
def _smallest_side(spec: GeneratorSpec) -> int:
    return smallest_side(tuple(layer for layers in spec.segments for layer in layers))


@lru_cache(maxsize=256)
def _reductions(spec: GeneratorSpec) -> tuple[Reduction, ...]:
    """The image's size divided by the size of each segment's input."""
    reductions: list[Reduction] = [1]
    for layers in spec.segments:
        reductions.append(placed(layers, reductions[-1])[1])
    return tuple(reductions[:-1])


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSpec:
    """A PatchGAN discriminator (pix2pix, arXiv 1611.07004, section 3.2.2): `n_layers` strided 4x4 convolutions."""

    width: int = DISCRIMINATOR_WIDTH
    n_layers: int = 3
    in_channels: int = 3

    def __post_init__(self) -> None:
        if not (_positive(self.width) and _positive(self.n_layers) and _positive(self.in_channels)):
            raise SpecError(f"discriminator {asdict(self)}: all values must be positive")
        _require_bounds(n_layers=(self.n_layers, LARGEST_LAYER_COUNT), width=(self.width, LARGEST_WIDTH))
        _require_bounds(in_channels=(self.in_channels, LARGEST_WIDTH))

    @property
    def layers(self) -> Layers:
        """The layers in order; channels double up to eight times the width."""
        outs = [self.width * min(2**layer, 8) for layer in range(self.n_layers + 1)] + [1]
        ins = [self.in_channels, *outs[:-1]]
        plans = [
            Convolution(
                name=f"convs.{layer}",
                in_channels=ins[layer],
                out_channels=outs[layer],
                kernel=4,
                stride=2 if layer < self.n_layers else 1,
                padding=1,
            )
            for layer in range(self.n_layers + 2)
        ]
        first, *inner, last = plans
        normed = [layer for plan in inner for layer in (plan, InstanceNorm(), leaky_relu(0.2))]
        return (first, leaky_relu(0.2), *normed, last)

    def convolutions(self) -> tuple[Convolution, ...]:
        """Return the convolutions in order."""
        return convolutions(self.layers)

    @property
    def smallest_image(self) -> int:
        """The smallest width or height of an image that leaves the discriminator at least one patch."""
        size = 1
        for convolution in reversed(self.convolutions()):
            size = (size - 1) * convolution.stride + convolution.kernel[0] - 2 * convolution.padding[0]
        return size


@dataclass(frozen=True, kw_only=True)
class AdaptorsSpec:
    """The learned 1x1 convolutions that take a student's taps to its teacher's channels."""

    in_channels: tuple[int, ...]
    out_channels: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "in_channels", tuple(self.in_channels))
        object.__setattr__(self, "out_channels", tuple(self.out_channels))
        if len(self.in_channels) != len(self.out_channels):
            raise SpecError(f"adaptors: {len(self.in_channels)} inputs for {len(self.out_channels)} outputs")
        if any(not _positive(channels) for channels in self.in_channels + self.out_channels):
            raise SpecError(f"adaptors {asdict(self)}: all values must be positive")
        _require_bounds(adaptors=(len(self.in_channels), LARGEST_LAYER_COUNT))
        _require_bounds(channels=(max(self.in_channels + self.out_channels, default=1), 8 * LARGEST_WIDTH))

    def convolutions(self) -> tuple[Convolution, ...]:
        """Return one 1x1 convolution a tap."""
        return tuple(
            Convolution(name=f"taps.{tap}", in_channels=narrow, out_channels=wide, kernel=1)
            for tap, (narrow, wide) in enumerate(zip(self.in_channels, self.out_channels, strict=True))
        )


_Kind = TypeVar("_Kind", GeneratorSpec, DiscriminatorSpec, AdaptorsSpec)


def spec_from_json(kind: type[_Kind], stored: Mapping) -> _Kind:
    """Rebuild a spec of class `kind` from what `dataclasses.asdict` gave.

    Raises:
        SpecError: a value is missing, unknown or impossible.
    """
    known = {field.name for field in fields(kind)}
    if unknown := sorted(set(stored) - known):
        raise SpecError(f"{kind.__name__} has no '{unknown[0]}'")
    try:
        return kind(**stored)
    except TypeError as error:
        raise SpecError(f"{kind.__name__}: {error}") from error


# What a spec may say, so that a file of a few bytes cannot ask for a network that fills the memory.
LARGEST_WIDTH, LARGEST_BLOCK_COUNT, LARGEST_LAYER_COUNT = 8192, 300, 16


def _require_bounds(**bounded: tuple[int, int]) -> None:
    """Raise SpecError for the first value that exceeds its bound."""
    for name, (value, largest) in bounded.items():
        if value > largest:
            raise SpecError(f"{name} (={value}) must be at most {largest}")


def _positive(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


# The generator that the published compression starts from (CycleGAN, arXiv 1703.10593, section 7.2).
ORIGINAL = GeneratorSpec(widths=(64,) * RESNET.segments, block=ORIGINAL_BLOCK, family=RESNET.name)
