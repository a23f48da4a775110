"""Setting images aside for the search, which needs images that training did not see."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ganc.base.atomic import place_of, replacing
from ganc.base.errors import DataError
from ganc.base.rng import keyed_generator
from ganc.base.temporaries import remove_leftovers
from ganc.base.text import counted
from ganc.data.lists import ListEntry, list_path, read_images, scan_subset
from ganc.data.pairs import matched, other_subset, read_pairs
from ganc.data.side_by_side import stored_as


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


def split_search(root: Path, count: int, seed: int = 0, letter: str = "A", *, paired: bool = False) -> SearchSplit:
    """Set `count` training images aside: write searchA.txt, and trainA.txt without them (also when there was none).

    Of side-by-side images, it writes search.txt and train.txt; of pairs in two folders or lists, all four lists.

    The search lists are written first, and a reader of trainA leaves out what searchA.txt names (`read_images`): a
    split that was killed between the files is complete for ganc, no image is in neither list, and running it again
    finishes the others.

    Args:
        root: the data folder.
        count: how many images to set aside.
        seed: which ones.
        letter: the source domain, "A" or "B".
        paired: set the images' partners aside too.

    Raises:
        DataError: the training images cannot be listed, one has no partner, `count` is not in 1 … images - 1, or
            searchA.txt exists with another number of images.
        WriteError: a list cannot be written.
    """
    root = Path(root)
    lists = search_lists(root, letter, paired=paired)
    subsets = [one.replace("search", "train") for one in lists]
    remove_leftovers(place_of(list_path(root, one)) for one in (*subsets, *lists))
    already_done = list_path(root, lists[0]).is_file()
    for search in lists:
        if list_path(root, search).is_file() and (found := len(read_images(root, search))) != count:
            raise DataError(
                f"{list_path(root, search)}: already sets {counted(found, 'image')} aside, not {count}; to split anew, "
                f"put its lines back into {search.replace('search', 'train')}.txt and delete it"
            )
    if not already_done:
        _write_list(list_path(root, lists[0]), _drawn(root, count, seed, letter, paired=paired))
    chosen = read_images(root, lists[0]).names
    if len(subsets) > 1 and not list_path(root, lists[1]).is_file():
        partners = matched(root, subsets[0]).partners
        _write_list(list_path(root, lists[1]), [partners[name] for name in chosen])
    for one, search in zip(subsets, lists, strict=True):
        _leave_out(root, one, {*read_images(root, search).names})
    return SearchSplit(search=count, train=len(read_images(root, subsets[0])), already_done=already_done)


def search_lists(root: Path, letter: str, *, paired: bool) -> tuple[str, ...]:
    """Return the names of the lists that a split writes of what it sets aside, without their ending."""
    search, half = stored_as(root, f"search{letter}")
    return (search, other_subset(search)) if paired and not half else (search,)


def _drawn(root: Path, count: int, seed: int, letter: str, *, paired: bool) -> list[str]:
    """Return the names that are to be set aside, in their order."""
    train = f"train{letter}"
    names = (read_pairs(root, train)[0] if paired else read_images(root, train)).names
    if not 1 <= count < len(names):
        raise DataError(
            f"{root}: count (={count}) must be in 1 … {len(names) - 1}: {train} has {counted(len(names), 'image')}"
        )
    drawn = keyed_generator(seed, f"data.split.{letter}").choice(len(names), count, replace=False)
    chosen = {names[index] for index in drawn}
    return [name for name in names if name in chosen]


def _leave_out(root: Path, train: str, chosen: set[str]) -> None:
    """Write a training subset's list without the images that are set aside, where it has them."""
    entries = scan_subset(root, train)
    kept = [entry for entry in entries if entry.name not in chosen]
    if len(kept) < len(entries):
        _write_list(list_path(root, train), map(_line, kept))


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
