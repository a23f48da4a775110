"""--loss through the commands: what is logged and recorded, that runs go on, and what is refused."""

import dataclasses
import importlib.metadata
import json

import pytest
from helpers.stages import SPACE, nothing_changes, refusal
from helpers.support import TINY_TRAINING, assert_equal_states, make_checkpoint, run_command, succeed, without_option

from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.metrics.lite0.weights import PACKAGE

LOSSES = ("--loss", "ssim=0.5", "--loss", "wavelet=2", "--loss", "crd=0.1", "--loss", "dcd=1")
WEIGHTS = {"ssim": 0.5, "wavelet": 2.0, "crd": 0.1, "dcd": 1.0}


@pytest.fixture
def arguments(tiny_data, teacher_file):
    return ("--teacher", teacher_file, "--data", tiny_data, "--width", "4", *TINY_TRAINING, "--eval-every", "0")


def lines_of(output):
    log = output.with_name(output.name + ".run") / "log.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.paddle26
def test_losses_are_logged_and_recorded_and_a_run_goes_on_bit_by_bit(arguments, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    succeed("ganc-distill", *arguments, *LOSSES, "-o", whole)
    for steps in ("2", "5", "6"):
        succeed("ganc-distill", *arguments, *LOSSES, "--max-steps", steps, "-o", parts)
    assert parts.read_bytes() == whole.read_bytes()
    for line in lines_of(whole):
        assert set(line["losses"]) == {"gan", "reconstruction", "feature", "discriminator", *WEIGHTS}
        assert all(line["losses"][name] > 0 for name in WEIGHTS)
        assert line["weights"] == WEIGHTS
    assert read_checkpoint(whole).training["losses"] == WEIGHTS
    settings = json.loads((tmp_path / "whole.run" / "settings.json").read_text())
    assert settings["losses"] == WEIGHTS


def test_a_run_without_added_losses_says_nothing_of_them(arguments, tmp_path):
    succeed("ganc-distill", *arguments, "-o", tmp_path / "out")
    assert "losses" not in read_checkpoint(tmp_path / "out").training
    assert all("weights" not in line for line in lines_of(tmp_path / "out"))


def test_a_loss_changes_the_student_and_its_weight_its_value(arguments, tmp_path):
    for weight in ("1", "2"):
        succeed("ganc-distill", *arguments, "--max-steps", "1", "--loss", f"ssim={weight}", "-o", tmp_path / weight)
    first, second = (lines_of(tmp_path / weight)[0]["losses"]["ssim"] for weight in ("1", "2"))
    assert second == pytest.approx(2 * first)
    with pytest.raises(AssertionError):
        assert_equal_states(*(read_checkpoint(tmp_path / weight).generator for weight in ("1", "2")))


def test_other_weights_are_other_settings(arguments, tmp_path):
    succeed("ganc-distill", *arguments, "--max-steps", "1", "--loss", "ssim=1", "-o", tmp_path / "out")
    said = refusal("ganc-distill", *arguments, "--loss", "ssim=2", "-o", tmp_path / "out")
    assert "losses.ssim was 1.0, now 2.0" in said


def test_several_sub_networks_a_step_have_the_losses_too(tiny_data, chain, tmp_path):
    inputs = ("--teacher", chain.replace, "--student", chain.distill, "--data", tiny_data, "--space", SPACE)
    options = (*TINY_TRAINING, "--max-steps", "2", "--sampling", "sandwich", "--loss", "dcd=1", "--loss", "ssim=1")
    succeed("ganc-supernet", *inputs, *options, "-o", tmp_path / "out")
    assert {"dcd", "ssim"} < set(lines_of(tmp_path / "out")[-1]["losses"])


def test_lite0_trains_where_its_weights_are_installed(arguments, tmp_path):
    try:
        importlib.metadata.files(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the extra lite0 is not installed")
    succeed("ganc-distill", *arguments, "--max-steps", "2", "--loss", "lite0=1", "-o", tmp_path / "out")
    assert lines_of(tmp_path / "out")[-1]["losses"]["lite0"] > 0


def test_lite0_without_its_weights_says_what_to_install(arguments, tmp_path):
    """Alone: nothing was measured on another feature set before."""
    absent = (PACKAGE.replace("-", "_"),)
    usual = without_option(arguments, "--feature-set")
    done = run_command("ganc-distill", *usual, "--loss", "lite0=1", "-o", tmp_path / "out", absent=absent)
    assert done.returncode == 1
    (message,) = done.stderr.decode().splitlines()
    assert message.startswith("Error: ")
    assert message.endswith("pip install 'ganc-common[lite0]'; --loss lite0 needs it")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("l2=1",), "ssim, wavelet, lite0, crd, dcd"),
        (("ssim",), "--loss': 'ssim': expected NAME=WEIGHT, such as ssim=1"),
        (("ssim=0",), "above 0"),
        (("ssim=a",), "'a'"),
        (("ssim=1", "ssim=2"), "twice"),
    ],
)
def test_what_is_no_loss_is_wrong_usage(arguments, tmp_path, given, named):
    options = [part for text in given for part in ("--loss", text)]
    with nothing_changes(tmp_path):
        assert named in refusal("ganc-distill", *arguments, *options, "-o", tmp_path / "out", status=2)


def test_a_teacher_without_a_discriminator_cannot_compare(arguments, tmp_path):
    teacher = make_checkpoint("replace")
    alone = dataclasses.replace(teacher, networks={"generator": teacher.generator})
    write_checkpoint(tmp_path / "teacher", alone)
    options = ("--teacher", tmp_path / "teacher", "--loss", "dcd=1", "-o", tmp_path / "out")
    said = refusal("ganc-distill", *arguments, *options)
    assert said.startswith(f"{tmp_path / 'teacher'}: has no discriminator, by which --loss dcd compares; ")
    assert "ganc-replace" in said
