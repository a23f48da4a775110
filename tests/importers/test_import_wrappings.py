"""Networks of other programs in whatever wrapping: prefixes, several in a file, containers beside them, safetensors."""

import argparse
import collections
import datetime
import importlib.util
import json
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.foreign_networks import discriminator_chain, generator_chain, tensors
from helpers.support import fail, succeed
from safetensors.numpy import save_file

from ganc.base.direction import Direction
from ganc.base.errors import FileFormatError
from ganc.files.checkpoint import read_checkpoint
from ganc.importers import import_checkpoint

CHAIN, JUDGE = generator_chain((2,) * 8, "resnet", 3, False), discriminator_chain(2, 3)
CASES = Path(__file__).parents[3] / "shared" / "cases" / "make_pth.py"


def saved(path: Path, held, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(held, protocol=protocol))
    return path


def prefixed(prefix: str, held: dict) -> dict:
    return {prefix + name: array for name, array in held.items()}


def seeds(path: Path, **options) -> dict[str, int]:
    """Import a file and return with which seed of `tensors` each network was made."""
    made = {}
    for role, state in import_checkpoint({"generator": path}, **options).networks.items():
        chain = CHAIN if role.startswith("generator") else JUDGE
        first = next(iter(state.tensors.values()))
        (made[role],) = [seed for seed in range(9) if np.array_equal(first, next(iter(tensors(chain, seed).values())))]
    return made


WRAPPERS = (
    "module.",
    "_orig_mod.",
    "module._orig_mod.",
    "_orig_mod.module.",
    "netG.",
    "net.generator.",
    "model.",
    "G_A.",
)


@pytest.mark.parametrize("prefix", WRAPPERS)
def test_what_stands_before_a_network_s_names_does_not_matter(tmp_path, prefix):
    assert seeds(saved(tmp_path / "x", prefixed(prefix, tensors(CHAIN, 3)))) == {"generator": 3}
    assert seeds(saved(tmp_path / "x", {"state_dict": prefixed(prefix, tensors(CHAIN, 4))})) == {"generator": 4}


def test_several_networks_are_listed_and_a_key_chooses(tmp_path):
    path = saved(tmp_path / "x", {"model": tensors(CHAIN, 1), "ema": tensors(CHAIN, 2), "epoch": 3})
    said = fail("ganc", "import", path, "-o", tmp_path / "out")
    assert "'ema', 'model'" in said
    assert "--key" in said
    assert not (tmp_path / "out").exists()
    assert seeds(path, key="ema") == {"generator": 2}
    succeed("ganc", "import", path, "--key", "model", "-o", tmp_path / "out")
    assert read_checkpoint(tmp_path / "out").generator.spec.widths == (2,) * 8
    said = fail("ganc", "import", path, "--key", "mean", "-o", tmp_path / "out")
    assert "'mean'" in said
    assert "'ema', 'model'" in said
    deeper = saved(tmp_path / "x", {"epoch": {"nets": {"a": tensors(CHAIN, 1), "b": tensors(CHAIN, 2)}}})
    assert seeds(deeper, key="epoch.nets.b") == {"generator": 2}


def test_networks_that_name_both_ends_know_their_direction(tmp_path):
    """Programs with such names call the discriminator by the domain that it judges."""
    held = {"G_AB": tensors(CHAIN, 1), "G_BA": tensors(CHAIN, 2), "D_A": tensors(JUDGE, 3), "D_B": tensors(JUDGE, 4)}
    expected = {"generator": 1, "generator_b": 2, "discriminator": 4, "discriminator_b": 3}
    turned = {"generator": 2, "generator_b": 1, "discriminator": 3, "discriminator_b": 4}
    path = saved(tmp_path / "x", held)
    assert (seeds(path), seeds(path, direction=Direction.B_TO_A)) == (expected, turned)
    flat = prefixed("g_A2B.", held["G_AB"]) | prefixed("g_B2A.", held["G_BA"])
    flat |= prefixed("d_A.", held["D_A"]) | prefixed("d_B.", held["D_B"])
    lightning = {"epoch": 3, "state_dict": flat, "optimizer_states": [{"state": {0: tensors(CHAIN, 5)}}]}
    path = saved(tmp_path / "x", lightning)
    assert (seeds(path), seeds(path, direction=Direction.B_TO_A)) == (expected, turned)
    assert seeds(path, key="state_dict.g_B2A") == {"generator": 2}


def test_the_usual_names_are_known(tmp_path):
    pair = {"generator": tensors(CHAIN, 1), "discriminator": tensors(JUDGE, 2)}
    for names in (("generator", "discriminator"), ("G", "D"), ("netG", "netD"), ("gen", "disc"), ("net_g", "net_d")):
        held = dict(zip(names, pair.values(), strict=True))
        assert seeds(saved(tmp_path / "x", held)) == {"generator": 1, "discriminator": 2}
    assert seeds(saved(tmp_path / "x", {"student": pair["generator"], "judge": pair["discriminator"]})) == {
        "generator": 1
    }


def test_what_lies_beside_a_generator_and_cannot_be_used_is_said(tmp_path):
    other = {"model.0.weight": np.zeros((8, 3, 4, 4), np.float32)}
    path = saved(tmp_path / "x", {"generator": tensors(CHAIN, 1), "discriminator": other})
    said = succeed("ganc", "import", path, "-o", tmp_path / "out")
    assert "discriminator" in said.stderr
    assert set(read_checkpoint(tmp_path / "out").networks) == {"generator"}


@pytest.mark.parametrize("protocol", range(6))
def test_plain_containers_beside_tensors_are_passed_over(tmp_path, protocol):
    beside = {
        "set": {1, 2},
        "frozen": frozenset({1}),
        "default": collections.defaultdict(list, a=[1]),
        "counted": collections.Counter("aab"),
        "queue": collections.deque([1, 2]),
        "path": Path("x"),
        "arguments": argparse.Namespace(lr=1, where=Path("y")),
        "complex": 1 + 2j,
        "bytes": bytearray(b"x"),
        "when": datetime.datetime(2020, 1, 2),
        "metric": np.float64(3.5),
        "pairs": {(1, 2): 3, None: 4, 0.5: 5, True: 6},
        "kind": np.dtype("f4"),
        "slice": slice(1, 2),
    }
    for name, value in beside.items():
        held = {"state_dict": tensors(CHAIN, 1), name: value}
        assert seeds(saved(tmp_path / "x", held, protocol)) == {"generator": 1}, name


def test_nothing_in_such_a_container_is_made(tmp_path, monkeypatch):
    class Called:
        def __reduce__(self):
            return exec, ("open('executed', 'w')",)

    monkeypatch.chdir(tmp_path)
    for value in (argparse.Namespace(a=Called()), {Path("x"): Called()}, collections.deque([Called()])):
        with pytest.raises(FileFormatError, match=r"(builtins|__builtin__)\.exec"):
            import_checkpoint({"generator": saved(tmp_path / "x", {"state_dict": tensors(CHAIN), "a": value})})
    assert not (tmp_path / "executed").exists()


def test_safetensors_of_other_programs(tmp_path):
    held = tensors(CHAIN, 3)
    save_file(held, tmp_path / "x.safetensors")
    assert seeds(tmp_path / "x.safetensors") == {"generator": 3}
    save_file(prefixed("module.", held), tmp_path / "x.safetensors", metadata={"format": "pt"})
    assert seeds(tmp_path / "x.safetensors") == {"generator": 3}
    save_file(prefixed("ema.", held) | prefixed("net.", tensors(CHAIN, 4)), tmp_path / "x.safetensors")
    assert seeds(tmp_path / "x.safetensors", key="net") == {"generator": 4}
    header, data = {}, b""
    for name, array in held.items():
        upper = (array.view(np.uint32) >> 16).astype("<u2").tobytes()
        header[name] = {"dtype": "BF16", "shape": array.shape, "data_offsets": [len(data), len(data) + len(upper)]}
        data += upper
    text = json.dumps(header).encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    generator = import_checkpoint({"generator": tmp_path / "x.safetensors"}).generator
    expected = (next(iter(held.values())).view(np.uint32) >> 16 << 16).view(np.float32)
    np.testing.assert_array_equal(generator.tensors["stages.0.conv.weight"], expected)


def test_safetensors_that_are_damaged_or_ganc_s_own_are_refused(tmp_path, teacher_file):
    assert "needs no import" in fail("ganc", "import", teacher_file, "-o", tmp_path / "out")
    save_file(tensors(CHAIN), tmp_path / "x")
    whole = (tmp_path / "x").read_bytes()
    for length in (9, 100, len(whole) - 1):
        (tmp_path / "x").write_bytes(whole[:length])
        assert "truncated" in fail("ganc", "import", tmp_path / "x", "-o", tmp_path / "out")


def test_numbers_too_large_for_a_size_end_at_once(tmp_path):
    """A product of sizes of a million digits each would take for ever."""
    huge = b"\x8b" + (1_000_000).to_bytes(4, "little") + b"\x7f" * 1_000_000
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR"
    state = b"(K\x01(" + huge * 3 + b"tcnumpy\ndtype\n(X\x02\x00\x00\x00f4K\x00K\x01tR\x89C\x00tb"
    (tmp_path / "x").write_bytes(b"\x80\x03}X\x01\x00\x00\x00a" + array + state + b"s.")
    with pytest.raises(FileFormatError, match="impossible shape"):
        import_checkpoint({"generator": tmp_path / "x"})


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch writes the files of this test")
def test_what_pytorch_reads_without_running_code_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    state = {name: torch.from_numpy(array) for name, array in tensors(CHAIN, 2).items()}
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.note = "x"
    beside = (torch.device("cpu"), torch.Size([3]), torch.float32, torch.strided, torch.zeros(2, dtype=torch.complex64))
    beside += (torch.zeros(2, dtype=torch.uint16), torch.eye(2).to_sparse(), parameter, torch.per_tensor_affine)
    for value in beside:
        for zipped in (True, False):
            torch.save({"state_dict": state, "a": value}, tmp_path / "x", _use_new_zipfile_serialization=zipped)
            assert seeds(tmp_path / "x") == {"generator": 2}, value


@pytest.mark.skipif(
    not CASES.is_file() or importlib.util.find_spec("torch") is None, reason="needs its script and PyTorch"
)
def test_forty_wrappings(tmp_path):
    subprocess.run([sys.executable, CASES, tmp_path], check=True)
    refused = {"affine", "batchnorm", "blocks4", "ckpt_ema"}
    for path in tmp_path.iterdir():
        if path.stem in refused:
            fail("ganc", "import", path, "-o", tmp_path / "out")
        else:
            succeed("ganc", "import", path, "-o", tmp_path / "out")
