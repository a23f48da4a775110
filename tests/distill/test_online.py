"""ganc-distill --online: a teacher that trains beside the student, and is written beside it."""

import dataclasses
import json

import numpy as np
import pytest
from helpers.agreement import nearly
from helpers.stages import NETWORKS, TRAINING, nothing_changes, refusal
from helpers.support import TINY_TRAINING, assert_equal_states, invoke, make_checkpoint, succeed

from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.files.run_directory import STATE_FORMAT, STATE_VERSION
from ganc.files.tensors import read_tensors
from ganc.models.convolutions import NetworkState

FRESH = ("--teacher-width", "8", "--n-blocks", "3", "--discriminator-width", "8")
CYCLE = {"generator", "generator_b", "discriminator", "discriminator_b"}


def arguments(data, *options, training=TINY_TRAINING):
    return ("ganc-distill", "--online", "--data", data, "--width", "4", *training, *options)


def teacher_of(output):
    return output.with_name(f"{output.stem}.teacher{output.suffix}")


def run_file(output, name):
    return output.with_name(output.name + ".run") / name


def losses_of(output):
    """Return the mean losses of the first epoch."""
    return json.loads(run_file(output, "log.jsonl").read_text().splitlines()[0])["losses"]


@pytest.fixture(scope="module")
def fresh(tiny_data, tmp_path_factory):
    """The student of a run of 6 steps whose teacher started fresh."""
    output = tmp_path_factory.mktemp("online") / "out.safetensors"
    succeed(*arguments(tiny_data, *FRESH), "-o", output)
    return output


@pytest.fixture(scope="module")
def continued(tiny_data, teacher_file, tmp_path_factory):
    """The same with a teacher that goes on from a checkpoint."""
    output = tmp_path_factory.mktemp("continued") / "out.safetensors"
    succeed(*arguments(tiny_data, "--teacher", teacher_file), "-o", output)
    return output


@pytest.mark.paddle26
def test_the_teacher_is_the_cyclegan_that_stage_1_would_train(fresh, tiny_data, tmp_path):
    succeed("ganc-replace", "--data", tiny_data, *NETWORKS, *TINY_TRAINING, "-o", tmp_path / "alone")
    alone, beside = read_checkpoint(tmp_path / "alone"), read_checkpoint(teacher_of(fresh))
    assert set(beside.networks) == CYCLE
    for name, state in alone.networks.items():
        assert_equal_states(beside.networks[name], state)
    assert beside.task == alone.task
    facts = {name: fact for name, fact in alone.training.items() if name != "metric"}
    assert {name: beside.training[name] for name in facts} == facts
    assert beside.training["metric"]["value"] == nearly(alone.training["metric"]["value"])


@pytest.mark.paddle26
def test_the_student_learns_without_a_discriminator_and_hands_its_teacher_s_on(fresh):
    student, teacher = read_checkpoint(fresh), read_checkpoint(teacher_of(fresh))
    assert set(student.networks) == {"generator", "discriminator", "adaptors"}
    assert_equal_states(student.networks["discriminator"], teacher.networks["discriminator"])
    assert student.generator.spec == teacher.generator.spec.narrowed((4,) * 8)
    assert (student.task.gan_weight, teacher.task.gan_weight) == (0, 1)
    assert student.training["losses"] == {"ssim": 10.0}
    assert student.training["metric"]["value"] != teacher.training["metric"]["value"]
    logged = json.loads(run_file(fresh, "log.jsonl").read_text().splitlines()[-1])
    own = {name for name in logged["losses"] if not name.startswith("teacher_")}
    assert own == {"reconstruction", "feature", "ssim"}
    assert {"teacher_gan", "teacher_cycle_b", "teacher_discriminator"} < set(logged["losses"])
    assert set(logged["metrics"]) == {"student", "teacher"}


def test_a_dry_run_lists_the_networks_of_both(tiny_data, tmp_path):
    said = json.loads(succeed(*arguments(tiny_data, *FRESH), "-o", tmp_path / "out", "--dry-run", "--json").stdout)
    generator, theirs = (
        next(one for one in said["networks"] if one["network"] == name) for name in ("generator", "teacher: generator")
    )
    assert theirs["macs"] > generator["macs"]
    assert {one["network"] for one in said["networks"]} > {f"teacher: {name}" for name in CYCLE}


def test_the_student_names_the_teacher_that_was_written_beside_it(fresh, continued, teacher_file):
    start = read_checkpoint(teacher_file)
    for output, sources in ((fresh, {}), (continued, {"init_from": start.digest})):
        teacher = read_checkpoint(teacher_of(output))
        assert read_checkpoint(output).sources == {"teacher": teacher.digest}
        assert teacher.sources == sources
        assert chain_of(teacher_of(output)) == [*sources.values()]
    succeed("ganc", "inspect", "--verify", continued, teacher_of(continued), teacher_file)


def chain_of(output):
    return [one["digest"] for one in read_checkpoint(output).training.get("ancestors", [])]


def test_a_pair_that_goes_on_has_the_chain_of_each(continued, tiny_data, teacher_file, tmp_path):
    start, teacher = read_checkpoint(continued), read_checkpoint(teacher_of(continued))
    both = ("--teacher", teacher_of(continued), "--init-from", continued)
    succeed(*arguments(tiny_data, *both, training=(*TINY_TRAINING, "--max-steps", "1")), "-o", tmp_path / "next")
    assert chain_of(tmp_path / "next") == [start.digest]
    assert chain_of(teacher_of(tmp_path / "next")) == [teacher.digest, read_checkpoint(teacher_file).digest]


def test_a_teacher_that_goes_on_starts_from_its_file(continued, tiny_data, teacher_file, tmp_path):
    start, after = read_checkpoint(teacher_file), read_checkpoint(teacher_of(continued))
    assert after.generator.spec == start.generator.spec
    assert any((after.generator.tensors[name] != tensor).any() for name, tensor in start.generator.tensors.items())
    still = (*TINY_TRAINING, "--max-steps", "1", "--lr", "1e-30")
    succeed(*arguments(tiny_data, "--teacher", teacher_file, training=still), "-o", tmp_path / "online")
    for name in CYCLE:
        assert_equal_states(read_checkpoint(tmp_path / "online.teacher").networks[name], start.networks[name])
    frozen = ("--teacher", teacher_file, "--data", tiny_data, "--width", "4", *still)
    succeed("ganc-distill", *frozen, "-o", tmp_path / "frozen")
    assert_equal_states(read_checkpoint(tmp_path / "online").generator, read_checkpoint(tmp_path / "frozen").generator)


@pytest.mark.paddle26
def test_a_run_that_was_cut_goes_on_bit_by_bit(fresh, tiny_data, tmp_path):
    out = tmp_path / "out.safetensors"
    for steps in ((*TINY_TRAINING, "--max-steps", "2"), (*TINY_TRAINING, "--max-steps", "4"), TINY_TRAINING):
        succeed(*arguments(tiny_data, *FRESH, training=steps), "-o", out)
    assert out.read_bytes() == fresh.read_bytes()
    assert teacher_of(out).read_bytes() == teacher_of(fresh).read_bytes()
    _, saved = read_tensors(run_file(out, "state.safetensors"), STATE_FORMAT, STATE_VERSION)
    _, expected = read_tensors(run_file(fresh, "state.safetensors"), STATE_FORMAT, STATE_VERSION)
    assert set(saved) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(saved[name], array, err_msg=name)
    teacher = read_checkpoint(teacher_of(out))
    for name, state in teacher.networks.items():
        tensors = {key: saved[f"teacher.{name}.{key}"] for key in state.tensors}
        assert_equal_states(NetworkState(state.spec, tensors), state)
    for pool in ("discriminator", "discriminator_b"):
        assert len(saved[f"teacher.pool.{pool}"]) == 12
    for optimizer in ("generators", "discriminators"):
        assert any(name.startswith(f"teacher.optimizer.{optimizer}.") for name in saved)


@pytest.mark.parametrize("harm", ["nothing", "removed", "another"])
def test_a_finished_run_writes_its_teacher_again_where_it_is_not_the_one(tiny_data, teacher_file, tmp_path, harm):
    out, beside = tmp_path / "out.safetensors", tmp_path / "elsewhere"
    run = (*arguments(tiny_data, *FRESH, training=TRAINING), "--teacher-output", beside, "-o", out)
    first = succeed(*run)
    content, at = (out.read_bytes(), beside.read_bytes()), beside.stat().st_mtime_ns
    assert str(beside) in first.stdout
    if harm == "removed":
        beside.unlink()
    if harm == "another":
        beside.write_bytes(teacher_file.read_bytes())
    again = succeed(*run)
    assert again.stdout == first.stdout
    assert (out.read_bytes(), beside.read_bytes()) == content
    assert (beside.stat().st_mtime_ns == at) == (harm == "nothing")


def test_later_stages_learn_from_the_teacher(fresh, tiny_data, tmp_path):
    files = ("--teacher", teacher_of(fresh), "--student", fresh, "--space", "4,2/4,2/4/4,2/4/4,2/4/4,2")
    succeed("ganc-supernet", *files, "--data", tiny_data, *TRAINING, "-o", tmp_path / "supernet")
    assert read_checkpoint(tmp_path / "supernet").sources["teacher"] == read_checkpoint(teacher_of(fresh)).digest


def test_the_losses_that_are_asked_for_take_the_default_s_place(tiny_data, teacher_file, tmp_path):
    """The distance in the discriminator is that of the teacher's as it becomes; nothing of it reaches its gradients."""
    options = ("--loss", "dcd=1", "--ema", "0.5")
    succeed(*arguments(tiny_data, *options, "--teacher", teacher_file), "-o", tmp_path / "out")
    succeed(*arguments(tiny_data, "--teacher", teacher_file), "-o", tmp_path / "plain")
    student, teacher = read_checkpoint(tmp_path / "out"), read_checkpoint(tmp_path / "out.teacher")
    assert student.training["losses"] == {"dcd": 1.0}
    assert teacher.digest == read_checkpoint(tmp_path / "plain.teacher").digest
    assert student.digest != read_checkpoint(tmp_path / "plain").digest


def test_an_engine_trains_the_teacher_too(fresh, tiny_data, tmp_path):
    succeed(*arguments(tiny_data, *FRESH), "--engine", "openvino", "-o", tmp_path / "out")
    assert read_checkpoint(tmp_path / "out.teacher").digest != read_checkpoint(teacher_of(fresh)).digest
    ours, theirs = (losses_of(output) for output in (tmp_path / "out", fresh))
    assert ours == pytest.approx(theirs, rel=2e-2)


def test_a_frozen_teacher_s_file_cannot_train(tiny_data, student_file, tmp_path):
    whole = make_checkpoint()
    write_checkpoint(tmp_path / "alone", dataclasses.replace(whole, networks={"generator": whole.generator}))
    with nothing_changes(tmp_path):
        for path in (tmp_path / "alone", student_file):
            said = refusal(*arguments(tiny_data, "--teacher", path), "-o", tmp_path / "out")
            assert str(path) in said
            assert "generator_b" in said
            assert "ganc-replace" in said


@pytest.mark.parametrize(
    ("options", "status", "named"),
    [
        (("--teacher-width", "8"), 1, "--teacher-width 8"),
        (("--block", "resnet"), 1, "--block resnet"),
        (("--n-blocks", "3"), 1, "--n-blocks 3"),
        (("--discriminator-width", "6"), 1, "--discriminator-width 6"),
        (("--gan-weight", "1"), 1, "--gan-weight 1"),
        (("--gan-from", "1"), 1, "--gan-from 1"),
        (("--teacher-output", "out"), 1, "--teacher-output"),
    ],
)
def test_what_would_be_ignored_is_refused(tiny_data, teacher_file, tmp_path, monkeypatch, options, status, named):
    monkeypatch.chdir(tmp_path)
    with nothing_changes(tmp_path):
        said = refusal(*arguments(tiny_data, "--teacher", teacher_file), *options, "-o", "out", status=status)
    assert named in said


def test_a_student_wider_than_a_fresh_teacher_is_refused(tiny_data, tmp_path):
    assert "--width" in refusal(*arguments(tiny_data, *FRESH), "--width", "16", "-o", tmp_path / "out")


@pytest.mark.parametrize("options", [("--teacher-width", "8"), ("--teacher-output", "file"), ("--block", "mobile")])
def test_options_of_a_teacher_that_trains_need_one(tiny_data, teacher_file, tmp_path, options):
    run = ("ganc-distill", "--teacher", teacher_file, "--data", tiny_data, *options, "-o", tmp_path / "out")
    assert "--online" in refusal(*run, status=2)


def test_without_a_teacher_nothing_is_distilled(tiny_data, tmp_path):
    result = invoke("ganc-distill", "--data", tiny_data, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "--online" in result.stderr


def test_the_teacher_s_file_is_not_overwritten(tiny_data, teacher_file, tmp_path):
    given = tmp_path / "out.teacher"
    given.write_bytes(teacher_file.read_bytes())
    with nothing_changes(tmp_path):
        said = refusal(*arguments(tiny_data, "--teacher", given), "-o", tmp_path / "out")
    assert str(given) in said
