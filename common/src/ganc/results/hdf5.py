"""Search results as one HDF5 file: root attributes identify the search, group `subnets` holds one row a sub-network.

Rows are in falling lexicographic order of their widths, so that merged shards equal the file of one process.
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ganc.base.atomic import replacing
from ganc.base.errors import FileFormatError, GancError, RunError
from ganc.base.json_text import JsonObject, parse_json
from ganc.base.reading import one_line, open_file
from ganc.results.search_results import SearchIdentity, SearchResults
from ganc.results.table import COST_COLUMNS, RowTable

# h5py is imported where a file is opened: much of what imports this module opens none, and h5py loads slowly.

FORMAT = "ganc-search-results"
VERSION = 1
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
        with replacing(Path(target)) as temporary, temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # on disk before the rename, and before a journal may be removed
        return
    stream = sys.stdout.buffer if isinstance(target, str | os.PathLike) else target
    stream.write(content)
    stream.flush()


def read_results(source: Path | str | BinaryIO) -> SearchResults:
    """Read results from a path, from `-` (standard input, read whole) or from a binary stream.

    Raises:
        FileFormatError: no such file, empty, not HDF5, of another kind or version, truncated, or a column is missing
            or of a wrong shape.
        RunError: another program has the file open for writing.
    """
    with _opened(source) as (file, name):
        _check_kind(file.attrs, name)
        identity = SearchIdentity.from_json(_identity_values(file.attrs, name), name)
        facts = JsonObject.of(parse_json(file.attrs.get("facts", "{}"), name, "the JSON of its facts"), name).members
        return SearchResults(identity, facts, _read_rows(file.get("subnets"), name), source=name)


@contextlib.contextmanager
def _opened(source: Path | str | BinaryIO) -> Iterator[tuple]:
    """Yield the open HDF5 file and its name for messages; say in one line what is wrong with it."""
    import h5py

    if isinstance(source, str | os.PathLike) and str(source) != "-":
        name, content = str(source), Path(source)
        start = first_bytes(content)
    else:
        stream = sys.stdin.buffer if isinstance(source, str | os.PathLike) else source
        name = "standard input" if stream is sys.stdin.buffer else str(getattr(stream, "name", "standard input"))
        data = stream.read()
        content, start = io.BytesIO(data), data[: len(HDF5_SIGNATURE)]
    if not start and isinstance(content, Path):
        raise FileFormatError(f"{name}: is empty; expected search results, run ganc-search again")
    if not start:
        raise FileFormatError(f"{name} was empty: the command before the pipe wrote no results; see its messages")
    if start != HDF5_SIGNATURE:
        raise FileFormatError(f"{name}: is not an HDF5 file; expected search results as ganc-search writes them")
    try:
        with h5py.File(content, "r") as file:
            yield file, name
    except GancError:
        raise
    except BlockingIOError as error:  # HDF5 locks what it writes
        raise RunError(f"{name}: is in use: another program has it open for writing; close it there first") from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        detail = one_line(error)
        raise FileFormatError(
            f"{name}: is truncated or damaged ({detail}); expected search results, copy the file again"
        ) from error


def first_bytes(path: Path) -> bytes:
    """Return the start of a file: HDF5_SIGNATURE if it may hold results, b"" if it is empty.

    Raises:
        FileFormatError: there is no such file, or it cannot be read.
    """
    with open_file(path, "search results as ganc-search writes them") as file:
        return file.read(len(HDF5_SIGNATURE))


def _file_bytes(results: SearchResults) -> memoryview:
    """Return the file, made in memory: HDF5 lays a file on disk out differently, and equal results need equal bytes."""
    import h5py

    rows, content = results.rows, io.BytesIO()
    with h5py.File(content, "w", libver="earliest", track_order=False) as file:
        file.attrs["format"] = FORMAT
        file.attrs["version"] = VERSION
        for name, value in results.identity.to_json().items():
            file.attrs[name] = json.dumps(value, sort_keys=True) if isinstance(value, dict) else value
        file.attrs["facts"] = json.dumps(results.facts, sort_keys=True, ensure_ascii=False)
        group = file.create_group("subnets", track_order=False)
        group.attrs["metrics"] = json.dumps([*rows.metrics])
        group.attrs["latency_setups"] = json.dumps(rows.setups)
        columns = {name: getattr(rows, name) for name in ("widths", *_INTEGERS, *_OPTIONAL)}
        columns |= rows.metrics | {f"{name}_error": column for name, column in rows.errors.items()}
        # Compressed columns are chunked, and each chunk then carries a checksum; an empty column cannot be chunked.
        storage = {"compression": 1, "shuffle": True, "fletcher32": True} if len(rows) else {}
        for name in sorted(columns):
            group.create_dataset(name, data=columns[name], track_times=False, **storage)
    return content.getbuffer()


def _check_kind(attributes, name: str) -> None:
    found = attributes.get("format")
    if found != FORMAT:
        kind = "an HDF5 file of another kind" if found is None else f"a file of format {found!r}"
        raise FileFormatError(f"{name}: is {kind}; expected {FORMAT!r}, as ganc-search writes it")
    version = attributes.get("version")
    if not isinstance(version, np.integer | int):
        raise FileFormatError(f"{name}: its version (={version!r}) is not a whole number; run the search again")
    if version != VERSION:
        raise FileFormatError(f"{name}: is version {version}, this ganc reads version {VERSION}; use its own ganc")


def _identity_values(attributes, name: str) -> dict:
    values = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in attributes.items()}
    if isinstance(values.get("generator_spec"), str):
        values["generator_spec"] = parse_json(values["generator_spec"], name, "the JSON of its generator_spec")
    return values


def _read_rows(group, name: str) -> RowTable:
    import h5py

    if not isinstance(group, h5py.Group):
        raise FileFormatError(f"{name}: has no group 'subnets'; expected the rows of a search there")

    def column(label: str, kinds: str, dtype: type, default: object = None) -> np.ndarray:
        if label not in group:
            if default is not None:
                return np.full(count, default, dtype)
            raise FileFormatError(f"{name}: column {label!r} is missing from 'subnets'; run the search again")
        dataset = group[label]
        shape, kind = getattr(dataset, "shape", None), getattr(getattr(dataset, "dtype", None), "kind", None)
        expected = "(N, segments)" if label == "widths" else f"({count},)"
        if kind not in kinds or shape is None or (len(shape) != 2 if label == "widths" else shape != (count,)):
            raise FileFormatError(
                f"{name}: column {label!r} has shape {shape} and type {getattr(dataset, 'dtype', None)}, expected "
                f"{expected} of {'numbers' if 'f' in kinds else 'whole numbers'}; run the search again"
            )
        return dataset[()].astype(dtype, copy=False)

    count = None
    widths = column("widths", "iu", np.int32)
    count = len(widths)
    metrics = parse_json(group.attrs.get("metrics", "[]"), name, "the JSON of its metrics")
    listed = parse_json(group.attrs.get("latency_setups", "[]"), name, "the JSON of its setups")
    setups = tuple(tuple(setup) for setup in listed)
    setup_codes = column("latency_setup", "iu", np.int16, default=-1)
    if count and not (setup_codes.min() >= -1 and setup_codes.max() < len(setups)):
        raise FileFormatError(f"{name}: column 'latency_setup' names a setup that is not listed; run the search again")
    errors = [metric for metric in metrics if f"{metric}_error" in group]
    return RowTable(
        widths=widths,
        **{label: column(label, "iu", np.int64) for label in _INTEGERS},
        metrics={metric: column(metric, "f", np.float64) for metric in metrics},
        errors={metric: column(f"{metric}_error", "f", np.float64) for metric in errors},
        latency_ms=column("latency_ms", "f", np.float64, default=np.nan),
        latency_setup=setup_codes,
        setups=setups,
        seconds=column("seconds", "f", np.float64, default=np.nan),
    )
