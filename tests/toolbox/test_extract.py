"""`ganc extract` through the command: a smaller checkpoint that later stages take."""

import pytest
from helpers.support import TINY_TRAINING, assert_equal_states, fail, succeed

from ganc.files.checkpoint import read_checkpoint


@pytest.fixture
def out(tmp_path):
    return tmp_path / "small.safetensors"


def test_the_networks_that_were_named_are_written(teacher_file, out):
    said = succeed("ganc", "extract", teacher_file, "--network", "generator", "-o", out).stdout
    whole, part = read_checkpoint(teacher_file), read_checkpoint(out)
    assert part.networks.keys() == {"generator"}
    assert_equal_states(part.generator, whole.generator)
    assert (part.task, part.direction, part.training) == (whole.task, whole.direction, whole.training)
    assert part.sources["extracted"] == whole.digest
    assert part.digest in said
    assert out.stat().st_size < teacher_file.stat().st_size
    assert whole.digest[:16] in succeed("ganc", "inspect", "--verify", out, teacher_file).stdout


def test_a_student_is_distilled_from_an_extracted_teacher(teacher_file, tiny_data, out, tmp_path):
    succeed("ganc", "extract", teacher_file, "--network", "generator", "-o", out)
    student = tmp_path / "student.safetensors"
    options = ("--data", tiny_data, *TINY_TRAINING, "--max-steps", "1", "--width", "4")
    succeed("ganc-distill", "--teacher", out, *options, "-o", student)
    assert read_checkpoint(student).sources["teacher"] == read_checkpoint(out).digest


@pytest.mark.parametrize(
    ("networks", "word", "status"),
    [(("judge",), "judge", 1), (("discriminator",), "generator", 1), ((), "--network", 2)],
)
def test_wrong_names_are_refused(networks, word, status, teacher_file, out):
    options = [text for name in networks for text in ("--network", name)]
    assert word in fail("ganc", "extract", teacher_file, *options, "-o", out, status=status)
    assert not out.exists()
