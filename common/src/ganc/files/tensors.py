"""Safetensors files with one JSON metadata entry: the container of checkpoints and of a run's saved state."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
from safetensors import numpy as safetensors_numpy

from ganc.base.atomic import replacing
from ganc.base.digests import canonical_json
from ganc.base.errors import FileFormatError
from ganc.files.kinds import looks_like

METADATA_KEY = "ganc"


def write_tensors(path: Path, header: Mapping, tensors: Mapping[str, np.ndarray]) -> None:
    """Write arrays and a JSON header as one file; equal content gives equal bytes.

    Safetensors writes several metadata entries in random order, so the header is one entry.
    """
    arrays = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors_numpy.save(arrays, metadata={METADATA_KEY: canonical_json(header)}))


def read_tensors(path: Path, file_format: str, version: int) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the header and the arrays of a file that `write_tensors` wrote.

    Raises:
        FileFormatError: no such file, not of this format and version, or truncated.
    """
    header = read_header(path, file_format, version)
    try:
        return header, safetensors_numpy.load_file(path)
    except (safetensors.SafetensorError, OSError, KeyError) as error:
        raise FileFormatError(f"{path}: cannot be read ({_one_line(error)})") from error


def read_header(path: Path, file_format: str, version: int) -> dict:
    """Return the header alone, after checking format and version; raises as `read_tensors` does."""
    if not Path(path).is_file():
        raise FileFormatError(f"{path}: no such file, expected a {file_format} file")
    try:
        with safetensors.safe_open(path, framework="numpy") as opened:
            metadata = opened.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        if recognised := looks_like(Path(path)):
            raise FileFormatError(f"{path}: not a {file_format} file; {recognised}") from error
        raise FileFormatError(
            f"{path}: not a {file_format} file, or truncated ({_one_line(error)}); make or copy it again"
        ) from error
    try:
        header = json.loads(metadata.get(METADATA_KEY, "null"))
    except json.JSONDecodeError as error:
        raise FileFormatError(f"{path}: its '{METADATA_KEY}' metadata is no JSON ({error})") from error
    if not isinstance(header, dict) or "format" not in header:
        raise FileFormatError(f"{path}: a safetensors file without '{METADATA_KEY}' metadata, expected {file_format}")
    if header["format"] != file_format:
        raise FileFormatError(f"{path}: is a {header['format']} file, expected {file_format}")
    if header.get("version") != version:
        raise FileFormatError(
            f"{path}: {file_format} version {header.get('version')}, this ganc reads version {version}; update ganc"
        )
    return header


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
