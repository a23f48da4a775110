"""What a kind of file is that is damaged: how it is made, and what a program sees that reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        make: writes what is read into an empty folder.
        read: returns what it holds; raises a GancError where it refuses it.
        file: what is damaged, below the folder.
        fits: whether what was read from a damaged file is part of what was written.
    """

    file: str
    make: Callable[[Path], None]
    read: Callable[[Path], object]
    fits: Callable[[object, object], bool] = lambda found, written: found == written
