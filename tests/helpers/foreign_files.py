"""Pickles, and the files that PyTorch puts them in, made byte by byte as no program would."""

import io
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from ganc.base.errors import FileFormatError
from ganc.importers import read_networks


def refusal(data: bytes, folder: Path) -> str:
    """Return the one line with which a file of these bytes is refused."""
    path = folder / "stranger"
    path.write_bytes(data)
    with pytest.raises(FileFormatError) as refused:
        read_networks(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 600
    return message.removeprefix(f"{path}: ")


def in_zip(pickled: bytes, **members: bytes) -> bytes:
    """Return a file of torch's zip format around a pickle."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, data in members.items():
            archive.writestr(f"archive/data/{name}", data)
    return stream.getvalue()


def in_legacy(pickled: bytes) -> bytes:
    """Return a file of torch's old format around a pickle."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = (0x1950A86A20F9469CFC6C, 1001, system)
    return b"".join(pickle.dumps(part, 2) for part in parts) + pickled + pickle.dumps([], 2)


@dataclass(frozen=True)
class Name:
    module: str
    name: str


class TorchPickler(pickle._Pickler):
    """Writes names as they are, and what is in `storages` as persistent ids."""

    storages: ClassVar[dict] = {}

    def persistent_id(self, value):
        return self.storages.get(value) if isinstance(value, Storage) else None

    def save(self, value, **options):
        if isinstance(value, Name):
            self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())
        else:
            super().save(value, **options)


class Storage:
    """What stands for a storage while it is pickled."""


def torch_pickle(numel: int, offset: int, size: tuple, stride: tuple, key: str = "0", kind: str = "FloatStorage"):
    """Return the pickle of {"a": a tensor} as torch writes it."""
    storage, stream = Storage(), io.BytesIO()
    pickler = TorchPickler(stream, 2)
    pickler.storages = {storage: ("storage", Name("torch", kind), key, "cpu", numel)}
    stream.write(b"\x80\x02}X\x01\x00\x00\x00a")
    pickler.save(Name("torch._utils", "_rebuild_tensor_v2"))
    pickler.save((storage, offset, size, stride, False, OrderedDict()))
    stream.write(b"Rs.")
    return stream.getvalue()
