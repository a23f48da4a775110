"""Checkpoints and HDF5 files that are damaged, foreign, of another version or of another stage."""

import re

import h5py
import numpy as np
import pytest
from helpers.stages import nothing_changes, refusal
from helpers.support import UNTRAINED_SET
from safetensors.numpy import save_file

from ganc.files.tensors import read_tensors, write_tensors


def truncated(path, folder):
    (folder / "truncated").write_bytes(path.read_bytes()[:-100])
    return folder / "truncated", "ganc-checkpoint"


def cut_in_its_header(path, folder):
    (folder / "header").write_bytes(path.read_bytes()[:50])
    return folder / "header", "ganc-checkpoint"


def empty(path, folder):
    (folder / "empty").touch()
    return folder / "empty", "ganc-checkpoint"


def absent(path, folder):
    return folder / "absent", "no such file"


def newer(path, folder):
    header, tensors = read_tensors(path, "ganc-checkpoint", 2)
    write_tensors(folder / "newer", {**header, "version": 3}, tensors)
    return folder / "newer", "version 3"


def without_a_tensor(path, folder):
    header, tensors = read_tensors(path, "ganc-checkpoint", 2)
    write_tensors(
        folder / "lacking", header, {n: t for n, t in tensors.items() if n != "generator.stages.1.conv.weight"}
    )
    return folder / "lacking", "stages.1.conv.weight"


def with_a_wrong_shape(path, folder):
    header, tensors = read_tensors(path, "ganc-checkpoint", 2)
    write_tensors(folder / "shape", header, tensors | {"generator.stages.0.conv.bias": np.zeros(7, np.float32)})
    return folder / "shape", "stages.0.conv.bias"


def of_another_program(path, folder):
    save_file({"weight": np.zeros(3, np.float32)}, folder / "foreign")
    return folder / "foreign", "'ganc' metadata"


def hdf5(path, folder):
    with h5py.File(folder / "hdf5", "w") as file:
        file["x"] = [1]
    return folder / "hdf5", "ganc-checkpoint"


DAMAGE = [
    truncated,
    cut_in_its_header,
    empty,
    absent,
    newer,
    without_a_tensor,
    with_a_wrong_shape,
    of_another_program,
    hdf5,
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_or_foreign_checkpoint(command, tiny_data, teacher_file, tmp_path, damage):
    path, named = damage(teacher_file, tmp_path)
    with nothing_changes(tmp_path):
        for said in (
            *(refusal(*command(program, tiny_data, teacher=path)) for program in ("ganc-distill", "ganc-supernet")),
            refusal(*command("ganc-supernet", tiny_data, student=path)),
            *(refusal(*command(program, tiny_data, supernet=path)) for program in ("ganc-search", "ganc-finetune")),
            refusal(*command("ganc-finetune", tiny_data, teacher=path)),
            refusal(*command("ganc-replace", tiny_data, "--init-from", path)),
            refusal("ganc-export", "--checkpoint", path, "-o", tmp_path / "export"),
            refusal("ganc", "evaluate", path, "--data", tiny_data, *UNTRAINED_SET),
            refusal("ganc", "translate", path, tiny_data / "trainA", "-o", tmp_path / "translated"),
        ):
            assert said.startswith(f"{path}: "), said
            assert named in said


@pytest.mark.parametrize("program", ["ganc-search", "ganc-finetune"])
def test_a_checkpoint_of_another_stage(command, tiny_data, student_file, tmp_path, program):
    with nothing_changes(tmp_path):
        said = refusal(*command(program, tiny_data, supernet=student_file))
    assert str(student_file) in said
    assert "--supernet" in said


def test_an_hdf5_file_of_another_kind(command, tiny_data, supernet_file, tmp_path, out):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = [1]
    with nothing_changes(tmp_path):
        for arguments in (
            ("ganc", "select", other),
            ("ganc", "merge", other, "-o", out),
            ("ganc", "inspect", other),
            ("ganc-export", "--supernet", supernet_file, "--results", other, "-o", tmp_path / "export"),
            ("ganc-search", "--supernet", supernet_file, "--data", tiny_data, *UNTRAINED_SET, "-o", other),
        ):
            assert re.search(f"^{other}: .*'ganc-search-results'", refusal(*arguments))
        said = refusal("ganc", "select", "-", stdin=other.read_bytes())
        assert re.search("^standard input: .*'ganc-search-results'", said)
