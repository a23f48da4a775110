"""ganc-distill through its command: what the student starts from, and what comes out."""

import json

import numpy as np
import pytest
from helpers.slow_importance import prune_slowly
from helpers.stages import STANDING_STILL, TRAINING, nothing_changes, refusal
from helpers.support import SIZE, assert_equal_states, make_checkpoint, succeed

from ganc.base.rng import keyed_generator
from ganc.engines.eager import EagerEngine
from ganc.files.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from ganc.models.convolutions import NetworkState
from ganc.models.family import format_widths
from ganc.models.generator import Generator
from ganc.models.spec import AdaptorsSpec
from ganc.models.task import CYCLEGAN

MIXED = (6, 4, 8, 2, 5, 8, 3, 4)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.safetensors"


def start_of(teacher: Checkpoint, widths, data, folder, *options) -> Checkpoint:
    """Return the student before its first real step."""
    write_checkpoint(folder / "teacher", teacher)
    arguments = ("--teacher", folder / "teacher", "--data", data, "--widths", format_widths(widths))
    succeed("ganc-distill", *arguments, *STANDING_STILL, *options, "-o", folder / "start")
    return read_checkpoint(folder / "start")


def assert_pruned(student: NetworkState, teacher: NetworkState, widths):
    expected = prune_slowly(teacher.tensors, widths, n_blocks=teacher.spec.n_blocks, block=teacher.spec.block)
    assert student.spec == teacher.spec.narrowed(widths)
    assert student.tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_array_equal(student.tensors[name], tensor, err_msg=name)


@pytest.mark.parametrize(("block", "n_blocks"), [("mobile", 6), ("resnet", 3)])
@pytest.mark.parametrize("widths", [(4,) * 8, MIXED, (1,) * 8], ids=format_widths)
def test_the_student_starts_from_the_teacher_s_most_important_channels(tiny_data, tmp_path, block, n_blocks, widths):
    teacher = make_checkpoint("replace", 8, seed=3, block=block, n_blocks=n_blocks)
    student = start_of(teacher, widths, tiny_data, tmp_path)
    assert_pruned(student.generator, teacher.generator, widths)


def test_channels_are_ranked_by_what_reads_them_where_that_is_asked_for(tiny_data, tmp_path):
    teacher = make_checkpoint("replace", 8, seed=3)
    tensors = teacher.generator.tensors
    blocks = [f"stages.{segment}.blocks.0" for segment in (3, 4, 5)]

    def largest(names, count):
        sizes = sum(np.abs(np.moveaxis(tensors[f"{n}.weight"], a, 0)).sum((1, 2, 3)) for n, a in names.items())
        return np.argsort(-sizes)[:count]

    expected = {
        "stages.0.conv": largest({"stages.1.conv": 1}, 4),
        "stages.2.conv": largest({f"{block}.first.pointwise": 1 for block in blocks} | {"stages.6.conv": 0}, 16),
        "stages.7.conv": largest({"stages.7.output": 1}, 4),
        f"{blocks[1]}.first.pointwise": largest({f"{blocks[1]}.second.pointwise": 1}, 16),
        f"{blocks[1]}.second.depthwise": largest({f"{blocks[1]}.second.pointwise": 1}, 16),
    }
    expected[f"{blocks[2]}.second.pointwise"] = expected["stages.2.conv"]
    student = start_of(teacher, (4,) * 8, tiny_data, tmp_path, "--importance", "reads")
    for name, kept in expected.items():
        np.testing.assert_array_equal(student.generator.tensors[f"{name}.bias"], tensors[f"{name}.bias"][kept])
    assert json.loads((tmp_path / "start.run" / "settings.json").read_text())["importance"] == "reads"


def test_ties_break_by_channel_index(tiny_data, tmp_path):
    teacher = make_checkpoint("replace", 8)
    coarse = {
        name: keyed_generator(0, f"coarse/{name}").choice([-0.5, 0.25], array.shape).astype(np.float32)
        for name, array in teacher.generator.tensors.items()
    }
    coarse["stages.0.conv.weight"][:] = 0.25  # all alike
    networks = {**teacher.networks, "generator": NetworkState(teacher.generator.spec, coarse)}
    tied = Checkpoint(stage="replace", task=CYCLEGAN, direction="AtoB", networks=networks, training=teacher.training)
    student = start_of(tied, MIXED, tiny_data, tmp_path)
    assert_pruned(student.generator, tied.generator, MIXED)
    np.testing.assert_array_equal(
        student.generator.tensors["stages.0.conv.bias"], coarse["stages.0.conv.bias"][: MIXED[0]]
    )


@pytest.mark.paddle26
@pytest.mark.parametrize("block", ["mobile", "resnet"])
def test_pruning_to_the_full_width_only_reorders_channels(tiny_data, tmp_path, block):
    teacher = make_checkpoint("replace", 8, seed=4, block=block)
    student = start_of(teacher, (8,) * 8, tiny_data, tmp_path)
    images = keyed_generator(0, "pictures").uniform(-1, 1, (2, 3, SIZE, SIZE)).astype(np.float32)
    made, wanted = (
        EagerEngine(Generator.from_state(state))(images) for state in (student.generator, teacher.generator)
    )
    assert np.std(wanted) > 0.1
    np.testing.assert_allclose(made, wanted, atol=1e-5)
    ours, theirs = (checkpoint.generator.tensors["stages.1.conv.bias"] for checkpoint in (student, teacher))
    assert not np.array_equal(ours, theirs)
    np.testing.assert_array_equal(np.sort(ours), np.sort(theirs))


def test_the_discriminator_starts_from_the_teacher_s_and_adaptors_fresh(tiny_data, tmp_path):
    teacher = make_checkpoint("replace", 8, seed=5)
    student = start_of(teacher, (4,) * 8, tiny_data, tmp_path)
    assert_equal_states(student.networks["discriminator"], teacher.networks["discriminator"])
    adaptors = student.networks["adaptors"]
    assert adaptors.spec == AdaptorsSpec(in_channels=(16,) * 4, out_channels=(32,) * 4)
    assert set(student.networks) == {"generator", "discriminator", "adaptors"}


def test_a_teacher_without_a_discriminator_gets_a_fresh_one(tiny_data, tmp_path, teacher_file):
    succeed("ganc-export", "--checkpoint", teacher_file, "-o", tmp_path / "export")
    arguments = ("--teacher", tmp_path / "export/generator.safetensors", "--data", tiny_data, "--width", "4")
    succeed("ganc-distill", *arguments, "--discriminator-width", "6", *TRAINING, "-o", tmp_path / "out")
    assert read_checkpoint(tmp_path / "out").networks["discriminator"].spec.width == 6


def test_the_other_direction_takes_the_reverse_networks(tiny_data, tmp_path):
    teacher = make_checkpoint("replace", 8, seed=6)
    student = start_of(teacher, MIXED, tiny_data, tmp_path, "--direction", "BtoA")
    assert student.direction == "BtoA"
    assert_pruned(student.generator, teacher.networks["generator_b"], MIXED)
    assert_equal_states(student.networks["discriminator"], teacher.networks["discriminator_b"])
    assert student.training["metric"]["subset"] == "testB"
    assert student.sources == {"teacher": teacher.digest}


def test_a_teacher_without_the_direction_says_so(tiny_data, student_file, out, tmp_path):
    with nothing_changes(tmp_path):
        arguments = ("--teacher", student_file, "--data", tiny_data, "--width", "4", *TRAINING)
        said = refusal("ganc-distill", *arguments, "--direction", "BtoA", "-o", out)
    assert str(student_file) in said
    assert "--direction AtoB" in said


@pytest.mark.paddle26
def test_a_student_comes_out(chain):
    student, teacher = read_checkpoint(chain.distill), read_checkpoint(chain.replace)
    assert (student.stage, student.direction, student.task) == ("distill", "AtoB", CYCLEGAN)
    assert student.sources == {"teacher": teacher.digest}
    assert student.generator.spec == teacher.generator.spec
    assert student.training["steps"] == 3
    run = chain.folder / "distill.safetensors.run"
    last = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    assert set(last["losses"]) == {"gan", "reconstruction", "feature", "discriminator"}
    assert (run / "samples" / "0000003.png").is_file()


def test_the_weights_reach_the_task(tiny_data, teacher_file, out):
    weights = ("--gan-weight", "0.5", "--reconstruction-weight", "7", "--feature-weight", "0")
    arguments = ("--teacher", teacher_file, "--data", tiny_data, "--width", "4", *weights, *TRAINING)
    succeed("ganc-distill", *arguments, "-o", out)
    task = read_checkpoint(out).task
    assert (task.gan_weight, task.reconstruction_weight, task.feature_weight) == (0.5, 7, 0)


def test_the_table_is_printed_again_when_the_run_had_finished(chain, monkeypatch):
    monkeypatch.chdir(chain.folder)
    with nothing_changes(chain.folder):
        said = succeed("ganc-distill", *chain.arguments["distill"], "-o", "distill.safetensors")
    assert "--restart" in said.stderr
    assert "8_8_8_8_8_8_8_8" in said.stdout


def test_a_student_wider_than_its_teacher_is_refused(tiny_data, teacher_file, out, tmp_path):
    for widths in (("--width", "16"), ("--widths", "8_8_8_8_8_8_8_9")):
        with nothing_changes(tmp_path):
            arguments = ("--teacher", teacher_file, "--data", tiny_data, *widths, *TRAINING)
            said = refusal("ganc-distill", *arguments, "-o", out)
        assert said.startswith(f"{widths[0]} ")
        assert f"more than the teacher's, 8_8_8_8_8_8_8_8 ({teacher_file}); choose less" in said


def test_wrong_usage_is_refused(tiny_data, teacher_file, out):
    assert "'--teacher'" in refusal("ganc-distill", "--data", tiny_data, "-o", out, status=2)
    arguments = ("--teacher", teacher_file, "--data", tiny_data, "--feature-weight", "-1", "-o", out)
    assert "'--feature-weight': -1.0" in refusal("ganc-distill", *arguments, status=2)


def test_the_teacher_is_not_overwritten(tiny_data, teacher_file, tmp_path):
    (tmp_path / "teacher").write_bytes(teacher_file.read_bytes())
    with nothing_changes(tmp_path):
        arguments = ("--teacher", tmp_path / "teacher", "--data", tiny_data, "--width", "4", *TRAINING)
        assert str(tmp_path / "teacher") in refusal("ganc-distill", *arguments, "-o", tmp_path / "teacher")
