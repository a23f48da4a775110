"""Which processes evaluate: this one alone, or all processes under Paddle's launcher with the first one leading.

The leader runs the strategy, keeps the files and says what to evaluate; the others wait, evaluate their part and return
values. What travels is JSON as bytes.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import NamedTuple

from ganc.base.errors import GancError, RunError
from ganc.metrics import Measurement
from ganc.models.family import Widths
from ganc.system.processes import Processes
from ganc.system.signals import noticed_signals
from ganc_search.evaluate.shared_segments import SharedEvaluator


class Measured(NamedTuple):
    """One evaluated sub-network. `seconds` is its share of the time that its group took."""

    widths: Widths
    measurement: Measurement
    seconds: float


class Team:
    """Evaluates groups of sub-networks, one a process at a time; while it is entered, signals are only noted.

    Args:
        processes: which one this is, of how many.
        evaluator: this process's own.
        cheap: what measures the first steps of a race; None where the evaluator does.
        noticing: a context that yields what returns the number of a signal that this process has noticed, else 0.
    """

    def __init__(
        self,
        processes: Processes,
        evaluator: SharedEvaluator,
        cheap: SharedEvaluator | None = None,
        noticing: Callable = noticed_signals,
    ):
        self.processes, self.evaluator, self.cheap, self._noticing = processes, evaluator, cheap, noticing
        self._signalled: Callable[[], int] = lambda: 0
        self._others_signal = 0

    def __enter__(self) -> "Team":
        self._others_signal = 0
        self._served = self.processes.writes and self.processes.count > 1  # whether others wait for what this one says
        self._noticed = self._noticing()
        self._signalled = self._noticed.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Let the other processes end, however the leader ends."""
        try:
            if self._served:
                self.processes.share_bytes(json.dumps({"dismissed": self.signal()}).encode())
        finally:
            self._noticed.__exit__(None, None, None)

    def signal(self) -> int:
        """Return the number of a signal that any process has noticed, as far as this one knows; else 0."""
        return self._signalled() or self._others_signal

    def measure(self, groups: Sequence[Sequence[Widths]], images: int, cheaply: bool = False) -> list[Measured]:
        """Return what the groups, at most one a process, measure; called by the leader.

        Args:
            cheaply: by the cheap evaluator.

        Raises:
            RunError: another process failed; the message says with what.
        """
        self.processes.share_bytes(json.dumps({"groups": groups, "images": images, "cheaply": cheaply}).encode())
        return self._together(groups, images, cheaply)

    def serve(self) -> int:
        """Evaluate what the leader hands out until it lets go; return the signal that ended the search, else 0."""
        while True:
            task = json.loads(self.processes.share_bytes(b""))
            if "dismissed" in task:
                return task["dismissed"]
            groups = [[tuple(widths) for widths in group] for group in task["groups"]]
            self._together(groups, task["images"], task["cheaply"])

    def _together(self, groups: Sequence[Sequence[Widths]], images: int, cheaply: bool) -> list[Measured]:
        mine = groups[self.processes.index] if self.processes.index < len(groups) else ()
        if self.processes.count == 1:
            return self._measured(mine, images, cheaply)
        error, values = "", []
        try:
            values = [[asdict(one.measurement), one.seconds] for one in self._measured(mine, images, cheaply)]
        except GancError as failure:  # said by every process, so that none waits for the one that failed
            error = str(failure)
        except BaseException:  # the others wait where this one does not come any more: no farewell reaches them
            self._served = False
            raise
        own = json.dumps({"values": values, "signal": self._signalled(), "error": error}).encode()
        answers = [json.loads(answer) for answer in self.processes.gather_bytes(own)]
        if failed := [answer["error"] for answer in answers if answer["error"]]:
            self._served = False
            raise RunError(failed[0])
        self._others_signal = max(answer["signal"] for answer in answers)
        return [
            Measured(widths, Measurement(**measurement), seconds)
            for group, answer in zip(groups, answers, strict=False)
            for widths, (measurement, seconds) in zip(group, answer["values"], strict=True)
        ]

    def _measured(self, group: Sequence[Widths], images: int, cheaply: bool) -> list[Measured]:
        if not group:
            return []
        start = time.perf_counter()
        evaluator = self.cheap if self.cheap and cheaply else self.evaluator
        measurements = evaluator.measure(group, images)
        seconds = (time.perf_counter() - start) / len(group)
        return [Measured(widths, value, seconds) for widths, value in zip(group, measurements, strict=True)]
