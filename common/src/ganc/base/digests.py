"""Content digests: equal content gives equal digests, whatever the file, its time or its place."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces to vary, so that equal values give equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def tensors_digest(description: Any, tensors: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 (hexadecimal) of a JSON description and of arrays, by name, shape, type and bytes."""
    digest = hashlib.sha256(canonical_json(description).encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(canonical_json([name, array.dtype.str, list(array.shape)]).encode())
        digest.update(array.data)
    return digest.hexdigest()
