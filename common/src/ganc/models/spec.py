"""What the networks look like: frozen specs that are stored in checkpoints and rebuild the networks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from ganc.base.errors import SpecError
from ganc.models.convolutions import Convolution, Costs, count_costs

Widths = tuple[int, ...]


@dataclass(frozen=True)
class Family:
    """The shape that all generators of one family share: a chain of stages, each with a base width.

    Attributes:
        multipliers: channels of a stage = multiplier * base width.
        residual_stage: the stage whose channels the residual stream keeps.
        block_stages: stages of residual blocks; their base width is that of the blocks' inner channels.
        tap_stages: stages whose outputs feature distillation compares.
        size_multiple: image sizes must be multiples of this.
    """

    name: str
    multipliers: tuple[int, ...]
    residual_stage: int
    block_stages: tuple[int, ...]
    tap_stages: tuple[int, ...]
    size_multiple: int

    @property
    def stages(self) -> int:
        return len(self.multipliers)

    def input_stage(self, stage: int) -> int:
        """Return the stage whose width is this one's input: the residual stage behind blocks, the one before else.

        Beside its own width no stage depends on another; the first is its own.
        """
        behind_blocks = {self.residual_stage + 1, *self.block_stages, *(block + 1 for block in self.block_stages)}
        return self.residual_stage if stage in behind_blocks else max(stage - 1, 0)


RESNET = Family("resnet", (1, 2, 4, 4, 4, 4, 2, 1), 2, (3, 4, 5), (2, 3, 4, 5), 4)
FAMILIES = {family.name: family for family in (RESNET,)}
BLOCKS = ("mobile", "resnet")


def parse_widths(text: str, family: Family = RESNET) -> Widths:
    """Read a width string: one base width a stage joined by `_`, or one number that stands for all stages.

    With one number fewer for each block stage but the first, the inner width stands for all blocks.

    Raises:
        SpecError: the string is not such a list of positive numbers.
    """
    short = family.stages - len(family.block_stages) + 1
    try:
        numbers = tuple(int(part) for part in text.strip().split("_"))
    except ValueError:
        numbers = ()
    if len(numbers) == short:
        first = family.block_stages[0]
        numbers = numbers[:first] + numbers[first : first + 1] * len(family.block_stages) + numbers[first + 1 :]
    if len(numbers) == 1:
        numbers *= family.stages
    if len(numbers) != family.stages or min(numbers) < 1:
        raise SpecError(
            f"widths '{text}': expected {family.stages} positive numbers joined by _ such as "
            f"{format_widths((32,) * family.stages)}; or {short}, with one inner width for all blocks; "
            "or one number for all stages"
        )
    return numbers


def format_widths(widths: Widths) -> str:
    """Return the width string of base widths."""
    return "_".join(str(width) for width in widths)


@dataclass(frozen=True, kw_only=True)
class GeneratorSpec:
    """A ResNet generator (Johnson et al.; CycleGAN, arXiv 1703.10593) of any width.

    Attributes:
        widths: one base width a stage; all equal is the classic "ngf".
        block: "resnet" (3x3 convolutions) or "mobile" (depthwise 3x3, instance norm, pointwise 1x1).
        n_blocks: residual blocks, split evenly over the block stages.
        dropout: probability after a block's first half; 0 is none.

    Raises:
        SpecError: a value is not possible.
    """

    widths: Widths
    block: str = "mobile"
    n_blocks: int = 9
    in_channels: int = 3
    out_channels: int = 3
    dropout: float = 0.0
    family: str = RESNET.name

    def __post_init__(self):
        if self.family not in FAMILIES:
            raise SpecError(f"generator family '{self.family}' is not known, expected one of {', '.join(FAMILIES)}")
        object.__setattr__(self, "widths", tuple(self.widths))
        if len(self.widths) != self.shape.stages or any(not _positive(width) for width in self.widths):
            raise SpecError(f"widths (={self.widths}) must be {self.shape.stages} positive numbers")
        if self.block not in BLOCKS:
            raise SpecError(f"block (='{self.block}') must be one of {', '.join(BLOCKS)}")
        if not _positive(self.n_blocks) or self.n_blocks % len(self.shape.block_stages):
            raise SpecError(
                f"n_blocks (={self.n_blocks}) must be a positive multiple of {len(self.shape.block_stages)}"
            )
        if not (_positive(self.in_channels) and _positive(self.out_channels)):
            raise SpecError(
                f"in_channels (={self.in_channels}) and out_channels (={self.out_channels}) must be positive"
            )
        if not 0 <= self.dropout < 1:
            raise SpecError(f"dropout (={self.dropout}) must be at least 0 and less than 1")

    @property
    def shape(self) -> Family:
        return FAMILIES[self.family]

    @property
    def tap_channels(self) -> tuple[int, ...]:
        """Channels of the outputs of the tap stages."""
        return tuple(self.stage_channels(stage) for stage in self.shape.tap_stages)

    def stage_channels(self, stage: int) -> int:
        """Return the channels that a stage puts out (the last stage: before the output convolution)."""
        if stage in self.shape.block_stages:
            stage = self.shape.residual_stage
        return self.shape.multipliers[stage] * self.widths[stage]

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
        return tuple(convolution for stage in self.stage_convolutions() for convolution in stage)

    def stage_convolutions(self) -> tuple[tuple[Convolution, ...], ...]:
        """Return the convolutions of each stage."""
        stem, down, down_again, _, _, _, up, last = (self.stage_channels(stage) for stage in range(self.shape.stages))
        upsampling = {"kernel": 3, "stride": 2, "padding": 1, "transposed": True}
        return (
            (Convolution(name="stages.0.conv", in_channels=self.in_channels, out_channels=stem, kernel=7, reflect=3),),
            (Convolution(name="stages.1.conv", in_channels=stem, out_channels=down, kernel=3, stride=2, padding=1),),
            (
                Convolution(
                    name="stages.2.conv",
                    in_channels=down,
                    out_channels=down_again,
                    kernel=3,
                    stride=2,
                    padding=1,
                    reduction=2,
                ),
            ),
            *(self._block_stage(stage) for stage in self.shape.block_stages),
            (Convolution(name="stages.6.conv", in_channels=down_again, out_channels=up, reduction=4, **upsampling),),
            (
                Convolution(name="stages.7.conv", in_channels=up, out_channels=last, reduction=2, **upsampling),
                Convolution(
                    name="stages.7.output",
                    in_channels=last,
                    out_channels=self.out_channels,
                    kernel=7,
                    reflect=3,
                    normalised=False,
                ),
            ),
        )

    def _block_stage(self, stage: int) -> tuple[Convolution, ...]:
        outer = self.stage_channels(stage)
        inner = self.shape.multipliers[stage] * self.widths[stage]
        halves = []
        for block in range(self.n_blocks // len(self.shape.block_stages)):
            name = f"stages.{stage}.blocks.{block}"
            halves += [(f"{name}.first", outer, inner), (f"{name}.second", inner, outer)]
        return tuple(convolution for half in halves for convolution in self._half_block(*half))

    def _half_block(self, name: str, in_channels: int, out_channels: int) -> tuple[Convolution, ...]:
        """A 3x3 convolution behind reflection, or its cheap replacement (GAN Compression, section 3.2)."""
        spatial = {"kernel": 3, "reflect": 1, "reduction": 4, "in_channels": in_channels}
        if self.block == "resnet":
            return (Convolution(name=f"{name}.conv", out_channels=out_channels, **spatial),)
        return (
            Convolution(name=f"{name}.depthwise", out_channels=in_channels, depthwise=True, **spatial),
            Convolution(
                name=f"{name}.pointwise", in_channels=in_channels, out_channels=out_channels, kernel=1, reduction=4
            ),
        )

    def costs(self, image_size: tuple[int, int]) -> Costs:
        """Return MACs, device MACs and parameters for one image of `image_size` (width, height)."""
        return count_costs(self.convolutions(), image_size)


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSpec:
    """A PatchGAN discriminator (pix2pix, arXiv 1611.07004, section 3.2.2): `n_layers` strided 4x4 convolutions."""

    width: int = 64
    n_layers: int = 3
    in_channels: int = 3

    def __post_init__(self):
        if not (_positive(self.width) and _positive(self.n_layers) and _positive(self.in_channels)):
            raise SpecError(f"discriminator {asdict(self)}: all values must be positive")

    def convolutions(self) -> tuple[Convolution, ...]:
        """Return the convolutions in order; channels double up to eight times the width."""
        outs = [self.width * min(2**layer, 8) for layer in range(self.n_layers + 1)] + [1]
        ins = [self.in_channels, *outs[:-1]]
        return tuple(
            Convolution(
                name=f"convs.{layer}",
                in_channels=ins[layer],
                out_channels=outs[layer],
                kernel=4,
                stride=2 if layer < self.n_layers else 1,
                padding=1,
                normalised=0 < layer <= self.n_layers,
                reduction=2 ** min(layer, self.n_layers),
            )
            for layer in range(self.n_layers + 2)
        )

    @property
    def smallest_image(self) -> int:
        """The smallest width or height of a picture that leaves the discriminator at least one patch."""
        size = 1
        for convolution in reversed(self.convolutions()):
            size = (size - 1) * convolution.stride + convolution.kernel - 2 * convolution.padding
        return size


@dataclass(frozen=True, kw_only=True)
class AdaptorsSpec:
    """The learned 1x1 convolutions that take a student's taps to its teacher's channels."""

    in_channels: tuple[int, ...]
    out_channels: tuple[int, ...]

    def __post_init__(self):
        object.__setattr__(self, "in_channels", tuple(self.in_channels))
        object.__setattr__(self, "out_channels", tuple(self.out_channels))
        if len(self.in_channels) != len(self.out_channels):
            raise SpecError(f"adaptors: {len(self.in_channels)} inputs for {len(self.out_channels)} outputs")
        if any(not _positive(channels) for channels in self.in_channels + self.out_channels):
            raise SpecError(f"adaptors {asdict(self)}: all values must be positive")

    def convolutions(self) -> tuple[Convolution, ...]:
        """Return one 1x1 convolution a tap."""
        return tuple(
            Convolution(name=f"taps.{tap}", in_channels=narrow, out_channels=wide, kernel=1, normalised=False)
            for tap, (narrow, wide) in enumerate(zip(self.in_channels, self.out_channels, strict=True))
        )


def spec_from_json(kind: type, stored: Mapping) -> GeneratorSpec | DiscriminatorSpec | AdaptorsSpec:
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


def _positive(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


# The generator that the published compression starts from (CycleGAN, arXiv 1703.10593, section 7.2).
ORIGINAL = GeneratorSpec(widths=(64,) * RESNET.stages, block="resnet")
