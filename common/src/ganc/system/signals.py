"""What Ctrl-C and SIGTERM do: end a program with one line, or set a flag that a job looks at between two steps.

A signal that whoever started the program has switched off stays so.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_ended_by: list[int] = []  # the signals that ended the block of `ending`


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

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        signal.signal(number, before[number])

    before = _set(note)
    try:
        yield lambda: seen[0] if seen else 0
    finally:
        _put_back(before)


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """Within the block a signal raises SystemExit (130, 143), so that what is half written is removed on the way out.

    A library may make another exception of that; `ended_by` knows better.
    """
    _ended_by.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        _ended_by.append(number)
        raise SystemExit(128 + number)

    before = _set(end)
    try:
        yield
    finally:
        _put_back(before)


def ended_by() -> int:
    """Return the number of the signal that ended the block of `ending`, 0 where none did."""
    return _ended_by[0] if _ended_by else 0


def words(number: int) -> str:
    """Return what a program says when a signal ends it."""
    return "interrupted" if number == signal.SIGINT else "terminated"


def end_at_once() -> None:
    """From now on a signal ends the process with one line: for a program's start, when there is nothing to put away."""

    def end(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            os.write(2, f"{words(number)}\n".encode())
        os._exit(128 + number)

    _set(end)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Within the block signals wait; they arrive at its end. For code that would misunderstand them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def reinstall_handlers() -> None:
    """Put Python's handlers back where a library has replaced them behind its back."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, signal.getsignal(number))


def _set(handler: Callable) -> dict:
    """Set a handler for the signals that are not switched off; return those before."""
    return {n: signal.signal(n, handler) for n in SIGNALS if signal.getsignal(n) != signal.SIG_IGN}


def _put_back(handlers: dict) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
