"""Rows of a running search: an append-only journal beside the results file, folded into it from time to time.

Whenever the process ends, the results file is a whole one, the old or the new; what was appended and is not in it is in
the journal.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganc.base.atomic import place_of, require_writable
from ganc.base.errors import FileFormatError, RunError
from ganc.base.journal_file import JournalFile, read_journal_file
from ganc.base.json_text import JsonObject
from ganc.base.temporaries import remove_leftovers
from ganc.results.hdf5 import HDF5_SIGNATURE, first_bytes, read_results, write_results
from ganc.results.parts import WHOLE, Parts
from ganc.results.predictions import Predictions, with_predictions
from ganc.results.search_results import SearchIdentity, SearchResults
from ganc.results.selection import without_beaten_predictions
from ganc.results.table import COST_COLUMNS, RowTable, SearchRow, joined, without_latencies

FORMAT = "ganc-search-journal"
VERSION = 2  # 1 has no checksums; what a line holds is the same
JOURNAL_SUFFIX = ".journal"
_NOT_TIMED: dict[str, Any] = {"latency_ms": None, "latency_engine": "", "latency_precision": "", "latency_device": ""}
PREDICTIONS = "predictions"  # the fact that says which model made them


class Journal(JournalFile):
    """The rows of one search, one a line below a header that identifies the search.

    Args:
        path: the journal's file.
        identity: the search that the rows belong to.
        facts: recorded in the header.
        options: of JournalFile.

    Attributes:
        facts: those of the header that was found when the journal was opened, of the run whose `rows` they are.

    Raises:
        RunError: the journal belongs to another search, or another process writes it.
        FileFormatError, WriteError: as of JournalFile.
    """

    def __init__(self, path: Path, identity: SearchIdentity, facts: Mapping, **options: Any) -> None:
        header = {"format": FORMAT, "version": VERSION, "identity": identity.to_json(), "facts": dict(facts)}
        self.facts: Mapping = dict(facts)

        def check(found: dict) -> None:
            _require_same(path, SearchIdentity.from_json(found.get("identity"), str(path)), identity)
            self.facts = JsonObject(path, found).take("facts", dict, {})

        super().__init__(path, header, check, _row_of, **options)

    @property
    def rows(self) -> list[SearchRow]:
        """The rows that were found when the journal was opened."""
        return self.lines

    def append(self, row: SearchRow) -> None:
        """Write one row; when this returns, the row survives the end of the process."""
        self.write({key: value for key, value in dataclasses.asdict(row).items() if value not in (None, "", {})})


def read_journal(path: Path) -> SearchResults:
    """Return what a journal holds, without writing or locking it; a last line that was cut off is left out.

    Raises:
        FileFormatError: there is no such file, it is no journal, of another version, or damaged.
    """
    header, rows = read_journal_file(path, FORMAT, VERSION, _row_of)
    identity = SearchIdentity.from_json(header.get("identity"), str(path))
    facts = JsonObject(path, header).take("facts", dict, {})
    return SearchResults(identity, facts, RowTable.of(rows), source=str(path), proven=header["version"] == VERSION)


class ResultsWriter:
    """Collects a search's rows so that none is lost: what earlier runs finished, the journal, and new ones.

    Args:
        path: the results file (HDF5); the journal is beside it (`journal_path`).
        identity: the search. facts: recorded in the file. Of a search in parts they name its own: as `unfinished` until
            `finish` is called, else as one that has ended.
        fold_every: after this many new rows (or a quarter of all, if that is more) they are folded into the file.
        restart: throw away what earlier runs left at `path`.
        restart_if_changed: throw it away where it belongs to another search.
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
        restart_if_changed: bool = False,
        sync_seconds: float = 1.0,
    ):
        self.path = Path(path)
        self.fold_every = fold_every
        require_writable(self.path)
        how = {"restart": restart, "restart_if_changed": restart_if_changed, "sync_seconds": sync_seconds}
        # The journal's lock comes first, so that no other process changes the results file after it is read here.
        self._journal = Journal(journal_path(self.path), identity, facts, **how)
        try:
            remove_leftovers([place_of(self.path)])
            if restart:
                _discard(self.path)
            rows, kept = self._earlier(identity, restart_if_changed)
            self._own = Parts.of(facts)
            self._folded = SearchResults(identity, self._continued(kept, facts), rows, source=str(self.path))
            self._new = {row.widths: row for row in self._journal.rows}
            self._predictions: Predictions | None = None
            self._written = False  # whether the file has all rows and the facts
            self._keeps_empty = False
            if self._new:  # a journal's header is of the run that writes its rows
                self.fold()
        except BaseException:
            self._journal.close(remove=not self._journal.rows)
            raise

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
        """Keep one finished row; a latency of another set-up than the earlier one takes its place.

        Raises:
            FileFormatError: it contradicts an earlier row of the same sub-network.
        """
        earlier = self.done(row.widths)
        if earlier is not None:
            if _retimed(earlier, row):
                earlier = dataclasses.replace(earlier, **_NOT_TIMED)
            row = SearchResults(self._folded.identity, {}, RowTable.of([earlier, row])).rows[0]
        self._journal.append(row)
        self._new[row.widths], self._written = row, False
        if len(self._new) >= max(self.fold_every, len(self._folded) // 4):  # so that all folds together stay O(rows)
            self.fold()

    def results(self) -> SearchResults:
        """Return all rows so far."""
        found, source = self._folded, str(self.path)
        if self._new:
            earlier = {row.widths: found.find(row.widths) for row in self._new.values()}
            retimed = [widths for widths, row in earlier.items() if row and _retimed(row, self._new[widths])]
            rows = joined([without_latencies(found.rows, retimed), RowTable.of(self._new.values())])
            found = SearchResults(found.identity, found.facts, rows, source=source)
        if self._predictions is None:
            return found
        facts = {**found.facts, PREDICTIONS: self._predictions.facts()}
        rows = with_predictions(found.rows, self._predictions)
        return without_beaten_predictions(SearchResults(found.identity, facts, rows, source=source))

    def predict(self, predictions: Predictions) -> None:
        """Keep what a model predicted with the rows, in place of earlier predictions; the next fold writes it.

        What rows of this or an earlier search beat is not kept; the model need not have known them.
        """
        self._predictions, self._written = predictions, False

    def finish(self) -> None:
        """Say that the search has ended: facts call it unfinished no more. The next fold writes that.

        A part without rows is a file all the same, which tells it from one that is missing.
        """
        parts, own = Parts.of(self._folded.facts), self._own.begun
        facts = Parts(parts.ended | own, parts.begun - own).said_in(self._folded.facts)
        self._folded, self._written = dataclasses.replace(self._folded, facts=facts), False
        self._keeps_empty = not own <= {WHOLE}

    def fold(self) -> None:
        """Write all rows, and the facts, into the file unless it has them; no rows leave no file but of a part."""
        if self._written or not (len(self) or self._keeps_empty):
            return
        results = self.results()
        write_results(self.path, results)
        self._folded, self._new, self._predictions, self._written = results, {}, None, True
        self._journal.clear()

    def close(self) -> SearchResults:
        """Fold everything into the file, remove the journal and return the results."""
        if not self._journal.closed:
            try:
                self.fold()
            except BaseException:
                self._journal.close()  # with the rows
                raise
            self._journal.close(remove=True)
        return self._folded

    def _earlier(self, identity: SearchIdentity, restart_if_changed: bool) -> tuple[RowTable, Mapping | None]:
        """Return the rows and facts of the results file; None for facts where there is no file to go on with."""
        if not self.path.exists():
            return RowTable.of([]), None
        earlier = read_results(self.path)
        if restart_if_changed and earlier.identity.differences(identity):
            _discard(self.path)
            return RowTable.of([]), None
        _require_same(self.path, earlier.identity, identity)
        return earlier.rows, earlier.facts

    def _continued(self, kept: Mapping | None, facts: Mapping) -> dict:
        """Return the facts of a file that goes on: the parts of all runs that wrote its rows, or the journal's.

        A run of a part that had ended begins it anew. The run that left rows in the journal did not end.
        """
        there = Parts() if kept is None else Parts.of(kept)
        if self._journal.rows:
            left = Parts.of(self._journal.facts)
            there |= Parts(begun=left.ended | left.begun)
        there = Parts(there.ended - self._own.begun, there.begun) | self._own
        predictions = {PREDICTIONS: kept[PREDICTIONS]} if kept and PREDICTIONS in kept else {}
        return there.said_in({**predictions, **facts})


def _retimed(earlier: SearchRow, row: SearchRow) -> bool:
    """Whether two rows of a sub-network have latencies of different set-ups, of which the later one counts."""
    return earlier.latency_ms is not None and row.latency_ms is not None and earlier.setup != row.setup


def journal_path(path: Path) -> Path:
    """Return the path of the journal of the results file `path`: beside it, and beside what a link points to.

    So a file has one journal, by whatever name a search writes it.

    Raises:
        WriteError: as of `place_of`.
    """
    place = place_of(path)
    return place.with_name(place.name + JOURNAL_SUFFIX)


def _discard(path: Path) -> None:
    """Remove earlier results, damaged ones too, but no file of another kind."""
    if not path.is_file():
        return
    if first_bytes(path) not in (b"", HDF5_SIGNATURE):
        raise FileFormatError(f"{path}: is no results file, so --restart leaves it alone; write to another file")
    place_of(path).unlink()  # a link stays


def _row_of(values: dict) -> SearchRow:
    """Return the row of a line. Raises FileFormatError or ValueError where it is none, or no column holds a number."""
    line = JsonObject.of(values, "the line")
    if unknown := values.keys() - {one.name for one in dataclasses.fields(SearchRow)}:
        raise ValueError(f"unknown: {unknown}")
    widths = line.take("widths", list)
    whole: dict[str, Any] = {name: line.take(name, int) for name in (*COST_COLUMNS, "images")}
    if not (all(_fits(width, np.int32) for width in widths) and all(_fits(one, np.int64) for one in whole.values())):
        raise ValueError("a number that no column holds")
    named = {name: line.within(name, {}) for name in ("metrics", "errors")}
    others: dict[str, Any] = {
        **{name: {key: one.take(key, float) for key in one.members} for name, one in named.items()},
        **{name: line.take(name, float, None) for name in ("latency_ms", "seconds")},
        **{name: line.take(name, str, "") for name in ("latency_engine", "latency_precision", "latency_device")},
    }
    return SearchRow(widths=widths, **whole, **others)


def _fits(value: object, dtype: type) -> bool:
    return type(value) is int and 0 <= value <= np.iinfo(dtype).max


def _require_same(path: Path, found: SearchIdentity, wanted: SearchIdentity) -> None:
    """Raise RunError, naming what differs, unless `path` belongs to the wanted search."""
    if differences := found.differences(wanted):
        raise RunError(
            f"{path}: belongs to another search: {differences} (there and now); "
            "write to another file, or use --restart to throw it away"
        )
