"""What a folder of images holds: the images, and everything else with the reason why it is none."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ganc.base.errors import DataError
from ganc.data.images import FORMATS, is_image

# Files with these names claim to be images, so that one that is broken is found; of others the content decides.
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm", ".pnm"),
    *((".avif",) if "AVIF" in FORMATS else ()),
)
HIDDEN, FOLDER, DANGLING, OTHER, NO_FILE = (
    "hidden",
    "folder",
    "link to nothing",
    "not an image",
    "neither file nor folder",
)


@dataclass(frozen=True)
class Scan:
    """What a folder holds.

    Attributes:
        images: their POSIX paths below the folder, in order of their names.
        others: path below the folder and reason (HIDDEN, FOLDER, DANGLING, OTHER, NO_FILE) of what was passed over.
    """

    images: tuple[str, ...]
    others: tuple[tuple[str, str], ...]

    def named(self, reason: str) -> tuple[str, ...]:
        """Return what was passed over for a reason."""
        return tuple(name for name, why in self.others if why == reason)

    def summary(self) -> str:
        """Return what was passed over in a few words, such as "2 hidden, 1 folder (sub)"; empty where nothing was."""
        return summary(self.others)


def summary(others: tuple[tuple[str, str], ...] | list[tuple[str, str]]) -> str:
    """Return how many things there are for each reason, with a name where there is one only."""
    counts = Counter(why for _, why in others)
    parts = []
    for why, count in counts.items():
        example = next(name for name, reason in others if reason == why)
        parts.append(f"{count} {why}" + ("" if why == HIDDEN else f" ({example}{', …' if count > 1 else ''})"))
    return ", ".join(parts)


def scan_folder(folder: Path, recursive: bool = False) -> Scan:
    """Return what a folder holds; hidden files (a leading dot, as macOS' ._ files have) are passed over everywhere.

    Args:
        recursive: look into folders too; a folder that was seen already, by way of a link, is passed over.

    Raises:
        DataError: a folder cannot be read.
    """
    images: list[str] = []
    others: list[tuple[str, str]] = []
    seen: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        below = waiting.pop(0)
        for name, entry in _entries(folder, below):
            if entry.name.startswith("."):
                others.append((name, HIDDEN))
            elif entry.is_dir():
                identity = (os.stat(entry.path).st_dev, os.stat(entry.path).st_ino)
                if recursive and identity not in seen:
                    seen.add(identity)
                    waiting.append(f"{name}/")
                else:
                    others.append((name, FOLDER))
            elif reason := _reason(entry):
                others.append((name, reason))
            else:
                images.append(name)
    return Scan(tuple(sorted(images)), tuple(sorted(others)))


def _entries(folder: Path, below: str) -> list[tuple[str, os.DirEntry]]:
    """Return the entries of a folder, each with its path below the first folder, in order."""
    try:
        with os.scandir(folder / below) as entries:
            return sorted(((below + entry.name, entry) for entry in entries), key=lambda pair: pair[0])
    except OSError as error:
        raise DataError(f"{folder / below}: cannot be read ({error.strerror or error})") from error


def _reason(entry: os.DirEntry) -> str | None:
    """Return why a directory's entry, which is no folder, is not an image; None where it is one."""
    if not entry.is_file():
        return DANGLING if entry.is_symlink() and not os.path.exists(entry.path) else NO_FILE
    if entry.name.lower().endswith(IMAGE_SUFFIXES) or is_image(Path(entry.path)):
        return None
    return OTHER
