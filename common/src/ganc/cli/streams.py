"""Standard input, output and error as a program finds them: closed, full, or without a reader."""

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import click

from ganc.base.atomic import WriteError


def open_closed_streams() -> None:
    """Give the streams that the caller closed a place of their own, so that no file that is opened later becomes one.

    Standard input is then empty, what goes to standard error is dropped, and writing to standard output fails.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it stays open as long as the process
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


class _Forgiving:
    """Standard error that drops what cannot be written: a full disk changes neither a result nor an exit status."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def forgive_standard_error() -> None:
    """Let nothing that is printed to standard error fail from now on."""
    if not isinstance(sys.stderr, _Forgiving):
        sys.stderr = _Forgiving(sys.stderr)


def print_all_names() -> None:
    """Let standard output take the names of files that are no UTF-8, as their bytes."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="surrogateescape")


class OutputError(OSError):
    """Standard output cannot take what a command writes there."""


@contextlib.contextmanager
def writing_output() -> Iterator[None]:
    """Within the block an error of the system is one of standard output."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.errno, error.strerror) from error


def is_of_output(error: OSError) -> bool:
    """Whether an error was raised by printing something, or by writing to standard output."""
    if isinstance(error, OutputError):
        return True
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is click.echo.__code__:
            return True
        trace = trace.tb_next
    return False


def flush_output() -> OSError | None:
    """Write out what standard output still holds; return why it cannot be written, if so."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return error
    return None


def require_output() -> None:
    """Raise WriteError now if nothing could be printed later: standard output is closed, or a file on a full disk.

    For commands whose results are printed alone, after long work.
    """
    reason = None
    with contextlib.suppress(OSError, ValueError, ImportError):  # what cannot be told may work
        import fcntl  # POSIX only

        state = os.fstat(1)
        if fcntl.fcntl(1, fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR) == 0:
            reason = "it is closed"
        elif stat.S_ISREG(state.st_mode) and os.fstatvfs(1).f_bavail == 0:
            reason = os.strerror(errno.ENOSPC)
    if reason:
        raise WriteError(f"standard output cannot be written ({reason})")


def drop_output() -> None:
    """Let nothing more be written to standard output, which failed before: Python flushes it when it exits."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def say(message: str) -> None:
    """Print a line on standard error."""
    click.echo(message, err=True)
