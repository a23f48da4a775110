"""Safetensors files with one JSON metadata entry: the container of checkpoints and of a run's saved state."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from safetensors import numpy as safetensors_numpy

from ganc.base.atomic import replacing
from ganc.base.digests import canonical_json, tensors_digest
from ganc.base.errors import FileFormatError
from ganc.base.json_text import JsonObject, parse_json
from ganc.base.reading import one_line, read_start, require_file
from ganc.files.kinds import RUN_STATE, SAFETENSORS, kind_of, looks_like, state_said, what_is

METADATA_KEY = "ganc"


CHECKSUM = "checksum"  # the header's member with the digest of everything else in the file


def write_tensors(path: Path, header: Mapping, tensors: Mapping[str, np.ndarray]) -> None:
    """Write arrays, a JSON header and their checksum as one file; equal content gives equal bytes.

    Safetensors writes several metadata entries in random order, so the header is one entry.
    """
    arrays = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    header = _unsigned(json.loads(canonical_json(header)))  # as a reader will find it
    whole = {**header, CHECKSUM: tensors_digest(header, arrays)}
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors_numpy.save(arrays, metadata={METADATA_KEY: canonical_json(whole)}))


def read_tensors(
    path: Path, file_format: str, version: int, without_checksum: tuple[int, ...] = ()
) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the header, without its checksum, and the arrays of a file that `write_tensors` wrote.

    Args:
        without_checksum: older versions that are read too, whose files have none.

    Raises:
        FileFormatError: no such file, not of this format and version, truncated, or of other content than was written.
    """
    header = _header_of(path, file_format)
    content = JsonObject.of(header, path)
    found = content.require_format(file_format, (*without_checksum, version))
    arrays = read_arrays(path)
    checksum = content.take(CHECKSUM, str, None) if found in without_checksum else content.take(CHECKSUM, str)
    header = _unsigned(header)
    if checksum is not None and checksum != tensors_digest(header, arrays):
        raise FileFormatError(f"{path}: its content is not what was written (its checksum differs); copy it again")
    return header, arrays


def read_header(
    path: Path, file_format: str, version: int, without_checksum: tuple[int, ...] = ()
) -> Mapping[str, Any]:
    """Return the header alone, unchecked but for format and version; raises as `read_tensors` does."""
    header = _header_of(path, file_format)
    JsonObject.of(header, path).require_format(file_format, (*without_checksum, version))
    return _unsigned(header)


def has_checksum(path: Path) -> bool:
    """Whether a file that was read has a checksum. Raises FileFormatError as `read_any_header` does."""
    return CHECKSUM in read_any_header(path, "ganc")


def _unsigned(header: Mapping) -> dict:
    """Return a header without its checksum."""
    return {name: value for name, value in header.items() if name != CHECKSUM}


def _header_of(path: Path, file_format: str) -> Mapping[str, Any]:
    """Return a header as `read_any_header`, but no other's than a run's state where one is named."""
    header = read_any_header(path, file_format)
    if header.get("format") == RUN_STATE != file_format:
        raise FileFormatError(f"{path}: {state_said(Path(path))}")
    return header


def read_any_header(path: Path, expected: str) -> Mapping[str, Any]:
    """Return the header of a file that `write_tensors` wrote, of whatever format.

    Raises:
        FileFormatError: no such file, no such header, or truncated; `expected` is what the message says was expected.
    """
    require_file(path, f"a {expected} file")
    try:
        with safetensors.safe_open(path, framework="numpy") as opened:
            metadata = opened.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        if recognised := looks_like(Path(path)):
            raise FileFormatError(f"{path}: not a {expected} file; {recognised}") from error
        start = read_start(path, f"a {expected} file", 512)
        if kind_of(start) != SAFETENSORS:
            found = what_is(start) if start else "empty"
            raise FileFormatError(f"{path}: is {found}, expected a {expected} file") from error
        raise FileFormatError(
            f"{path}: not a {expected} file, or truncated ({one_line(error)}); make or copy it again"
        ) from error
    if METADATA_KEY not in metadata:
        raise FileFormatError(f"{path}: a safetensors file without '{METADATA_KEY}' metadata, expected {expected}")
    return JsonObject.of(parse_json(metadata[METADATA_KEY], path, f"its '{METADATA_KEY}' metadata"), path).members


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a safetensors file whose header was read. Raises FileFormatError."""
    try:
        return safetensors_numpy.load_file(path)
    except (safetensors.SafetensorError, OSError, KeyError, ValueError) as error:
        raise FileFormatError(f"{path}: cannot be read ({one_line(error)}); make or copy it again") from error
