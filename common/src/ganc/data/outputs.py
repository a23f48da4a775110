"""Which files are translated, in which order, and where each result goes: no two to one place, none over an input."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from ganc.base.atomic import place_of, require_writable
from ganc.base.errors import DataError
from ganc.base.temporaries import remove_leftovers
from ganc.data.lists import is_companion
from ganc.data.scan import FOLDER, HIDDEN, scan_folder

REPEATED, THERE, WITHIN = "named again", "already there", "in the output folder"


@dataclass(frozen=True)
class Pair:
    """An image file and the file that its translation goes to."""

    source: Path
    output: Path


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        pairs: in the order in which they are done.
        others: what is passed over, with the reason.
    """

    pairs: tuple[Pair, ...]
    others: tuple[tuple[str, str], ...] = ()


def plan_file(source: Path, output: Path, suffix: str | None) -> Plan:
    """Return the plan for one file; `output` is a file, or a folder that is there.

    Args:
        suffix: of the output in a folder, None for .png; of a file, its name decides.

    Raises:
        DataError: `output` is the source itself, or its suffix is not `suffix`.
    """
    if output.is_dir():
        output = output / f"{source.stem}{suffix or '.png'}"
    elif suffix and output.suffix.lower().replace(".jpeg", ".jpg") != suffix:
        raise DataError(f"{output}: is not named {suffix}, as --format says")
    plan = Plan((Pair(source, output),))
    _require_no_input(plan)
    return plan


def plan_folder(
    folder: Path, output: Path, suffix: str = ".png", *, recursive: bool = False, earlier: bool = False
) -> Plan:
    """Return the plan for all images of a folder, in natural order; with `recursive`, its folders are kept.

    Images of an output folder that lies inside are passed over: they may be what an earlier run wrote.

    Args:
        earlier: whether the user has said what is to become of them, so that they may be among the outputs.

    Raises:
        DataError: there is no image, or `output` is a file, the folder itself or one of its images.
    """
    _require_folder(output)
    if output.exists() and output.samefile(folder):
        raise DataError(f"{output}: holds the images to translate; write to another folder")
    scan = scan_folder(folder, recursive)
    inside = _inside(folder, output)
    within = [name for name in scan.images if inside and name.startswith(inside)]
    names = sorted({*scan.images} - {*within}, key=natural_order)
    if not names:
        there = f"; it holds {scan.summary()}" if scan.others else ""
        advice = "; --recursive looks into folders" if scan.named(FOLDER) and not recursive else ""
        raise DataError(f"{folder}: holds no images{there}{advice}")
    others = (*scan.others, *((name, WITHIN) for name in within))
    plan = Plan(tuple(_pairs(folder, names, output, suffix)), others)
    _require_no_input(plan)
    if not earlier:
        _require_not_within(plan, [folder / name for name in within])
    return plan


def plan_list(names: Iterable[str], output: Path, suffix: str = ".png") -> Plan:
    """Return the plan for a list of files, in its order; what lies in several folders keeps them.

    Raises:
        DataError: the list is empty, or `output` is a file or one of the images.
    """
    _require_folder(output)
    others: list[tuple[str, str]] = []
    found: dict[str, None] = {}
    for name in names:
        path = os.path.abspath(name)
        if is_companion(name):
            others.append((name, HIDDEN))
        elif path in found:
            others.append((name, REPEATED))
        else:
            found[path] = None
    if not found:
        raise DataError("the list on standard input names no file; expected one a line")
    common = Path(os.path.commonpath([os.path.dirname(path) for path in found]))
    relative = [Path(path).relative_to(common).as_posix() for path in found]
    plan = Plan(tuple(_pairs(common, relative, output, suffix)), tuple(others))
    _require_no_input(plan)
    return plan


def settle_existing(plan: Plan, existing: str) -> Plan:
    """Return the plan without what is already there ("skip"), or as it is ("replace").

    Raises:
        DataError: something is there, and `existing` is "fail".
    """
    there = [pair for pair in plan.pairs if os.path.lexists(pair.output)]
    if existing == "replace" or not there:
        return plan
    if existing == "fail":
        raise DataError(
            f"{there[0].output}: is already there, as {len(there)} of {len(plan.pairs)} outputs are; choose another"
            " folder, or --existing skip or replace"
        )
    gone = {pair.source for pair in there}
    kept = tuple(pair for pair in plan.pairs if pair.source not in gone)
    return Plan(kept, (*plan.others, *((pair.output.name, THERE) for pair in there)))


def prepare_outputs(plan: Plan) -> None:
    """Test that the outputs can be written, and remove what killed runs left beside them.

    Raises:
        WriteError: one cannot be written: of each folder the longest name is tried.
    """
    places = [place_of(pair.output) for pair in plan.pairs]
    remove_leftovers(places)
    longest = {place.parent: place for place in sorted(places, key=lambda place: len(os.fsencode(place.name)))}
    for place in longest.values():
        require_writable(place)


def natural_order(name: str) -> list:
    """Return a key that puts frame2 before frame10, folder by folder."""
    return [
        [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", piece)]
        for piece in name.split("/")
    ]


def output_names(names: Sequence[str]) -> list[str]:
    """Return a name without suffix for each image's path below a folder, all different.

    That is the path without its suffix; where two images have the same, or it is another one's whole path, the suffix
    stays part of it. Names that differ only in case or Unicode normal form count as
    equal: some file systems do not distinguish them.
    """
    stems = [str(PurePosixPath(name).with_suffix("")) for name in names]
    counts = Counter(map(_folded, stems))
    whole = {_folded(name) for name in names}
    taken: set[str] = set()
    chosen = []
    for name, stem in zip(names, stems, strict=True):
        shared = counts[_folded(stem)] > 1 or (stem != name and _folded(stem) in whole)
        wanted = name if shared else stem
        unique, number = wanted, 2
        while _folded(unique) in taken:  # names that differ in nothing but their case
            unique, number = f"{wanted}-{number}", number + 1
        taken.add(_folded(unique))
        chosen.append(unique)
    return chosen


def _pairs(folder: Path, names: Sequence[str], output: Path, suffix: str) -> list[Pair]:
    return [
        Pair(folder / name, output / f"{chosen}{suffix}")
        for name, chosen in zip(names, output_names(names), strict=True)
    ]


def _folded(name: str) -> str:
    return normalize("NFC", name).casefold()


def _inside(folder: Path, output: Path) -> str:
    """Return how paths below `output` begin, seen from `folder`; empty where it lies elsewhere."""
    here, there = folder.resolve(), output.resolve()
    return f"{there.relative_to(here).as_posix()}/" if there.is_relative_to(here) else ""


def _require_folder(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise DataError(f"{output}: is a file, but several images go into a folder")


def _require_no_input(plan: Plan) -> None:
    """Raise DataError where an output is one of the inputs, by whatever path or link."""
    if found := _output_among(plan, (pair.source for pair in plan.pairs)):
        raise DataError(f"{found}: is an image to translate itself; write to another file or folder")


def _require_not_within(plan: Plan, images: Iterable[Path]) -> None:
    """Raise DataError where an output is one of the images that lie in the output folder."""
    if found := _output_among(plan, images):
        raise DataError(
            f"{found}: lies in the folder to translate and would be overwritten; write to another folder, or, if an "
            "earlier run wrote it, say --existing replace or skip"
        )


def _output_among(plan: Plan, images: Iterable[Path]) -> Path | None:
    """Return the first output that is one of some images; None where there is none."""
    known = {identity for image in images if (identity := _identity(image))}
    return next((pair.output for pair in plan.pairs if _identity(pair.output) in known), None)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
