"""Checkpoint files taken apart by the format's definition, and put together as another program might."""

import json
import struct

import pytest
from safetensors import numpy as safetensors_numpy

from ganc.base.errors import FileFormatError
from ganc.files.checkpoint import (
    read_checkpoint,
)
from ganc.files.tensors import write_tensors


def parts_of(path):
    """Return a safetensors file's header (JSON) and its data, read by the format's definition alone."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def metadata_of(path):
    return json.loads(parts_of(path)[0]["__metadata__"]["ganc"])


def rewritten(path, *, metadata=None, tensors=None, drop=()):
    """Write the file's content again with other metadata or tensors, as another program might."""
    content = metadata_of(path) | (metadata or {})
    for name in ("checksum", *drop):
        del content[name]
    write_tensors(path, content, safetensors_numpy.load_file(path) | (tensors or {}))


def is_readable(path):
    try:
        read_checkpoint(path)
    except FileFormatError:
        return False
    return True


def refused(path):
    """Return the one-line message with which the file is refused."""
    with pytest.raises(FileFormatError) as caught:
        read_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message
