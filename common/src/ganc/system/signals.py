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


@contextlib.contextmanager
def leaving_on_termination() -> Iterator[None]:
    """Within the block a SIGTERM raises SystemExit (143), so that what is half written is removed on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number, frame):
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def reinstall_handlers() -> None:
    """Put Python's handlers back where a library has replaced them behind its back."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, signal.getsignal(number))
