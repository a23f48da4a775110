"""NumPy arrays inside pickles: what Paddle's `.pdparams` files are made of."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ganc.importers.safe_pickle import KEY_TYPES, Inert, Named, RefusedError, Stateful

# Names of types as pickles have them. Anything else (texts, records, Python objects) is refused.
MAX_DIMENSIONS, MAX_SIDE = 32, 1 << 48
DTYPES = {code: np.dtype(code) for code in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")}


class DType(Stateful):
    """The type of an array's numbers."""

    def __init__(self, code: str, *_: object) -> None:
        if code not in DTYPES:
            kind = "Python objects" if str(code).startswith("O") else f"type {str(code)[:20]}"
            raise RefusedError(f"holds an array of {kind}, expected arrays of numbers")
        self.dtype = DTYPES[code]

    def take_state(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", "|", "="):
            raise RefusedError("holds numbers of another byte order than little-endian")


class Array(Stateful):
    """An array, once it has its state."""

    def __init__(self, *_: object) -> None:
        self.values: np.ndarray | None = None

    @classmethod
    def of_buffer(cls, raw: bytes, dtype: DType, shape: tuple[int, ...], order: str = "C") -> "Array":
        """Return the array of protocol 5, which is made at once."""
        array = cls()
        array.take_state((1, shape, dtype, order == "F", raw))
        return array

    def take_state(self, state: Any) -> None:
        _, shape, dtype, fortran, raw = state
        if not isinstance(dtype, DType) or not isinstance(raw, bytes | bytearray):
            raise RefusedError("holds an array whose values are not plain numbers")
        if len(shape) > MAX_DIMENSIONS or not all(type(side) is int and 0 <= side < MAX_SIDE for side in shape):
            raise RefusedError("holds an array of an impossible shape")
        if math.prod(shape) * dtype.dtype.itemsize != len(raw):
            raise RefusedError(f"holds {len(raw)} bytes for an array of shape {list(shape)[:8]}: it is damaged")
        self.values = np.frombuffer(raw, dtype.dtype).reshape(shape, order="F" if fortran else "C")

    def array(self) -> np.ndarray:
        """Return the values."""
        if self.values is None:
            raise RefusedError("holds an array without values: it is damaged")
        return self.values


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Bytes as pickles before protocol 3 write them."""
    if encoding.lower().replace("-", "") != "latin1":
        raise RefusedError(f"holds bytes in the encoding {encoding[:20]}, expected latin1")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


def _tuple(items: tuple) -> tuple:
    """A tensor of `paddle.save` is the tuple of its name and its array."""
    if not isinstance(items, tuple):
        raise TypeError("a tuple is made of a tuple")
    return items


def _ordered_dict(pairs: list | tuple = ()) -> dict:
    if not isinstance(pairs, list | tuple):
        raise TypeError("an ordered dict is made of pairs")
    made = {}
    for key, value in pairs:
        if type(key) in KEY_TYPES:
            made[key] = value
    return made


def _reconstruct(kind: Named, shape: tuple, code: bytes) -> Array:
    return Array()


NAMES: dict[str, Callable[..., Any] | None] = {
    "_codecs.encode": _encode,
    "collections.OrderedDict": _ordered_dict,
    "numpy.dtype": DType,
    "numpy.ndarray": None,
    # What people keep beside tensors. None of it is made; its place is taken by something that does nothing.
    "argparse.Namespace": Inert,
    "types.SimpleNamespace": Inert,
    **{f"collections.{kind}": Inert for kind in ("Counter", "defaultdict", "deque")},
    **{f"datetime.{kind}": Inert for kind in ("date", "datetime", "time", "timedelta", "timezone")},
    **{
        f"{module}.{pure}{system}Path": Inert
        for module in ("pathlib", "pathlib._local")
        for pure in ("", "Pure")
        for system in ("", "Posix", "Windows")
    },
}
for _builtins in ("builtins", "__builtin__"):
    NAMES |= {f"{_builtins}.tuple": _tuple, f"{_builtins}.bytes": _no_bytes}
    NAMES |= {f"{_builtins}.{kind}": Inert for kind in ("bytearray", "complex", "frozenset", "range", "set", "slice")}
    NAMES |= {f"{_builtins}.{kind}": None for kind in ("bool", "dict", "float", "int", "list", "object", "str")}
for _copyreg in ("copyreg", "copy_reg"):
    NAMES |= {f"{_copyreg}._reconstructor": Inert}  # of an object in the oldest protocols
for _core in ("numpy.core", "numpy._core"):
    NAMES |= {
        f"{_core}.multiarray._reconstruct": _reconstruct,
        f"{_core}.multiarray.scalar": Inert,
        f"{_core}.numeric._frombuffer": Array.of_buffer,
    }
