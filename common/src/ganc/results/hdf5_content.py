"""What is inside an HDF5 file, read in a process of its own.

The HDF5 library can loop for ever on a damaged file, take any amount of memory, and crash. So it never reads in the
caller's process: a child does, within limits of time and memory that the system enforces, and hands over plain values.
The child is this module: `python -m ganc.results.hdf5_content PATH`, or `-` for standard input.
"""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganc.base.errors import FileFormatError, RunError
from ganc.base.reading import one_line

MODULE = "ganc.results.hdf5_content"
GROUP = "subnets"
# What columns may declare before memory is taken for them: some four million rows of a search.
LARGEST_COLUMNS = 512 << 20
SMALL = 64 << 20  # bytes that a file of any size may declare
MOST_GROWTH = 1100  # beyond that gzip, which all but repeats itself, cannot have packed them
MOST_NUMBERS = 64  # of an attribute
MEMORY = 256 << 20  # beyond the largest columns
SECONDS = 2  # of computing for a small file, which needs milliseconds
BYTES_A_SECOND = 1 << 20  # what a larger file gets in addition


@dataclass(frozen=True)
class Content:
    """Attributes and columns as they are in the file; nothing in them is checked.

    Attributes:
        attributes: of the root: texts, whole numbers, and lists of whole numbers; what is none of these is absent.
        group: those of the group `subnets`, None where there is no such group.
        columns: the numeric datasets of the group.
        others: what else there is in the group, by name, and what it is.
    """

    attributes: Mapping[str, object]
    group: Mapping[str, object] | None
    columns: Mapping[str, np.ndarray]
    others: Mapping[str, str]


def read_content(source: Path | bytes, name: str) -> Content:
    """Return what a file, or the bytes of one, holds.

    Args:
        name: of the source, for messages.

    Raises:
        FileFormatError: it is truncated or damaged, declares more than it can hold, or the library does not come to
            an end with it.
        RunError: another program has the file open for writing, or the child cannot be started.
    """
    given, size = (source, len(source)) if isinstance(source, bytes) else (None, source.stat().st_size)
    place = "-" if given is not None else os.path.abspath(source)
    seconds = SECONDS + size // BYTES_A_SECOND
    # A child finds what its parent finds. -P: not what happens to lie in the folder that it is started in.
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    command = [sys.executable, "-P", "-m", MODULE, place, str(size), str(seconds)]
    try:
        # The clock is for systems without limits of computing; it waits longer, since a machine may be busy.
        done = subprocess.run(
            command, input=given or b"", env=paths, capture_output=True, check=False, timeout=60 * seconds
        )
    except subprocess.TimeoutExpired as error:
        raise _endless(name, 60 * seconds) from error
    except OSError as error:
        raise RunError(f"{name}: cannot be read: no process can be started ({one_line(error)})") from error
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise _endless(name, seconds)
    first, _, rest = done.stdout.partition(b"\n")
    if done.returncode > 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise RunError(f"{name}: cannot be read: the process that reads HDF5 failed ({last[0]})")
    if done.returncode:
        raise _damaged(name, f"the HDF5 library ended with signal {-done.returncode}")
    return _received(json.loads(first), rest, name)


def _received(header: dict, numbers: bytes, name: str) -> Content:
    if header.get("in_use"):
        raise RunError(f"{name}: is in use: another program has it open for writing; close it there first")
    if "error" in header:
        raise _damaged(name, header["error"])
    columns, start = {}, 0
    for label, (dtype, shape) in header["columns"].items():
        count = int(np.prod(shape, dtype=np.int64))
        column = np.frombuffer(numbers, dtype, count, start).reshape(shape)
        columns[label], start = column, start + column.nbytes
    return Content(header["attributes"], header["group"], columns, header["others"])


def _damaged(name: str, detail: str) -> FileFormatError:
    return FileFormatError(f"{name}: is truncated or damaged ({detail}); expected search results, copy the file again")


def _endless(name: str, seconds: int) -> FileFormatError:
    return _damaged(name, f"the HDF5 library does not come to an end with it in {seconds} s")


def _limit(size: int, seconds: int) -> None:
    """Let the system end this process after so many seconds of computing, and give it no more than it may need."""
    try:
        import resource  # POSIX only
    except ImportError:
        return

    def lower(kind: int, most: int) -> None:
        finite = [one for one in (most, *resource.getrlimit(kind)) if one != resource.RLIM_INFINITY]
        resource.setrlimit(kind, (min(finite), resource.getrlimit(kind)[1]))

    used = resource.getrusage(resource.RUSAGE_SELF)
    lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + seconds)
    lower(resource.RLIMIT_CORE, 0)
    with contextlib.suppress(OSError):  # no Linux
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        lower(resource.RLIMIT_AS, pages * resource.getpagesize() + LARGEST_COLUMNS + MEMORY + 2 * size)


def _send(place: str, size: int) -> None:
    """Write one line of JSON, and behind it the numbers of the columns that it names."""
    import h5py

    source = io.BytesIO(sys.stdin.buffer.read()) if place == "-" else place
    out = sys.stdout.buffer
    try:
        with h5py.File(source, "r") as file:
            group = file[GROUP] if _is_inside(file, GROUP) else None
            group = group if isinstance(group, h5py.Group) else None
            columns, others = ({}, {}) if group is None else _listed(group)
            _require_possible(columns, size)
            # All is read before anything is sent: what fails in between is an error.
            numbers = {name: column[()] for name, column in columns.items()}
            header: dict[str, Any] = {
                "attributes": dict(_plain(file.attrs)),
                "group": None if group is None else dict(_plain(group.attrs)),
                "columns": {name: (array.dtype.str, array.shape) for name, array in numbers.items()},
                "others": others,
            }
    except BlockingIOError:  # HDF5 locks what it writes
        header, numbers = {"in_use": True}, {}
    except Exception as error:  # the bytes may be anything, and h5py raises nearly anything on them
        header, numbers = {"error": one_line(error)[:300] or type(error).__name__}, {}
    out.write(json.dumps(header).encode() + b"\n")
    for array in numbers.values():
        out.write(np.ascontiguousarray(array).data)
    out.flush()


def _listed(group: Any) -> tuple[dict, dict[str, str]]:
    """Return the numeric datasets of an HDF5 group, and what the rest of it is."""
    import h5py

    columns, others = {}, {}
    for name in group:
        one = group[name] if _is_inside(group, name) else None
        shape, dtype = getattr(one, "shape", None), getattr(one, "dtype", None)
        numeric = isinstance(one, h5py.Dataset) and shape is not None and one.dtype.kind in "iuf"
        if one is not None and numeric and not (one.external or one.is_virtual):
            columns[name] = one
        else:
            others[name] = f"shape {shape} and type {dtype}"
    return columns, others


def _is_inside(group: Any, name: str) -> bool:
    """Whether a member is there and in this very file: a link to another may lead to anything that can be opened."""
    import h5py

    return isinstance(group.get(name, getlink=True), h5py.HardLink)


def _require_possible(columns: Mapping, size: int) -> None:
    declared = sum(int(np.prod(one.shape, dtype=object)) * one.dtype.itemsize for one in columns.values())
    most = min(LARGEST_COLUMNS, max(SMALL, MOST_GROWTH * size))
    if declared > most:
        raise ValueError(f"its columns declare {declared:,} bytes, expected at most {most:,} in a file of {size:,}")


def _plain(attributes: Mapping) -> Iterator[tuple[str, object]]:
    """Yield the attributes that are texts, whole numbers, or lists of whole numbers."""
    for name in attributes:
        value = attributes[name]
        if isinstance(value, bytes):  # a text of fixed length
            yield name, value.decode()
        elif isinstance(value, str):
            yield name, value.encode().decode()  # a text that is not UTF-8 is no text
        elif isinstance(value, np.integer):
            yield name, int(value)
        elif isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.size <= MOST_NUMBERS:
            yield name, value.tolist()


if __name__ == "__main__":
    place, size, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    import h5py  # noqa: F401 - before the limits, which are for the file

    _limit(size, seconds)
    _send(place, size)
