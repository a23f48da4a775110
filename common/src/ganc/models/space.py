"""Search spaces: which base widths each segment may take."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from ganc.base.errors import SpecError
from ganc.base.text import parse_whole
from ganc.models.families import FAMILIES
from ganc.models.family import Family, Widths, format_widths


@dataclass(frozen=True)
class SearchSpace:
    """The choices of base widths of each segment, every choice in falling order.

    `text` names the space (one of NAMED_SPACES, or the lists themselves) and rebuilds it through `parse_space`.
    """

    text: str
    choices: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return math.prod(len(widths) for widths in self.choices)

    def __iter__(self) -> Iterator[Widths]:
        """Walk all sub-networks, the largest first, neighbours sharing their leading widths."""
        return itertools.product(*self.choices)

    def __contains__(self, widths: Widths) -> bool:
        return len(widths) == len(self.choices) and all(
            w in allowed for w, allowed in zip(widths, self.choices, strict=True)
        )

    @property
    def largest(self) -> Widths:
        return tuple(widths[0] for widths in self.choices)

    @property
    def smallest(self) -> Widths:
        return tuple(widths[-1] for widths in self.choices)

    def draw(self, generator: np.random.Generator) -> Widths:
        """Draw one sub-network, each segment's width uniformly (Once-for-All, arXiv 1908.09791, section 3)."""
        return tuple(widths[generator.integers(len(widths))] for widths in self.choices)

    def draw_wide(self, generator: np.random.Generator) -> Widths:
        """Draw one sub-network, each segment's width w with probability w over the sum of the segment's choices."""
        drawn = []
        for widths in self.choices:
            # Whole numbers, so that the draw is exact: of sum(widths) tickets each width holds as many as it is wide.
            ticket = generator.integers(sum(widths))
            drawn.append(widths[int(np.searchsorted(np.cumsum(widths), ticket, side="right"))])
        return tuple(drawn)

    def at(self, places: np.ndarray) -> np.ndarray:
        """Return the (N, segments) widths at (N,) places of the walk, 0 being the largest sub-network."""
        positions = np.unravel_index(places, [len(widths) for widths in self.choices])
        columns = [np.array(widths)[position] for widths, position in zip(self.choices, positions, strict=True)]
        return np.stack(columns, axis=-1)

    def require(self, widths: Widths) -> None:
        """Raise SpecError unless the widths belong to the space; the message names the segment."""
        self._require_segments(widths)
        for segment, (width, allowed) in enumerate(zip(widths, self.choices, strict=True)):
            if width not in allowed:
                raise SpecError(
                    f"widths {format_widths(widths)}: {width} at segment {segment} is not in the space {self.text}, "
                    f"which has {', '.join(map(str, allowed))} there"
                )

    def require_within(self, widths: Widths, whose: object = "the generator") -> None:
        """Raise SpecError, naming whose widths they are, unless every sub-network fits into such a generator."""
        self._require_segments(widths)
        if any(largest > width for largest, width in zip(self.largest, widths, strict=True)):
            raise SpecError(
                f"{whose}: has the widths {format_widths(widths)}, and the space {self.text} reaches "
                f"{format_widths(self.largest)}; choose a narrower --space"
            )

    def _require_segments(self, widths: Widths) -> None:
        if len(widths) != len(self.choices):
            raise SpecError(
                f"the space {self.text} has {len(self.choices)} segments, "
                f"the generator {format_widths(widths)} has {len(widths)}"
            )


class Subnets(Sequence[Widths]):
    """Some sub-networks of a space, kept as their places in its walk: millions of them take eight bytes each.

    A sequence of widths; a slice of it is a Subnets too.
    """

    _CHUNK = 1 << 16

    def __init__(self, space: SearchSpace, places: np.ndarray):
        self.space, self.places = space, np.asarray(places, np.int64)

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> Widths: ...

    @overload
    def __getitem__(self, index: slice) -> "Subnets": ...

    def __getitem__(self, index: int | slice) -> "Widths | Subnets":
        if isinstance(index, slice):
            return Subnets(self.space, self.places[index])
        return tuple(self.space.at(self.places[index]).tolist())

    def __iter__(self) -> Iterator[Widths]:
        for start in range(0, len(self), self._CHUNK):
            yield from map(tuple, self.space.at(self.places[start : start + self._CHUNK]).tolist())


# The published spaces of all families, by name.
NAMED_SPACES = {
    name: SearchSpace(name, choices) for family in FAMILIES.values() for name, choices in family.spaces.items()
}


def parse_space(text: str, family: Family | None = None) -> SearchSpace:
    """Return the named space, or the one that `text` lists: segments joined by `/`, each widths joined by `,`.

    Args:
        family: the generator's; None takes a space of any family.

    Raises:
        SpecError: the text is neither.
    """
    families = (family,) if family else tuple(FAMILIES.values())
    for one in families:
        if text in one.spaces:
            return SearchSpace(text, one.spaces[text])
    try:
        choices = tuple(
            tuple(sorted({parse_whole(width, 1) for width in segment.split(",")}, reverse=True))
            for segment in text.split("/")
        )
    except SpecError:
        choices = ()
    if len(choices) not in {one.segments for one in families}:
        usual = families[0]
        raise SpecError(
            f"search space '{text[:100]}': expected one of {', '.join(usual.spaces) or 'none by name'}, "
            f"or {usual.segments} lists of widths such as {'/'.join(['32,24,16'] * usual.segments)}"
        )
    return SearchSpace("/".join(",".join(map(str, widths)) for widths in choices), choices)
