"""What a file that is no ganc file looks like, and what to do with it."""

import zipfile
from pathlib import Path

_EXPORTED = "name the checkpoint it was exported from, generator.safetensors in its folder"
_BEHIND_IR_VERSION = (b"\x12", b"\x1a", b"\x22", b"\x3a")  # of an ONNX model: the tag of a text, or of the graph


def looks_like(path: Path) -> str | None:
    """Return what a file looks like by its first bytes and what to do with it, None where nothing is recognised."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return None
    if start[:1] == b"\x08" and start[2:3] in _BEHIND_IR_VERSION:
        return f"it looks like an ONNX graph: {_EXPORTED}"
    if start.lstrip().startswith(b"<?xml") or start.lstrip().startswith(b"<net"):
        return f"it looks like an OpenVINO graph: {_EXPORTED}"
    if start.startswith(b"\x80") or _is_torch(path):
        return "it looks like a PyTorch or Paddle file: turn it into a checkpoint with ganc import"
    return None


def _is_torch(path: Path) -> bool:
    """Whether it is a zip archive with a pickle in it, as PyTorch writes them."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError):
        return False
