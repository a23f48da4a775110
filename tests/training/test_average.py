"""The average of the weights: what it holds, that it is the result, and that runs with it go on bit by bit."""

import dataclasses
import json

import numpy as np
import pytest
from helpers.agreement import nearly
from helpers.small_cycle import SMALL_CYCLE
from helpers.stages import TRAINING, refusal
from helpers.support import SIZE, TINY_TRAINING, UNTRAINED, assert_equal_states, succeed

from ganc.engines.eager import EagerEngine
from ganc.files.checkpoint import read_checkpoint
from ganc.files.run_directory import STATE_FORMAT, STATE_VERSION
from ganc.files.tensors import read_tensors
from ganc.metrics.evaluation import Evaluation
from ganc.models.generator import Generator
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule
from ganc_distill.settings import StudentStart
from ganc_distill.stage import distill_job
from ganc_replace.stage import replace_job

SCHEDULE = Schedule(epochs=2, decay_epochs=1, batch_size=2, learning_rate=1e-2, warm_up=4, ema=0.5)  # 9 steps
GENERATORS = {"distill": ("generator",), "replace": ("generator", "generator_b")}
pytestmark = pytest.mark.paddle26


@pytest.fixture
def make_job(tiny_data, teacher_file):
    """Return a function that puts a job of a stage together."""

    def make(stage, output, schedule=SCHEDULE):
        data = DataSettings(folder=tiny_data, load_size=(36, 36), crop_size=(SIZE, SIZE), workers=0)
        run = RunSettings(output=output, device="cpu", eval_every=1, feature_set=UNTRAINED)
        if stage == "distill":
            return distill_job(
                StudentStart(teacher_file=teacher_file, width=4), DistillationSettings(), schedule, data, run
            )
        return replace_job(SMALL_CYCLE, schedule, data, run)

    return make


def weights_of(job):
    return {name: network.state().tensors for name, network in job.step.networks.items()}


@pytest.mark.parametrize("stage", ["distill", "replace"])
def test_the_result_is_the_average_of_the_weights_after_each_step(make_job, tmp_path, stage):
    job = make_job(stage, tmp_path / "out")
    expected = weights_of(job)
    for progress in job:
        decay = min(0.5, (1 + progress.step) / (10 + progress.step))
        for name, tensors in weights_of(job).items():
            for key, latest in tensors.items():
                expected[name][key] = decay * expected[name][key] + (1 - decay) * latest
    networks = read_checkpoint(tmp_path / "out").networks
    assert set(networks) == set(expected)
    for name, state in networks.items():
        wanted = expected[name] if name in GENERATORS[stage] else weights_of(job)[name]
        for key, tensor in state.tensors.items():
            np.testing.assert_allclose(tensor, wanted[key], rtol=1e-5, atol=1e-6, err_msg=f"{name}.{key}")
    assert read_checkpoint(tmp_path / "out").training["ema"] == 0.5


def test_the_average_is_what_is_evaluated_and_the_steps_train_the_weights_themselves(make_job, tmp_path, tiny_data):
    job, plain = (
        make_job("distill", tmp_path / name, dataclasses.replace(SCHEDULE, ema=ema))
        for name, ema in (("out", 0.5), ("plain", 0.0))
    )
    assert [p.losses for p in job] == [p.losses for p in plain]
    assert weights_of(job)["generator"].keys() == weights_of(plain)["generator"].keys()
    assert_equal_states(job.step.networks["generator"].state(), plain.step.networks["generator"].state())
    checkpoint = read_checkpoint(tmp_path / "out")
    measured = Evaluation.of_folder(tiny_data, "AtoB", (SIZE, SIZE), feature_set=UNTRAINED).measure(
        EagerEngine(Generator.from_state(checkpoint.generator))
    )
    assert checkpoint.training["metric"]["value"] == nearly(measured.distance)
    assert measured.distance != nearly(read_checkpoint(tmp_path / "plain").training["metric"]["value"])


@pytest.mark.parametrize("stage", ["distill", "replace"])
def test_a_run_with_warm_up_and_average_goes_on_bit_by_bit(make_job, tmp_path, stage):
    for _ in make_job(stage, tmp_path / "whole"):
        pass
    for steps in (2, 5, None):
        for _ in make_job(stage, tmp_path / "parts", dataclasses.replace(SCHEDULE, max_steps=steps)):
            pass
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()
    folder = tmp_path / "parts.run"
    _, saved = read_tensors(folder / "state.safetensors", STATE_FORMAT, STATE_VERSION)
    checkpoint = read_checkpoint(tmp_path / "parts")
    for name in GENERATORS[stage]:
        for key, tensor in checkpoint.networks[name].tensors.items():
            np.testing.assert_array_equal(saved[f"average.{name}.{key}"], tensor)
    settings = json.loads((folder / "settings.json").read_text())
    assert (settings["warm_up"], settings["ema"]) == (4, 0.5)
    rates = [json.loads(line)["learning_rate"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert rates[-1] < 1e-2


def test_the_average_starts_from_what_the_networks_are_at_the_first_step(make_job, tmp_path):
    """Not from what they were when the job was put together."""
    job = make_job("distill", tmp_path / "out", dataclasses.replace(SCHEDULE, max_steps=1))
    changed = {name: array + 1 for name, array in weights_of(job)["generator"].items()}
    job.step.networks["generator"].load(changed)
    (_,) = job
    latest = weights_of(job)["generator"]
    for name, tensor in read_checkpoint(tmp_path / "out").generator.tensors.items():
        np.testing.assert_allclose(tensor, 2 / 11 * changed[name] + 9 / 11 * latest[name], rtol=1e-5, err_msg=name)


def test_all_training_stages_take_both(chain, tmp_path):
    options = (*TRAINING, "--warm-up", "2", "--ema", "0.9")
    for stage in ("replace", "distill", "supernet", "finetune"):
        arguments = [chain.folder / one if (chain.folder / one).exists() else one for one in chain.arguments[stage]]
        succeed(f"ganc-{stage}", *arguments, *options[len(TINY_TRAINING) :], "-o", tmp_path / stage)
        assert read_checkpoint(tmp_path / stage).training["ema"] == 0.9
        settings = json.loads((tmp_path / f"{stage}.run" / "settings.json").read_text())
        assert (settings["warm_up"], settings["ema"]) == (2, 0.9)


def test_a_decay_of_one_is_wrong_usage(tiny_data, tmp_path):
    arguments = ("--data", tiny_data, "--ema", "1", "-o", tmp_path / "out")
    assert "'--ema'" in refusal("ganc-replace", *arguments, status=2)
