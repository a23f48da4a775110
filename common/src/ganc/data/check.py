"""Checking a data folder: everything that is wrong with it at once."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ganc.base.errors import DataError
from ganc.data.images import Size, load_rgb
from ganc.data.lists import LETTERS, has_subset, list_path, read_images, scan_subset

SUBSETS = tuple(f"{kind}{letter}" for kind in ("train", "test") for letter in LETTERS)
_SEARCH = tuple(f"search{letter}" for letter in LETTERS)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        subset: the subset that it was found in, such as "trainA".
        file: the file or folder that it concerns.
        what: what is wrong with it, in one line.
    """

    subset: str
    file: Path
    what: str

    def __str__(self) -> str:
        return f"{self.subset}: {self.file}: {self.what}"


def check_folder(root: Path, minimum: Size = (1, 1)) -> list[Problem]:
    """Return every missing, unreadable or undersized file of the four subsets and of the search lists, in order.

    A picture that a list names twice is a problem, and so is a test or search picture that is also trained on (the same
    bytes, whatever the name): a metric on it would be too good. Each file is read once, however often it is named.

    Args:
        root: the data folder.
        minimum: (width, height) in pixels; smaller pictures are problems.

    Raises:
        DataError: `root` is not a directory.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such directory; expected one with trainA/ and trainB/ in it")
    return _Checker(root, minimum).run()


def count_images(root: Path) -> dict[str, int | None]:
    """Return how many pictures each subset has for training, testing and search; None where it cannot be read.

    Search pictures are not counted as training pictures. Search subsets stand in the answer only where there are any.
    """
    counts = {}
    for subset in _present(root):
        try:
            counts[subset] = len(read_images(root, subset))
        except DataError:
            counts[subset] = None
    return counts


def _present(root: Path) -> tuple[str, ...]:
    return SUBSETS + tuple(subset for subset in _SEARCH if has_subset(root, subset))


class _Checker:
    def __init__(self, root: Path, minimum: Size):
        self._root = root
        self._minimum = minimum
        self._problems = []
        self._seen = {}  # name -> (digest or None, problem or None)

    def run(self) -> list[Problem]:
        names = {subset: self._check_subset(subset) for subset in _present(self._root)}
        for letter in LETTERS:
            held_out = names[f"test{letter}"] + names.get(f"search{letter}", [])
            reserved = set(names.get(f"search{letter}", []))
            self._check_overlap([name for name in names[f"train{letter}"] if name not in reserved], held_out, letter)
        return self._problems

    def _check_subset(self, subset: str) -> list[str]:
        """Check the files of one subset; return those that are there."""
        try:
            entries = scan_subset(self._root, subset)
        except DataError as error:
            place = list_path(self._root, subset)
            if not place.is_file():
                place = self._root / subset if (self._root / subset).is_dir() else self._root
            self._report(subset, place, str(error).removeprefix(f"{place}: "))
            return []
        first_lines = {}
        for entry in entries:
            if entry.problem:
                self._report(subset, list_path(self._root, subset), f"line {entry.line}: {entry.problem}")
            elif entry.name in first_lines:
                what = f"line {entry.line}: names {entry.name} again (first in line {first_lines[entry.name]})"
                self._report(subset, list_path(self._root, subset), what)
            else:
                first_lines[entry.name] = entry.line
                problem = self._examine(entry.name)[1]
                if problem:
                    self._report(subset, self._root / entry.name, problem)
        return list(first_lines)

    def _check_overlap(self, train: list[str], held_out: list[str], letter: str) -> None:
        trained = {digest: name for name in train if (digest := self._examine(name)[0])}
        for name in dict.fromkeys(held_out):
            if (digest := self._examine(name)[0]) in trained:
                subset = f"test{letter}" if name.startswith("test") else f"search{letter}"
                self._report(subset, self._root / name, f"is also trained on, as {trained[digest]}")

    def _examine(self, name: str) -> tuple[bytes | None, str | None]:
        """Return the file's digest (None when it cannot be read) and what is wrong with it (None when nothing is)."""
        if name not in self._seen:
            self._seen[name] = _examine_file(self._root / name, self._minimum)
        return self._seen[name]

    def _report(self, subset: str, file: Path, what: str) -> None:
        self._problems.append(Problem(subset, file, what))


def _examine_file(path: Path, minimum: Size) -> tuple[bytes | None, str | None]:
    try:
        height, width = load_rgb(path).shape[:2]
        digest = hashlib.sha256(path.read_bytes()).digest()
    except DataError as error:
        return None, str(error).removeprefix(f"{path}: ")
    except OSError as error:
        return None, f"cannot be read ({error.strerror or error})"
    if width < minimum[0] or height < minimum[1]:
        return digest, f"is {width}x{height}, smaller than {minimum[0]}x{minimum[1]}"
    return digest, None
