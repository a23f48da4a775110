"""Which image of one domain belongs to which of the other.

Halves of one file belong together. Else images do whose names are equal without the domain's folder and the ending,
such as `trainA/7.jpg` and `trainB/7.png`. Where both domains have lists and no name has a partner, their lines do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from ganc.base.errors import DataError
from ganc.data.lists import ImageList, has_subset, list_path, read_images, stored_names
from ganc.data.reading import Reading

_OTHER = {"A": "B", "B": "A"}


def other_subset(subset: str) -> str:
    """Return trainB for trainA."""
    return subset[:-1] + _OTHER[subset[-1]]


@dataclass(frozen=True)
class Matching:
    """What of two subsets belongs together, and what does not.

    Attributes:
        partners: the partner of each image that has one, by its name.
        problems: in words, by the name of the image that has none, or several.
    """

    partners: dict[str, str]
    problems: dict[str, str] = field(default_factory=dict)


def read_pairs(
    root: Path, subset: str, reading: Reading | None = None, partners: Reading | None = None
) -> tuple[ImageList, ImageList]:
    """Return the images of a subset such as "trainA", as `read_images`, and their partners in the same order.

    Training pairs of which either image is set aside for the search are left out.

    Args:
        reading: how the subset's files become arrays; None reads RGB of full range.
        partners: how those of the other domain do.

    Raises:
        DataError: as `read_images`; or an image has no partner, or several: it is named.
    """
    root = Path(root)
    images = read_images(root, subset, reading)
    theirs = partners or Reading()
    if half := images.reading.half:
        return images, replace(images, reading=replace(theirs, half=half.other))
    found = matched(root, subset)
    for name, problem in found.problems.items():
        more = f" (and {len(found.problems) - 1} more)" if len(found.problems) > 1 else ""
        raise DataError(f"{root / name}: {problem}{more}; `ganc data check --task pix2pix` names all of them")
    set_aside = set(_set_aside(root, other_subset(subset)))
    names = [name for name in images.names if found.partners[name] not in set_aside]
    if not names:
        raise DataError(f"{root}: every pair of {subset} is set aside for the search; none is left to train on")
    return replace(images, names=tuple(names)), ImageList(root, tuple(found.partners[name] for name in names), theirs)


def known_pairs(root: Path, subset: str, reading: Reading, partners: Reading) -> tuple[ImageList, ImageList] | None:
    """Return a subset's images and their partners, of equal sizes; None where the other domain has no such subset.

    Args and raised errors are those of `read_pairs`; DataError also where partners differ in size.
    """
    if not has_subset(root, other_subset(subset)):
        return None
    pairs = read_pairs(root, subset, reading, partners)
    require_equal_sizes(*pairs)
    return pairs


def matched(root: Path, subset: str) -> Matching:
    """Return what of a subset and of the other domain's belongs together; raises DataError as `read_images`."""
    other = other_subset(subset)
    ours = stored_names(root, subset) if subset.startswith("search") else _whole(root, subset)
    theirs = _whole(root, other)
    found = _by_name((subset, ours), (other, theirs))
    if not found.partners and all(list_path(root, one).is_file() for one in (subset, other)):
        return _by_line(root, subset, other)
    return found


def require_equal_sizes(images: ImageList, partners: ImageList) -> None:
    """Raise DataError where an image and its partner differ in size, or a file has no two halves."""
    for one, other in zip(images.paths, partners.paths, strict=True):
        if problem := size_problem(one, images.reading, other, partners.reading):
            raise DataError(f"{one}: {problem}")


def size_problem(one: Path, reading: Reading, other: Path, partners: Reading) -> str:
    """Return how an image and its partner differ in size; empty where they do not. Raises DataError."""
    own, theirs = reading.size(one), reading.size(one) if one == other else partners.size(other)
    if own == theirs:
        return ""
    return f"is {own[0]}x{own[1]}, and its partner {other} {theirs[0]}x{theirs[1]}; expected equal sizes"


def _whole(root: Path, subset: str) -> Sequence[str]:
    """Return the names of a subset with those that are set aside; of a search also those that are trained on."""
    there = [subset] if has_subset(root, subset) else []
    if subset.startswith("search"):
        there.append(subset.replace("search", "train"))
    names = [name for one in there or [subset] for name in (*stored_names(root, one), *_set_aside(root, one))]
    return list(dict.fromkeys(names))


def _set_aside(root: Path, subset: str) -> Sequence[str]:
    """Return which images of a training subset's domain are set aside; of other subsets none are."""
    search = subset.replace("train", "search")
    there = search != subset and list_path(root, search).is_file()
    return stored_names(root, search) if there else ()


def _by_name(ours: tuple[str, Iterable[str]], theirs: tuple[str, Iterable[str]]) -> Matching:
    (subset, own), (other, found) = ours, theirs
    problems: dict[str, str] = {}
    keys, others = (_keys(names, problems) for names in (own, found))
    partners = {name: others[key] for key, name in keys.items() if key in others}
    problems |= {name: f"has no partner in {other}" for key, name in keys.items() if key not in others}
    if not subset.startswith("search"):  # what is not set aside needs no partner there
        problems |= {name: f"has no partner in {subset}" for key, name in others.items() if key not in keys}
    return Matching(partners, problems)


def _keys(names: Iterable[str], problems: dict[str, str]) -> dict[str, str]:
    """Return names by what partners have in common; two of one domain that have it are a problem."""
    keys: dict[str, str] = {}
    for name in names:
        path = PurePosixPath(name)
        parts = path.parts[1:] if len(path.parts) > 1 else path.parts
        key = PurePosixPath(*parts).with_suffix("").as_posix()
        if keys.setdefault(key, name) != name:
            problems[name] = f"has the same name as {keys[key]}, so that its partner is not certain; rename one"
    return keys


def _by_line(root: Path, subset: str, other: str) -> Matching:
    ours, theirs = (read_images(root, one).names for one in (subset, other))
    if len(ours) != len(theirs):  # one domain's images may be set aside, and still be in its list
        ours, theirs = (tuple(stored_names(root, one)) for one in (subset, other))
    if len(ours) != len(theirs):
        raise DataError(
            f"{list_path(root, subset)}: names {len(ours)} images and {other}.txt {len(theirs)}, none of them by the"
            " same name; expected equal names, or partners in equal lines"
        )
    partners = dict(zip(ours, theirs, strict=True))
    if len(partners) < len(ours):
        twice = next(name for place, name in enumerate(ours) if name in ours[:place])
        raise DataError(f"{list_path(root, subset)}: names {twice} twice, so that its partner is not certain")
    return Matching(partners)
