"""Files of strangers: what PyTorch and Paddle write is read without them; damage and other kinds of files are named."""

import gzip
import io
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.foreign_files import in_legacy, in_zip, refusal, torch_pickle
from helpers.foreign_networks import discriminator_chain, generator_chain, shapes

from ganc.base.errors import FileFormatError
from ganc.base.rng import keyed_generator
from ganc.importers import read_networks, read_tensors

GOLDEN = Path(__file__).parents[1] / "golden"
ZIP, LEGACY, PADDLE = (
    GOLDEN / name for name in ("foreign-mobile-zip.pth", "foreign-resnet-legacy.pth", "foreign-paddlegan.pdparams")
)
ALL = pytest.mark.parametrize("golden", [ZIP, LEGACY, PADDLE], ids=lambda path: path.stem)


def golden_values(name: str, shape) -> np.ndarray:
    """The formula of tests/golden/make_foreign.py."""
    return np.float32((np.arange(np.prod(shape)) * 7 + len(name)) % 31 - 15).reshape(shape) / 16


@pytest.mark.parametrize(
    ("golden", "group", "chain", "prefix", "norm"),
    [
        (ZIP, "", generator_chain((2, 3, 2, 4, 2, 3, 2, 1), "mobile", 3, True), "", "plain"),
        (LEGACY, "", generator_chain((1,) * 8, "resnet", 3, False), "module.", "plain"),
        (PADDLE, "netG_A", generator_chain((1,) * 8, "resnet", 3, False), "", "affine"),
        (PADDLE, "netD_A", discriminator_chain(1, 3), "", "affine"),
    ],
)
def test_golden_files_hold_what_was_written(golden, group, chain, prefix, norm):
    read = read_networks(golden)[group]
    written = list(shapes(chain, norm))
    assert list(read) == [prefix + name for name, _, _ in written]
    for name, shape, value in written:
        expected = golden_values(name, shape) if value is None else np.full(shape, value)
        np.testing.assert_array_equal(read[prefix + name], expected, err_msg=name)


def test_a_file_with_several_state_dicts_is_not_one(tmp_path):
    assert set(read_networks(PADDLE)) == {"netG_A", "netD_A"}
    with pytest.raises(FileFormatError, match=r"'netD_A', 'netG_A'|'netG_A', 'netD_A'"):
        read_tensors(PADDLE)


@pytest.mark.parametrize("zipped", [True, False])
def test_every_view_and_type_of_torch(tmp_path, zipped):
    torch = pytest.importorskip("torch", reason="PyTorch writes the files of this test")
    base = torch.arange(120).reshape(4, 5, 6)
    written = OrderedDict(transposed=base.permute(2, 0, 1).float(), part=base[1:3, ::2, 3], one=base[2, 2, 2])
    written |= {"steps": base.double()[::2, ::3], "none": base[:0], "alone": torch.nn.Parameter(base.half())}
    for kind in ("float16", "bfloat16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64", "bool"):
        written[kind] = (base % 7).to(getattr(torch, kind))[1:]
    written._metadata = {"": {"version": 1}}
    torch.save(written, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    read = read_tensors(tmp_path / "x.pth")
    assert list(read) == list(written)
    for name, tensor in written.items():
        expected = (tensor.float() if name == "bfloat16" else tensor).detach().numpy()
        np.testing.assert_array_equal(read[name], expected, err_msg=name)
        assert read[name].dtype == expected.dtype, name


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_of_pickle(tmp_path, protocol):
    draws = keyed_generator(0, "test/protocols")
    written = {
        "a": draws.normal(size=(3, 4)).astype(np.float32),
        "fortran": np.asfortranarray(draws.normal(size=(3, 4))),
        "part": np.arange(10)[::3],
        "half": np.float16([1.5, -2]),
        "large": draws.normal(size=300),
        "no": np.zeros((0, 3), np.uint8),
    }
    state = OrderedDict(written)
    (tmp_path / "x").write_bytes(pickle.dumps(state, protocol=protocol))
    read = read_tensors(tmp_path / "x")
    assert list(read) == list(written)
    for name, array in written.items():
        np.testing.assert_array_equal(read[name], array, err_msg=name)


@pytest.mark.paddle26
@pytest.mark.parametrize("protocol", [2, 4])
def test_what_paddle_itself_saves(tmp_path, protocol):
    from ganc.system.runtime import paddle

    layer = paddle.nn.Sequential(paddle.nn.Conv2D(2, 3, 3), paddle.nn.InstanceNorm2D(3))
    expected = {name: tensor.numpy() for name, tensor in layer.state_dict().items()}
    paddle.save(layer.state_dict(), str(tmp_path / "one"), protocol=protocol)
    paddle.save({"netG": layer.state_dict(), "epoch": 3}, str(tmp_path / "nested"), protocol=protocol)
    for read in (read_tensors(tmp_path / "one"), read_networks(tmp_path / "nested")["netG"]):
        assert list(read) == list(expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(read[name], array)


def test_a_tensor_stays_inside_its_storage(tmp_path):
    numbers = np.arange(6, dtype=np.float32).tobytes()
    (tmp_path / "x").write_bytes(in_zip(torch_pickle(6, 1, (2, 2), (3, 1)), **{"0": numbers}))
    np.testing.assert_array_equal(read_tensors(tmp_path / "x")["a"], [[1, 2], [4, 5]])
    outside = [(3, (2, 2), (3, 1)), (6, (1,), (1,)), (0, (7,), (0,)), (0, (10**12,), (0,)), (0, (3,), (3,))]
    for view in ((6, *place) for place in outside):
        assert "outside its storage" in refusal(in_zip(torch_pickle(*view), **{"0": numbers}), tmp_path)
    for view in ((6, 5, (2,), (-1,)), (6, -1, (2,), (1,)), (6, 0, (-2,), (1,)), (6, True, (2,), (1,))):
        assert "negative" in refusal(in_zip(torch_pickle(*view), **{"0": numbers}), tmp_path)
    for view in ((6, 0, (2,), (1, 1)), (6, 0, (1,) * 17, (1,) * 17)):
        assert "without storage, size or stride" in refusal(in_zip(torch_pickle(*view), **{"0": numbers}), tmp_path)
    huge = torch_pickle(2**40, 0, (2,), (1,))
    assert "4398046511104" in refusal(in_zip(huge, **{"0": numbers}), tmp_path)
    assert "archive/data/../1" in refusal(in_zip(torch_pickle(6, 0, (2,), (1,), "../1")), tmp_path)
    unknown = in_zip(torch_pickle(6, 0, (2,), (1,), kind="QUInt8Storage"), **{"0": numbers})
    assert "torch.QUInt8Storage" in refusal(unknown, tmp_path)
    for wrapped in (in_zip, in_legacy):
        assert "points at something else" in refusal(wrapped(b"\x80\x02K\x01Q."), tmp_path)
    assert "outside its pickle" in refusal(b"\x80\x02K\x01Q.", tmp_path)


def test_zip_members_that_lie(tmp_path):
    pickled = torch_pickle(2_000_000, 0, (2,), (1,))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/data/0", bytes(8_000_000))
    assert "compressed" in refusal(stream.getvalue(), tmp_path)
    data = in_zip(torch_pickle(2, 0, (2,), (1,)), **{"0": bytes(8)})
    entry = data.rindex(b"PK\x01\x02")  # of the storage: its sizes stand 20 bytes further on
    lying = data[: entry + 20] + struct.pack("<II", 2**31, 2**31) + data[entry + 28 :]
    assert "larger than the file" in refusal(lying, tmp_path)
    changed = data.replace(bytes(8), b"\x01" + bytes(7), 1)
    assert "damaged" in refusal(changed, tmp_path)
    big = io.BytesIO(in_zip(torch_pickle(2, 0, (2,), (1,)), **{"0": bytes(8)}))
    with zipfile.ZipFile(big, "a") as archive:
        archive.writestr("archive/byteorder", "big")
    assert "big-endian" in refusal(big.getvalue(), tmp_path)


def test_the_old_format_from_another_kind_of_machine(tmp_path):
    data = in_legacy(pickle.dumps({}, 2))
    assert "big-endian" in refusal(data.replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89"), tmp_path)
    assert "version of the old torch format" in refusal(data.replace(b"M\xe9\x03.", b"M\xe8\x03.", 1), tmp_path)


@ALL
def test_a_truncated_file_is_one_line(tmp_path, golden):
    data = golden.read_bytes()
    for length in [*range(1, 300, 7), *range(300, len(data), max(1, len(data) // 150)), len(data) - 1]:
        refusal(data[:length], tmp_path)


@ALL
def test_any_damage_is_refused_in_one_line_or_changes_numbers_at_most(tmp_path, golden):
    """The checksums of a zip file tell every change; where there are none, damage to a number stays unseen."""
    whole, expected = golden.read_bytes(), read_networks(golden)
    refusals = 0
    for number in range(300):
        draws = keyed_generator(0, "test/damage", number)
        damaged = bytearray(whole)
        reach = len(whole) if number % 2 else min(len(whole), 4000)  # half of them where the pickle is
        for place in draws.integers(0, reach, draws.integers(1, 6)):
            damaged[place] = draws.integers(256)
        path = tmp_path / "damaged"
        path.write_bytes(damaged)
        try:
            found = read_networks(path)
        except FileFormatError:
            refusal(damaged, tmp_path)
            refusals += 1
            continue
        if golden == ZIP:
            assert found.keys() == expected.keys()
            for name, tensors in expected.items():
                assert found[name].keys() == tensors.keys()
                for key, array in tensors.items():
                    np.testing.assert_array_equal(found[name][key], array)
    assert refusals > 100


def test_a_whole_pickled_module_says_how_to_save_it(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch writes the files of this test")
    for zipped in (True, False):
        torch.save(torch.nn.Sequential(torch.nn.Linear(1, 1)), tmp_path / "x", _use_new_zipfile_serialization=zipped)
        message = refusal((tmp_path / "x").read_bytes(), tmp_path)
        assert "torch.nn.modules.container.Sequential" in message
        assert "torch.save(net.state_dict()" in message


def test_a_module_of_the_users_own_class_is_recognised_by_what_follows(tmp_path):
    module = b"\x80\x02cmodels.networks\nResnetGenerator\n)\x81}X\x07\x00\x00\x00_x\x00\x00\x00\x00\x00"
    assert "models.networks.ResnetGenerator" in refusal(module, tmp_path)
    module = b"\x80\x02cmodels.networks\nResnetGenerator\n)\x81ctorch.nn.modules.conv\nConv2d\n0."
    assert "module (models.networks.ResnetGenerator)" in refusal(module, tmp_path)


def _hdf5(path: Path) -> bytes:
    with h5py.File(path, "w") as file:
        file["x"] = 1
    return path.read_bytes()


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("pickle"))
    return stream.getvalue()


def _npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, x=np.zeros(2))
    return stream.getvalue()


def test_other_kinds_of_files_are_named(tmp_path):
    golden = (GOLDEN / "checkpoint-v1.safetensors").read_bytes()
    onnx = b"\x08\x08\x12\x07pytorch\x1a\x032.0:\x10"
    script = io.BytesIO(in_zip(b"\x80\x02}."))
    with zipfile.ZipFile(script, "a") as archive:
        archive.writestr("archive/constants.pkl", b"")
    for data, word in (
        (script.getvalue(), "TorchScript"),
        (golden, "a file of ganc"),
        (onnx, "ONNX"),
        (_hdf5(tmp_path / "h5"), "HDF5"),
        (_tar(), "tar"),
        (_npz(), "NumPy .npz"),
        (gzip.compress(ZIP.read_bytes()), "gzip"),
        (b"", "empty"),
        (b"\x08", "no kind that ganc knows"),
        (b"Hello, I am a text.", "no kind that ganc knows"),
        (b"PK\x03\x04", "damaged"),
    ):
        assert word in refusal(data, tmp_path)
    for path, word in ((tmp_path / "absent", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(FileFormatError, match=word):
            read_networks(path)
