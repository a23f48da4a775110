"""One process at a time: an exclusive lock on an open file, which ends when the file is closed or its process dies."""

import os
from pathlib import Path
from typing import IO

from ganc.base.errors import RunError


def lock(file: IO, place: Path, cure: str) -> None:
    """Lock an open file until it is closed.

    Where the system has no such locks nothing is held: the lock only guards against a mistake.

    Args:
        file: opened for writing by its path.
        place: the file or folder that a message names.
        cure: what the user can do while another process holds it.

    Raises:
        RunError: another process holds it, or has removed the file since it was opened.
    """
    if try_lock(file.fileno()) is False:
        raise RunError(f"{place}: another process is using it; {cure}")
    if not is_at(file.fileno(), Path(file.name)):  # between opening and locking
        raise RunError(f"{place}: another process has just removed it; run the command again")


def try_lock(handle: int) -> bool | None:
    """Lock an open file or folder until it is closed, unless another process holds it.

    Returns:
        Whether it is locked now; None where the system, or the file's place, has no such locks.
    """
    try:
        import fcntl  # POSIX only
    except ImportError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def is_at(handle: int, path: Path) -> bool:
    """Whether an open file is what its path still names."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except OSError:
        return False
