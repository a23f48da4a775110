"""Makes one operation on files of this process fail, or ends the process there: what a disk or a kill does.

Python's own ways to the files of one folder are counted, in order: making files and folders, writing, syncing, moving,
removing, and two folders that change places. What libraries written in C do with files is not seen here.
"""

import builtins
import contextlib
import errno
import io
import os
import signal
from collections.abc import Callable
from pathlib import Path

from ganc.base import atomic_folder

SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}
TORN = "torn"  # killed in the middle of a write
_open, _os_open = io.open, os.open
_FUNCTIONS = {
    **dict.fromkeys(("rename", "replace"), "move"),
    **dict.fromkeys(("unlink", "remove", "rmdir"), "remove"),
    "mkdir": "make",
    "fsync": "sync",
}


class Faults:
    """What happens to which operation.

    Args:
        folder: only what is in it counts.
        what: a name of SIGNALS, TORN, or an error such as "ENOSPC"; None only counts.
        at: the number of the operation, from 0 on.
        lasting: whether all operations after it fail too.
        log: is written the kind and the path of each operation.
    """

    def __init__(self, folder: Path, what: str | None, at: int, lasting: bool, log: Path):
        self._folder, self._what, self._at, self._lasting = str(folder) + os.sep, what, at, lasting
        self._count = 0
        self._log = _os_open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def meet(self, kind: str, path: object, half: Callable[[], object] = lambda: None) -> None:
        """Count an operation; end the process or raise where it is the one. `half` does a half of it before that."""
        place = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else os.path.realpath(os.fsdecode(path))
        if not place.startswith(self._folder):
            return
        os.write(self._log, f"{kind} {place.removeprefix(self._folder)}\n".encode())
        number, self._count = self._count, self._count + 1
        if self._what is None or not (number == self._at or (self._lasting and number > self._at)):
            return
        if self._what in SIGNALS:
            os.kill(os.getpid(), SIGNALS[self._what])
            return
        with contextlib.suppress(OSError):
            half()
        if self._what == TORN:
            os.kill(os.getpid(), signal.SIGKILL)
        code = getattr(errno, self._what)
        raise OSError(code, os.strerror(code), place)


def install(faults: Faults, *, swaps: bool = True) -> None:
    """From now on this process meets faults; without `swaps` no two folders can change places in one step."""
    atomic_folder.swap = _swapping(faults, atomic_folder.swap) if swaps else lambda one, other: False
    builtins.open = io.open = _opening(faults)
    for name, kind in _FUNCTIONS.items():
        setattr(os, name, _meeting(faults, kind, getattr(os, name)))

    def open_handle(path, flags, *args, **kwargs):
        if flags & os.O_CREAT and not os.path.exists(path):
            faults.meet("make", path)
        return _os_open(path, flags, *args, **kwargs)

    os.open = open_handle


def _meeting(faults: Faults, kind: str, function: Callable) -> Callable:
    def called(path, *args, **kwargs):
        if not isinstance(kwargs.get("dir_fd"), int):  # below a folder that is being removed
            faults.meet(kind, path)
        return function(path, *args, **kwargs)

    return called


def _swapping(faults: Faults, function: Callable[[Path, Path], bool]) -> Callable[[Path, Path], bool]:
    """Return what stands for the system's exchange of two folders, which Python's own functions take no part in."""

    def swap(one: Path, other: Path) -> bool:
        try:
            faults.meet("swap", one)
        except OSError:
            return False  # as the system's answer is read
        return function(one, other)

    return swap


def _opening(faults: Faults) -> Callable:
    """Return what stands for `open`; files to write are of a class that meets faults."""

    class File(io.FileIO):
        error: OSError | None = None

        def write(self, data) -> int:
            """As the system does, write a part and say so where the rest fails; that is told the next time."""
            if self.error:
                error, self.error = self.error, None
                raise error
            content = bytes(data)
            half = content[: len(content) // 2]
            try:
                faults.meet("write", self.fileno(), lambda: super(File, self).write(half))
            except OSError as error:
                if not half:
                    raise
                self.error = error
                return len(half)
            return super().write(content)

        def truncate(self, size=None) -> int:
            faults.meet("write", self.fileno())
            return super().truncate(size)

    def open_file(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        if isinstance(file, int) or opener or not set(mode) & set("wax+"):
            return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if not os.path.exists(file):
            faults.meet("make", file)
        raw = File(file, mode.replace("b", "").replace("t", ""))
        if not buffering:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, encoding, errors, newline)

    return open_file
