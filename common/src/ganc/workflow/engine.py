"""Running the pipeline on Snakemake in processes of their own, whose log is a file and not the terminal's business.

    python -m ganc.workflow.engine LOG ARGUMENT…

runs Snakemake itself so: what it logs goes to the file LOG, while the stages' programs, which it starts, keep standard
error.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from ganc.base.errors import InterruptedRun, RunError
from ganc.system.signals import SIGNALS

LOG, STAGES_LOG = "snakemake.log", "stages.log"  # in the run's folder
POLL_SECONDS = 0.2
_RULE = re.compile(r"^(?:local)?rule (\w+):", re.MULTILINE)
_FINISHED = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)", re.MULTILINE)
_FAILED = re.compile(r"^\s*Error in rule (\w+):", re.MULTILINE)


class Watcher(Protocol):
    """What is told of a pipeline's rules, by their names, as they go; some run beside each other."""

    def started(self, rule: str) -> None:
        """Take note of a rule that starts."""

    def finished(self, rule: str) -> None:
        """Take note of a rule that has ended well."""


def run_pipeline(
    out: Path, configuration: Path, cores: int, watcher: Watcher, *, held: int, quiet: bool = False
) -> None:
    """Run the pipeline to its end, or go on with it.

    Args:
        out: the run's folder, where Snakemake keeps its notes and its log.
        watcher: is told of each rule that starts and ends.
        held: a file descriptor that Snakemake inherits, for a lock that lasts as long as it runs.
        quiet: what the stages say goes to a file and not to standard error.

    Raises:
        RunError: a stage failed, which printed why, or Snakemake did; the message names the log.
        InterruptedRun: a signal came; the stages have saved their states.
    """
    log = out / LOG
    log.write_bytes(b"")
    options = ["--snakefile", files("ganc.workflow") / "Snakefile", "--configfile", configuration, "--directory", out]
    options += ["--cores", cores, "--nocolor", "--nolock", "--rerun-incomplete", "--scheduler", "greedy"]
    options += ["--profile", "none", "--workflow-profile", "none"]  # one of the user's would send stages to a cluster
    command = [sys.executable, "-m", "ganc.workflow.engine", log, *options]
    with _forwarding() as forward, (out / STAGES_LOG).open("wb") if quiet else contextlib.nullcontext(2) as said_to:
        # A group of their own: a signal reaches all of them once, and the end of the last one can be waited for.
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": said_to, "stderr": said_to}
        process = subprocess.Popen(list(map(str, command)), **streams, process_group=0, pass_fds=[held])
        stopped = forward(process.pid)
        said = _followed(process, log, watcher)
    if number := stopped():
        raise InterruptedRun("stopped; the same command goes on", number)
    if process.returncode:
        raise RunError(_reason(said, log, out / STAGES_LOG if quiet else None))


def _followed(process: subprocess.Popen, log: Path, watcher: Watcher) -> str:
    """Wait for the end of a process and all that it started; return its log."""
    told, said = [0, 0], ""
    while True:
        ended = process.poll() is not None and not _alive(process.pid)
        said = log.read_text(encoding="utf-8", errors="replace")
        # What has ended comes first: between two looks a rule may end and the next one start.
        for place, (pattern, tell) in enumerate(((_FINISHED, watcher.finished), (_RULE, watcher.started))):
            rules = pattern.findall(said)
            for rule in rules[told[place] :]:
                tell(rule)
            told[place] = len(rules)
        if ended:
            return said
        time.sleep(POLL_SECONDS)


def _alive(group: int) -> bool:
    """Whether there is a process left in a group."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


@contextlib.contextmanager
def _forwarding() -> Iterator[Callable[[int], Callable[[], int]]]:
    """Within the block signals are handed on to a group of processes, and not acted on otherwise.

    Yields a function that takes the group and returns one that tells the first signal, 0 while there was none.
    """
    groups: list[int] = []
    seen: list[int] = []

    def hand_on(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGTERM if number == signal.SIGHUP else number)

    def forward(group: int) -> Callable[[], int]:
        groups.append(group)
        if seen:
            hand_on(seen.pop(), None)
        return lambda: seen[0] if seen else 0

    wanted = [one for one in (*SIGNALS, signal.SIGHUP) if signal.getsignal(one) != signal.SIG_IGN]
    before = {number: signal.signal(number, hand_on) for number in wanted}
    try:
        yield forward
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _reason(said: str, log: Path, stages_log: Path | None) -> str:
    failed = _FAILED.findall(said)
    if failed:
        why = "its reason is above"
        if stages_log:
            lines = stages_log.read_text(encoding="utf-8", errors="replace").splitlines()
            why = next((line for line in reversed(lines) if line.startswith("Error: ")), f"see {stages_log}")
        return f"{failed[0]} failed, {why}; the same command goes on from there. Snakemake's log: {log}"
    last = [line.strip() for line in said.splitlines() if "rror" in line][-1:] or ["Snakemake failed"]
    return f"{last[0][:200]}; Snakemake's log: {log}"


def main() -> None:
    """Run Snakemake with its log in a file."""
    log, *arguments = sys.argv[1:]
    # Snakemake logs to what is standard error when it is imported; the programs that it starts have the real one.
    sys.stderr = open(log, "a", buffering=1, encoding="utf-8")  # noqa: SIM115 - it stays open as long as the process
    from snakemake.cli import main as snakemake

    snakemake(arguments)


if __name__ == "__main__":
    main()
