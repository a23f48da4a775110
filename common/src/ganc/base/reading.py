"""Opening a file for reading, and saying in one line what is wrong with it."""

import stat
from pathlib import Path
from typing import BinaryIO

from ganc.base.errors import FileFormatError, GancError


def require_file(path: Path, expected: str, error: type[GancError] = FileFormatError) -> None:
    """Raise `error`, naming `path` and what was expected there, unless a file there can be opened for reading."""
    open_file(path, expected, error).close()


def open_file(path: Path, expected: str, error: type[GancError] = FileFormatError, *, pipe: bool = False) -> BinaryIO:
    """Open a file for reading its bytes.

    Args:
        expected: what the file should be, such as "search results of ganc-search".
        error: the class of the error that is raised.
        pipe: take a pipe too, which can be read once and whose length nobody knows before its end.

    Raises:
        error: there is no such file, it is a folder or a device, or it cannot be opened.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode  # before opening: a pipe that nobody writes to would block
        if stat.S_ISDIR(mode):
            raise error(f"{path}: is a folder; expected {expected}")
        if not (stat.S_ISREG(mode) or (pipe and stat.S_ISFIFO(mode))):
            raise error(f"{path}: is no regular file; expected {expected}")
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as missing:
        raise error(f"{path}: no such file; expected {expected}") from missing
    except OSError as failed:
        raise error(f"{path}: cannot be read ({failed.strerror or failed}); expected {expected}") from failed
    except ValueError as failed:  # a null byte in the path
        raise error(f"{str(path)!r}: no file has such a name; expected {expected}") from failed


def read_bytes(
    path: Path,
    expected: str,
    error: type[GancError] = FileFormatError,
    *,
    limit: int | None = None,
    pipe: bool = False,
) -> bytes:
    """Return the bytes of a file; raises as `open_file` does, and for one of more than `limit` bytes."""
    with open_file(path, expected, error, pipe=pipe) as file:
        try:
            content = file.read() if limit is None else file.read(limit + 1)
        except OSError as failed:
            raise error(f"{path}: cannot be read ({failed.strerror or failed}); expected {expected}") from failed
    if limit is not None and len(content) > limit:
        raise error(f"{path}: has more than {limit:,} bytes; expected {expected}")
    return content


def one_line(error: object) -> str:
    """Return an error's message on one line, so that it can be quoted in another."""
    return " ".join(str(error).split())
