"""Rows of a running search: an append-only journal beside the results file, folded into it from time to time.

Whenever the process ends, the results file is a whole one, the old or the new; what was appended and is not in it is in
the journal.
"""

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from ganc.base.atomic import remove_leftovers, write_error
from ganc.base.errors import FileFormatError, RunError
from ganc.results.hdf5 import HDF5_SIGNATURE, read_results, write_results
from ganc.results.search_results import SearchIdentity, SearchResults
from ganc.results.table import RowTable, SearchRow, joined

FORMAT = "ganc-search-journal"
VERSION = 1


class Journal:
    """An append-only file: a header line that identifies the search, then one JSON line a row.

    Opening an existing journal of the same search recovers its rows in `rows`; a last line that was cut off is dropped.
    One process at a time holds a journal.

    Args:
        path: the journal's file.
        identity: the search that the rows belong to.
        facts: recorded in the header.
        sync_seconds: a row is handed to the system at once, and forced onto the disk at most this often.
        restart: throw away what stands there.

    Raises:
        RunError: the journal belongs to another search, or another process writes it.
        FileFormatError: it is no journal, of another version, or damaged before its last line.
        WriteError: it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        identity: SearchIdentity,
        facts: Mapping,
        *,
        sync_seconds: float = 1.0,
        restart: bool = False,
    ):
        self.path = Path(path)
        self.identity = identity
        self.facts = facts
        self.sync_seconds = sync_seconds
        self.rows: list[SearchRow] = []
        self._synced = time.monotonic()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab+")
        except OSError as error:
            raise write_error(path, error) from error
        try:
            _lock(self._file, self.path)
            if restart:
                self._file.truncate(0)
            self._recover()
        except BaseException:
            self._file.close()
            raise

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._file.closed

    def append(self, row: SearchRow) -> None:
        """Write one row; when this returns, the row survives the end of the process."""
        self._write_line({key: value for key, value in dataclasses.asdict(row).items() if value not in (None, "", {})})
        if time.monotonic() - self._synced >= self.sync_seconds:
            self._sync()

    def clear(self) -> None:
        """Drop all rows, keeping the header: they are in the results file now."""
        self.rows = []
        self._file.truncate(0)
        self._write_header()

    def close(self, *, remove: bool = False) -> None:
        """Close the file; with `remove`, delete it too."""
        if self.closed:
            return
        if remove:
            self.path.unlink(missing_ok=True)
        else:
            self._sync()
        self._file.close()

    def _recover(self) -> None:
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        complete, rest = lines[:-1], lines[-1]
        if not complete:  # new, or the process ended while it wrote the header
            if rest and not rest.startswith(b'{"format"'[: len(rest)]):
                raise FileFormatError(f"{self.path}: is no journal of ganc-search; name another results file")
            self._file.truncate(0)
            self._write_header()
            return
        self._check_header(complete[0])
        end = len(complete[0]) + 1
        for number, line in enumerate(complete[1:], 2):
            row = _row_of(line)
            if row is None and number < len(complete):
                raise FileFormatError(f"{self.path}: line {number} is damaged; remove that line, or run with --restart")
            if row is None:
                break
            self.rows.append(row)
            end += len(line) + 1
        self._file.truncate(end)

    def _check_header(self, line: bytes) -> None:
        header = _checked_header(line, self.path)
        _require_same(self.path, SearchIdentity.from_json(header.get("identity"), str(self.path)), self.identity)

    def _write_header(self) -> None:
        self._write_line(
            {"format": FORMAT, "version": VERSION, "identity": self.identity.to_json(), "facts": dict(self.facts)}
        )
        self._sync()

    def _write_line(self, values: dict) -> None:
        try:
            self._file.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise write_error(self.path, error) from error

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()


def read_journal(path: Path) -> SearchResults:
    """Return what a journal holds, without writing or locking it; a last line that was cut off is left out.

    Raises:
        FileFormatError: there is no such file, it is no journal, of another version, or damaged.
    """
    try:
        lines = Path(path).read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read ({error.strerror})") from error
    header = _checked_header(lines[0] if lines else b"", path)
    rows = [_row_of(line) for line in lines[1:]]
    if None in rows[:-1]:
        raise FileFormatError(f"{path}: line {rows.index(None) + 2} is damaged; remove that line")
    identity = SearchIdentity.from_json(header.get("identity"), str(path))
    return SearchResults(identity, header.get("facts") or {}, [row for row in rows if row], source=str(path))


class ResultsWriter:
    """Collects a search's rows so that none is lost: what earlier runs finished, the journal, and new ones.

    Args:
        path: the results file (HDF5); the journal stands beside it as `path` + `.journal`.
        identity: the search. facts: recorded in the file.
        fold_every: after this many new rows (or a quarter of all, if that is more) they are folded into the file.
        restart: throw away what earlier runs left at `path`.
        sync_seconds: as for Journal.

    Raises:
        RunError: the file or its journal belongs to another search, or another process writes it.
        FileFormatError: the file or its journal is damaged or something else.
        WriteError: they cannot be written.
    """

    def __init__(
        self,
        path: Path,
        identity: SearchIdentity,
        facts: Mapping,
        *,
        fold_every: int = 1000,
        restart: bool = False,
        sync_seconds: float = 1.0,
    ):
        self.path = Path(path)
        self.fold_every = fold_every
        # The journal's lock comes first, so that no other process changes the results file after it is read here.
        self._journal = Journal(journal_path(self.path), identity, facts, sync_seconds=sync_seconds, restart=restart)
        try:
            remove_leftovers(self.path)
            if restart:
                _discard(self.path)
            self._folded = SearchResults(identity, facts, self._earlier_rows(identity), source=str(self.path))
        except BaseException:
            self._journal.close(remove=not self._journal.rows)
            raise
        self._new = {row.widths: row for row in self._journal.rows}

    def __enter__(self) -> "ResultsWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._folded) + sum(self._folded.find(widths) is None for widths in self._new)

    def done(self, widths: Iterable[int]) -> SearchRow | None:
        """Return the finished row of these widths, None if it is still to be evaluated."""
        widths = tuple(widths)
        return self._new.get(widths) or self._folded.find(widths)

    def append(self, row: SearchRow) -> None:
        """Keep one finished row. Raises FileFormatError if it contradicts an earlier row of the same sub-network."""
        earlier = self.done(row.widths)
        if earlier is not None:
            row = SearchResults(self._folded.identity, {}, [earlier, row]).rows[0]
        self._journal.append(row)
        self._new[row.widths] = row
        if len(self._new) >= max(self.fold_every, len(self._folded) // 4):  # so that all folds together stay O(rows)
            self._fold()

    def results(self) -> SearchResults:
        """Return all rows so far."""
        if not self._new:
            return self._folded
        rows = joined([self._folded.rows, RowTable.of(self._new.values())])
        return SearchResults(self._folded.identity, self._folded.facts, rows, source=str(self.path))

    def close(self) -> SearchResults:
        """Fold everything into the file, remove the journal and return the results; no rows leave no file."""
        if not self._journal.closed:
            if len(self):
                self._fold()
            self._journal.close(remove=True)
        return self._folded

    def _earlier_rows(self, identity: SearchIdentity) -> RowTable:
        if not self.path.exists():
            return RowTable.of([])
        earlier = read_results(self.path)
        _require_same(self.path, earlier.identity, identity)
        return earlier.rows

    def _fold(self) -> None:
        results = self.results()
        write_results(self.path, results)
        self._folded, self._new = results, {}
        self._journal.clear()


def journal_path(path: Path) -> Path:
    """Return where the journal of the results file `path` stands."""
    return path.with_name(path.name + ".journal")


def _discard(path: Path) -> None:
    """Remove earlier results, damaged ones too, but no file of another kind."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(len(HDF5_SIGNATURE))
    if start not in (b"", HDF5_SIGNATURE):
        raise FileFormatError(f"{path}: is no results file, so --restart leaves it alone; write to another file")
    path.unlink()


def _checked_header(line: bytes, path: Path) -> dict:
    try:
        header = json.loads(line)
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise FileFormatError(f"{path}: is no journal of ganc-search; name another results file")
    if header.get("version") != VERSION:
        raise FileFormatError(
            f"{path}: is version {header.get('version')}, this ganc reads version {VERSION}; use --restart"
        )
    return header


def _row_of(line: bytes) -> SearchRow | None:
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        return SearchRow(**json.loads(line))
    return None


def _require_same(path: Path, found: SearchIdentity, wanted: SearchIdentity) -> None:
    if differences := found.differences(wanted):
        raise RunError(
            f"{path}: belongs to another search: {differences} (there and now); "
            "write to another file, or use --restart to throw it away"
        )


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # a system without POSIX locks: the lock only guards against a mistake
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        still_there = os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError as error:
        raise RunError(f"{path}: another process writes this search; wait for it, or write to another file") from error
    if not still_there:  # removed between opening and locking: another process has just finished
        raise RunError(f"{path}: another process has just finished this search; run the command again")
