"""What all generators of one family share: a chain of segments, each with a base width."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

from ganc.base.errors import SpecError
from ganc.base.text import parse_whole, shortened

if TYPE_CHECKING:  # options name families and widths, and --help must not wait for layers
    from ganc.models.layers import Layers

DEFAULT_FAMILY = "resnet"  # the published generators
BLOCKS = MOBILE, ORIGINAL_BLOCK = "mobile", "resnet"
DEFAULT_BLOCK, DEFAULT_BLOCK_COUNT = MOBILE, 9
DISCRIMINATOR_WIDTH = 64  # of the published one (pix2pix, arXiv 1611.07004)

Widths = tuple[int, ...]


class GeneratorValues(Protocol):
    """What a family reads of a generator's spec (`ganc.models.spec.GeneratorSpec`, which says what they are)."""

    @property
    def widths(self) -> Widths: ...

    @property
    def block(self) -> str: ...

    @property
    def n_blocks(self) -> int: ...

    @property
    def in_channels(self) -> int: ...

    @property
    def out_channels(self) -> int: ...

    @property
    def dropout(self) -> float: ...


class Family(ABC):
    """A family of generators: a file that describes it, and a row in `ganc.models.families`.

    Attributes:
        name: as specs and checkpoints store it.
        segments: how many segments there are, and so how many base widths.
        taps: segments whose outputs feature distillation compares.
        size_multiple: widths and heights of images must be multiples of this.
        blocks: the kinds of blocks that a spec may name, the usual one first.
        block_multiple: a spec's number of blocks must be a multiple of this.
        spaces: the published search spaces by name; each lists the widths of every segment, the largest first.
        cuts: how much of each segment goes when a generator is thinned (`ganc.models.thinning`), in relation to the
            others: 1 for one that may lose most. Empty: of all alike.
    """

    name: str
    segments: int
    taps: tuple[int, ...]
    size_multiple: int
    blocks: tuple[str, ...] = ("mobile",)
    block_multiple: int = 1
    spaces: ClassVar[Mapping[str, tuple[Widths, ...]]] = {}
    cuts: ClassVar[tuple[float, ...]] = ()

    @abstractmethod
    def layers(self, spec: GeneratorValues) -> "tuple[Layers, ...]":
        """Return the layers of each segment, with the names that their tensors have in checkpoints."""

    def input_segment(self, segment: int) -> int:
        """Return the segment whose width is this one's input; the first is its own.

        Beside its own width a segment's layers depend on no other.
        """
        return max(segment - 1, 0)

    @property
    def groups(self) -> Mapping[str, Sequence[int]]:
        """The segments in groups of a kind, by name, in order: what a latency table corrects by one factor each."""
        return {"all segments": range(self.segments)}

    # Names the short forms of width lists that `completed` reads, in messages.
    short_forms = ""

    def completed(self, numbers: Widths) -> Widths:
        """Return the numbers with a family's own short form written out; others stay as they are."""
        return numbers

    def full_widths(self, numbers: Widths, text: str | None = None) -> Widths:
        """Return the base widths that numbers mean: one a segment, one for all, or a family's own short form.

        Args:
            text: what was read as the numbers, for the message.

        Raises:
            SpecError: there are too few or too many, or one is not positive.
        """
        widths = numbers * self.segments if len(numbers) == 1 else self.completed(numbers)
        if len(widths) != self.segments or min(widths) < 1:
            said = shortened(format_widths(numbers) if text is None else text, 200)
            raise SpecError(
                f"widths '{said}': expected {self.segments} positive "
                f"numbers joined by _ such as {format_widths((32,) * self.segments)}; {self.short_forms}"
                "or one number for all segments"
            )
        return widths

    def read_widths(self, text: str) -> Widths:
        """Read a width string: numbers joined by `_`; see `full_widths`.

        Raises:
            SpecError: the string is none.
        """
        return self.full_widths(width_numbers(text), text)


def width_numbers(text: str) -> Widths:
    """Return the numbers of a width string, none where it is no such string."""
    try:
        return tuple(parse_whole(part) for part in text.strip().split("_"))
    except SpecError:
        return ()


def format_widths(widths: Widths) -> str:
    """Return the width string of base widths."""
    return "_".join(str(width) for width in widths)
