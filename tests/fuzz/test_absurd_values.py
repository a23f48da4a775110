"""Every option and argument of every command with values that nobody means: a named error, never a traceback.

What each command needs besides is there and sound, so that what the command line lets through goes on into the work.
GANC_FUZZ above its default tries all values; else each parameter takes a few of them in turn.
"""

import contextlib
import os
import shutil
import signal

import click
import pytest
from helpers.images import save_random_image
from helpers.support import TINY_TRAINING, UNTRAINED_SET, invoke, walk_commands

from ganc.base.text import LARGEST_COUNT

ALL = int(os.environ.get("GANC_FUZZ", "50")) > 50
A_FEW = 2
VALUES = (
    *("", " ", "-", "0", "-1", "1", "nan", "-inf", "1e400", "4_4", "٤", "²", "1" + 20 * "0", "9" * 5000, "1e-300"),
    *("a" * 5000, "x\ny", "\udcff", "名", "absent", ".", "..", "/", "/dev/null", "/dev/full", "/proc/self/mem"),
    *(":", ",", "=", "/ / /", "1:2:3", "1:1", "0x0", "1x", "1/0", "ssim=", "ssim=nan", "ssim=-1", "lite0=1e300"),
    *("gpu:²", "gpu:99999999999999999999", "gpu:", "cpu:0", "8,4/8,4", "1_2_3", "0_0_0_0_0_0_0_0", "65536x65536"),
)
PARAMETERS = [
    pytest.param(names, one, id=f"{' '.join(names)} {one.opts[0]}")
    for names, command in walk_commands()
    for one in command.params
    if not (isinstance(one, click.Option) and one.is_flag)
]


@pytest.fixture(scope="session")
def sound(tiny_data, teacher_file, student_file, supernet_file, tmp_path_factory):
    """What the commands read, by the name of the parameter that takes it."""
    folder = tmp_path_factory.mktemp("sound")
    save_random_image(folder / "image.png")
    return {
        "folder": shutil.copytree(tiny_data, folder / "images"),
        "teacher": teacher_file,
        "teacher_file": teacher_file,
        "count": "1",
        "student": student_file,
        "supernet": supernet_file,
        "checkpoint": teacher_file,
        "file": teacher_file,
        "model": teacher_file,
        "models": teacher_file,
        "images": folder / "image.png",
        "results": folder / "absent.h5",
        "inputs": folder / "absent.h5",
        "names": "generator",
        "widths": "8",
        "output": "out",
    }


def unsplit(names, sound, tmp_path):
    """What a command reads, with a folder of its own for the one that changes it."""
    if names[-1] != "split":
        return sound
    return {**sound, "folder": shutil.copytree(sound["folder"], tmp_path / "images")}


NARROW = ("--width", "2", "--n-blocks", "3", "--discriminator-width", "2")
QUICK = {
    "ganc-replace": (*TINY_TRAINING, "--max-steps", "1", *NARROW),
    "ganc-distill": (*TINY_TRAINING, "--max-steps", "1", "--teacher", "CHECKPOINT", "--width", "4"),
    "ganc-supernet": (*TINY_TRAINING, "--max-steps", "1"),
    "ganc-finetune": (*TINY_TRAINING, "--max-steps", "1", "--config", "4"),
    "ganc-search": (*UNTRAINED_SET, "--samples", "1"),
    "ganc-export": ("--checkpoint", "CHECKPOINT", "--format", "onnx"),
    "ganc bench": ("--size", "32", "--repeats", "1", "--min-seconds", "0", "--engine", "onnxruntime"),
    "ganc data demo": ("--train", "1", "--test", "1", "--size", "32"),
}


@pytest.mark.parametrize(("names", "parameter"), PARAMETERS)
def test_absurd_values_are_refused_by_name_or_meant(names, parameter, sound, tmp_path):
    number = next(place for place, one in enumerate(PARAMETERS) if one.values[1] is parameter)
    count = 1 if names[-1] == "bench" else A_FEW  # a process for each
    few = [VALUES[(A_FEW * number + step * 17) % len(VALUES)] for step in range(count)]
    command = dict(walk_commands())[names]
    for place, value in enumerate(VALUES if ALL else few):
        folder = tmp_path / str(place)
        folder.mkdir()
        with contextlib.chdir(folder):
            done = invoke(*names, *arguments(names, command, parameter, value, unsplit(names, sound, folder)))
        said = done.output[-2000:]
        assert done.exit_code in (0, 1, 2), (value[:100], said)
        assert isinstance(done.exception, SystemExit | None), (value[:100], done.exception)
        assert "unexpected" not in said, (value[:100], said)
        assert "Traceback" not in said, (value[:100], said)


# What these count is done so often, or for so long, as is asked: nothing ends that early.
ASKED = {
    *(("ganc data demo", "--train"), ("ganc data demo", "--test")),
    *(("ganc bench", "--repeats"), ("ganc-replace", "--max-steps"), ("ganc-distill", "--max-steps")),
    *(("ganc-supernet", "--max-steps"), ("ganc-finetune", "--max-steps"), ("ganc-distill", "--refit")),
}
# What makes an option mean something where it has no effect by itself.
BESIDE = {
    **dict.fromkeys(("--population", "--generations", "--patience"), ("--strategy", "evolution", "--evaluations", "2")),
    "--kid-subset-size": ("--kid-subsets", "2"),
}
SECONDS = 60  # also on a busy machine; each takes a few
COUNTS = [
    one
    for one in PARAMETERS
    if isinstance(one.values[1].type, click.IntRange) and (" ".join(one.values[0]), one.values[1].opts[0]) not in ASKED
]


class TooLong(BaseException):
    """No error of a command's, which would be told in one line."""


@contextlib.contextmanager
def limited(what):
    """Fail where the block takes longer than SECONDS; calls into libraries are waited for."""

    def end(number, frame):
        raise TooLong(what)

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(("names", "parameter"), COUNTS)
def test_the_largest_count_that_is_possible_ends(names, parameter, sound, tmp_path):
    largest = parameter.type.max or LARGEST_COUNT
    command = dict(walk_commands())[names]
    sound = unsplit(names, sound, tmp_path)
    with contextlib.chdir(tmp_path), limited(f"{parameter.opts[0]} {largest}"):
        done = invoke(
            *names, *BESIDE.get(parameter.opts[0], ()), *arguments(names, command, parameter, str(largest), sound)
        )
    said = done.output[-2000:]
    assert done.exit_code in (0, 1, 2), said
    assert isinstance(done.exception, SystemExit | None), done.exception
    assert "unexpected" not in said
    assert "Memory" not in said


def arguments(names, command, parameter, value, sound):
    """Return a command's arguments: all that it needs, and a parameter with a value."""
    given = [sound["checkpoint"] if one == "CHECKPOINT" else one for one in QUICK.get(" ".join(names), ())]
    for one in command.params:
        if one is not parameter and one.required:
            given += [one.opts[0], sound[one.name]] if isinstance(one, click.Option) else [sound[one.name]]
    return [*given, parameter.opts[0], value] if isinstance(parameter, click.Option) else [*given, "--", value]
