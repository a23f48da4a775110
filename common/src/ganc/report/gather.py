"""Finding out what a folder of a pipeline holds: by content, with a name for everything that is missing or damaged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ganc.base.errors import DataError, FileFormatError, GancError, StatisticsError
from ganc.base.reading import one_line, sha256_of
from ganc.data.saving import WRITTEN
from ganc.files.card import CARD
from ganc.files.run_directory import STATE_FORMAT
from ganc.report.json_results import ComparedRow, TimedRow, read_json_results
from ganc.report.run_log import Run, is_run, read_run
from ganc.report.verify import Checked, check_file
from ganc.results.hdf5 import read_results
from ganc.results.journal import read_journal
from ganc.results.search_results import SearchResults, merge_results

OURS = (".safetensors", ".h5", ".npz")  # a file of such a name that is none of ganc's is damaged, or of a newer ganc
FOREIGN = (".pth", ".pt", ".pdparams", ".pkl", ".ckpt", ".bin", ".pdmodel")
SHARDS = "shards"
STRIP = "strip"  # what a picture's name begins with that shows what the networks make
MOST_FILES = 400


@dataclass(frozen=True)
class Gap:
    """Something that a report cannot show: what it is about, and why or what to do."""

    subject: str
    reason: str


@dataclass(frozen=True)
class FoundFile:
    """A file, or exported folder, that the others are made from or that is made from them.

    Attributes:
        name: below the folder.
    """

    name: str
    checked: Checked
    bytes: int

    @property
    def facts(self) -> Mapping:
        """What it says of itself, as `describe` has it; empty of a file of another program."""
        return self.checked.facts


@dataclass
class Findings:
    """All that a folder holds.

    Attributes:
        searches: by file name; unfinished: whether they are the parts of a search that has not ended.
        compared, timed: rows by file name.
        strips: pictures of what the networks make.
    """

    folder: Path
    files: list[FoundFile] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    searches: dict[str, SearchResults] = field(default_factory=dict)
    unfinished: bool = False
    compared: dict[str, list[ComparedRow]] = field(default_factory=dict)
    timed: dict[str, list[TimedRow]] = field(default_factory=dict)
    strips: list[Path] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.files or self.runs or self.searches or self.compared or self.timed)

    def stages(self) -> set[str]:
        """Return the stages whose checkpoints are there, `search` and `export` among them."""
        return {stage_of(file) for file in self.files} | (
            {"search"} if self.searches and not self.unfinished else set()
        )


def stage_of(file: FoundFile) -> str:
    """Return the stage that made a file, or what it is."""
    kinds = {"ganc-model": "export", "ganc-search-results": "search", "ganc-statistics": "statistics"}
    return kinds.get(file.checked.kind) or str(file.facts.get("stage", "")) or "other"


def gather(folder: Path) -> Findings:
    """Return what a folder holds.

    It looks at the folder itself, at runs and exported folders in it, and at the shards of a search; nothing is
    changed, and no network is run.

    Raises:
        FileFormatError: there is no such folder, or nothing of ganc in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileFormatError(f"{folder}: no such folder; expected what a pipeline of ganc wrote")
    given = folder
    if folder.name in ("", ".."):  # the folder may be a run or an exported folder itself, which is called by its name
        folder = folder.resolve()
    found = Findings(folder)
    entries = _entries(folder, found)
    for path in [folder, *entries]:
        _take(path, found)
    _take_shards(folder, found)
    _take_foreign(entries, found)
    found.runs.sort(key=lambda run: run.path.name)
    if not found:
        damaged = f" that can be read ({found.gaps[0].subject}: {found.gaps[0].reason})" if found.gaps else ""
        raise FileFormatError(
            f"{given}: holds nothing of ganc{damaged}; expected checkpoints, runs, search results, an exported"
            " folder, or what --json printed"
        )
    return found


def _entries(folder: Path, found: Findings) -> list[Path]:
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise FileFormatError(f"{folder}: cannot be read ({error.strerror or error})") from error
    if len(entries) > MOST_FILES:
        found.gaps.append(Gap(f"{len(entries) - MOST_FILES} of {len(entries)} entries", "are not looked at: too many"))
    return entries[:MOST_FILES]


def _take(path: Path, found: Findings) -> None:
    """Add what a file or a folder is; what should be something and is damaged becomes a gap."""
    try:
        if path.is_dir():
            _take_folder(path, found)
        elif path.is_file():
            _take_file(path, found)
    except (FileFormatError, StatisticsError, DataError, OSError) as error:
        _miss(path, error, found)


def _miss(path: Path, error: GancError | OSError, found: Findings) -> None:
    """Name what cannot be read, once."""
    name = _name(path, found.folder)
    reason = f"cannot be read ({error.strerror or error})" if isinstance(error, OSError) else _reason(error, path)
    if name not in {gap.subject for gap in found.gaps}:
        found.gaps.append(Gap(name, reason))


def _take_folder(path: Path, found: Findings) -> None:
    if (path / CARD).is_file():
        _add_file(path, found)
    elif is_run(path):
        run = read_run(path)
        found.runs.append(run)
        found.gaps += [Gap(_name(path, found.folder), note) for note in run.notes]


def _take_file(path: Path, found: Findings) -> None:
    if path.suffix == ".json" and path.name != CARD:
        compared, timed = read_json_results(path)
        if compared:
            found.compared[path.name] = compared
        if timed:
            found.timed[path.name] = timed
    elif path.name.startswith(STRIP) and path.suffix.lower() in WRITTEN:
        found.strips.append(path)
    elif path.suffix == ".h5":
        found.searches[path.name] = read_results(path)
        _add_file(path, found)
    elif path.suffix in OURS:
        _add_file(path, found)


def _add_file(path: Path, found: Findings) -> None:
    checked = check_file(path)
    if checked.kind == STATE_FORMAT:  # belongs to its run, and nothing is made from it
        return
    found.files.append(FoundFile(_name(path, found.folder), checked, _bytes_of(path)))


def _take_shards(folder: Path, found: Findings) -> None:
    """Add the rows of a search whose parts have not been joined, or that has not ended."""
    if found.searches:
        return
    parts = []
    for path in sorted([*folder.glob("*.h5.journal"), *(folder / SHARDS).glob("*.h5*")]):
        try:
            if path.suffix == ".h5":
                parts.append(read_results(path))
            elif path.suffix == ".journal":
                parts.append(read_journal(path))
        except FileFormatError as error:
            _miss(path, error, found)
    if not parts:
        return
    try:
        found.searches[SHARDS] = merge_results(parts)
        found.unfinished = True
    except GancError as error:
        found.gaps.append(Gap(SHARDS, _reason(error, folder)))


def _take_foreign(entries: Sequence[Path], found: Findings) -> None:
    """Add files of other programs that something here was made from."""
    named = {digest for file in found.files for digest in file.checked.sources.values()}
    unknown = named - {file.checked.digest for file in found.files}
    for path in entries if unknown else ():
        try:
            digest = sha256_of(path, "a file") if path.suffix in FOREIGN and path.is_file() else None
            if digest and digest in unknown:
                checked = Checked(path, "a file of another program", digest)
                found.files.append(FoundFile(path.name, checked, path.stat().st_size))
        except (FileFormatError, OSError) as error:
            _miss(path, error, found)


def _bytes_of(path: Path) -> int:
    files: Iterator[Path] = path.rglob("*") if path.is_dir() else iter([path])
    return sum(one.stat().st_size for one in files if one.is_file())


def _name(path: Path, folder: Path) -> str:
    return path.name if path == folder else path.relative_to(folder).as_posix()


def _reason(error: GancError, path: Path) -> str:
    """Return an error's message without the path that it begins with, which a report says besides."""
    return one_line(error).removeprefix(f"{path}: ").replace(f"{path.parent}/", "")
