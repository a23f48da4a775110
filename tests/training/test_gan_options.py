"""The GAN loss of the stages that distill: from which epoch on, with which discriminator, or not at all."""

import dataclasses
import json

import numpy as np
import pytest
from helpers.stages import SPACE, TRAINING, nothing_changes, refusal
from helpers.support import TINY_TRAINING, assert_equal_states, succeed

from ganc.files.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

WITHOUT_GAN = ("--gan-weight", "0")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.safetensors"


@pytest.fixture
def distill(tiny_data, teacher_file, out):
    """Return a function that distills the teacher, or another one, with options and returns the checkpoint: 6 steps."""

    def run(*options, teacher=teacher_file, output=out):
        succeed("ganc-distill", *arguments(tiny_data, teacher), *options, "-o", output)
        return read_checkpoint(output)

    return run


def arguments(data, teacher):
    return ("--teacher", teacher, "--data", data, "--width", "4", *TINY_TRAINING)


def without_discriminators(checkpoint: Checkpoint, path):
    networks = {n: state for n, state in checkpoint.networks.items() if not n.startswith("discriminator")}
    write_checkpoint(path, dataclasses.replace(checkpoint, networks=networks))
    return path


def run_file(output, name):
    return output.with_name(output.name + ".run") / name


def settings_of(output):
    return json.loads(run_file(output, "settings.json").read_text())


def losses_of(output):
    return [set(json.loads(line)["losses"]) for line in run_file(output, "log.jsonl").read_text().splitlines()]


@pytest.mark.paddle26
def test_the_gan_begins_with_the_epoch_that_was_asked_for(distill, out, teacher_file):
    distill("--gan-from", "1", "--max-steps", "3")
    start = read_checkpoint(teacher_file).networks["discriminator"]
    assert_equal_states(read_checkpoint(out).networks["discriminator"], start)
    after = distill("--gan-from", "1")
    assert losses_of(out) == [
        {"reconstruction", "feature"},
        {"gan", "reconstruction", "feature", "discriminator"},
    ]
    assert any((after.networks["discriminator"].tensors[n] != t).any() for n, t in start.tensors.items())
    assert settings_of(out)["gan_from"] == 1


def test_a_run_goes_on_bit_by_bit_across_the_gan_s_beginning(distill, tmp_path):
    for steps in (2, 4, 6):
        distill("--gan-from", "1", "--max-steps", steps, output=tmp_path / "parts")
    distill("--gan-from", "1", output=tmp_path / "whole")
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_schedule_that_ends_before_the_gan_begins_is_refused(tiny_data, teacher_file, out, tmp_path):
    with nothing_changes(tmp_path):
        said = refusal("ganc-distill", *arguments(tiny_data, teacher_file), "--gan-from", "2", "-o", out)
    assert "--gan-from 2" in said
    assert "2 epochs" in said
    said = refusal("ganc-distill", *arguments(tiny_data, teacher_file), "--decay-epochs", 0, "--gan-from", 1, "-o", out)
    assert "ends after 1 epoch," in said


@pytest.mark.parametrize("recipe", ["published", "imitate"])
def test_steps_that_end_before_the_gan_begins_are_warned_of(tiny_data, teacher_file, out, recipe):
    first = ("--gan-from", "1") if recipe == "published" else ()  # the other one's is two thirds: 4 of 6 steps
    begins = 4 if recipe == "published" else 5
    options = (*arguments(tiny_data, teacher_file), *first, "--recipe", recipe, "--loss", "ssim=1", "--refit", "0")
    said = succeed("ganc-distill", *options, "--max-steps", begins - 1, "--dry-run", "-o", out).stderr
    assert f"warning: the run ends after {begins - 1} steps, before the GAN loss begins in step {begins}" in said
    assert "--max-steps" in said
    said = succeed("ganc-distill", *options, "--max-steps", begins, "--dry-run", "-o", out).stderr
    assert "begins in step" not in said


def test_a_warm_up_that_is_longer_than_the_run_is_warned_of_where_it_was_given(
    tiny_data, teacher_file, out, tmp_path, monkeypatch
):
    def warnings(*options):
        options = (*arguments(tiny_data, teacher_file), *WITHOUT_GAN, "--dry-run", *options)
        said = succeed("ganc-distill", *options, "-o", out).stderr
        return [line for line in said.splitlines() if line.startswith("warning: ")]

    (said,) = warnings("--warm-up", "100000")
    assert "--warm-up 100000: the run ends after 6 steps" in said
    assert "--lr 0.001" in said
    assert "at most 6" in said
    assert warnings("--warm-up", "6") == []
    assert len(warnings("--warm-up", "6", "--max-steps", "5")) == 1
    assert warnings("--recipe", "imitate", "--loss", "ssim=1", "--refit", "0") == []  # whose own has 100 steps
    (tmp_path / "defaults.yaml").write_text("warm-up: 7\n")
    assert len(warnings("--defaults", tmp_path / "defaults.yaml")) == 1
    monkeypatch.setenv("GANC_DISTILL_WARM_UP", "7")
    assert len(warnings()) == 1


@pytest.mark.parametrize("option", ["--gan-from", "--discriminator-width"])
def test_what_a_weight_of_0_would_ignore_is_refused(tiny_data, teacher_file, out, tmp_path, option):
    with nothing_changes(tmp_path):
        said = refusal("ganc-distill", *arguments(tiny_data, teacher_file), *WITHOUT_GAN, option, "1", "-o", out)
    assert f"{option} 1" in said
    assert "--gan-weight" in said


@pytest.mark.parametrize("gan", [WITHOUT_GAN, ("--gan-from", "1")], ids=["never", "later"])
def test_a_run_without_any_loss_is_refused(tiny_data, teacher_file, out, tmp_path, gan):
    nothing = ("--reconstruction-weight", "0", "--feature-weight", "0", *gan)
    with nothing_changes(tmp_path):
        assert "loss" in refusal("ganc-distill", *arguments(tiny_data, teacher_file), *nothing, "-o", out)


@pytest.mark.paddle26
def test_without_a_gan_the_input_s_discriminator_is_handed_on_unchanged(distill, out, teacher_file):
    checkpoint = distill(*WITHOUT_GAN)
    assert_equal_states(checkpoint.networks["discriminator"], read_checkpoint(teacher_file).networks["discriminator"])
    assert checkpoint.task.gan_weight == 0
    assert losses_of(out) == [{"reconstruction", "feature"}] * 2


def test_without_a_gan_and_an_input_s_discriminator_all_stages_do_without_one(chain, tiny_data, tmp_path):
    teacher = without_discriminators(read_checkpoint(chain.replace), tmp_path / "teacher")
    common = ("--teacher", teacher, "--data", tiny_data, *TRAINING)
    succeed("ganc-distill", *common, "--width", "8", *WITHOUT_GAN, "-o", tmp_path / "student")
    student = ("--student", tmp_path / "student", "--space", SPACE)
    succeed("ganc-supernet", *common, *student, "-o", tmp_path / "supernet")
    supernet = ("--supernet", tmp_path / "supernet", "--config", "4_4_8_4_8_4_8_4")
    succeed("ganc-finetune", *common, *supernet, *WITHOUT_GAN, "-o", tmp_path / "finetune")
    for name in ("student", "supernet", "finetune"):
        checkpoint = read_checkpoint(tmp_path / name)
        assert set(checkpoint.networks) == {"generator", "adaptors"}
        assert checkpoint.task.gan_weight == 0
        succeed("ganc", "inspect", tmp_path / name)
    succeed("ganc-export", "--checkpoint", tmp_path / "finetune", "--device", "cpu", "-o", tmp_path / "export")
    # A stage that has a GAN again, as the published fine-tuning has, begins with a fresh discriminator.
    succeed("ganc-finetune", *common, *supernet, "-o", tmp_path / "again")
    assert read_checkpoint(tmp_path / "again").networks["discriminator"].spec.width == 64


def test_a_thinner_discriminator_than_the_input_s_is_a_fresh_one(distill, out, tmp_path, teacher_file):
    theirs = read_checkpoint(teacher_file).networks["discriminator"]
    thin = distill("--discriminator-width", "2", "--gan-from", "1", "--max-steps", "3").networks["discriminator"]
    assert (theirs.spec.width, thin.spec.width) == (4, 2)
    assert (settings_of(out)["discriminator_width"], settings_of(out)["discriminator"]) == (2, "fresh")
    assert not any(array.any() for name, array in thin.tensors.items() if name.endswith(".bias"))  # as drawn
    same = distill("--discriminator-width", "4", output=tmp_path / "same")
    plain = distill(output=tmp_path / "plain")
    assert same.digest == plain.digest
    assert "discriminator" not in settings_of(tmp_path / "plain")
    assert settings_of(tmp_path / "plain")["discriminator_width"] == 64


def test_a_crop_too_small_for_a_discriminator_is_large_enough_without_one(distill, tiny_data, teacher_file, out):
    small = ("--crop-size", "16", "--load-size", "16", "--eval-size", "32")
    assert "--crop-size" in refusal("ganc-distill", *arguments(tiny_data, teacher_file), *small, "-o", out)
    assert np.isfinite(distill(*small, *WITHOUT_GAN).training["metric"]["value"])
