"""Processes that threads wait for, which end with the block that started them.

A signal reaches the main thread alone: without this, the threads of a pool, and so the program, would wait until what
they started ends by itself.
"""

import subprocess
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from ganc.base.errors import RunError


class Children:
    """Runs processes, in any thread; where the block of a `with` ends by an exception, they are killed.

    Entered after a pool whose threads run them, it is left before the pool waits for these.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen] = set()
        self._ended = False

    def __enter__(self) -> "Children":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            return
        with self._lock:
            self._ended = True
            for process in self._running:
                process.kill()

    def run(self, command: Sequence[str], seconds: float, **how: Any) -> subprocess.CompletedProcess:
        """Run a command without standard input, and return its status and what it wrote.

        Args:
            how: as of `subprocess.Popen`.

        Raises:
            OSError: it cannot be started.
            TimeoutExpired: it did not end within so many seconds, and was killed; the error has what it wrote.
            RunError: the block has ended.
        """
        pipe = subprocess.PIPE
        with self._lock:
            if self._ended:
                raise RunError(f"{command[0]}: not started, as the others were ended")
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, **how)
            self._running.add(process)
        try:
            with process:
                try:
                    output, said = process.communicate(timeout=seconds)
                except BaseException:
                    process.kill()
                    raise
            return subprocess.CompletedProcess(command, process.returncode, output, said)
        finally:
            with self._lock:
                self._running.discard(process)
