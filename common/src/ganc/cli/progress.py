"""The progress bar that the commands share."""

import sys
from typing import TYPE_CHECKING, Any

from ganc.cli.messages import QUIET, loudness

if TYPE_CHECKING:
    from tqdm import tqdm


def progress_bar(
    total: int | None, unit: str, *, silent: bool = False, smoothing: float = 0.3, behind: int | None = 0
) -> "tqdm":
    """Return a bar on standard error; where that is no terminal, a line of it every 15 seconds.

    Args:
        silent: show nothing, as -q does.
        smoothing: how much the latest steps count in the speed: from 0, the mean of all, to 1.
        behind: steps that earlier runs have done, where the bar starts; None where they come first and it is not known
            how many there are: then nothing is drawn before them.
    """
    from tqdm import tqdm  # here: --help must not wait for it

    quiet = not sys.stderr.isatty()
    drawn: dict[str, Any] = {"file": sys.stderr, "mininterval": 15 if quiet else 0.2, "ascii": quiet}
    drawn |= {"initial": behind or 0, "delay": 1e-9 if behind is None else 0}  # tqdm draws what has no delay at once
    bar = tqdm(total=total, unit=unit, smoothing=smoothing, disable=silent or loudness() <= QUIET, **drawn)
    bar.delay = 0
    return bar
