"""Which sub-networks a step of the supernet's training trains, and that several train as the mean of single ones."""

import numpy as np
import pytest
from helpers.stages import nothing_changes, refusal
from helpers.support import SIZE, TINY_SPACE, TINY_TRAINING, UNTRAINED, fail, succeed

from ganc.data import read_images
from ganc.data.sets import EvaluationSet
from ganc.files.checkpoint import read_checkpoint
from ganc.models.family import format_widths
from ganc.models.space import NAMED_SPACES, parse_space
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule
from ganc_supernet.cli import main
from ganc_supernet.sampling import subnets_of_step
from ganc_supernet.settings import Sampling, SupernetStart
from ganc_supernet.stage import supernet_job

STEPS = 4000


def drawn(sampling, space, seed=0, steps=STEPS):
    return [subnets_of_step(sampling, space, seed, step) for step in range(steps)]


@pytest.mark.paddle26
@pytest.mark.parametrize("sampling", [Sampling.UNIFORM, Sampling.WEIGHTED])
@pytest.mark.parametrize("text", ["channels-48", "10,6/9/8,4,2/7,1/4,3,2,1/5,4/3,2/2,1"])
def test_each_segment_has_the_stated_probabilities(sampling, text):
    """Pearson's chi-square of each segment, whose mean is the number of choices less one."""
    space = parse_space(text)
    subnets = drawn(sampling, space)
    assert all(len(one) == 1 and one[0] in space for one in subnets)
    for segment, choices in enumerate(space.choices):
        counts = np.array([sum(one[0][segment] == width for one in subnets) for width in choices])
        weights = np.array(choices) if sampling is Sampling.WEIGHTED else np.ones(len(choices))
        expected = STEPS * weights / weights.sum()
        assert ((counts - expected) ** 2 / expected).sum() < 16.3  # exceeded once in 1,000 at three degrees of freedom


def test_segments_are_drawn_independently_of_each_other():
    space = NAMED_SPACES["channels-32"]
    for sampling in (Sampling.UNIFORM, Sampling.WEIGHTED):
        widths = np.array([one[0] for one in drawn(sampling, space)])
        correlations = np.corrcoef(widths.T) - np.eye(8)
        assert np.abs(correlations).max() < 0.065  # four standard errors


@pytest.mark.paddle26
def test_a_sandwich_is_the_largest_the_smallest_and_a_uniform_one():
    space = NAMED_SPACES["channels-32"]
    sandwiches, uniform = drawn(Sampling.SANDWICH, space, 3, 50), drawn(Sampling.UNIFORM, space, 3, 50)
    for sandwich, (one,) in zip(sandwiches, uniform, strict=True):
        assert sandwich == (space.largest, space.smallest, one)


@pytest.mark.paddle26
def test_draws_depend_on_seed_and_step_alone():
    space = NAMED_SPACES["channels-32"]
    for sampling in Sampling:
        first = drawn(sampling, space, 1, 30)
        assert [subnets_of_step(sampling, space, 1, step) for step in reversed(range(30))] == first[::-1]
        assert drawn(sampling, space, 2, 30) != first


def test_the_command_offers_all_of_them():
    (option,) = (parameter for parameter in main.params if parameter.name == "sampling")
    assert [*option.type.choices] == [sampling.value for sampling in Sampling]


def step_of(space, sampling, data, teacher, student, folder):
    job = supernet_job(
        SupernetStart(teacher_file=teacher, student_file=student, space=parse_space(space), sampling=sampling),
        DistillationSettings(),
        Schedule(epochs=1, decay_epochs=0),
        DataSettings(folder=data, load_size=(36, 36), crop_size=(SIZE, SIZE)),
        RunSettings(output=folder / "out", device="cpu", feature_set=UNTRAINED),
    )
    return job.step


def gradients(step):
    """The first moments after one step, which are (1 - beta1) times the gradients (Adam, arXiv 1412.6980)."""
    moments = {}
    for optimizer in step.optimizers.values():
        moments |= {name: array for name, array in optimizer.state().items() if "/moment1" in name}
    assert len({name.split(".")[0] for name in moments}) == 3  # generator, adaptors and discriminator
    return {name: array / 0.5 for name, array in moments.items()}


@pytest.mark.paddle26
def test_a_sandwich_s_gradients_and_losses_are_the_means_of_three_single_runs(
    tiny_data, teacher_file, student_file, tmp_path
):
    images = [
        next(iter(EvaluationSet(read_images(tiny_data, f"train{letter}"), (SIZE, SIZE)).batches(2))) for letter in "AB"
    ]
    (one,) = subnets_of_step(Sampling.UNIFORM, parse_space(TINY_SPACE), 0, 5)
    assert one not in ((8,) * 8, (4,) * 8)
    found, losses = [], []
    for widths in ((8,) * 8, (4,) * 8, one):
        space = format_widths(widths).replace("_", "/")
        step = step_of(space, Sampling.UNIFORM, tiny_data, teacher_file, student_file, tmp_path)
        losses.append(step.update(*images, 5, 1e-3))
        found.append(gradients(step))
    step = step_of(TINY_SPACE, Sampling.SANDWICH, tiny_data, teacher_file, student_file, tmp_path)
    together = step.update(*images, 5, 1e-3)
    for name, loss in together.items():
        assert float(loss) == pytest.approx(np.mean([float(each[name]) for each in losses]), rel=1e-5), name
    for name, gradient in gradients(step).items():
        mean = sum(each.get(name, 0.0) for each in found) / 3
        np.testing.assert_allclose(gradient, mean, rtol=1e-4, atol=1e-5 * max(np.abs(mean).max(), 1e-2))


def train(data, teacher, student, out, *options):
    arguments = ("--teacher", teacher, "--student", student, "--data", data, "--space", TINY_SPACE, *TINY_TRAINING)
    return succeed("ganc-supernet", *arguments, *options, "-o", out)


@pytest.mark.parametrize("sampling", ["sandwich", "weighted"])
def test_it_is_recorded_and_a_resumed_run_is_bit_equal(tiny_data, teacher_file, student_file, tmp_path, sampling):
    files = (tiny_data, teacher_file, student_file)
    train(*files, tmp_path / "whole", "--sampling", sampling, "--max-steps", 4)
    for steps in (2, 4):
        train(*files, tmp_path / "parts", "--sampling", sampling, "--max-steps", steps)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "parts").read_bytes()
    assert read_checkpoint(tmp_path / "whole").training["sampling"] == sampling
    train(*files, tmp_path / "uniform", "--max-steps", 4)
    uniform = read_checkpoint(tmp_path / "uniform")
    assert uniform.training["sampling"] == "uniform"
    assert uniform.digest != read_checkpoint(tmp_path / "whole").digest


def test_a_resumed_run_that_changes_it_is_refused_by_name(tiny_data, teacher_file, student_file, tmp_path):
    out = tmp_path / "out"
    train(tiny_data, teacher_file, student_file, out, "--max-steps", 2)
    arguments = ("--teacher", teacher_file, "--student", student_file, "--data", tiny_data, "--space", TINY_SPACE)
    arguments = (*arguments, *TINY_TRAINING, "--max-steps", 4, "-o", out)
    with nothing_changes(tmp_path):
        said = refusal("ganc-supernet", *arguments, "--sampling", "sandwich")
    assert "sampling was uniform, now sandwich); use --restart" in said
    assert "'often'" in fail("ganc-supernet", *arguments, "--sampling", "often", status=2)
