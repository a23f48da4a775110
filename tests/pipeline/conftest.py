"""What the tests of bad input and of `ganc compress` start from: commands on the tiny set, in working order."""

import shutil

import pytest
from helpers.compress_runs import configured
from helpers.stages import STANDING_STILL, TRAINING_TOOLS
from helpers.support import TINY_SPACE, UNTRAINED_SET

NETWORKS = ("--width", "4", "--n-blocks", "3", "--discriminator-width", "4")


@pytest.fixture
def own(tiny_data, tmp_path):
    """A copy of the tiny set that a test may damage."""
    return shutil.copytree(tiny_data, tmp_path / "data")


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "result"


@pytest.fixture
def command(teacher_file, student_file, supernet_file, out):
    """Return a function that gives the arguments of a tool that works on the tiny set, for a test to spoil."""

    def arguments(program, data, *options, **files):
        teacher, student = files.get("teacher", teacher_file), files.get("student", student_file)
        supernet = files.get("supernet", supernet_file)
        own = {
            "ganc-replace": NETWORKS,
            "ganc-distill": ("--teacher", teacher, "--width", "4"),
            "ganc-supernet": ("--teacher", teacher, "--student", student, "--space", TINY_SPACE),
            "ganc-finetune": ("--supernet", supernet, "--teacher", teacher, "--config", "4"),
            "ganc-search": ("--supernet", supernet, "--samples", "2", *UNTRAINED_SET),
        }[program]
        training = STANDING_STILL if program in TRAINING_TOOLS else ()
        return (program, *own, "--data", data, *training, *options, "-o", out)

    return arguments


@pytest.fixture
def folder(tmp_path, tiny_data, teacher_file, monkeypatch):
    """The folder of a `ganc compress`: images, a teacher and a configuration that names both; the current one."""
    (tmp_path / "source").symlink_to(tiny_data)
    (tmp_path / "teacher.safetensors").symlink_to(teacher_file)
    configured(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path
