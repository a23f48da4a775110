"""A search's progress as one line: on a terminal rewritten in place, elsewhere printed every 15 seconds."""

import time
from collections.abc import Callable
from typing import TextIO

from ganc.base.text import format_count
from ganc.models.spec import format_widths
from ganc_search.search import SearchProgress


class ProgressLine:
    """Shows how many of how many, how many a minute, the time left and the best so far.

    What earlier runs had finished counts as done, but not into the speed.

    Args:
        metric: the metric's name. unit: what is counted. at_most: the total is an upper bound.
        stream: where to print.
        clock: seconds that pass.
    """

    def __init__(
        self,
        metric: str,
        stream: TextIO,
        *,
        unit: str = "sub-networks",
        at_most: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._metric, self._stream, self._unit, self._at_most, self._clock = metric, stream, unit, at_most, clock
        self._terminal = stream.isatty()
        self._every = 0.2 if self._terminal else 15.0
        self._start = self._shown = clock()
        self._last: SearchProgress | None = None

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(self, *_: object) -> None:
        if self._last is not None:
            self._print(self._last)
            if self._terminal:
                print(file=self._stream)

    def show(self, progress: SearchProgress) -> None:
        """Note one more sub-network, and print if it is time to."""
        self._last = progress
        if self._clock() - self._shown >= self._every:
            self._print(progress)

    def text(self, progress: SearchProgress) -> str:
        """Return the line."""
        fresh, elapsed = progress.done - progress.known, self._clock() - self._start
        total = "" if progress.total is None else f" of {'at most ' if self._at_most else ''}{progress.total}"
        known = f" ({progress.known} known)" if progress.known else ""
        parts = [f"{progress.done}{total} {self._unit}{known}"]
        if fresh and elapsed > 0:
            parts.append(f"{60 * fresh / elapsed:.3g} a minute")
            if progress.total is not None:
                parts.append(f"{_duration(elapsed / fresh * (progress.total - progress.done))} left")
        best = progress.best
        value = f"best {best.metrics[self._metric]:.4f} at {format_count(best.macs)} MACs"
        return ", ".join([*parts, f"{value} ({format_widths(best.widths)})"])

    def _print(self, progress: SearchProgress) -> None:
        self._shown = self._clock()
        line = self.text(progress)
        print(f"\r\x1b[K{line}" if self._terminal else line, end="" if self._terminal else "\n", file=self._stream)
        self._stream.flush()


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
