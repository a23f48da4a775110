"""The progress bar that the commands share."""

import sys
import time
from typing import TYPE_CHECKING, Any

from ganc.cli.messages import QUIET, loudness

if TYPE_CHECKING:
    from tqdm import tqdm


def progress_bar(total: int | None, unit: str, *, silent: bool = False, smoothing: float = 0.3) -> "tqdm":
    """Return a bar on standard error; where that is no terminal, a line of it every 15 seconds.

    Args:
        silent: show nothing, as -q does.
        smoothing: how much the latest steps count in the speed: from 0, the mean of all, to 1.
    """
    from tqdm import tqdm  # here: --help must not wait for it

    quiet = not sys.stderr.isatty()
    drawn: dict[str, Any] = {"file": sys.stderr, "mininterval": 15 if quiet else 0.2, "ascii": quiet}
    return tqdm(total=total, unit=unit, smoothing=smoothing, disable=silent or loudness() <= QUIET, **drawn)


def start_at(bar: "tqdm", done: int) -> None:
    """Let a bar start now, where `done` steps are behind it that took it no time."""
    if not bar.disable:
        bar.initial = bar.n = bar.last_print_n = done
        bar.start_t = bar.last_print_t = time.time()
