"""Search results as one HDF5 file: root attributes identify the search, group `subnets` holds one row a sub-network.

Rows are in falling lexicographic order of their widths, so that merged shards equal the file of one process.
"""

import io
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ganc.base.atomic import replacing
from ganc.base.digests import tensors_digest
from ganc.base.errors import FileFormatError
from ganc.base.json_text import JsonObject, parse_json
from ganc.base.reading import read_start
from ganc.results.hdf5_content import GROUP, Content, read_content
from ganc.results.search_results import SearchIdentity, SearchResults
from ganc.results.table import COST_COLUMNS, RowTable

FORMAT = "ganc-search-results"
VERSION = 2
WITHOUT_CHECKSUM = 1  # the version before, which is read too
CHECKSUM = "checksum"
_INTEGERS = (*COST_COLUMNS, "images")
_OPTIONAL = ("latency_ms", "latency_setup", "seconds")
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def write_results(target: Path | str | BinaryIO, results: SearchResults) -> None:
    """Write the results to a path (in one rename), to `-` (standard output) or to a binary stream.

    Raises:
        WriteError: the path cannot be written.
    """
    content = _file_bytes(results)
    if isinstance(target, str | os.PathLike) and str(target) != "-":
        with replacing(Path(target)) as temporary:  # on the disk when this is done, and a journal may be removed
            temporary.write_bytes(content)
        return
    stream = sys.stdout.buffer if isinstance(target, str | os.PathLike) else target
    stream.write(content)
    stream.flush()


def read_results(source: Path | str | BinaryIO) -> SearchResults:
    """Read results from a path, from `-` (standard input, read whole) or from a binary stream.

    Raises:
        FileFormatError: no such file, empty, not HDF5, of another kind or version, truncated, of other content than
            was written, or a column is missing or of a wrong shape.
        RunError: another program has the file open for writing.
    """
    content, name = _content(source)
    version = _checked_version(content.attributes, name)
    attributes = JsonObject(name, content.attributes)
    identity = SearchIdentity.from_json(_identity_values(attributes), name)
    facts = JsonObject.of(_json(attributes, "facts", "{}"), name, "facts").members
    rows = _read_rows(content, name)
    checksum = attributes.take(CHECKSUM, str, None) if version == WITHOUT_CHECKSUM else attributes.take(CHECKSUM, str)
    if checksum is not None and checksum != _checksum(version, identity, facts, rows):
        raise FileFormatError(f"{name}: its content is not what was written (its checksum differs); copy it again")
    return SearchResults(identity, facts, rows, source=name, proven=checksum is not None)


def _content(source: Path | str | BinaryIO) -> tuple[Content, str]:
    """Return what is in a file or stream, and its name for messages; say in one line what is wrong with it."""
    if isinstance(source, str | os.PathLike) and str(source) != "-":
        name, data = str(source), None
        start = first_bytes(Path(source))
    else:
        stream = sys.stdin.buffer if isinstance(source, str | os.PathLike) else source
        name = "standard input" if stream is sys.stdin.buffer else str(getattr(stream, "name", "standard input"))
        data = stream.read()
        start = data[: len(HDF5_SIGNATURE)]
    if not start and data is None:
        raise FileFormatError(f"{name}: is empty; expected search results, run ganc-search again")
    if not start:
        raise FileFormatError(f"{name} was empty: the command before the pipe wrote no results; see its messages")
    if start != HDF5_SIGNATURE:
        raise FileFormatError(f"{name}: is not an HDF5 file; expected search results as ganc-search writes them")
    return read_content(Path(name) if data is None else data, name), name


def first_bytes(path: Path) -> bytes:
    """Return the start of a file: HDF5_SIGNATURE if it may hold results, b"" if it is empty.

    Raises:
        FileFormatError: there is no such file, or it cannot be read.
    """
    return read_start(path, "search results as ganc-search writes them", len(HDF5_SIGNATURE))


def _file_bytes(results: SearchResults) -> memoryview:
    """Return the file, made in memory: HDF5 lays a file on disk out differently, and equal results need equal bytes."""
    import h5py  # loads slowly, and whoever only reads does without

    rows, content = results.rows, io.BytesIO()
    with h5py.File(content, "w", libver="earliest", track_order=False) as file:
        file.attrs["format"] = FORMAT
        file.attrs["version"] = VERSION
        file.attrs[CHECKSUM] = _checksum(VERSION, results.identity, results.facts, rows)
        for name, value in results.identity.to_json().items():
            file.attrs[name] = json.dumps(value, sort_keys=True) if isinstance(value, dict) else value
        file.attrs["facts"] = json.dumps(results.facts, sort_keys=True, ensure_ascii=False)
        group = file.create_group(GROUP, track_order=False)
        group.attrs["metrics"] = json.dumps([*rows.metrics])
        group.attrs["latency_setups"] = json.dumps(rows.setups)
        # Compressed columns are chunked, and each chunk then carries a checksum; an empty column cannot be chunked.
        storage = {"compression": 1, "shuffle": True, "fletcher32": True} if len(rows) else {}
        for name, column in sorted(_columns(rows).items()):
            group.create_dataset(name, data=column, track_times=False, **storage)
    return content.getbuffer()


def _columns(rows: RowTable) -> dict[str, np.ndarray]:
    columns = {name: getattr(rows, name) for name in ("widths", *_INTEGERS, *_OPTIONAL)}
    errors = {f"{name}_error": column for name, column in rows.errors.items() if name in rows.metrics}
    return columns | rows.metrics | errors


def _checksum(version: int, identity: SearchIdentity, facts: Mapping, rows: RowTable) -> str:
    """Return the digest of all that a file says, rows in the file's order."""
    said = {**identity.to_json(), "format": FORMAT, "version": version, "facts": dict(facts)}
    return tensors_digest(
        said | {"metrics": [*rows.metrics], "latency_setups": rows.setups},
        {name: column.astype(column.dtype.newbyteorder("<"), copy=False) for name, column in _columns(rows).items()},
    )


def _checked_version(attributes: Mapping, name: str) -> int:
    found = attributes.get("format")
    if found != FORMAT:
        kind = "an HDF5 file of another kind" if found is None else f"a file of format {str(found)[:50]!r}"
        raise FileFormatError(f"{name}: is {kind}; expected {FORMAT!r}, as ganc-search writes it")
    version = attributes.get("version")
    if type(version) is not int:
        raise FileFormatError(f"{name}: its version (={version!r:.50}) is not a whole number; run the search again")
    if version not in (WITHOUT_CHECKSUM, VERSION):
        raise FileFormatError(
            f"{name}: is version {version}, this ganc reads version {WITHOUT_CHECKSUM} and {VERSION}; use its own ganc"
        )
    return version


def _identity_values(attributes: JsonObject) -> dict:
    values = dict(attributes.members)
    if "generator_spec" in values:
        values["generator_spec"] = _json(attributes, "generator_spec")
    return values


def _json(attributes: JsonObject, name: str, default: str | None = None) -> Any:
    """Return the value of an attribute that is a JSON text."""
    text = attributes.take(name, str) if default is None else attributes.take(name, str, default)
    return parse_json(text, attributes.source, f"the JSON of its {name}")


def _read_rows(content: Content, name: str) -> RowTable:
    if content.group is None:
        raise FileFormatError(f"{name}: has no group {GROUP!r}; expected the rows of a search there")
    columns, attributes = _Columns(content, name), JsonObject(name, content.group)
    metrics = _json(attributes, "metrics", "[]")
    setups = _json(attributes, "latency_setups", "[]")
    if not _lists_texts(metrics) or not (isinstance(setups, list) and all(map(_is_setup, setups))):
        raise FileFormatError(f"{name}: its lists of metrics and setups are damaged; run the search again")
    codes = columns.whole("latency_setup", np.int16, least=-1, default=-1)
    if len(codes) and codes.max() >= len(setups):
        raise FileFormatError(f"{name}: column 'latency_setup' names a setup that is not listed; run the search again")
    return RowTable(
        widths=columns.whole("widths", np.int32),
        **{label: columns.whole(label, np.int64) for label in _INTEGERS},
        metrics={metric: columns.real(metric) for metric in metrics},
        errors={metric: columns.real(f"{metric}_error") for metric in metrics if f"{metric}_error" in columns},
        latency_ms=columns.real("latency_ms", default=np.nan),
        latency_setup=codes,
        setups=tuple(map(tuple, setups)),
        seconds=columns.real("seconds", default=np.nan),
    )


def _lists_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_setup(value: Any) -> bool:
    return _lists_texts(value) and len(value) == 3


class _Columns:
    """The columns of a file by name and type, each of as many rows as there are widths."""

    def __init__(self, content: Content, source: str):
        self._found, self._others, self._source = content.columns, content.others, source
        self._count = 0  # until the widths, which are the rows' number, are there
        self._count = len(self._of("widths", "iu"))

    def __contains__(self, label: str) -> bool:
        return label in self._found or label in self._others

    def whole(self, label: str, dtype: type, least: int = 0, default: int | None = None) -> np.ndarray:
        """Return a column of whole numbers, as another type that holds them."""
        if default is not None and label not in self:
            return np.full(self._count, default, dtype)
        column = self._of(label, "iu")
        if column.size and not least <= int(column.min()) <= int(column.max()) <= np.iinfo(dtype).max:
            raise FileFormatError(f"{self._source}: column {label!r} has numbers out of range; run the search again")
        return column.astype(dtype)

    def real(self, label: str, default: float | None = None) -> np.ndarray:
        """Return a column of numbers, float64."""
        if default is not None and label not in self:
            return np.full(self._count, default, np.float64)
        return self._of(label, "f").astype(np.float64)

    def _of(self, label: str, kinds: str) -> np.ndarray:
        if label not in self:
            raise FileFormatError(f"{self._source}: column {label!r} is missing from {GROUP!r}; run the search again")
        column = self._found.get(label)
        if column is not None and column.dtype.kind in kinds:
            fits = column.ndim == 2 if label == "widths" else column.shape == (self._count,)
            if fits:
                return column
        found = "" if column is None else f"shape {column.shape} and type {column.dtype}"
        found = self._others.get(label) or found
        expected = "(N, segments)" if label == "widths" else f"({self._count},)"
        raise FileFormatError(
            f"{self._source}: column {label!r} has {found}, expected {expected} of "
            f"{'numbers' if 'f' in kinds else 'whole numbers'}; run the search again"
        )
