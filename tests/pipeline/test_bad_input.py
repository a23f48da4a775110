"""What cannot work is refused in one line that says which file, what was expected and what to do; nothing is left."""

import dataclasses
import re
import shutil

import numpy as np
import pytest
from helpers.stages import STAGE_TOOLS, TRAINING_TOOLS, nothing_changes, refusal
from helpers.support import SIZE, UNTRAINED_SET, invoke, make_checkpoint, run_command, succeed, without_option

from ganc.files.checkpoint import write_checkpoint
from ganc.metrics import read_statistics, write_statistics

PADDLE = ("paddle", "paddlepaddle", "paddlepaddle_gpu")
METRIC = "untrained-conv3-v1"


def test_the_commands_that_are_spoilt_here_work(command, tiny_data, out):
    for program in STAGE_TOOLS:
        succeed(*command(program, tiny_data, "--restart"))
        assert out.is_file()
        out.unlink()


@pytest.mark.paddle26
@pytest.mark.parametrize("program", STAGE_TOOLS)
def test_a_directory_that_is_not_there(command, tmp_path, program):
    with nothing_changes(tmp_path):
        said = refusal(*command(program, tmp_path / "nowhere"))
    assert str(tmp_path / "nowhere") in said


@pytest.mark.parametrize("program", STAGE_TOOLS)
def test_a_file_in_place_of_a_directory_is_wrong_usage(command, teacher_file, tmp_path, program):
    with nothing_changes(tmp_path):
        assert str(teacher_file) in refusal(*command(program, teacher_file), status=2)


def first_subset(program):
    return "testA" if program == "ganc-search" else "trainA"


@pytest.mark.parametrize("program", STAGE_TOOLS)
def test_lists_that_are_empty_or_name_what_is_not_there(command, own, tmp_path, program):
    path = own / f"{first_subset(program)}.txt"
    for content, named in (
        ("", str(path)),
        ("\r\n \n", str(path)),
        ("00000.png\nabsent.png\n", f"{path}, line 2"),
        ("../other/x.png\n", "outside"),
    ):
        path.write_text(content)
        with nothing_changes(tmp_path):
            assert named in refusal(*command(program, own))
    path.write_bytes(b"\xff\xfe")
    assert f"{path}: is not UTF-8" in refusal(*command(program, own))


@pytest.mark.parametrize("program", STAGE_TOOLS)
def test_a_domain_that_is_not_there(command, own, tmp_path, program):
    (own / "trainB.txt").unlink()
    shutil.rmtree(own / "trainB")
    with nothing_changes(tmp_path):
        assert "trainB.txt" in refusal(*command(program, own))


CORRUPT = {
    "no image": lambda content: b"no image at all",
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
}


@pytest.mark.paddle26
@pytest.mark.parametrize("kind", CORRUPT)
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("program", TRAINING_TOOLS)
def test_a_corrupt_image_that_training_comes_upon(command, own, tmp_path, program, workers, kind):
    for path in sorted((own / "trainA").iterdir()):
        path.write_bytes(CORRUPT[kind](path.read_bytes()))
    with nothing_changes(tmp_path):
        said = refusal(*command(program, own, "--workers", workers))
    assert said.startswith(f"{own / 'trainA'}/0000")
    assert "is corrupt" in said or "cannot be read" in said


@pytest.mark.parametrize("program", STAGE_TOOLS)
@pytest.mark.parametrize("subset", ["testA", "trainB", "testB"])
def test_a_corrupt_image_that_is_evaluated_is_found_before_the_first_step(command, own, tmp_path, program, subset):
    (own / subset / "00001.png").write_bytes(b"no image at all")
    steps = () if program == "ganc-search" else ("--max-steps", 3)
    with nothing_changes(tmp_path):
        said = invoke(*command(program, own, *steps))
    assert said.exit_code == 1
    assert str(own / subset / "00001.png") in said.stderr.splitlines()[-1]
    assert not re.search(r"\b[1-9]/[23] ", said.stderr), "the bar has moved"


def test_after_an_image_was_mended_the_same_command_runs(command, own, out):
    image = own / "trainA" / "00000.png"
    whole = {path: path.read_bytes() for path in (own / "trainA").iterdir()}
    for path in whole:
        path.write_bytes(b"no image")
    refusal(*command("ganc-distill", own))
    for path, content in whole.items():
        path.write_bytes(content)
    assert image.is_file()
    succeed(*command("ganc-distill", own))
    assert out.is_file()


@pytest.mark.parametrize("program", ["ganc-supernet", "ganc-finetune"])
def test_a_teacher_and_a_student_of_different_depth(command, tiny_data, tmp_path, program):
    write_checkpoint(tmp_path / "deep", make_checkpoint("replace", 8, n_blocks=6))
    with nothing_changes(tmp_path):
        said = refusal(*command(program, tiny_data, teacher=tmp_path / "deep"))
    assert f"{tmp_path / 'deep'}: the teacher has n_blocks 6 " in said


@pytest.mark.parametrize("program", TRAINING_TOOLS)
def test_sizes_that_do_not_fit(command, tiny_data, tmp_path, program):
    with nothing_changes(tmp_path):
        for options, named in (
            (("--crop-size", 20), "--crop-size 20"),
            (("--crop-size", "32x20"), "--crop-size 20"),
            (("--crop-size", 34), "34x34"),
            (("--load-size", 30), "30x30"),
            (("--load-size", "40x30"), "40x30"),
        ):
            assert named in refusal(*command(program, tiny_data, *options))


@pytest.fixture
def statistics(tiny_data, tmp_path):
    succeed("ganc", "stats", "--data", tiny_data, *UNTRAINED_SET, "--size", SIZE, "-o", tmp_path / "real.npz")
    return tmp_path / "real.npz"


@pytest.mark.paddle26
@pytest.mark.parametrize("program", STAGE_TOOLS)
def test_statistics_of_another_feature_set_or_size(command, tiny_data, statistics, tmp_path, program):
    real = read_statistics(statistics, None)
    write_statistics(tmp_path / "other.npz", dataclasses.replace(real, feature_set="inception-v3"))
    write_statistics(tmp_path / "weights.npz", dataclasses.replace(real, feature_digest="0" * 64))
    write_statistics(tmp_path / "size.npz", dataclasses.replace(real, image_size=(64, 64)))
    np.savez(tmp_path / "foreign.npz", mu=real.mu, sigma=real.sigma)
    np.savez(tmp_path / "narrow.npz", mu=real.mu[:5], sigma=real.sigma[:5, :5])
    (tmp_path / "cut.npz").write_bytes(statistics.read_bytes()[:-200])
    assumed = ("--feature-set", METRIC)
    with nothing_changes(tmp_path):
        for name, options, named in (
            ("other", (), "'inception-v3'"),
            ("other", assumed, "inception-v3, expected untrained-conv3-v1"),
            ("weights", (), "ganc stats"),
            ("size", (), "--size"),
            ("foreign", (), "--feature-set"),
            ("narrow", assumed, "5 dimensions"),
            ("cut", (), "truncated"),
            ("absent", (), "no such file"),
        ):
            path = tmp_path / f"{name}.npz"
            unnamed = without_option(command(program, tiny_data, "--stats", path), "--feature-set")
            said = refusal(*unnamed, *options)
            assert named in said
            assert str(path) in said or name == "other"
        said = refusal(*command(program, tiny_data, "--feature-set", "inception"))
        assert "'inception'" in said


@pytest.mark.parametrize("program", STAGE_TOOLS)
def test_a_place_that_cannot_be_written(command, tiny_data, tmp_path, program):
    (tmp_path / "file").write_text("mine")
    place = tmp_path / "file" / "out"
    with nothing_changes(tmp_path):
        said = refusal(*command(program, tiny_data), "-o", place)  # the last -o counts
        assert str(place) in said

        if program in TRAINING_TOOLS:
            assert str(tmp_path) in refusal(*command(program, tiny_data), "-o", tmp_path, status=2)
            said = refusal(*command(program, tiny_data, "--run-dir", place))
            assert str(place) in said
            assert str(tmp_path / "file") in refusal(
                *command(program, tiny_data, "--run-dir", tmp_path / "file"), status=2
            )


@pytest.mark.parametrize("program", TRAINING_TOOLS)
def test_mixed_precision_without_a_gpu(command, tiny_data, tmp_path, program):
    with nothing_changes(tmp_path):
        said = invoke(*command(program, tiny_data, "--amp", "fp16"))
    assert (said.exit_code, said.stdout) == (1, "")
    (line,) = said.stderr.splitlines()  # before anything begins
    assert "--amp" in line


def test_too_few_images_for_a_metric(command, own, tmp_path):
    (own / "testA.txt").write_text("00000.png\n")
    with nothing_changes(tmp_path):
        assert "at least 2" in refusal(*command("ganc-search", own))


@pytest.mark.parametrize("program", [*STAGE_TOOLS, "ganc-export", "ganc stats", "ganc evaluate", "ganc translate"])
def test_without_paddle_the_message_names_the_extra(command, tiny_data, teacher_file, out, tmp_path, program):
    images = tiny_data / "trainA"
    arguments = {
        "ganc-export": ("ganc-export", "--checkpoint", teacher_file, "-o", out),
        "ganc stats": ("ganc", "stats", "--data", tiny_data, *UNTRAINED_SET, "-o", out),
        "ganc evaluate": ("ganc", "evaluate", teacher_file, "--data", tiny_data, *UNTRAINED_SET),
        "ganc translate": ("ganc", "translate", teacher_file, images, "-o", out),
    }.get(program) or command(program, tiny_data)
    with nothing_changes(tmp_path):
        done = run_command(*arguments, absent=PADDLE)
    assert done.returncode == 1
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert "'ganc-common[cpu]' or 'ganc-common[gpu]'" in line


def test_what_runs_no_network_needs_no_paddle(chain, tmp_path):
    for arguments in (
        ("ganc", "inspect", chain.supernet),
        ("ganc", "inspect", chain.search),
        ("ganc", "inspect", chain.export),
        ("ganc", "profile", "--widths", "8"),
        ("ganc", "select", chain.search, "--pareto"),
        ("ganc", "merge", chain.search, "-o", tmp_path / "merged.h5"),
        ("ganc", "data", "check", chain.data),
    ):
        done = run_command(*arguments, absent=PADDLE)
        assert done.returncode == 0, (arguments, done.stderr)
