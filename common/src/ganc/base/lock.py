"""One process at a time: an exclusive lock on an open file, which ends when the file is closed or its process dies."""

import os
from pathlib import Path
from typing import IO

from ganc.base.errors import RunError


def lock(file: IO, place: Path, cure: str) -> None:
    """Lock an open file until it is closed.

    Where the system has no POSIX locks nothing is held: the lock only guards against a mistake.

    Args:
        file: opened for writing by its path.
        place: the file or folder that a message names.
        cure: what the user can do while another process holds it.

    Raises:
        RunError: another process holds it, or has removed the file since it was opened.
    """
    try:
        import fcntl  # POSIX only
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise RunError(f"{place}: another process is using it; {cure}") from error
    if not _is_at_its_path(file):  # between opening and locking
        raise RunError(f"{place}: another process has just removed it; run the command again")


def _is_at_its_path(file: IO) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(file.name))
    except OSError:
        return False
