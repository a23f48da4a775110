"""Stopping at a safe place: a signal sets a flag, the job looks at it between two steps."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def noticed_signals() -> Iterator[Callable[[], int]]:
    """Within the block, the first Ctrl-C or SIGTERM is only noted; the second acts at once.

    Yields a function that returns the signal's number, or 0 while there was none. Outside the main thread, where Python
    allows no handlers, it always returns 0.
    """
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return

    def note(number, frame):
        seen.append(number)
        signal.signal(number, before[number])

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield lambda: seen[0] if seen else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
