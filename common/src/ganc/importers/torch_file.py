"""Files of `torch.save`, read without PyTorch: the zip format of today and the one of before 1.6.

Both are a pickle whose tensors point at storages (runs of numbers) outside it. A tensor is a view: it may begin
anywhere in its storage and step over numbers, so offset, size and stride are honoured.
"""

import io
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ganc.importers.paddle_file import NAMES as ARRAY_NAMES
from ganc.importers.safe_pickle import Inert, Named, RefusedError, load_pickle

# The number and the version with which the format of before 1.6 begins.
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
LEGACY_VERSION = 1001

BFLOAT16 = "BFloat16"
STORAGE_TYPES = {
    "Float": "<f4",
    "Double": "<f8",
    "Half": "<f2",
    BFLOAT16: "<u2",
    "Long": "<i8",
    "Int": "<i4",
    "Short": "<i2",
    "Char": "i1",
    "Byte": "u1",
    "Bool": "?",
    "ComplexFloat": "<c8",
    "ComplexDouble": "<c16",
    "Untyped": "u1",
}
MAX_DIMENSIONS, MAX_NUMBER = 16, 1 << 48  # of sizes, strides and offsets


class Storage:
    """A run of numbers of one type; its bytes come after the pickle was read."""

    def __init__(self, kind: str, numel: int):
        self.kind, self.numel = kind, numel
        self.dtype = np.dtype(STORAGE_TYPES[kind])
        self.raw: bytes | memoryview = b""

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return self.numel * self.dtype.itemsize

    @cached_property
    def numbers(self) -> np.ndarray:
        """The numbers as one row, bfloat16 (the upper half of a float32) as float32."""
        numbers = np.frombuffer(self.raw, self.dtype, self.numel)
        return widened(numbers) if self.kind == BFLOAT16 else numbers


def widened(numbers: np.ndarray) -> np.ndarray:
    """Return bfloat16 numbers, given as uint16, as float32: they are its upper halves."""
    return (numbers.astype(np.uint32) << 16).view(np.float32)


class Storages:
    """The storages that a pickle points at, by key."""

    def __init__(self) -> None:
        self.by_key: dict[str, Storage] = {}

    def point_at(self, persistent_id: Any) -> "StoragePart":
        """Return the storage part of a persistent id: ("storage", type, key, device, numel[, view])."""
        if not isinstance(persistent_id, tuple) or len(persistent_id) not in (5, 6) or persistent_id[0] != "storage":
            raise RefusedError("points at something else than a storage of numbers")
        _, kind, key, _, numel, *view = persistent_id
        name = kind.name.rpartition(".")[2].removesuffix("Storage") if isinstance(kind, Named) else ""
        if name not in STORAGE_TYPES:
            raise RefusedError("points at a storage of an unknown type")
        if not isinstance(key, str) or not _counts(numel):
            raise RefusedError("points at a storage without name or size: it is damaged")
        storage = self.by_key.setdefault(key, Storage(name, numel))
        if (storage.kind, storage.numel) != (name, numel):
            raise RefusedError(f"says two things of its storage {key[:50]}: it is damaged")
        if view and view[0] is not None:  # a part of a storage, as very old files have
            _, first, length = view[0]
            return _part(storage, first, length)
        return StoragePart(storage, 0, numel)


@dataclass(frozen=True)
class StoragePart:
    """`numel` numbers of a storage from number `first` on."""

    storage: Storage
    first: int
    numel: int


@dataclass(frozen=True)
class TensorView:
    """A tensor inside a storage; offset and stride count numbers."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def array(self) -> np.ndarray:
        """Return the tensor as a view of its storage, which must have its bytes by now."""
        numbers = self.storage.numbers[self.offset :]
        steps = [step * numbers.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(numbers, self.size, steps, writeable=False)


def _counts(*numbers: Any) -> bool:
    return all(type(number) is int and 0 <= number < MAX_NUMBER for number in numbers)


def _part(storage: Storage, first: Any, length: Any) -> StoragePart:
    if not _counts(first, length) or first + length > storage.numel:
        raise RefusedError("has a part of a storage that lies outside it: it is damaged")
    return StoragePart(storage, first, length)


def _rebuild_tensor(part: StoragePart, offset: int, size: tuple, stride: tuple, *_: object) -> TensorView:
    """Check that the view stays inside its storage and takes no more than it holds (torch's expanded tensors would)."""
    if not isinstance(part, StoragePart) or len(size) != len(stride) or len(size) > MAX_DIMENSIONS:
        raise RefusedError("has a tensor without storage, size or stride: it is damaged")
    if not _counts(offset, *size, *stride):
        raise RefusedError("has a tensor with a negative size or stride: it is damaged")
    count = math.prod(size)
    last = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True))
    if count > part.numel or (count and last >= part.numel):
        raise RefusedError(
            f"has a tensor of size {list(size)} that lies outside its storage of {part.numel} numbers: it is damaged"
        )
    steps = tuple(step if side > 1 and count else 0 for side, step in zip(size, stride, strict=True))
    return TensorView(part.storage, part.first + offset if count else 0, tuple(size), steps)


def _rebuild_parameter(tensor: TensorView, *_: object) -> TensorView:
    return tensor


def _rebuild_from_type(function: Named, kind: Named, arguments: tuple, state: Any) -> Any:
    """A tensor with attributes of its own, which are passed over."""
    if not isinstance(function, Named) or function.name not in _REBUILD or not isinstance(arguments, tuple):
        raise RefusedError("has a tensor that is made in an unknown way")
    return _REBUILD[function.name](*arguments)


_REBUILD: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
}
# Tensors of kinds that no generator's are, which may lie beside it, and what PyTorch's own classes say of themselves.
_OTHER_TENSORS = (
    *("_rebuild_tensor_v3", "_rebuild_sparse_tensor", "_rebuild_sparse_csr_tensor", "_rebuild_qtensor"),
    *("_rebuild_meta_tensor_no_storage", "_rebuild_device_tensor_from_numpy", "_rebuild_nested_tensor"),
    "_rebuild_device_tensor_from_cpu_tensor",
)
_WORDS = (
    *("float16", "float32", "float64", "bfloat16", "complex32", "complex64", "complex128"),
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    *("bool", "float8_e4m3fn", "float8_e5m2", "Tensor", "strided", "contiguous_format", "channels_last"),
    *("preserve_format", "per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric"),
    *(f"{kind}Tensor" for kind in STORAGE_TYPES),
)
NAMES: dict[str, Callable[..., Any] | None] = {
    **ARRAY_NAMES,
    **_REBUILD,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    **{f"torch._utils.{name}": Inert for name in _OTHER_TENSORS},
    **{f"torch.{word}": None for word in _WORDS},
    "torch.device": Inert,
    "torch.Size": Inert,
    "torch.serialization._get_layout": Inert,
    "torch.nn.parameter.Parameter": _rebuild_parameter,
    "torch.storage.UntypedStorage": None,
    **{f"{module}.{kind}Storage": None for module in ("torch", "torch.cuda") for kind in STORAGE_TYPES},
}


def read_zip(data: bytes) -> Any:
    """Return the object of a file of today's format, with a TensorView for each tensor.

    Raises:
        RefusedError: it is another kind of zip file, or holds what ganc does not read.
        Exception: of `zipfile` or of the pickle machine, where it is damaged.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        prefix = _prefix(archive.namelist())
        if f"{prefix}byteorder" in archive.NameToInfo and _member(archive, f"{prefix}byteorder", 16) != b"little":
            raise RefusedError("was written on a big-endian machine; save it again on another one")
        storages = Storages()
        tree = load_pickle(io.BytesIO(_member(archive, f"{prefix}data.pkl", len(data))), NAMES, storages.point_at)
        left = len(data)  # no member may be counted twice
        for key, storage in storages.by_key.items():
            storage.raw = _member(archive, f"{prefix}data/{key}", left)
            if len(storage.raw) < storage.size:
                raise RefusedError(
                    f"its storage {key[:50]} has {len(storage.raw)} bytes, expected {storage.size}: it is truncated"
                )
            left -= len(storage.raw)
    return tree


def _prefix(names: list[str]) -> str:
    """Return the folder inside the zip file that holds `data.pkl`."""
    if any(name.endswith("constants.pkl") for name in names):
        raise RefusedError("is a TorchScript program, not a state dict; save torch.save(net.state_dict(), FILE)")
    found = [name for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(found) != 1:
        kind = "a NumPy .npz file" if any(name.endswith(".npy") for name in names) else "a zip file without data.pkl"
        raise RefusedError(f"is {kind}, expected what torch.save or paddle.save writes")
    return found[0].removesuffix("data.pkl")


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Return a member, which must be stored as it is: torch compresses nothing, and a bomb would."""
    if name not in archive.NameToInfo:
        raise RefusedError(f"lacks its member {name[:100]}: it is truncated or damaged")
    member = archive.getinfo(name)
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
        raise RefusedError(f"its member {name[:100]} is compressed or encrypted, which torch.save never does")
    if max(member.file_size, member.compress_size) > limit:
        raise RefusedError(f"its member {name[:100]} is larger than the file: it is damaged")
    return archive.read(member)


def is_legacy(data: bytes) -> bool:
    """Whether the file starts with the magic number of the format of before PyTorch 1.6."""
    return MAGIC_NUMBER.to_bytes(10, "little") in data[:32]


def read_legacy(data: bytes) -> Any:
    """Return the object of a file of the old format, with a TensorView for each tensor; raises as `read_zip` does."""
    stream = io.BytesIO(data)
    load_pickle(stream, {})  # the magic number
    version, system = load_pickle(stream, {}), load_pickle(stream, {})
    if version != LEGACY_VERSION:
        raise RefusedError(f"has an unknown version of the old torch format, expected {LEGACY_VERSION}")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise RefusedError("was written on a big-endian machine; save it again on another one")
    storages = Storages()
    tree = load_pickle(stream, NAMES, storages.point_at)
    keys = load_pickle(stream, {})
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise RefusedError("lists no storages: it is damaged")
    position = stream.tell()
    for key in keys:
        if key not in storages.by_key:
            raise RefusedError(f"has a storage {key[:50]} that no tensor uses: it is damaged")
        position = _take_numbers(storages.by_key[key], data, position)
    if missing := set(storages.by_key) - set(keys):
        raise RefusedError(f"lacks its storage {min(missing)[:50]}: it is damaged")
    return tree


def _take_numbers(storage: Storage, data: bytes, position: int) -> int:
    """Give a storage its numbers, which follow their count, and return the position behind them."""
    count = int.from_bytes(data[position : position + 8], "little")
    start, end = position + 8, position + 8 + storage.size
    if start > len(data) or end > len(data):
        raise RefusedError(f"ends after {len(data):,} bytes, in the midst of its numbers: it is truncated")
    if count != storage.numel:
        raise RefusedError(f"has a storage of {count} numbers, expected {storage.numel}: it is damaged")
    storage.raw = memoryview(data)[start:end]
    return end
