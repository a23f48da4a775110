"""The progress bar that the commands share."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm


def progress_bar(total: int | None, unit: str, *, silent: bool = False, smoothing: float = 0.3) -> "tqdm":
    """Return a bar on standard error; where that is no terminal, a line of it every 15 seconds.

    Args:
        silent: show nothing.
        smoothing: how much the latest steps count in the speed: from 0, the mean of all, to 1.
    """
    from tqdm import tqdm  # here: --help must not wait for it

    quiet = not sys.stderr.isatty()
    drawn = {"file": sys.stderr, "mininterval": 15 if quiet else 0.2, "ascii": quiet}
    return tqdm(total=total, unit=unit, smoothing=smoothing, disable=silent, **drawn)
