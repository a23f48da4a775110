"""Append-only files of JSON lines, with a header or without: a line survives whatever ends its writer's process."""

import contextlib
import json
import os
import re
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ganc.base.atomic import replacing, writing
from ganc.base.errors import FileFormatError, RunError
from ganc.base.json_text import parse_json
from ganc.base.lock import lock
from ganc.base.reading import read_bytes

Read = Callable[[dict], Any]

LARGEST_JOURNAL = 4 << 30  # bytes: some millions of rows
WITHOUT_CHECKSUMS = 1  # of every format: files of this version are read whose lines have none
_START = b'{"format"'  # of every journal
_CHECKSUM = re.compile(rb', "crc": "([0-9a-f]{8})"}$')  # the last member of a line


class JournalFile:
    """A header line that says what the file belongs to, then one JSON object a line.

    Opening an existing file recovers its lines; a last line that was cut off is dropped. One process at a time holds
    the file.

    Args:
        path: the file; missing folders are made.
        header: of a new file. An existing one must have the same `format`, and the same `version` or the one that is
            WITHOUT_CHECKSUMS.
        check: is given the header of an existing file, and raises RunError if the file belongs to something else.
        read: returns what `lines` has of a line's object; a ValueError, TypeError, AttributeError or FileFormatError
            of it means that the line is damaged.
        sync_seconds: a line is handed to the system at once, and forced onto the disk at most this often.
        restart: throw away what the file holds.
        restart_if_changed: throw it away where `check` says that it belongs to something else.
        alone: whether it may be removed without anything else, which is then advised where it cannot be read;
            --restart throws more away.

    Attributes:
        lines: what was recovered.

    Raises:
        RunError: another process holds the file, or it belongs to something else.
        FileFormatError: the file is of another format or version, or damaged before its last line.
        WriteError: it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        header: Mapping,
        check: Callable[[dict], None],
        read: Read = dict,
        *,
        sync_seconds: float = 1.0,
        restart: bool = False,
        restart_if_changed: bool = False,
        alone: bool = False,
    ):
        self.path, self._alone = Path(path), alone
        self.lines: list = []
        self._header, self._sync_seconds, self._synced = dict(header), sync_seconds, time.monotonic()
        with writing(path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab+")
        try:
            lock(self._file, self.path, "wait for it, or name another file")
            if restart:
                self._discard()
            try:
                self._recover(check, read)
            except RunError:
                if not restart_if_changed:
                    raise
                self._discard()
                self._recover(check, read)
        except BaseException:
            with contextlib.suppress(OSError):  # what could not be written is not written now either
                self._file.close()
            raise

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._file.closed

    def write(self, values: Mapping) -> None:
        """Write one line; when this returns, the line survives the end of the process."""
        _write(self._file, self.path, _with_checksum(json.dumps(values, ensure_ascii=False).encode()))
        if time.monotonic() - self._synced >= self._sync_seconds:
            self._sync()

    def clear(self) -> None:
        """Drop all lines but the header."""
        self.lines = []
        self._truncate(0)
        self.write(self._header)
        self._sync()

    def close(self, *, remove: bool = False) -> None:
        """Close the file; with `remove`, delete it too."""
        if self.closed:
            return
        with writing(self.path), self._file:
            if remove:
                self.path.unlink(missing_ok=True)
            else:
                self._sync()

    def _discard(self) -> None:
        """Empty a file of any version; what does not begin as a journal does is somebody else's."""
        self._file.seek(0)
        start = self._file.read(len(_START))
        if start != _START[: len(start)]:
            raise _no_journal(self.path, self._header["format"])
        self._truncate(0)

    def _recover(self, check: Callable[[dict], None], read: Read) -> None:
        self._file.seek(0)
        complete, rest = _split(self._file.read())
        if not complete:  # new, or the process ended while it wrote the header
            if rest and not rest.startswith(_START[: len(rest)]):
                raise _no_journal(self.path, self._header["format"])
            self.clear()
            return
        header = _checked_header(complete[0], self.path, self._header["format"], self._header["version"], self._alone)
        check(header)
        needed = header["version"] != WITHOUT_CHECKSUMS
        self.lines = _read_lines(complete, self.path, read, needed=needed, alone=self._alone)
        if not self.lines:  # the header is this one's from now on
            self.clear()
            return
        self._truncate(sum(len(line) + 1 for line in complete[: len(self.lines) + 1]))

    def _truncate(self, size: int) -> None:
        with writing(self.path):
            self._file.truncate(size)

    def _sync(self) -> None:
        with writing(self.path):
            os.fsync(self._file.fileno())
        self._synced = time.monotonic()


def append_line(path: Path, values: Mapping) -> None:
    """Append one line to a file of JSON lines that has no header, with sorted keys.

    Raises:
        WriteError: it cannot be written.
    """
    with writing(path), Path(path).open("ab") as file:
        _write(file, path, json.dumps(values, sort_keys=True).encode())


def keep_lines(path: Path, kept: Callable[[dict], bool]) -> None:
    """Drop the lines of a file without a header that are damaged, or whose object is not to be kept.

    Raises:
        FileFormatError: it cannot be read.
        WriteError: it cannot be written.
    """
    complete, _ = _split(read_bytes(path, "JSON lines"))
    with replacing(path) as temporary:
        temporary.write_bytes(b"".join(line + b"\n" for line in complete if _object(line, kept)))


def read_lines(path: Path) -> list[dict]:
    """Return the objects of a file without a header, but for lines that are damaged.

    Raises:
        FileFormatError: it cannot be read.
    """
    complete, _ = _split(read_bytes(path, "JSON lines", limit=LARGEST_JOURNAL))
    return [found for line in complete if (found := _object(line, dict)) is not None]


def read_journal_file(path: Path, format_name: str, version: int, read: Read = dict) -> tuple[dict, list]:
    """Return a journal file's header and lines without writing or locking it; a last line cut off is left out.

    Args:
        format_name, version: what the header must have as `format` and `version`.

    Raises:
        FileFormatError: there is no such file, or it is of another format or version, damaged, or larger than
            LARGEST_JOURNAL.
    """
    complete, _ = _split(read_bytes(path, f"a file of format '{format_name}'", limit=LARGEST_JOURNAL))
    header = _checked_header(complete[0] if complete else b"", path, format_name, version)
    return header, _read_lines(complete, path, read, needed=header["version"] != WITHOUT_CHECKSUMS)


def _with_checksum(line: bytes) -> bytes:
    """Return an object's JSON with one more member: the CRC-32 of the JSON without it."""
    return line[:-1] + f', "crc": "{zlib.crc32(line):08x}"}}'.encode()


def _without_checksum(line: bytes, needed: bool) -> bytes:
    """Return an object's JSON without its checksum. Raises ValueError where that differs, or is needed and missing."""
    if not (found := _CHECKSUM.search(line)):
        if needed:
            raise ValueError("no checksum")
        return line
    line = line[: found.start()] + b"}"
    if int(found[1], 16) != zlib.crc32(line):
        raise ValueError("another checksum")
    return line


def _write(file: BinaryIO, path: Path, line: bytes) -> None:
    with writing(path):
        file.write(line + b"\n")
        file.flush()


def _split(content: bytes) -> tuple[list[bytes], bytes]:
    *complete, rest = content.split(b"\n")
    return complete, rest


def _checked_header(line: bytes, path: Path, format_name: str, version: int, alone: bool = False) -> dict:
    header = _object(line, dict)
    advice = "remove the file" if alone else "remove the file, or run with --restart"
    damaged = FileFormatError(f"{path}: its first line is damaged; {advice}")
    if header is None and line.startswith(_START):
        raise damaged
    if header is None or header.get("format") != format_name:
        raise _no_journal(path, format_name)
    if type(header.get("version")) is not int or header["version"] not in (WITHOUT_CHECKSUMS, version):
        raise FileFormatError(
            f"{path}: is version {str(header.get('version'))[:20]}, this ganc reads version {version}; "
            + ("remove the file" if alone else "use --restart")
        )
    if header["version"] != WITHOUT_CHECKSUMS and not _CHECKSUM.search(line):
        raise damaged
    return header


def _no_journal(path: Path, format_name: str) -> FileFormatError:
    return FileFormatError(f"{path}: is no file of format '{format_name}'; move it away, or name another results file")


def _read_lines(complete: list[bytes], path: Path, read: Read, *, needed: bool, alone: bool = False) -> list:
    """Return what the lines below the header hold; the last one may be damaged, and is then left out.

    Args:
        needed: whether each line must have a checksum.
    """
    lines = []
    for number, line in enumerate(complete[1:], 2):
        values = _object(line, read, needed=needed)
        if values is None and number < len(complete):
            advice = "remove the file" if alone else "run with --restart"
            raise FileFormatError(f"{path}: line {number} is damaged; remove that line, or {advice}")
        if values is not None:
            lines.append(values)
    return lines


def _object(line: bytes, read: Read, *, needed: bool = False) -> Any:
    with contextlib.suppress(ValueError, TypeError, AttributeError, FileFormatError):
        return read(parse_json(_without_checksum(line, needed), "a line"))
    return None
