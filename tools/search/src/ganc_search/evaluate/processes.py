"""Who evaluates: this process alone, or all ranks under Paddle's launcher with rank 0 leading.

The leader runs the strategy, keeps the files and says what to evaluate; the others wait, evaluate their part and hand
back values. What travels is JSON as bytes.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from ganc.base.errors import GancError, RunError
from ganc.metrics import Measurement
from ganc.models.spec import Widths
from ganc.system.processes import Processes


class Evaluator(Protocol):
    """What measures sub-networks.

    Attributes:
        images: how many pictures there are.
        whole_batch: how many pictures it takes at once.
    """

    images: int
    whole_batch: int

    def measure(self, group: Sequence[Widths], images: int) -> list[Measurement]:
        """Return what each sub-network's translations of the first `images` pictures measure."""


@dataclass(frozen=True)
class Measured:
    """One evaluated sub-network. `seconds` is its share of the time that its group took."""

    widths: Widths
    measurement: Measurement
    seconds: float


class Team:
    """Evaluates groups of sub-networks, one a rank at a time.

    Args:
        ranks: the processes.
        evaluator: this process' own.
        signalled: returns the number of a signal that this process has noticed, else 0.
    """

    def __init__(self, ranks: Processes, evaluator: Evaluator, signalled: Callable[[], int] = lambda: 0):
        self.ranks, self.evaluator, self._signalled = ranks, evaluator, signalled
        self._others_signal = 0
        self._served = self.ranks.writes and self.ranks.count > 1  # whether others wait for what this one says

    def __enter__(self) -> "Team":
        return self

    def __exit__(self, *_: object) -> None:
        """Let the other ranks end, however the leader ends."""
        if self._served:
            self.ranks.share_bytes(_packed({"dismissed": self.signal()}))

    def signal(self) -> int:
        """Return the number of a signal that any rank has noticed, as far as this one knows; else 0."""
        return self._signalled() or self._others_signal

    def measure(self, groups: Sequence[Sequence[Widths]], images: int) -> list[Measured]:
        """Return what the groups, at most one a rank, measure; called by the leader.

        Raises:
            RunError: another rank failed; the message says with what.
        """
        self.ranks.share_bytes(_packed({"groups": groups, "images": images}))
        return self._together(groups, images)

    def serve(self) -> int:
        """Evaluate what the leader hands out until it lets go; return the signal that ended the search, else 0."""
        while True:
            task = json.loads(self.ranks.share_bytes(b""))
            if "dismissed" in task:
                return task["dismissed"]
            self._together([[tuple(widths) for widths in group] for group in task["groups"]], task["images"])

    def _together(self, groups: Sequence[Sequence[Widths]], images: int) -> list[Measured]:
        mine = groups[self.ranks.index] if self.ranks.index < len(groups) else ()
        if self.ranks.count == 1:
            return self._measured(mine, images)
        error, values = "", []
        try:
            values = [[asdict(one.measurement), one.seconds] for one in self._measured(mine, images)]
        except GancError as failure:  # said by every rank, so that none waits for the one that failed
            error = str(failure)
        except BaseException:  # the others wait where this one does not come any more: no farewell reaches them
            self._served = False
            raise
        own = _packed({"values": values, "signal": self._signalled(), "error": error})
        answers = [json.loads(answer) for answer in self.ranks.gather_bytes(own)]
        if failed := [answer["error"] for answer in answers if answer["error"]]:
            self._served = False
            raise RunError(failed[0])
        self._others_signal = max(answer["signal"] for answer in answers)
        return [
            Measured(widths, Measurement(**measurement), seconds)
            for group, answer in zip(groups, answers, strict=False)
            for widths, (measurement, seconds) in zip(group, answer["values"], strict=True)
        ]

    def _measured(self, group: Sequence[Widths], images: int) -> list[Measured]:
        if not group:
            return []
        start = time.perf_counter()
        measurements = self.evaluator.measure(group, images)
        seconds = (time.perf_counter() - start) / len(group)
        return [Measured(widths, value, seconds) for widths, value in zip(group, measurements, strict=True)]


def _packed(message: dict) -> bytes:
    return json.dumps(message).encode()
