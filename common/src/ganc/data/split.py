"""Setting images aside for the search, which needs images that training did not see."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ganc.base.atomic import place_of, replacing
from ganc.base.errors import DataError
from ganc.base.rng import keyed_generator
from ganc.base.temporaries import remove_leftovers
from ganc.data.lists import ListEntry, list_path, read_images, scan_subset


@dataclass(frozen=True)
class SearchSplit:
    """The result of a split.

    Attributes:
        search: images set aside.
        train: images left to train on.
        already_done: an earlier split had set as many aside, and was kept.
    """

    search: int
    train: int
    already_done: bool


def split_search(root: Path, count: int, seed: int = 0, letter: str = "A") -> SearchSplit:
    """Set `count` training images aside: write searchA.txt, and trainA.txt without them (also when there was none).

    searchA.txt is written first, and a reader of trainA leaves out what it names (`read_images`): a split that was
    killed between the two files is complete for ganc, no image is in neither list, and running it again finishes
    trainA.txt for other programs.

    Args:
        root: the data folder.
        count: how many images to set aside.
        seed: which ones.
        letter: the source domain, "A" or "B".

    Raises:
        DataError: the training images cannot be listed, `count` is not in 1 … images - 1, or searchA.txt exists
            with another number of images.
        WriteError: a list cannot be written.
    """
    root = Path(root)
    train, search = f"train{letter}", f"search{letter}"
    remove_leftovers(place_of(list_path(root, subset)) for subset in (train, search))
    already_done = list_path(root, search).is_file()
    if already_done:
        chosen = set(read_images(root, search).names)
        if len(chosen) != count:
            raise DataError(
                f"{list_path(root, search)}: already sets {len(chosen)} images aside, not {count}; to split anew, put"
                f" its lines back into {train}.txt and delete it"
            )
    else:
        names = read_images(root, train).names
        if not 1 <= count < len(names):
            raise DataError(
                f"{root}: count (={count}) must be in 1 … {len(names) - 1}: {train} has {len(names)} images"
            )
        drawn = keyed_generator(seed, f"data.split.{letter}").choice(len(names), count, replace=False)
        chosen = {names[index] for index in drawn}
        _write_list(list_path(root, search), [name for name in names if name in chosen])
    entries = scan_subset(root, train)
    kept = [entry for entry in entries if entry.name not in chosen]
    if len(kept) < len(entries):
        _write_list(list_path(root, train), map(_line, kept))
    return SearchSplit(search=count, train=len(read_images(root, train)), already_done=already_done)


def _line(entry: ListEntry) -> str:
    """Keep a list in the form that it had; a new one names images from the root on."""
    return entry.text if entry.line else entry.name or ""


def _write_list(path: Path, lines: Iterable[str]) -> None:
    lines = list(lines)
    for line in lines:
        if "\n" in line or "\r" in line or not _is_utf8(line):
            raise DataError(f"{path}: cannot hold the name {line!r} in a line of UTF-8; rename that image")
    with replacing(path) as temporary:
        temporary.write_bytes("".join(f"{line}\n" for line in lines).encode())


def _is_utf8(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:  # a surrogate: Python has these for bytes of a file name that are not UTF-8
        return False
    return True
