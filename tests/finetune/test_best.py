"""The best networks of a run belong to its saved state, whenever it was killed."""

import shutil
import signal
import subprocess

import pytest
from helpers.stages import refusal, wait_until
from helpers.support import PATIENCE, TINY_TRAINING, command_line, succeed
from helpers.training_runs import assert_equal_runs

from ganc.files.checkpoint import read_checkpoint
from ganc.files.run_directory import STATE_FORMAT, STATE_VERSION
from ganc.files.tensors import read_header, read_tensors, write_tensors

# Nothing but the end of a run saves its state: what is evaluated after it is lost with a kill.
SAVES_AT_THE_END = "import ganc.training.job; ganc.training.job.SAVE_SECONDS = 1e9; "


@pytest.fixture(scope="module")
def arguments(chain):
    """Return a function that gives the command of a run with an evaluation every 3 steps."""

    def arguments_of(output, steps):
        inputs = ("--supernet", chain.supernet, "--teacher", chain.replace, "--data", chain.data, "--config", "8")
        length = ("--epochs", "40", "--eval-every", "1", "--max-steps", steps, "--choose-on", "test")
        return ("ganc-finetune", *inputs, *TINY_TRAINING, *length, "-o", output)

    return arguments_of


@pytest.fixture(scope="module")
def begun(arguments, tmp_path_factory):
    """A run that ended after 3 steps. Read it only."""
    folder = tmp_path_factory.mktemp("begun")
    succeed(*arguments(folder / "out", 3))
    return folder


@pytest.fixture(scope="module")
def plain(arguments, begun, tmp_path_factory):
    """The run, prolonged to 4 steps without any trouble. Read it only."""
    folder = tmp_path_factory.mktemp("plain")
    copied(begun, folder)
    succeed(*arguments(folder / "out", 4))
    return folder


@pytest.fixture
def run(begun, tmp_path):
    """A copy of the run that ended after 3 steps: the folder that its output is in."""
    return copied(begun, tmp_path)


def copied(begun, folder):
    shutil.copytree(begun, folder, dirs_exist_ok=True)
    return folder


def assert_as_plain(run, plain):
    """The same bytes; sample strips of steps that the state does not know may lie about."""
    assert (run / "out").read_bytes() == (plain / "out").read_bytes()
    logs = [(folder / "out.run" / "log.jsonl").read_text() for folder in (run, plain)]
    assert logs[0] == logs[1]


def test_a_run_that_was_killed_after_a_better_evaluation_continues_with_the_state_s_best(arguments, run, plain):
    line = command_line(*arguments(run / "out", 200))
    line[2] = SAVES_AT_THE_END + line[2]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until((run / "out.run" / "best.next.safetensors").exists, process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert read_checkpoint(run / "out.run" / "best.next.safetensors").training["steps"] > 4
    succeed(*arguments(run / "out", 4))
    assert_as_plain(run, plain)
    assert not (run / "out.run" / "best.next.safetensors").exists()


def test_a_run_that_was_killed_between_its_state_and_its_best_continues_with_the_new_one(arguments, run, chain, plain):
    best = run / "out.run" / "best.safetensors"
    best.replace(best.with_name("best.next.safetensors"))
    shutil.copy(chain.finetune, best)  # whatever was the best before
    succeed(*arguments(run / "out", 4))
    assert_as_plain(run, plain)
    assert_equal_runs(run / "out", plain / "out")


def test_the_state_names_the_best_networks(begun):
    facts = read_header(begun / "out.run" / "state.safetensors", STATE_FORMAT, STATE_VERSION)
    best = read_checkpoint(begun / "out.run" / "best.safetensors")
    assert (facts["best"]["step"], facts["best"]["digest"]) == (best.training["steps"], best.digest)


@pytest.mark.parametrize("content", [None, b"damaged", "another"])
def test_without_the_networks_that_the_state_names_the_run_ends_at_once(arguments, run, chain, content):
    best = run / "out.run" / "best.safetensors"
    best.unlink()
    if content == "another":
        shutil.copy(chain.finetune, best)
    elif content:
        best.write_bytes(content)
    message = refusal(*arguments(run / "out", 4))
    assert str(best) in message
    assert "--restart" in message


def test_a_state_of_an_older_ganc_names_the_step_alone(arguments, run, plain):
    path = run / "out.run" / "state.safetensors"
    facts, tensors = read_tensors(path, STATE_FORMAT, STATE_VERSION)
    del facts["best"]["digest"]
    write_tensors(path, facts, tensors)
    succeed(*arguments(run / "out", 4))
    assert_as_plain(run, plain)
