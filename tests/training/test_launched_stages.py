"""The training commands in two processes of Paddle's launcher: what one process gives, and what is left if one ends."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers.stages import NETWORKS, SPACE
from helpers.support import PATIENCE, SIZE, TINY_TRAINING, succeed

from ganc.demo.dataset import write_demo_set
from ganc.engines.eager import EagerEngine
from ganc.files.checkpoint import read_checkpoint
from ganc.files.run_directory import RunDirectory
from ganc.models.generator import Generator
from ganc.system.runtime import paddle

# What each process runs; arguments: commands as JSON, and the number of the step after which the second one is killed.
PROGRAM = """
import importlib, json, os, signal, sys

import click

from ganc.training import job

commands, last = json.loads(sys.argv[1]), int(sys.argv[2])
if last:
    job.SAVE_SECONDS = -1.0
    train = job.TrainingJob._train

    def until_killed(self, done, signalled):
        for progress in train(self, done, signalled):
            yield progress
            if progress.step == last and self.processes.index == 1:
                os.kill(os.getpid(), signal.SIGKILL)

    job.TrainingJob._train = until_killed
second = os.environ["PADDLE_TRAINER_ID"] == "1"
for name, *arguments in commands:
    arguments = [one[second] if isinstance(one, list) else one for one in arguments]
    try:
        importlib.import_module(name.replace("-", "_") + ".cli").main(arguments, standalone_mode=False)
    except click.ClickException as error:
        print(f"Error: {error.message}", flush=True)
        sys.exit(last > 0)
"""

# One epoch: rounding grows in a CycleGAN, whose L1 losses have signs as gradients, by up to 1,000 in one step.
SCHEDULE = ("--epochs", "1", "--decay-epochs", "0", "--eval-every", "0", "--lr", "2e-4")


@pytest.fixture(scope="module", autouse=True)
def _on_a_cpu():
    if paddle.device.is_compiled_with_cuda() and paddle.device.cuda.device_count():
        pytest.skip("here the launcher would use GPUs")


@pytest.fixture(scope="module")
def five_images(tmp_path_factory):
    """Five training images a domain: a batch of two leaves one image for two processes, one of three leaves two."""
    folder = tmp_path_factory.mktemp("data") / "five"
    write_demo_set(folder, train=5, test=3, size=SIZE, seed=3)
    return folder


def launched(folder, commands, last=0):
    """Run commands in two processes; return the launcher's status, and what each process said."""
    (folder / "program.py").write_text(PROGRAM)
    launcher = ["-m", "paddle.distributed.launch", "--nproc_per_node", "2", "--log_dir", folder / "logs"]
    arguments = [json.dumps([[one if isinstance(one, list) else str(one) for one in each] for each in commands]), last]
    done = subprocess.run(
        list(map(str, (sys.executable, *launcher, folder / "program.py", *arguments))),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, [(folder / "logs" / f"workerlog.{index}").read_text() for index in (0, 1)]


def commands_of(data, teacher, student, supernet, folder):
    common = ("--data", data, *TINY_TRAINING, *SCHEDULE)
    return {
        "replace": ("ganc-replace", *common, *NETWORKS, "-o", folder / "replace"),
        "distill": (
            *("ganc-distill", *common, "--batch-size", "3", "--teacher", teacher, "--width", "4"),
            *("--discriminator-width", "4", "-o", folder / "distill"),
        ),
        "supernet": (
            *("ganc-supernet", *common, "--teacher", teacher, "--student", student, "--space", SPACE),
            *("-o", folder / "supernet"),
        ),
        "finetune": (
            *("ganc-finetune", *common, "--teacher", teacher, "--supernet", supernet),
            *("--config", "8_8_8_8_8_8_8_4", "-o", folder / "finetune"),
        ),
    }


@pytest.fixture(scope="module")
def outputs(five_images, tiny_data, teacher_file, student_file, supernet_file, tmp_path_factory):
    """The folders in which one process and two processes have run all four stages.

    The last command of the two is given other images in the second process.
    """
    one, two = (tmp_path_factory.mktemp(name) for name in ("one", "two"))
    inputs = (five_images, teacher_file, student_file, supernet_file)
    for command in commands_of(*inputs, one).values():
        succeed(*command)
    different = ("ganc-replace", "--data", [str(five_images), str(tiny_data)], *TINY_TRAINING, *SCHEDULE, *NETWORKS)
    commands = [*commands_of(*inputs, two).values(), (*different, "-o", two / "different")]
    status, said = launched(two, commands)
    assert status == 0, said
    return one, two


@pytest.mark.parametrize("stage", ["replace", "distill", "supernet", "finetune"])
def test_two_processes_train_what_one_does_with_every_image_counting_once(outputs, stage):
    """The pools, of 50 images, hand out what they get until they are full, and so are as none."""
    one, two = (read_checkpoint(folder / stage) for folder in outputs)
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, SIZE, SIZE)).astype(np.float32)
    ours, theirs = (EagerEngine(Generator.from_state(each.generator))(x) for each in (one, two))
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-5)
    assert one.training["steps"] == two.training["steps"]


def test_the_launchers_folder_is_announced(outputs):
    _, two = outputs
    assert f"{two / 'logs'}; its --log_dir" in (two / "logs" / "workerlog.0").read_text()


def test_a_killed_process_is_named_and_the_state_is_kept(five_images, teacher_file, tmp_path):
    command = commands_of(five_images, teacher_file, None, None, tmp_path)["distill"]
    status, (said, _) = launched(tmp_path, [(*command, "--epochs", "2")], last=3)
    assert status != 0
    (line,) = [line for line in said.splitlines() if line.startswith("Error")]
    assert re.search(r"process 2 of 2 ended .*; 3 of 4 steps are saved in \S+distill\.run: the same command", line)
    assert RunDirectory(tmp_path / "distill.run", {}).saved_steps() == 3
    assert not (tmp_path / "distill").exists()


def test_processes_that_see_different_images_are_refused_before_a_step(outputs):
    _, two = outputs
    for index in (0, 1):
        said = (two / "logs" / f"workerlog.{index}").read_text()
        assert said.count("Error: process 2 of 2 differs from the first in data") == 1
    assert not list(two.glob("different*"))
