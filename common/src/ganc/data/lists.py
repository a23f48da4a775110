"""Which images belong to a subset ("trainA", "testB", …): the folders and lists that Paddle's CycleGAN code uses.

    root/trainA/ trainB/ testA/ testB/         the images
    root/trainA.txt trainB.txt …               optional: which of them, and in what order, one a line
    root/searchA.txt                           optional: images set aside for the search

Where none of these is there, train/ and test/ may hold both domains side by side (`ganc.data.side_by_side`).

A line holds `trainA/x.jpg` (relative to root), `x.jpg` (relative to the subset's folder) or an absolute path below
root, in UTF-8. Without a list the folder is read: every file in it that is an image by its name or content. What
`searchA.txt` names is never part of `trainA`, whatever `trainA.txt` says: so a split that was interrupted between its
two files loses no image and trains on none that the search looks at.
"""

import hashlib
import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from unicodedata import normalize

from ganc.base.errors import DataError
from ganc.base.reading import LARGEST_LIST, read_text, sha256_of
from ganc.base.text import shortened
from ganc.data.reading import Reading
from ganc.data.scan import scan_folder
from ganc.data.side_by_side import LETTERS, stored_as, there_is

LONGEST_LINE = 300  # characters of a list's line that a message quotes; what is no list may have one line of megabytes


@dataclass(frozen=True)
class ImageList:
    """Images below one folder, in order.

    Attributes:
        root: the folder that the names are relative to.
        names: POSIX paths relative to `root`, such as "trainA/x.jpg".
        reading: how the files become arrays.
    """

    root: Path
    names: tuple[str, ...]
    reading: Reading = field(default_factory=Reading)

    def __len__(self) -> int:
        return len(self.names)

    def __add__(self, other: "ImageList") -> "ImageList":
        """Return the images of both lists, in order. Raises DataError when their folders or readings differ."""
        if not isinstance(other, ImageList):
            return NotImplemented
        if self.root != other.root:
            raise DataError(f"images of {self.root} and of {other.root} cannot be joined; put them under one folder")
        if self.reading != other.reading:
            raise DataError(f"{self.root}: images that are read differently cannot be joined")
        return replace(self, names=self.names + other.names)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The images' paths, in order."""
        return tuple(self.root / name for name in self.names)

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 (hex) of the ordered names and of each file's bytes; it does not depend on where `root` lies.

        Names count as they are below `root`, so that all spellings of a list line give the same. Levels and channels
        count where they are not the plain ones: they make other values of the same files.

        Raises:
            DataError: a file cannot be read.
        """
        digest = hashlib.sha256()
        for name, path in zip(self.names, self.paths, strict=True):
            encoded = os.fsencode(name)
            digest.update(len(encoded).to_bytes(8, "little") + encoded + _file_digest(path))
        digest.update(self.reading.content.encode())
        if self.reading.half:
            digest.update(self.reading.half.value.encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class ListEntry:
    """One image that a list or a folder names.

    Attributes:
        line: its line in the list, from 1; 0 when the folder was read.
        text: the line as the list has it, or the file's name.
        name: its POSIX path relative to the root; None when there is a problem.
        problem: what is wrong with the line, or None.
    """

    line: int
    text: str
    name: str | None
    problem: str | None = None


def list_path(root: Path, subset: str) -> Path:
    """Return where the list of a subset lies if it has one."""
    return Path(root) / f"{subset}.txt"


def has_subset(root: Path, subset: str) -> bool:
    """Return whether there is a list or a folder of this subset, or of both domains' images side by side."""
    return there_is(Path(root), stored_as(root, subset)[0])


def scan_subset(root: Path, subset: str) -> list[ListEntry]:
    """Return every entry of a subset's list, or of its folder if it has no list, with problems instead of errors.

    Nothing is left out for `searchA.txt` here: the entries are those that the list or the folder has.

    Raises:
        DataError: there is no root, neither a list nor a folder, or the list is empty or not UTF-8 text.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such directory; expected one with trainA/ and trainB/ in it")
    if list_path(root, subset).is_file():
        return _scan_list(root, subset)
    if (root / subset).is_dir():
        return _scan_folder(root, subset)
    side = f", nor a folder {subset[:-1]} of images side by side" if subset.endswith(LETTERS) else ""
    raise DataError(f"{root}: has neither a folder {subset} nor a list {subset}.txt{side}")


def read_images(root: Path, subset: str, reading: Reading | None = None) -> ImageList:
    """Return the images of a subset such as "trainA", in the order of its list, or by name where there is none.

    Training images that the search list of their domain names are left out.

    Args:
        root: the data folder.
        subset: a kind (train, test, search) and a domain.
        reading: how the files become arrays; None reads RGB of full range.

    Raises:
        DataError: no such directory; no folder and no list; an empty list or folder; a line that names no file, or one
            outside `root`.
    """
    root = Path(root)
    stored, half = stored_as(root, subset)
    names = stored_names(root, stored)
    reserved_list = list_path(root, stored.replace("train", "search"))
    if stored.startswith("train") and reserved_list.is_file():
        reserved = set(stored_names(root, reserved_list.stem))
        names = [name for name in names if name not in reserved]
        if not names:
            raise DataError(f"{reserved_list}: names every image of {stored}; none is left to train on")
    return ImageList(root, tuple(names), replace(reading or Reading(), half=half))


def stored_names(root: Path, subset: str) -> list[str]:
    """Return what a list or a folder names, those set aside too. Raises DataError as `read_images`."""
    entries = scan_subset(root, subset)
    wrong = [entry for entry in entries if entry.problem]
    if wrong:
        more = f" (and {len(wrong) - 1} more such lines)" if len(wrong) > 1 else ""
        path = list_path(root, subset)
        raise DataError(f"{path}, line {wrong[0].line}: {wrong[0].problem}{more}; `ganc data check` names all of them")
    return [entry.name for entry in entries if entry.name]


def list_lines(root: Path, subset: str) -> list[tuple[int, str]]:
    """Return the lines of a subset's list that are not blank, numbered from 1.

    Raises:
        DataError: it cannot be read, is larger than LARGEST_LIST, or is not UTF-8 text.
    """
    text = read_text(list_path(root, subset), "a list of images", DataError, limit=LARGEST_LIST)
    # Split at line feeds only: splitlines() would also cut names at rarer separators such as U+2028.
    lines = text.split("\n")
    return [(number, text) for number, line in enumerate(lines, 1) if (text := line.strip(" \t\r"))]


def _scan_list(root: Path, subset: str) -> list[ListEntry]:
    lines = list_lines(root, subset)
    entries = [_resolve(root, subset, number, text) for number, text in lines if not is_companion(text)]
    if not entries:
        path = list_path(root, subset)
        raise DataError(f"{path}: the list is empty; expected one image a line (or no such file: the folder is read)")
    return entries


def _scan_folder(root: Path, subset: str) -> list[ListEntry]:
    folder = root / subset
    images = scan_folder(folder).images
    if not images:
        raise DataError(f"{folder}: holds no images; expected files such as .jpg or .png")
    return [ListEntry(0, name, f"{subset}/{name}") for name in images]


def is_companion(name: str) -> bool:
    """Whether a file is what macOS puts beside another one on foreign disks: it is named ._x and never an image."""
    return PurePosixPath(name.replace("\\", "/")).name.startswith("._")


def _resolve(root: Path, subset: str, number: int, line: str) -> ListEntry:
    """Find the file that a list line means: the line itself, then written with / for \\, then in other normal forms."""
    text = _below(root, line)
    if _leaves(text):
        return ListEntry(
            number, line, None, f"{_quoted(line)} lies outside {root}; a list names only files below its folder"
        )
    for spelling in dict.fromkeys((text, text.replace("\\", "/"))):
        places = (f"{subset}/{spelling}", spelling)
        from_the_root = "/" in spelling or text != line
        for name in places[::-1] if from_the_root else places:
            # File systems differ in the normal form that they give back, lists in the one that they were written in.
            for form in dict.fromkeys((name, normalize("NFC", name), normalize("NFD", name))):
                if os.path.isfile(root / form):
                    return ListEntry(number, line, PurePosixPath(form).as_posix())
    return ListEntry(number, line, None, f"no such file: {_quoted(line)}")


def _quoted(line: str) -> str:
    return shortened(line, LONGEST_LINE)


def _below(root: Path, text: str) -> str:
    """Return an absolute path in the root as one relative to it, anything else as it is."""
    if os.path.isabs(text) and ".." not in Path(text).parts:
        for place in (os.path.abspath(root), os.path.realpath(root)):
            if Path(text).is_relative_to(place):
                return Path(text).relative_to(place).as_posix()
    return text


def _leaves(text: str) -> bool:
    posix = text.replace("\\", "/")
    return posix.startswith("/") or PureWindowsPath(text).is_absolute() or ".." in posix.split("/")


def _file_digest(path: Path) -> bytes:
    return bytes.fromhex(sha256_of(path, "an image", DataError))
