"""Outputs that cannot be written in the end: the training is kept, and the message says how to get at its output."""

import os
from pathlib import Path

import pytest
from helpers.stages import refusal
from helpers.support import files_under, succeed, without_option
from helpers.training_runs import distill

from ganc.base import atomic
from ganc.files.checkpoint import read_checkpoint


@pytest.fixture
def refused(monkeypatch):
    """Return a function after which no file of these names can be moved to its place."""

    def refuse(*names):
        def move(source, target):
            if Path(target).name in names:
                raise OSError(28, "No space left on device")
            os.rename(source, target)

        monkeypatch.setattr(atomic.os, "replace", move)

    return refuse


def finetune(tiny_data, teacher_file, supernet_file, output, *options):
    _, *arguments = without_option(distill(tiny_data, teacher_file, output, *options), "--width")
    return ("ganc-finetune", "--supernet", supernet_file, "--config", "4_4_4_4_4_4_4_4", *arguments)


@pytest.mark.parametrize("program", ["distill", "finetune", "online"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_output_is_written_without_training_again(
    tiny_data, teacher_file, supernet_file, tmp_path, refused, monkeypatch, program, elsewhere
):
    def arguments(output, *options):
        if program == "finetune":
            return finetune(tiny_data, teacher_file, supernet_file, output, *options)
        further = ("--online", "--loss", "ssim=1") if program == "online" else ()
        return distill(tiny_data, teacher_file, output, *further, *options)

    out, plain, run = (tmp_path / name for name in ("out.safetensors", "plain.safetensors", "out.safetensors.run"))
    refused("out.safetensors")
    message = refusal(*arguments(out))
    for part in (str(out), "No space left", str(run), "all steps are saved", "--run-dir"):
        assert part in message
    assert not out.exists()
    monkeypatch.undo()
    before = files_under(run)

    other = tmp_path / "other.safetensors"
    again = arguments(other, "--run-dir", run) if elsewhere else arguments(out)
    succeed(*again)
    assert files_under(run) == before  # a step more would be in its log and state
    succeed(*arguments(plain))
    assert (other if elsewhere else out).read_bytes() == plain.read_bytes()


def test_a_state_that_cannot_be_written_costs_what_came_after_the_one_before(
    tiny_data, teacher_file, tmp_path, refused, monkeypatch
):
    out, plain = tmp_path / "out.safetensors", tmp_path / "plain.safetensors"
    refused("state.safetensors")
    assert "steps are saved" not in refusal(*distill(tiny_data, teacher_file, out))
    assert not (tmp_path / "out.safetensors.run" / "state.safetensors").exists()
    monkeypatch.undo()
    succeed(*distill(tiny_data, teacher_file, out, "--max-steps", "2"))
    refused("state.safetensors")
    message = refusal(*distill(tiny_data, teacher_file, out))
    assert "2 of 6 steps are saved" in message
    assert "the same command continues there" in message
    assert "without --restart" not in message
    monkeypatch.undo()
    succeed(*distill(tiny_data, teacher_file, out))
    succeed(*distill(tiny_data, teacher_file, plain))
    assert out.read_bytes() == plain.read_bytes()


def test_after_a_restart_the_way_out_is_without_it(tiny_data, teacher_file, tmp_path, refused):
    refused("out.safetensors")
    message = refusal(*distill(tiny_data, teacher_file, tmp_path / "out.safetensors", "--restart"))
    assert "the same command without --restart writes the output" in message


def test_what_killed_runs_left_in_the_run_s_folder_is_removed(tiny_data, teacher_file, tmp_path):
    out, run = tmp_path / "out.safetensors", tmp_path / "out.safetensors.run"
    succeed(*distill(tiny_data, teacher_file, out, "--max-steps", "2"))
    left = [
        run / ".state.safetensors.12345678.part",
        run / "samples" / ".0000002.png.12345678.part",
        tmp_path / ".out.safetensors.12345678.part",
    ]
    for path in left:
        path.touch()
    succeed(*distill(tiny_data, teacher_file, out, "--max-steps", "3"))
    assert not any(path.exists() for path in left)
    assert read_checkpoint(out).training["steps"] == 3
