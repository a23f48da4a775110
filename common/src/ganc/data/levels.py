"""Which stored values become black and white: for images whose values use a part of what their files could hold.

A range belongs to a folder of images, never to one image: two images of one scene keep their difference in brightness.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ganc.base.errors import DataError, SpecError
from ganc.base.text import parse_real, shortened

AUTO = "auto"


@dataclass(frozen=True)
class Levels:
    """A range of stored values.

    Attributes:
        low: what becomes black; lower values do too.
        high: what becomes white; higher values do too.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise DataError(f"levels (={self}) must be two numbers MIN:MAX, MIN below MAX")

    def __str__(self) -> str:
        return f"{self.low:g}:{self.high:g}" if max(abs(self.low), abs(self.high)) < 1e5 else f"{self.low}:{self.high}"

    def to_bytes(self, values: np.ndarray) -> np.ndarray:
        """Return stored values of any shape and type as uint8."""
        if values.dtype.kind == "u" and values.dtype.itemsize <= 2:  # one look-up a value, and no floats in between
            return self._scaled(np.arange(256**values.dtype.itemsize))[values]
        return self._scaled(values)

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        parts = np.clip((values.astype(np.float64) - self.low) / (self.high - self.low), 0, 1)
        return np.rint(parts * 255).astype(np.uint8)


@dataclass(frozen=True)
class StoredValues:
    """What an image file holds, before anything is scaled.

    Attributes:
        low, high: the smallest and the largest value, of all channels but opacity.
        full: what its type can hold; None where nothing says it (floating-point, negative, 32 bits).
        uniform: whether every channel has one value only.
        frames: how many images are in it.
    """

    low: float
    high: float
    full: Levels | None
    uniform: bool
    frames: int


# The choice of a user: none, measured, or of the domains A and B.
LevelsChoice = None | str | tuple[Levels, Levels]


def parse_levels(text: str) -> LevelsChoice:
    """Return what `auto`, `MIN:MAX` (both domains) or `MIN:MAX,MIN:MAX` (A, then B) means.

    Raises:
        DataError: the text is none of these.
    """
    if text.strip().lower() == AUTO:
        return AUTO
    ranges = [_parse_range(part, text) for part in text.split(",")]
    if len(ranges) > 2:
        raise DataError(f"levels (={shortened(text)!r}) name {len(ranges)} ranges; expected one, or two for A and B")
    return ranges[0], ranges[-1]


def levels_to_json(levels: Mapping[str, Levels]) -> dict[str, list[float]]:
    """Return levels by domain as a checkpoint and a model card record them."""
    return {letter: [_plain(one.low), _plain(one.high)] for letter, one in levels.items()}


def levels_from_json(recorded: Mapping) -> dict[str, Levels]:
    """Return recorded levels by domain. Raises DataError where they are damaged."""
    try:
        return {str(letter): Levels(float(low), float(high)) for letter, (low, high) in recorded.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"levels (={recorded!r}) are damaged; expected two numbers a domain") from error


def _parse_range(part: str, text: str) -> Levels:
    low, colon, high = part.strip().partition(":")
    try:
        if colon:
            return Levels(parse_real(low), parse_real(high))
    except SpecError as error:
        raise DataError(f"levels (={shortened(text)!r}): {error}") from error
    raise DataError(f"levels (={shortened(text)!r}) are neither auto nor MIN:MAX, such as 0:4095 or -1024:3071")


def _plain(value: float) -> float:
    return int(value) if value == int(value) else value
