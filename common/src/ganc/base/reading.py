"""Opening a file for reading, and saying in one line what is wrong with it."""

import io
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO, cast

from ganc.base.errors import FileFormatError, GancError

LARGEST_LIST = 256 << 20  # bytes of a text that names one thing a line
_PART = 16 << 20  # bytes read at once


def require_file(path: Path, expected: str, error: type[GancError] = FileFormatError) -> None:
    """Raise `error`, naming `path` and what was expected there, unless a file there can be opened for reading."""
    open_file(path, expected, error).close()


def open_file(path: Path, expected: str, error: type[GancError] = FileFormatError, *, pipe: bool = False) -> BinaryIO:
    """Open a file for reading its bytes.

    Args:
        expected: what the file should be, such as "search results of ganc-search".
        error: the class of the error that is raised.
        pipe: take a pipe too, which can be read once and whose length is unknown before its end.

    Raises:
        error: there is no such file, it is a folder or a device, or it cannot be opened.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode  # before opening: a pipe without a writer would block
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
            size = os.fstat(file.fileno()).st_size  # 0 for a pipe
            content = b"" if limit is not None and size > limit else _read(file, limit)
        except OSError as failed:
            raise error(f"{path}: cannot be read ({failed.strerror or failed}); expected {expected}") from failed
    if limit is not None and max(size, len(content)) > limit:
        raise error(f"{path}: has more than {limit:,} bytes; expected {expected}")
    return content


def read_start(path: Path, expected: str, count: int, error: type[GancError] = FileFormatError) -> bytes:
    """Return the first `count` bytes of a file, all of a shorter one; raises as `open_file` does."""
    with open_file(path, expected, error) as file:
        try:
            return file.read(count)
        except OSError as failed:
            raise error(f"{path}: cannot be read ({failed.strerror or failed}); expected {expected}") from failed


def read_stdin(expected: str, error: type[GancError] = FileFormatError, *, limit: int | None = None) -> bytes:
    """Return the bytes of standard input; raises as `read_bytes` does."""
    try:
        content = _read(sys.stdin.buffer, limit)
    except OSError as failed:
        raise error(f"standard input: cannot be read ({failed.strerror or failed}); expected {expected}") from failed
    if limit is not None and len(content) > limit:
        raise error(f"standard input: has more than {limit:,} bytes; expected {expected}")
    return content


def read_text(
    path: Path,
    expected: str,
    error: type[GancError] = FileFormatError,
    *,
    limit: int | None = None,
    pipe: bool = False,
) -> str:
    """Return the text of a file, or with `pipe` of standard input for `-`; raises as `read_bytes` does.

    Raises:
        error: it is not UTF-8; a mark of the byte order at its start is left out.
    """
    if pipe and str(path) == "-":
        content = read_stdin(expected, error, limit=limit)
    else:
        content = read_bytes(path, expected, error, limit=limit, pipe=pipe)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as failed:
        raise error(f"{named(path)}: is not UTF-8 text; expected {expected}, saved as UTF-8") from failed


def named(path: Path) -> str:
    """Return a path as messages say it: `-` is standard input."""
    return "standard input" if str(path) == "-" else str(path)


def sha256_of(path: Path, expected: str, error: type[GancError] = FileFormatError) -> str:
    """Return the SHA-256 (hexadecimal) of a file's bytes; raises as `open_file` does."""
    with open_file(path, expected, error) as file:
        try:
            import hashlib  # --help does without

            return hashlib.file_digest(cast("io.BufferedReader", file), "sha256").hexdigest()
        except OSError as failed:
            raise error(f"{path}: cannot be read ({failed.strerror or failed}); expected {expected}") from failed


def _read(file: BinaryIO, limit: int | None) -> bytes:
    """Return the rest of a file, or what of it shows that it has more than `limit` bytes."""
    if limit is None:
        return file.read()
    parts, total = [], 0  # read(limit) would take so much memory at once
    while total <= limit and (part := file.read(_PART)):
        parts.append(part)
        total += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def one_line(error: object) -> str:
    """Return an error's message on one line, so that it can be quoted in another."""
    return " ".join(str(error).split())
