"""Recognising files of other programs by their first bytes, and what to do with them."""

import zipfile
from pathlib import Path

from ganc.base.errors import FileFormatError
from ganc.base.reading import read_start

HDF5, ONNX, SAFETENSORS = "an HDF5 file", "an ONNX model", "a safetensors file"
TAR, GZIP, ZIP, PICKLE = "a tar file", "a gzip file", "a zip file", "a pickle"

RUN_STATE = "ganc-run-state"  # the format of what a training run saves

_IMAGES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_START = 512  # bytes that tell all of them
_BEHIND_IR_VERSION = (b"\x12", b"\x1a", b"\x22", b"\x3a")  # of an ONNX model: the tag of a text, or of the graph
_OF_FOLDERS = {"model.json": "an exported model", "settings.json": "a run", "log.jsonl": "a run"}
_EXPORTED = "name the checkpoint it was exported from, generator.safetensors in its folder"


def kind_of(data: bytes) -> str | None:
    """Return what a file is by its first bytes, one of this module's kinds; None: unknown."""
    if data[8:9] == b"{":  # behind the length of its JSON header
        return SAFETENSORS
    if data.startswith(b"\x89HDF\r\n\x1a\n"):
        return HDF5
    if data[:1] == b"\x08" and data[2:3] in _BEHIND_IR_VERSION:  # a protocol buffer whose first field is a version
        return ONNX
    if data[257:262] == b"ustar":
        return TAR
    if data.startswith(b"\x1f\x8b"):
        return GZIP
    if data.startswith(b"PK"):
        return ZIP
    if data[:1] == b"\x80" and data[1:2] < b"\x10":  # the protocol's number
        return PICKLE
    return None


def what_is(start: bytes) -> str:
    """Return what a file is by its first bytes, for a sentence: any kind, an image or a text."""
    if start.startswith(_IMAGES) or (start.startswith(b"RIFF") and start[8:12] == b"WEBP"):
        return "an image"
    if kind := kind_of(start):
        return kind
    text = start.decode("utf-8", "ignore")  # the last character may be cut
    whole = len(start) - len(text.encode()) < 4
    return (
        "a text" if whole and all(one.isprintable() or one.isspace() for one in text) else "of no kind that ganc knows"
    )


def state_said(path: Path) -> str:
    """Return what to name in place of a run's saved state."""
    folder = path.absolute().parent
    made = path.parent.with_name(folder.name.removesuffix(".run"))
    if folder.name.endswith(".run") and made.is_file():
        return f"is the saved state of a run, no generator: name the checkpoint that the run made, {made}"
    return "is the saved state of a run, no generator: name the checkpoint that the run writes when it ends"


def looks_like(path: Path) -> str | None:
    """Return what a file of another program looks like, and what to do with it; None: it is not recognised."""
    try:
        start = read_start(path, "any file", _START)
    except FileFormatError:
        return None
    kind = kind_of(start)
    if kind == ONNX:
        return f"it looks like an ONNX graph: {_EXPORTED}"
    if start.lstrip().startswith((b"<?xml", b"<net")):
        return f"it looks like an OpenVINO graph: {_EXPORTED}"
    if start.lstrip().startswith((b"{", b"[")):
        return _what_to_name(path)
    if kind == PICKLE or (kind == ZIP and _holds_pickle(path)):
        return "it looks like a PyTorch or Paddle file: turn it into a checkpoint with ganc import"
    return None


def _what_to_name(path: Path) -> str:
    """Return what a JSON file looks like; one that belongs to a folder of ganc's is named by the folder."""
    whose = _OF_FOLDERS.get(path.name)
    return f"it belongs to {whose}: name its folder, {path.parent}" if whose else "it looks like JSON"


def _holds_pickle(path: Path) -> bool:
    """Whether a zip archive has a pickle in it, as PyTorch writes them."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError):
        return False
