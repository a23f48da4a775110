"""The levels that a user chose, as ranges of the domains: given, or measured over a whole folder."""

from collections.abc import Iterable
from pathlib import Path

from ganc.base.errors import DataError
from ganc.data.images import stored_values
from ganc.data.levels import Levels, LevelsChoice
from ganc.data.lists import has_subset, read_images
from ganc.data.side_by_side import LETTERS, Half


def domain_levels(choice: LevelsChoice, folder: Path) -> dict[str, Levels]:
    """Return the levels of each domain; AUTO measures all training images of a domain together.

    Raises:
        DataError: an image cannot be read, or all values of a domain are equal.
    """
    if choice is None:
        return {}
    if not isinstance(choice, str):
        return dict(zip(LETTERS, choice, strict=True))
    there = [letter for letter in LETTERS if has_subset(folder, f"train{letter}")]
    images = {letter: read_images(folder, f"train{letter}") for letter in there}
    return {letter: measured_levels(one.paths, one.reading.half) for letter, one in images.items()}


def measured_levels(paths: Iterable[Path], half: Half | None = None, *, skip_unreadable: bool = False) -> Levels:
    """Return the smallest and the largest value that any of the images holds.

    Args:
        paths: the images.
        half: which half of each file counts; None is the whole file.
        skip_unreadable: leave out images that cannot be read; another check reports them.

    Raises:
        DataError: an image cannot be read, none can, or all values are equal.
    """
    found = []
    for path in paths:
        try:
            found.append(stored_values(path, half))
        except DataError:
            if not skip_unreadable:
                raise
    if not found:
        raise DataError("no image can be read, so that no levels can be measured; name them with --levels MIN:MAX")
    low, high = min(value.low for value in found), max(value.high for value in found)
    if low == high:
        raise DataError(f"every value of the images is {low:g}; name the levels with --levels MIN:MAX")
    return Levels(low, high)
