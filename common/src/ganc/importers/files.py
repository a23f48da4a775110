"""Opening another program's file of tensors without running anything that it says."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ganc.base.errors import FileFormatError
from ganc.base.reading import read_bytes, read_start
from ganc.files import kinds
from ganc.importers import paddle_file, safetensors_file, torch_file
from ganc.importers.safe_pickle import Inert, RefusedError, load_pickle, printable

EXPECTED = "a .pth file of PyTorch, a .pdparams file of Paddle or a .safetensors file"
MAX_ENTRIES = 100_000
MAX_DEPTH = 4  # of dicts in dicts in which networks are looked for
MAX_GROWTH = 4  # tensors may share numbers, and bfloat16 becomes float32, but a small file must not fill the memory

_START, _OF_GANC = 512, b'{"__metadata__":{"ganc":'

Tensors = dict[str, np.ndarray]


def is_network_file(path: Path) -> bool:
    """Whether a file begins as those of other programs that networks are taken from, or an archive that may hold some.

    Raises:
        FileFormatError: there is no such file, or it cannot be opened.
    """
    start = read_start(path, EXPECTED, _START)
    kind = kinds.kind_of(start)
    # safetensors puts metadata first; a file of ganc has its own there.
    return kind in (kinds.ZIP, kinds.PICKLE, kinds.TAR, kinds.GZIP) or (
        kind == kinds.SAFETENSORS and _OF_GANC not in start
    )


def read_networks(path: Path) -> dict[str, Tensors]:
    """Return the tensors of a `.pth`, `.pdparams` or `.safetensors` file, or of a pipe; see `networks_in`.

    Raises:
        FileFormatError: no such file, or as `networks_in`.
    """
    return networks_in(read_bytes(path, EXPECTED, pipe=True), path)


def networks_in(data: bytes, path: Path) -> dict[str, Tensors]:
    """Return the tensors in the bytes of a file by state dict and name.

    A state dict has the name of its place in the file, such as "state_dict" or "models.G"; the outermost is named "".
    What is no tensor (counters, learning rates) is passed over.
    The arrays are views of the bytes: read them, or copy them first.

    Args:
        path: of the file, for messages.

    Raises:
        FileFormatError: another kind of file, damaged, or one that needs more than tensors and plain containers, which
            is named. Nothing of the file is executed in any case.
    """
    try:
        networks = dict(_networks(_read(data), MAX_GROWTH * len(data)))
    except RefusedError as error:
        raise FileFormatError(f"{path}: {error}") from error
    except safetensors_file.RunStateError as error:
        raise FileFormatError(f"{path}: {kinds.state_said(Path(path))}") from error
    except Exception as error:  # foreign bytes can be wrong in any way; in each case the file is not readable
        reason = printable(str(error)[:200]) or type(error).__name__
        raise FileFormatError(f"{path}: is truncated or damaged ({reason}); copy it again") from error
    if not networks:
        raise FileFormatError(f"{path}: holds no tensors; expected {EXPECTED} with a state dict")
    return networks


def read_tensors(path: Path) -> Tensors:
    """Return the tensors of a file that holds one state dict, by name; raises as `read_networks` does."""
    networks = read_networks(path)
    if len(networks) > 1:
        names = ", ".join(repr(name[:50]) for name in sorted(networks)[:5])
        raise FileFormatError(f"{path}: holds several state dicts ({names}), expected one")
    return next(iter(networks.values()))


def _read(data: bytes) -> Any:
    kind = kinds.kind_of(data)
    if not data:
        raise RefusedError(f"is empty, expected {EXPECTED}")
    if kind == kinds.SAFETENSORS:
        return safetensors_file.read(data)
    if kind in _REFUSED:
        raise RefusedError(f"is {kind}{_REFUSED[kind]}, expected {EXPECTED}")
    if kind == kinds.ZIP:
        return torch_file.read_zip(data)
    if torch_file.is_legacy(data):
        return torch_file.read_legacy(data)
    if kind != kinds.PICKLE and data[:1] not in (b"(", b"}", b"c"):  # with these begin the oldest pickles of a dict
        raise RefusedError(f"is of no kind that ganc knows, expected {EXPECTED}")
    return load_pickle(io.BytesIO(data), torch_file.NAMES)


# Kinds that are no networks of another program, with what to say of them.
_REFUSED = {
    kinds.HDF5: "",
    kinds.ONNX: ", from which ganc takes no network",
    kinds.TAR: ", the format of PyTorch before 0.1.10: load it there and save it again",
    kinds.GZIP: ": unpack it first",
}


def _networks(tree: Any, bytes_left: int) -> Iterator[tuple[str, Tensors]]:
    """Yield the state dicts in what a file holds, whose tensors may take so many bytes together."""
    if not isinstance(tree, dict):
        kind = "another object" if isinstance(tree, Inert) else f"a {type(tree).__name__}"
        raise RefusedError(f"holds {kind}, expected a dict of tensors by name")
    entries_left, seen = MAX_ENTRIES, set()
    groups = [("", tree, 0)]
    while groups:
        name, group, depth = groups.pop(0)
        entries_left -= len(group)
        tensors = dict(_tensors(group)) if entries_left >= 0 else {}
        bytes_left -= sum(array.nbytes for array in tensors.values())
        if min(entries_left, bytes_left) < 0:
            raise RefusedError("has the same values under many names, which no network needs")
        if tensors:
            yield name, tensors
        if depth < MAX_DEPTH and id(group) not in seen:  # a dict may hold itself
            inside = [(str(key), one) for key, one in group.items() if isinstance(one, dict)]
            groups += [(f"{name}.{key}" if name else key, one, depth + 1) for key, one in inside]
        seen.add(id(group))


def _tensors(group: dict) -> Iterator[tuple[str, np.ndarray]]:
    for name, value in group.items():
        if isinstance(value, tuple) and len(value) == 2:  # of paddle.save: the name that Paddle uses inside, the array
            value = value[1]
        if isinstance(value, torch_file.TensorView | paddle_file.Array | safetensors_file.Values):
            yield str(name), value.array()
