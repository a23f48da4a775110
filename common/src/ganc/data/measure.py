"""The levels that a user chose, as ranges of the domains: given, or measured over a whole folder."""

from collections.abc import Iterable
from pathlib import Path

from ganc.base.errors import DataError
from ganc.data.images import stored_values
from ganc.data.levels import AUTO, Levels, LevelsChoice
from ganc.data.lists import LETTERS, has_subset, read_images


def domain_levels(choice: LevelsChoice, folder: Path) -> dict[str, Levels]:
    """Return the levels of each domain; AUTO measures all training images of a domain together.

    Raises:
        DataError: an image cannot be read, or all values of a domain are equal.
    """
    if choice is None:
        return {}
    if choice != AUTO:
        return dict(zip(LETTERS, choice, strict=True))
    there = [letter for letter in LETTERS if has_subset(folder, f"train{letter}")]
    return {letter: measured_levels(read_images(folder, f"train{letter}").paths) for letter in there}


def measured_levels(paths: Iterable[Path]) -> Levels:
    """Return the smallest and the largest value that any of the images holds.

    Raises:
        DataError: an image cannot be read, or all values are equal.
    """
    values = [(path, stored_values(path)) for path in paths]
    low, high = min(value.low for _, value in values), max(value.high for _, value in values)
    if low == high:
        raise DataError(f"{values[0][0].parent}: every value of its images is {low:g}; name a range with --levels")
    return Levels(low, high)
