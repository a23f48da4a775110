"""Temporary files and folders beside what they become, and what killed processes left of them.

Each is locked as long as its process lives. So what nobody holds is left over, and one process never removes what
another one is writing.
"""

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ganc.base.lock import is_at, try_lock

PART, OLD = ".part", ".old"  # what is being written; what is being replaced
REPLACED = "old"  # what was replaced, in a temporary folder that ends in OLD

_LONGEST = 200  # bytes of a name to which something can be added: file systems allow 255
_NAME = re.compile(r"(?P<prefix>\..+\.)[a-z0-9_]{8}(?P<suffix>\.part|\.old)", re.DOTALL)  # tempfile makes the middle


@contextlib.contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Yield a new empty file in the folder of `path`; it is removed in the end, unless it was moved away.

    Raises:
        OSError: it cannot be made.
    """
    import tempfile  # --help does without

    temporary, handle = _held(tempfile.mkstemp, path, PART)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


@contextlib.contextmanager
def temporary_folder(path: Path, suffix: str = PART) -> Iterator[Path]:
    """Yield a new empty folder in the folder of `path`; it is removed in the end, unless it was moved away.

    Args:
        suffix: OLD for one that holds what `path` was, as REPLACED: that is put back where `path` is gone in the end.

    Raises:
        OSError: it cannot be made.
    """
    import tempfile  # --help does without

    def make(**names: Any) -> tuple[int, str]:
        name = tempfile.mkdtemp(**names)
        return os.open(name, os.O_RDONLY), name

    temporary, handle = _held(make, path, suffix)
    try:
        yield temporary
    finally:
        _discard(temporary, path)
        os.close(handle)


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove what killed processes left beside files or folders that they wrote; `paths` are without links.

    Where one was killed while it replaced a folder, the folder is put back. What cannot be removed stays.
    """
    wanted: dict[Path, dict[str, Path]] = {}
    for path in paths:
        wanted.setdefault(path.parent, {})[_prefix(path)] = path
    for folder, places in wanted.items():
        for left, prefix in _temporaries(folder):
            if prefix in places:
                _remove(left, places[prefix])


def has_temporaries(path: Path) -> bool:
    """Whether there is something temporary for `path`, of a process that lives or was killed."""
    return any(prefix == _prefix(path) for _, prefix in _temporaries(path.parent))


def remove_all_leftovers(folder: Path) -> None:
    """Remove what killed processes left in a folder in which nobody but ganc writes."""
    for left, _ in _temporaries(folder):
        _remove(left)


def _prefix(path: Path) -> str:
    """Return how the temporary names for a path begin; they are no longer than file systems allow."""
    name = path.name
    if len(os.fsencode(name)) > _LONGEST:
        import hashlib  # --help does without

        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return f".{name}."


def _held(make: Callable[..., tuple[int, str]], path: Path, suffix: str) -> tuple[Path, int]:
    """Make something temporary for `path`, and again where another process took it for left over and removed it.

    Args:
        make: makes it of the arguments that `tempfile` has, and returns an open handle and the name.

    Returns:
        Where it is, and the handle, which holds it.
    """
    while True:
        handle, name = make(prefix=_prefix(path), suffix=suffix, dir=path.parent)
        if try_lock(handle) is not False and is_at(handle, Path(name)):
            return Path(name), handle
        os.close(handle)


def _temporaries(folder: Path) -> list[tuple[Path, str]]:
    """Return what is in a folder and named as temporaries are, each with the beginning of its name."""
    try:
        names = os.listdir(folder)
    except OSError:  # there is no such folder, or nothing in it can be seen
        return []
    found = [(name, _NAME.fullmatch(name)) for name in names]
    return [(folder / name, match["prefix"]) for name, match in found if match]


def _remove(left: Path, path: Path | None = None) -> None:
    """Remove a temporary file or folder for `path` unless somebody holds it, or it cannot be removed."""
    with contextlib.suppress(OSError):
        kind = left.lstat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            return
        handle = os.open(left, os.O_RDONLY)
        try:
            if not try_lock(handle):
                return
            if stat.S_ISDIR(kind):
                _discard(left, path)
            else:
                left.unlink()
        finally:
            os.close(handle)


def _discard(folder: Path, path: Path | None) -> None:
    """Remove a temporary folder for `path`; what `path` was is put back first if it is gone, and is never removed."""
    with contextlib.suppress(OSError):
        replaced = folder / REPLACED
        if folder.name.endswith(OLD) and replaced.exists() and path is not None and not os.path.lexists(path):
            os.rename(replaced, path)
        shutil.rmtree(folder, ignore_errors=True)
