"""ganc-supernet through its command: what it starts from, which sub-networks its steps train."""

import json

import numpy as np
import pytest
from helpers.stages import SPACE, STANDING_STILL, TRAINING, nothing_changes, refusal, widths_of_space
from helpers.support import TINY_SPACE, TINY_TRAINING, UNTRAINED, assert_equal_states, make_checkpoint, succeed

from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.models.space import parse_space
from ganc.models.spec import GeneratorSpec
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule
from ganc_supernet.settings import SupernetStart
from ganc_supernet.stage import supernet_job


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.safetensors"


def supernet(data, teacher, out, *options, space=TINY_SPACE, training=TRAINING):
    arguments = ("--teacher", teacher, "--data", data, "--space", space, *training, *options)
    return succeed("ganc-supernet", *arguments, "-o", out)


@pytest.mark.paddle26
def test_a_supernet_comes_out_of_a_student(chain):
    checkpoint = read_checkpoint(chain.supernet)
    teacher, student = read_checkpoint(chain.replace), read_checkpoint(chain.distill)
    assert checkpoint.stage == "supernet"
    assert checkpoint.generator.spec == student.generator.spec
    assert checkpoint.training["space"] == SPACE
    assert checkpoint.sources == {"teacher": teacher.digest, "student": student.digest}
    assert set(checkpoint.networks) == {"generator", "discriminator", "adaptors"}
    metric = checkpoint.training["metric"]
    assert set(metric["values"]) == {"largest", "smallest"}
    assert metric["value"] == metric["values"]["largest"]
    run = chain.folder / "supernet.safetensors.run"
    last = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    assert last["metrics"] == metric["values"]
    assert (run / "samples" / "0000003.png").is_file()


def test_it_starts_from_the_student_and_its_discriminator(tiny_data, teacher_file, student_file, out):
    supernet(tiny_data, teacher_file, out, "--student", student_file, training=STANDING_STILL)
    checkpoint, student = read_checkpoint(out), read_checkpoint(student_file)
    for name in ("generator", "discriminator"):
        assert_equal_states(checkpoint.networks[name], student.networks[name])


def test_without_a_student_it_starts_from_scratch_with_mobile_blocks(tiny_data, out, tmp_path):
    """The short pipeline that skips the first two stages: any teacher does, an original one too."""
    teacher = make_checkpoint("replace", 8, block="resnet")
    write_checkpoint(tmp_path / "teacher", teacher)
    supernet(tiny_data, tmp_path / "teacher", out, "--discriminator-width", "6")
    checkpoint = read_checkpoint(out)
    assert checkpoint.generator.spec == GeneratorSpec(widths=(8,) * 8, n_blocks=3)
    assert checkpoint.networks["discriminator"].spec.width == 6
    assert checkpoint.sources == {"teacher": teacher.digest}
    wider = tmp_path / "wider"
    supernet(tiny_data, tmp_path / "teacher", wider, "--width", "10")
    assert read_checkpoint(wider).generator.spec.widths == (10,) * 8


@pytest.mark.paddle26
def test_a_step_trains_one_sub_network_of_the_space_and_seeds_train_others(
    tiny_data, teacher_file, student_file, tmp_path
):
    """After one step only the leading channels of the sub-network that was drawn have moved."""
    before = read_checkpoint(student_file).generator.tensors
    seen = set()
    for seed in range(6):
        out = tmp_path / str(seed)
        options = ("--student", student_file, "--seed", str(seed), "--max-steps", "1", "--lr", "1e-3")
        supernet(tiny_data, teacher_file, out, *options)
        after = read_checkpoint(out).generator.tensors
        widths = []
        for segment, (name, axis, multiplier) in enumerate(
            [
                ("stages.0.conv", 0, 1),
                ("stages.1.conv", 0, 2),
                ("stages.2.conv", 0, 4),
                *((f"stages.{segment}.blocks.0.first.pointwise", 0, 4) for segment in (3, 4, 5)),
                ("stages.6.conv", 1, 2),
                ("stages.7.conv", 1, 1),
            ]
        ):
            moved = np.moveaxis(after[f"{name}.weight"] != before[f"{name}.weight"], axis, 0)
            channels = np.flatnonzero(moved.reshape(len(moved), -1).any(axis=1))
            assert channels.tolist() == list(range(len(channels))), f"segment {segment}: not the leading channels"
            widths.append(len(channels) / multiplier)
        assert tuple(widths) in set(widths_of_space(TINY_SPACE))
        seen.add(tuple(widths))
    assert len(seen) > 3


def test_the_widths_drawn_differ_by_step_and_cover_the_space(tiny_data, teacher_file, tmp_path):
    job = supernet_job(
        SupernetStart(teacher_file=teacher_file, space=parse_space(SPACE)),
        DistillationSettings(discriminator_width=4),
        Schedule(epochs=1, decay_epochs=0),
        DataSettings(folder=tiny_data, load_size=(36, 36), crop_size=(32, 32)),
        RunSettings(output=tmp_path / "out", device="cpu", feature_set=UNTRAINED),
    )
    drawn = [widths for step in range(400) for widths in job.step.subnets_of(step)]
    assert drawn == [widths for step in range(400) for widths in job.step.subnets_of(step)]
    counts = {widths: drawn.count(widths) for widths in widths_of_space(SPACE)}
    assert sum(counts.values()) == 400
    assert min(counts.values()) >= 2  # 12.5 are expected of each of the 32
    assert max(counts.values()) <= 28


def test_a_space_larger_than_the_student_is_refused(tiny_data, teacher_file, student_file, out, tmp_path):
    arguments = ("--teacher", teacher_file, "--data", tiny_data, *TINY_TRAINING, "-o", out)
    with nothing_changes(tmp_path):
        said = refusal("ganc-supernet", *arguments, "--student", student_file)
        assert "32_32_32_32_32_32_32_32" in said
        assert said.startswith(f"{student_file}: has the widths 8_8_8_8_8_8_8_8, ")
        assert said.endswith("; choose a narrower --space")
        said = refusal("ganc-supernet", *arguments, "--space", TINY_SPACE, "--width", "4")
        assert said.startswith("--width 4: has the widths 4_4_4_4_4_4_4_4, ")


def test_a_teacher_and_a_student_of_different_depth_are_refused(tiny_data, student_file, out, tmp_path):
    write_checkpoint(tmp_path / "deep", make_checkpoint("replace", 8, n_blocks=6))
    arguments = ("--teacher", tmp_path / "deep", "--student", student_file, "--data", tiny_data, "--space", TINY_SPACE)
    with nothing_changes(tmp_path):
        said = refusal("ganc-supernet", *arguments, *TINY_TRAINING, "-o", out)
    assert said.startswith(f"{tmp_path / 'deep'}: the teacher has n_blocks 6 (8_8_8_8_8_8_8_8), the student 3 (")
    assert "name the teacher" in said


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--space", "8,4"), "'8,4'"),
        (("--space", "/".join(["8,x"] * 8)), "8,x"),
        (("--width", "8"), "--width"),
    ],
)
def test_wrong_usage_is_refused(tiny_data, teacher_file, student_file, out, tmp_path, options, named):
    arguments = ("--teacher", teacher_file, "--student", student_file, "--data", tiny_data, *TINY_TRAINING, "-o", out)
    with nothing_changes(tmp_path):
        assert named in refusal("ganc-supernet", *arguments, *options, status=2)
