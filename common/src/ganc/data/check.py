"""Checking a data folder: everything that is wrong with it, and everything in it that is not used, at once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ganc.base.errors import DataError
from ganc.base.reading import sha256_of
from ganc.base.text import counted
from ganc.data.images import BYTES, WORDS, Size, load_image, stored_values
from ganc.data.levels import Levels, StoredValues
from ganc.data.lists import has_subset, is_companion, list_lines, list_path, read_images, scan_subset, stored_names
from ganc.data.pairs import matched, other_subset, size_problem
from ganc.data.reading import Reading
from ganc.data.scan import DANGLING, FOLDER, HIDDEN, OTHER, Scan, scan_folder
from ganc.data.side_by_side import LETTERS, Half, is_side_by_side

_KINDS, _UNUSED = ("train", "test"), ("val", "validation", "valid")


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        subset: the subset that it was found in, such as "trainA".
        file: the file or folder that it concerns.
        what: the finding, in one line.
        problem: whether the user has to mend it; ganc works with every other finding.
    """

    subset: str
    file: Path
    what: str
    problem: bool = True

    def __str__(self) -> str:
        return f"{'' if self.problem else 'note: '}{self.subset}: {self.file}: {self.what}"


def check_folder(
    root: Path, minimum: Size = (1, 1), levels: Mapping[str, Levels] | None = None, *, paired: bool = False
) -> list[Finding]:
    """Return every problem of the four subsets and of the search lists in order, and what ganc does not use.

    Problems are files that are missing, unreadable or undersized, images that a list names twice, test and search
    images that are trained on too (the same bytes, whatever the name: a metric on them would be too good), images in
    folders inside, links to nothing, and 16-bit images whose values use a small part of their range. Each file is read
    once, however often it is named.

    Args:
        root: the data folder.
        minimum: (width, height) in pixels; smaller images are problems.
        levels: the stored values that are to become black and white, by domain.
        paired: whether images of two folders have partners: what is wrong with those is a problem too. Side-by-side
            images always are; `minimum` is that of a half.

    Raises:
        DataError: `root` is not a directory.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such directory; expected one with trainA/ and trainB/ in it")
    checker = _Checker(root, minimum, levels or {}, Half.LEFT if is_side_by_side(root) else None)
    findings = checker.run()
    return findings + (list(_partners(root)) if paired and not checker.half else [])


def count_images(root: Path) -> dict[str, int | None]:
    """Return how many images each subset has for training, testing and search; None where it cannot be read.

    Search images are not counted as training images. Search subsets are in the answer only where there are any.
    """
    counts: dict[str, int | None] = {}
    for subset in _present(root):
        try:
            counts[subset] = len(read_images(root, subset))
        except DataError:
            counts[subset] = None
    return counts


def _letters(root: Path) -> tuple[str, ...]:
    """Return the ends of the subsets' names: none where both domains are in one file."""
    return ("",) if is_side_by_side(root) else LETTERS


def _present(root: Path) -> tuple[str, ...]:
    letters = _letters(root)
    search = tuple(f"search{letter}" for letter in letters)
    return tuple(f"{kind}{letter}" for kind in _KINDS for letter in letters) + tuple(
        subset for subset in search if has_subset(root, subset)
    )


def _partners(root: Path) -> Iterator[Finding]:
    """Yield what is wrong with the pairs of two folders or lists; what cannot be read is said elsewhere."""
    for subset in ("trainA", "testA"):
        if not all(_is_readable(root, one) for one in (subset, other_subset(subset))):
            continue
        try:
            found = matched(root, subset)
        except DataError as error:  # of lists that go together by their lines
            yield Finding(subset, list_path(root, subset), str(error).partition(": ")[2])
            continue
        for name, problem in found.problems.items():
            yield Finding(subset, root / name, problem)
        for name, partner in found.partners.items():
            try:
                problem = size_problem(root / name, Reading(), root / partner, Reading())
            except DataError:  # said where the file itself is checked
                continue
            if problem:
                yield Finding(subset, root / name, problem)


def _is_readable(root: Path, subset: str) -> bool:
    try:
        return bool(stored_names(root, subset))
    except DataError:
        return False


@dataclass(frozen=True)
class _Examined:
    """What is known of a file: its digest and values (None where it cannot be read), what is wrong with it."""

    digest: str | None = None
    values: StoredValues | None = None
    problem: str | None = None


@dataclass
class _Checker:
    root: Path
    minimum: Size
    levels: Mapping[str, Levels]
    half: Half | None  # of both domains' images in one file, either
    findings: list[Finding] = field(default_factory=list)
    examined: dict[str, _Examined] = field(default_factory=dict)

    def run(self) -> list[Finding]:
        names = {subset: self._check_subset(subset) for subset in _present(self.root)}
        for letter in _letters(self.root):
            held_out = names[f"test{letter}"] + names.get(f"search{letter}", [])
            reserved = set(names.get(f"search{letter}", []))
            self._check_overlap([name for name in names[f"train{letter}"] if name not in reserved], held_out, letter)
        for subset in (f"{kind}{letter}" for kind in _UNUSED for letter in _letters(self.root)):
            if (self.root / subset).is_dir():
                count = len(scan_folder(self.root / subset).images)
                self._note(subset, self.root / subset, "ganc does not use its " + counted(count, "image"))
        return self.findings

    def _check_subset(self, subset: str) -> list[str]:
        """Check the files of one subset; return those that are there."""
        if subset.startswith("test") and not has_subset(self.root, subset):
            said = "has no images; training works without, and measures its metric on training images"
            self._note(subset, self.root / subset, said)
            return []
        if (self.root / subset).is_dir():
            self._check_surroundings(subset, scan_folder(self.root / subset))
        names = self._check_entries(subset)
        self._check_values(subset, [name for name in names if self._examine(name).values])
        if subset.startswith("test") and len(names) == 1:
            self._note(subset, self.root / subset, "has 1 image; a metric needs at least 2, training goes on without")
        return names

    def _check_entries(self, subset: str) -> list[str]:
        try:
            entries = scan_subset(self.root, subset)
        except DataError as error:
            place = list_path(self.root, subset)
            if not place.is_file():
                place = self.root / subset if (self.root / subset).is_dir() else self.root
            self._report(subset, place, str(error).removeprefix(f"{place}: "))
            return []
        first_lines: dict[str, int] = {}
        for entry in entries:
            if entry.problem:
                self._report(subset, list_path(self.root, subset), f"line {entry.line}: {entry.problem}")
            elif entry.name is not None and entry.name in first_lines:
                what = f"line {entry.line}: names {entry.name} again (first in line {first_lines[entry.name]})"
                self._report(subset, list_path(self.root, subset), what)
            elif entry.name is not None:
                first_lines[entry.name] = entry.line
                if problem := self._examine(entry.name).problem:
                    self._report(subset, self.root / entry.name, problem)
        return list(first_lines)

    def _check_surroundings(self, subset: str, scan: Scan) -> None:
        """Report what is in a subset's folder beside its images, and images that its list leaves out."""
        folder = self.root / subset
        for name in scan.named(DANGLING):
            self._report(subset, folder / name, "is a link to nothing")
        for name in scan.named(FOLDER):
            if count := len(scan_folder(folder / name, recursive=True).images):
                what = f"is a folder with {counted(count, 'image')}, not used; move all that is in it up, or list it"
                self._report(subset, folder / name, f"{what} in {subset}.txt")
            else:
                self._note(subset, folder / name, "is a folder and not used")
        for reason in sorted({why for _, why in scan.others} - {DANGLING, FOLDER}):
            said = {HIDDEN: "hidden and skipped", OTHER: "no images and skipped"}.get(reason, f"{reason}: skipped")
            self._note(subset, folder, f"{_some(scan.named(reason))}: {said}")
        listed = list_path(self.root, subset)
        if listed.is_file():
            unlisted = sorted({f"{subset}/{name}" for name in scan.images} - self._listed(subset))
            if unlisted:
                self._note(subset, listed, f"leaves out {_some(unlisted)}")

    def _listed(self, subset: str) -> set[str]:
        """Return what a subset's list names, and what others that may name images of its folder do."""
        names = set()
        for one in {subset, subset.replace("train", "search"), subset.replace("train", "test")}:
            if list_path(self.root, one).is_file():
                try:
                    names |= {entry.name for entry in scan_subset(self.root, one) if entry.name}
                    skipped = [line for _, line in list_lines(self.root, one) if is_companion(line)]
                except DataError:  # said where that list is checked
                    continue
                if skipped and one == subset:
                    self._note(subset, list_path(self.root, subset), f"{_some(skipped)}: hidden and skipped")
        return names

    def _check_values(self, subset: str, names: list[str]) -> None:
        """Report what the values of a subset's images have in common, and images of which little or nothing is seen."""
        values = {name: known for name in names if (known := self._examine(name).values)}
        folder = self.root / subset
        if uniform := [name for name, value in values.items() if value.uniform]:
            seen = "; in a metric they count with what each engine rounds" if not subset.startswith("train") else ""
            self._note(subset, folder, f"{_some(uniform)}: of one colour all over{seen}")
        if several := [name for name, value in values.items() if value.frames > 1]:
            self._note(subset, folder, f"{_some(several)}: of several frames, of which the first is read")
        own = self.levels.get(subset[-1])
        for full, bits in ((BYTES, 8), (WORDS, 16)):
            found = [value for value in values.values() if value.full == full]
            if not found:
                continue
            low, high = min(value.low for value in found), max(value.high for value in found)
            if own is None and (high - low) * 4 <= full.high and high > low:
                what = (
                    f"the values of its {bits}-bit images ({len(found)}) lie in {low:g}:{high:g}, a small part of"
                    f" {full}; --levels {low:g}:{high:g} or --levels auto spreads them"
                )
                self.findings.append(Finding(subset, folder, what, problem=full is WORDS))
            elif own is not None and (low < own.low or high > own.high):
                what = f"the values of its {bits}-bit images lie in {low:g}:{high:g}; --levels {own} cuts some off"
                self._note(subset, folder, what)

    def _check_overlap(self, train: list[str], held_out: list[str], letter: str) -> None:
        trained = {digest: name for name in train if (digest := self._examine(name).digest)}
        for name in dict.fromkeys(held_out):
            if (digest := self._examine(name).digest) in trained:
                subset = f"test{letter}" if name.startswith("test") else f"search{letter}"
                self._report(subset, self.root / name, f"is also trained on, as {trained[digest]}")

    def _examine(self, name: str) -> _Examined:
        if name not in self.examined:
            # The domain is the folder's, where a list of another names it too.
            letter = name.partition("/")[0][-1:]
            self.examined[name] = _examined(self.root / name, self.minimum, self.levels.get(letter), self.half)
        return self.examined[name]

    def _report(self, subset: str, file: Path, what: str) -> None:
        self.findings.append(Finding(subset, file, what))

    def _note(self, subset: str, file: Path, what: str) -> None:
        self.findings.append(Finding(subset, file, what, problem=False))


def _examined(path: Path, minimum: Size, levels: Levels | None, half: Half | None) -> _Examined:
    try:
        values = stored_values(path)
        if values.full is None or levels is not None:
            load_image(path, levels=levels)  # for what it refuses
        digest = sha256_of(path, "an image", DataError)
        width, height = Reading(half=half).size(path)
    except DataError as error:
        return _Examined(problem=str(error).removeprefix(f"{path}: "))
    small = width < minimum[0] or height < minimum[1]
    part = "each half is" if half else "is"
    said = f"{part} {width}x{height}, smaller than {minimum[0]}x{minimum[1]}" if small else None
    return _Examined(digest, values, said)


def _some(names: Iterable[str]) -> str:
    """Return a count with the first names."""
    names = list(names)
    return f"{len(names)} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
