"""What a run saves: every part under its name, those of all processes, and a teacher that learns."""

import re

import numpy as np
import pytest
from helpers.learning_teacher import learning_job
from helpers.support import assert_equal_states

from ganc.base.errors import RunError
from ganc.files.checkpoint import read_checkpoint
from ganc.files.run_directory import STATE_FORMAT, STATE_VERSION
from ganc.files.tensors import read_tensors, write_tensors
from ganc.models.convolutions import NetworkState
from ganc.system.processes import Processes
from ganc.system.runtime import paddle
from ganc.training.means import LossMeans
from ganc.training.pool import ImagePool
from ganc.training.state import RunState, Snapshot

FORMAT = (STATE_FORMAT, STATE_VERSION)


class Part:
    """A part of a run that keeps what it was given."""

    def __init__(self, **values):
        self.values = values

    def state(self):
        return self.values

    def load(self, state):
        self.values = dict(state)


class FirstOfTwo(Processes):
    """The first of two processes, and what the second one gives."""

    def collect_bytes(self, content):
        return [content, self.other]


def test_a_snapshot_gives_each_part_its_own_and_only_that():
    parts = {
        "a": Part(count=3, x=np.arange(3), nothing=None),
        "a_b": Part(x=np.arange(4)),
        "pool.a": Part(**{"": np.ones((2, 1))}),
        "empty": Part(),
    }
    taken = Snapshot.of(parts)
    assert set(taken.arrays) == {"a.x", "a_b.x", "pool.a"}
    assert taken.facts == {"a": {"count": 3, "nothing": None}}
    again = {name: Part(old=1) for name in parts}
    taken.load_into(again)
    for name, part in parts.items():
        assert set(again[name].values) == set(part.values)
        for key, value in part.values.items():
            np.testing.assert_array_equal(again[name].values[key], value)


def test_each_process_finds_its_own_part_in_the_one_state():
    other = RunState(shared={}, own={"pool.a": Part(**{"": np.full(3, 2.0)})}, processes=Processes())
    first = FirstOfTwo(0, 2)
    object.__setattr__(first, "other", _bytes_of(other))
    mine = {"pool.a": Part(**{"": np.full(2, 1.0)})}
    taken = RunState(shared={"n": Part(x=np.zeros(1))}, own=mine, processes=first).collect()
    assert set(taken.arrays) == {"n.x", "pool.a", "process.1.pool.a"}
    for index, expected in enumerate((np.full(2, 1.0), np.full(3, 2.0))):
        shared, own = {"n": Part()}, {"pool.a": Part()}
        RunState(shared=shared, own=own, processes=Processes(index, 2)).load(taken)
        np.testing.assert_array_equal(own["pool.a"].values[""], expected)
        np.testing.assert_array_equal(shared["n"].values["x"], np.zeros(1))


def _bytes_of(state):
    """Return what a process hands to the others."""
    sent = []

    class Listening(Processes):
        def collect_bytes(self, content):
            sent.append(content)
            return [content]

    RunState(shared=state.shared, own=state.own, processes=Listening()).collect()
    return sent[0]


def test_a_state_without_this_process_s_part_is_refused():
    saved = RunState(shared={}, own={"pool.a": ImagePool(2, 0, "a")}, processes=Processes()).collect()
    with pytest.raises(RunError, match=r"process\.1\.pool\.a"):
        RunState(shared={}, own={"pool.a": ImagePool(2, 0, "a")}, processes=Processes(1, 2)).load(saved)


def tensors(**values):
    return {name: paddle.to_tensor(np.float32(value)) for name, value in values.items()}


@pytest.mark.paddle26
def test_mean_losses_are_those_of_the_numbers_and_go_on_exactly():
    values = np.random.RandomState(0).uniform(0, 9, (7, 2)).astype(np.float32)
    whole, half = LossMeans(), LossMeans()
    for gan, cycle in values:
        whole.add(tensors(gan=gan, cycle=cycle))
    for gan, cycle in values[:4]:
        half.add(tensors(gan=gan, cycle=cycle))
    half.add({})  # a step that was left out
    again = LossMeans()
    again.load(half.state())
    for gan, cycle in values[4:]:
        again.add(tensors(gan=gan, cycle=cycle))
    expected = dict(zip(("gan", "cycle"), (sum(map(float, column)) / 7 for column in values.T), strict=True))
    assert whole.means() == again.means() == expected
    whole.clear()
    assert whole.means() == {}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_loss_that_was_not_finite_in_any_step_is_named_and_never_saved(value):
    means = LossMeans()
    for cycle in (1.0, value, 1.0):
        means.add(tensors(gan=1.0, cycle=cycle))
    for look in (means.means, means.state):
        with pytest.raises(RunError, match=r"'cycle' .*(nan|inf).*--lr"):
            look()


@pytest.fixture(scope="module")
def learnt(tiny_data, teacher_file, tmp_path_factory):
    """The checkpoint and the state of an uninterrupted run whose teacher learns."""
    output = tmp_path_factory.mktemp("learnt") / "out"
    for _ in learning_job(tiny_data, teacher_file, output):
        pass
    return output, read_tensors(output.with_name("out.run") / "state.safetensors", *FORMAT)


@pytest.mark.paddle26
def test_a_teacher_that_learns_is_saved_and_resumed_exactly(learnt, tiny_data, teacher_file, tmp_path):
    whole, (_, expected) = learnt
    for _ in learning_job(tiny_data, teacher_file, tmp_path / "out", max_steps=3):
        pass
    steps = [progress.step for progress in learning_job(tiny_data, teacher_file, tmp_path / "out")]
    assert steps == [4, 5, 6]
    assert (tmp_path / "out").read_bytes() == whole.read_bytes()
    _, resumed = read_tensors(tmp_path / "out.run" / "state.safetensors", *FORMAT)
    assert set(resumed) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)


def test_a_teacher_that_learns_has_its_networks_moments_and_pools_in_the_state(learnt, teacher_file):
    output, (facts, saved) = learnt
    start = read_checkpoint(teacher_file).generator
    teacher = NetworkState(start.spec, {name: saved[f"teacher.generator.{name}"] for name in start.tensors})
    with pytest.raises(AssertionError):
        assert_equal_states(teacher, start)
    assert len(saved["teacher.pool.made"]) == 2
    assert any(name.startswith("teacher.optimizer.generator.generator.") for name in saved)
    assert facts["step"] == 6
    # The checkpoint is the student's: the teacher is no part of it.
    assert set(read_checkpoint(output).networks) == {"generator", "discriminator", "adaptors"}


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("teacher.pool.made", "teacher.pool.made"),
        ("teacher.generator.stages.0.conv.weight", "stages.0.conv.weight"),
        ("losses", "losses.count"),
    ],
)
def test_a_state_that_lacks_something_is_refused_with_the_cure(tiny_data, teacher_file, tmp_path, lost, named):
    for _ in learning_job(tiny_data, teacher_file, tmp_path / "out", max_steps=3):
        pass
    path = tmp_path / "out.run" / "state.safetensors"
    facts, saved = read_tensors(path, *FORMAT)
    facts, saved = ({name: value for name, value in one.items() if name != lost} for one in (facts, saved))
    write_tensors(path, facts, saved)
    with pytest.raises(RunError, match=rf"out\.run: .*{re.escape(named)}.*--restart"):
        next(iter(learning_job(tiny_data, teacher_file, tmp_path / "out")))


def test_a_state_of_an_earlier_version_of_ganc_without_a_best_is_still_read(tiny_data, teacher_file, learnt, tmp_path):
    for _ in learning_job(tiny_data, teacher_file, tmp_path / "out", max_steps=3):
        pass
    path = tmp_path / "out.run" / "state.safetensors"
    facts, saved = read_tensors(path, *FORMAT)
    assert "best" not in facts
    write_tensors(path, {**facts, "best": None}, saved)
    for _ in learning_job(tiny_data, teacher_file, tmp_path / "out"):
        pass
    assert (tmp_path / "out").read_bytes() == learnt[0].read_bytes()
