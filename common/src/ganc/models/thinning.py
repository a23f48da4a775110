"""Thinner widths of a generator for a budget: every segment loses some, those most that cost least of its images."""

from collections.abc import Sequence

from ganc.base.errors import SelectionError
from ganc.base.text import format_count
from ganc.models.family import Widths, format_widths
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts

NARROWEST = 1 / 32  # of its width that a segment whose cut is 1 keeps at least
STEPS = 128
QUANTUM = 4  # widths are multiples of this where the generator's own width is at least four times as much

Size = tuple[int, int]


def thinned(spec: GeneratorSpec, macs: int, image_size: Size) -> Widths:
    """Return widths of at most so many MACs for an image of `image_size` (width, height), and hardly less.

    Raises:
        SelectionError: the smallest that this makes has more; the message names it.
    """
    costs_of = SubnetCosts(spec, image_size)
    for step in range(STEPS + 1):
        widths = _cut(spec, step / STEPS)
        if costs_of(widths).macs <= macs:
            return _filled(spec, widths, macs, costs_of)
    raise SelectionError(
        f"{format_count(macs)} MACs are less than those of the smallest sub-network of {format_widths(spec.widths)}: "
        f"{format_widths(widths)} has {format_count(costs_of(widths).macs)} at {image_size[0]}x{image_size[1]}"
    )


def smallest(spec: GeneratorSpec) -> Widths:
    """Return the smallest widths that `thinned` makes."""
    return _cut(spec, 1.0)


def space_of(widths: Sequence[Widths]) -> str:
    """Return the search space, as `ganc.models.space.parse_space` reads it, in which each segment has these choices."""
    choices = (sorted(set(segment), reverse=True) for segment in zip(*widths, strict=True))
    return "/".join(",".join(map(str, segment)) for segment in choices)


def _cut(spec: GeneratorSpec, part: float) -> Widths:
    """Return the widths at a part, 0 to 1, of the way down to the smallest."""
    cuts = spec.shape.cuts or (1.0,) * len(spec.widths)
    return tuple(_rounded(width, NARROWEST ** (cut * part)) for width, cut in zip(spec.widths, cuts, strict=True))


def _rounded(width: int, factor: float) -> int:
    quantum = _quantum(width)
    return min(width, max(quantum, quantum * -int(-width * factor // quantum)))


def _quantum(width: int) -> int:
    return next(quantum for quantum in (QUANTUM, 2, 1) if width >= 4 * quantum or quantum == 1)


def _filled(spec: GeneratorSpec, widths: Widths, macs: int, costs_of: SubnetCosts) -> Widths:
    """Return the widths with segments made wider again where the budget has room, those first that cost most to cut."""
    cuts = spec.shape.cuts or (1.0,) * len(widths)
    for segment in sorted(range(len(widths)), key=lambda segment: cuts[segment]):
        wider = min(spec.widths[segment], widths[segment] + _quantum(spec.widths[segment]))
        tried = (*widths[:segment], wider, *widths[segment + 1 :])
        if costs_of(tried).macs <= macs:
            widths = tried
    return widths
