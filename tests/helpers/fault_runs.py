"""Commands that meet faults: which are run, what each must leave, and the process that runs them."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganc.base.rng import keyed_generator
from ganc.results.hdf5 import read_results
from helpers.stages import listing
from helpers.support import PATIENCE

TESTS = Path(__file__).parents[1]
COMMANDS = (
    *("ganc-finetune", "ganc-search", "ganc-export", "ganc translate", "ganc merge"),
    *("ganc-distill", "ganc-replace", "ganc-supernet", "ganc stats", "ganc extract"),
)
FEW = COMMANDS[:5]
# GANC_FAULTS is "all" for each place of each command, or a number of places; without it, a few of the FEW.
ALL = bool(os.environ.get("GANC_FAULTS"))
MOST = int(os.environ["GANC_FAULTS"]) if ALL and os.environ["GANC_FAULTS"] != "all" else None
STATUSES = {"SIGKILL": -signal.SIGKILL, "torn": -signal.SIGKILL, "SIGTERM": 143, "SIGINT": 130}
WORDS = {143: ("terminated", "stopped"), 130: ("interrupted", "stopped")}
Finishes = Callable[[Sequence[str], int], bool]
CACHE = "cache"  # a cache may be of any content, but it holds whole files


@dataclass(frozen=True)
class Fault:
    """What happens to a run: see `helpers.faulty_files.Faults`, and `helpers.fault_server`.

    Attributes:
        after: seconds after which the signal `what` is sent, instead of at an operation.
        largest: bytes that a file may have, for all programs in the process.
        swaps: whether two folders can change places in one step, as on Linux.
    """

    what: str | None = None
    at: int = -1
    lasting: bool = False
    after: float | None = None
    largest: int | None = None
    swaps: bool = True


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit status, negative of a signal that killed it, and what it wrote to standard error."""

    status: int | str
    said: str
    operations: list[str]


class Server:
    """The process that forks a process for each run.

    Args:
        folder: for what the runs say.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        # Not measured for coverage: its own file would meet the faults too.
        outside = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
        environment = {**outside, "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "helpers.fault_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        )

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE)

    def run(self, folder: Path, command: Sequence[object], *faults: Fault) -> list[Ended]:
        """Run a command in a folder, once for each fault, all at once."""
        said = [f"{self._folder}/{number}" for number in range(len(faults))]
        runs = [
            {"folder": str(folder), "command": [*map(str, command)], "said": name, "seconds": PATIENCE, **vars(fault)}
            for name, fault in zip(said, faults, strict=True)
        ]
        print(json.dumps(runs), file=self._process.stdin, flush=True)
        statuses = json.loads(self._process.stdout.readline())
        return [
            Ended(status, Path(f"{name}.err").read_text(), Path(f"{name}.log").read_text().splitlines())
            for status, name in zip(statuses, said, strict=True)
        ]


@dataclass(frozen=True)
class Case:
    """A command that writes something.

    Attributes:
        command: with relative paths of outputs.
        output: a file or folder that it writes; what else it leaves belongs to it.
        old: makes what was there before, None for nothing.
        finishes: whether a signal at a place among the operations comes after the last step, which lets the run finish.
        grows: whether the output may also hold a part of what is asked for, which the next run completes.
    """

    command: tuple[object, ...]
    output: str
    old: Callable[[Path], object] | None = None
    finishes: Finishes | None = None
    grows: bool = False

    def prepare(self, folder: Path) -> Path:
        """Make the folder in which the command is run, with what was there before."""
        folder.mkdir()
        if self.old:
            self.old(folder / self.output)
        return folder


def content(folder: Path) -> dict[str, str]:
    """Return what a folder holds, without the cache: of each file a digest, of search results without their times."""
    found = {name: digest for name, digest in listing(folder).items() if name.split("/")[0] != CACHE}
    return {
        name: read_results(folder / name).digest if name.endswith(".h5") and digest != "folder" else digest
        for name, digest in found.items()
    }


def copying(source: Path) -> Callable[[Path], object]:
    """Return what makes a copy of a file or folder."""
    return lambda path: shutil.copytree(source, path) if source.is_dir() else shutil.copy(source, path)


def picked(operations: Sequence[str], kinds: Sequence[str], count: int | None, drawn_by: str) -> list[int]:
    """Return the numbers of operations at which a fault is tried.

    Of equal operations in a row, such as the writes of one file, the first and the last count.

    Args:
        kinds: of the operations; none are all.
        count: so many, drawn by the text `drawn_by`; None is all.
    """
    ends = [0, *(n for n in range(1, len(operations)) if operations[n] != operations[n - 1]), len(operations)]
    edges = {place for start, end in itertools.pairwise(ends) for place in (start, end - 1)}
    places = [place for place in sorted(edges) if not kinds or operations[place].split()[0] in kinds]
    if count is None or count >= len(places):
        return places
    return sorted(keyed_generator(0, f"faults/{drawn_by}").choice(places, count, replace=False).tolist())


def met(
    server: Server,
    case: Case,
    folder: Path,
    whole: dict[str, str],
    fault: Fault,
    begin: Callable[[], object] = lambda: None,
    end: Callable[[], object] = lambda: None,
) -> list[str]:
    """Let a command meet a fault in a new folder, run it again, and return what is wrong with either.

    Args:
        whole: what the command leaves that meets no fault.
        begin, end: called before the first run and after it.
    """
    before = content(case.prepare(folder))
    begin()
    (ended,) = server.run(folder, case.command, fault)
    end()
    wrong = wrong_end(ended, fault, case.finishes) + wrong_output(case, ended, fault, before, content(folder), whole)
    (again,) = server.run(folder, case.command, Fault(swaps=fault.swaps))
    wrong += wrong_rerun(again, content(folder), whole)
    shutil.rmtree(folder)
    return [f"{one}: {ended.said[-600:]}" for one in wrong]


def wrong_end(ended: Ended, fault: Fault, finishes: Finishes | None = None) -> list[str]:
    """Return what is wrong with a run's status and last line, and whether it came to the operation at all.

    Status 0 is right where an operation's failure was got over, or a signal came too late: at a moment, or where a run
    had made its last step.
    """
    at_place = fault.what is not None and fault.after is None
    problems = []
    if at_place and fault.at >= len(ended.operations):
        problems.append(f"the fault was not met: {len(ended.operations)} operations")
    expected = STATUSES.get(fault.what, 1)
    too_late = expected > 0 and finishes is not None and finishes(ended.operations, fault.at)
    got_over = not (at_place and fault.what in STATUSES) or too_late
    if ended.status != expected and not (got_over and ended.status == 0):
        problems.append(f"status {ended.status}")
    if "Traceback" in ended.said or "unexpected" in ended.said:
        problems.append("an error without a name")
    last = (ended.said.strip().splitlines() or [""])[-1]
    if ended.status == 1 and not last.startswith("Error: "):
        problems.append("no message")
    if ended.status in WORDS and not last.startswith(WORDS[ended.status]):
        problems.append("no word about the signal")
    return problems


def wrong_output(case: Case, ended: Ended, fault: Fault, before: dict, left: dict, whole: dict) -> list[str]:
    """Return what is wrong with an output after a fault: it is the new one, or the one before.

    Where folders cannot change places, a kill may come while there is neither; the next run must then make it whole.
    """
    found, old, new = (_part(one, case.output) for one in (left, before, whole))
    if found == new:
        return []
    if ended.status == 0:
        return ["status 0 without the output"]
    if not found and not fault.swaps and fault.what == "SIGKILL":
        return []
    images = not any(name.endswith(".json") for name in new)  # a folder of them is no unit, but each of its files is
    names = {name for name in old | new | found if not name.endswith(".part")}
    each = all(found.get(name) in (old.get(name), new.get(name)) for name in names)
    if found == old or (images and each) or case.grows:  # what grows was read by `content`
        return []
    return [f"the output is neither the old nor the new one: {sorted(set(found) ^ set(new))}"]


def wrong_rerun(again: Ended, left: dict, whole: dict) -> list[str]:
    """Return what is wrong after the same command ran again."""
    if again.status != 0:
        return [f"the next run ended with {again.status}: {again.said[-600:]}"]
    differing = sorted(name for name in left.keys() | whole.keys() if left.get(name) != whole.get(name))
    return [f"the next run left something else: {differing}"] if differing else []


def _part(found: dict[str, str], output: str) -> dict[str, str]:
    return {name: one for name, one in found.items() if name == output or name.startswith(output + "/")}
