"""Safetensors files of other programs: arrays by name, one state dict."""

from typing import Any

import numpy as np
import safetensors

from ganc.files.kinds import RUN_STATE
from ganc.files.tensors import METADATA_KEY
from ganc.importers.safe_pickle import RefusedError
from ganc.importers.torch_file import widened

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}
_BFLOAT16 = "BF16"


class RunStateError(Exception):
    """A file is the saved state of a run, which is named by its place."""


def read(data: bytes) -> dict[str, "Values"]:
    """Return the tensors of the file by name; those of types that no generator has are left out.

    Raises:
        RunStateError: it is the saved state of a run of ganc.
        RefusedError: it is another file of ganc.
        SafetensorError: it is damaged.
    """
    length = int.from_bytes(data[:8], "little")
    if f'"{METADATA_KEY}":"{{'.encode() in (header := data[8 : 8 + length]):
        if f'\\"format\\":\\"{RUN_STATE}\\"'.encode() in header:
            raise RunStateError
        raise RefusedError("is a file of ganc already, which needs no import")
    return {name: Values(tensor) for name, tensor in safetensors.deserialize(data) if tensor["dtype"] in _KNOWN}


_KNOWN = (*_DTYPES, _BFLOAT16)


class Values:
    """A tensor as safetensors gives it."""

    def __init__(self, tensor: dict[str, Any]):
        self._tensor = tensor

    def array(self) -> np.ndarray:
        """Return the tensor, bfloat16 as float32."""
        kind, raw = self._tensor["dtype"], self._tensor["data"]
        numbers = widened(np.frombuffer(raw, "<u2")) if kind == _BFLOAT16 else np.frombuffer(raw, _DTYPES[kind])
        return numbers.reshape(self._tensor["shape"])
