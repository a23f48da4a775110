"""A training run as a whole: equal runs give equal bytes, interrupted ones go on, the best network is kept."""

import dataclasses
import json
import signal
import threading

import numpy as np
import pytest
from helpers.agreement import nearly
from helpers.small_cycle import SMALL_CYCLE
from helpers.support import (
    PATIENCE,
    SIZE,
    UNTRAINED,
    assert_equal_states,
    files_under,
    run_command,
)
from helpers.training_runs import assert_equal_runs, distill
from PIL import Image

from ganc.base.atomic import WriteError
from ganc.base.errors import InterruptedRun, RunError
from ganc.engines.eager import EagerEngine
from ganc.files.checkpoint import read_checkpoint
from ganc.metrics.evaluation import Evaluation
from ganc.models.generator import Generator
from ganc.models.task import CYCLEGAN
from ganc.system.processes import Processes
from ganc.system.signals import noticed_signals
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule
from ganc_distill.settings import StudentStart
from ganc_distill.stage import distill_job
from ganc_finetune.settings import FinetuneRun
from ganc_finetune.stage import finetune_job, read_supernet
from ganc_replace.stage import replace_job

SCHEDULE = Schedule(epochs=2, decay_epochs=2, batch_size=4, learning_rate=1e-3)  # 4 + 2 images an epoch, 8 steps


@pytest.fixture(scope="module")
def make_job(tiny_data, teacher_file, supernet_file):
    """Return a function that puts a job of a stage together: 8 steps, evaluated after each epoch."""

    def make(stage, output, *, workers=0, seed=0, schedule=SCHEDULE, **run):
        data = DataSettings(folder=tiny_data, load_size=(36, 36), crop_size=(SIZE, SIZE), workers=workers)
        run = RunSettings(output=output, seed=seed, device="cpu", feature_set=UNTRAINED, **{"eval_every": 1} | run)
        settings = DistillationSettings(discriminator_width=4)
        if stage == "distill":
            return distill_job(StudentStart(teacher_file=teacher_file, width=4), settings, schedule, data, run)
        if stage == "finetune":
            supernet = read_supernet(supernet_file, "AtoB")
            keeping = FinetuneRun(**vars(run))
            return finetune_job(supernet, (4,) * 8, teacher_file, settings, schedule, data, keeping)
        return replace_job(SMALL_CYCLE, schedule, data, run)

    return make


@pytest.fixture(scope="module")
def uninterrupted(make_job, tmp_path_factory):
    """Return a function that gives the checkpoint of a stage's undisturbed run; it runs once a stage."""
    outputs = {}

    def output(stage):
        if stage not in outputs:
            outputs[stage] = tmp_path_factory.mktemp("uninterrupted") / "out.safetensors"
            for _ in make_job(stage, outputs[stage]):
                pass
        return outputs[stage]

    return output


STAGES = pytest.mark.parametrize("stage", ["distill", "replace", "finetune"])


@pytest.mark.paddle26
@STAGES
def test_equal_runs_give_equal_bytes_with_0_and_2_workers_and_another_seed_gives_others(
    make_job, uninterrupted, tmp_path, stage
):
    for _ in make_job(stage, tmp_path / "threads", workers=2):
        pass
    assert_equal_runs(tmp_path / "threads", uninterrupted(stage))
    for _ in make_job(stage, tmp_path / "seed", seed=1):
        pass
    ours, other = (read_checkpoint(path) for path in (uninterrupted(stage), tmp_path / "seed"))
    assert ours.digest != other.digest


def test_a_job_is_an_iterable_of_its_steps(make_job, tmp_path):
    job = make_job("distill", tmp_path / "out", eval_every=2)
    course = list(job)
    assert [progress.step for progress in course] == list(range(1, len(job) + 1)) == list(range(1, 9))
    assert {tuple(progress.losses) for progress in course} == {("gan", "reconstruction", "feature", "discriminator")}
    assert [progress.step for progress in course if progress.metrics] == [4, 8]


@pytest.mark.paddle26
@pytest.mark.parametrize(("stage", "stop"), [("distill", 3), ("replace", 3), ("replace", 4), ("finetune", 3)])
def test_a_run_whose_loop_was_left_goes_on_from_its_last_saved_state(
    make_job, uninterrupted, tmp_path, monkeypatch, stage, stop
):
    monkeypatch.setattr("ganc.training.job.SAVE_SECONDS", -1.0)
    for progress in make_job(stage, tmp_path / "out"):
        if progress.step == stop:
            break
    assert not (tmp_path / "out").exists()
    first = next(iter(make_job(stage, tmp_path / "out")))
    assert first.step == stop + 1
    for _ in make_job(stage, tmp_path / "out"):
        pass
    assert_equal_runs(tmp_path / "out", uninterrupted(stage))


def test_a_run_that_never_saved_starts_over(make_job, uninterrupted, tmp_path):
    for progress in make_job("distill", tmp_path / "out"):
        if progress.step == 5:
            break
    assert next(iter(make_job("distill", tmp_path / "out"))).step == 1
    for _ in make_job("distill", tmp_path / "out"):
        pass
    assert_equal_runs(tmp_path / "out", uninterrupted("distill"))


@pytest.mark.paddle26
@pytest.mark.parametrize(
    ("stage", "number"), [("distill", signal.SIGINT), ("replace", signal.SIGTERM), ("finetune", signal.SIGTERM)]
)
def test_a_signal_stops_a_run_after_the_step_with_its_state_saved(make_job, uninterrupted, tmp_path, stage, number):
    handlers = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]
    job = make_job(stage, tmp_path / "out")

    def run():
        for progress in job:
            if progress.step == 4:
                signal.raise_signal(number)

    with pytest.raises(InterruptedRun, match="step 5 of 8") as caught:
        run()
    assert caught.value.signal_number == number
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)] == handlers
    assert not (tmp_path / "out").exists()
    assert [progress.step for progress in make_job(stage, tmp_path / "out", workers=2)] == [6, 7, 8]
    assert_equal_runs(tmp_path / "out", uninterrupted(stage))


@pytest.fixture
def interruptible():
    """Python's own handler of Ctrl-C, which a shell that starts the tests in the background has switched off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_the_first_signal_is_noted_and_the_second_acts():
    with noticed_signals() as signalled:
        assert signalled() == 0
        signal.raise_signal(signal.SIGINT)
        assert signalled() == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert signalled() == signal.SIGINT


def test_an_output_that_cannot_be_written_is_refused_before_the_first_step(make_job, tmp_path):
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path, tmp_path / "file" / "below"):
        with pytest.raises(WriteError, match=output.name):
            next(iter(make_job("distill", output, run_dir=tmp_path / "run")))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_second_process_in_a_run_directory_is_refused(make_job, tiny_data, teacher_file, tmp_path, uninterrupted):
    job = iter(make_job("distill", tmp_path / "out"))
    next(job)
    before = files_under(tmp_path)
    for options in ((), ("--restart",)):
        arguments = distill(tiny_data, teacher_file, tmp_path / "other", "--run-dir", tmp_path / "out.run", *options)
        done = run_command(*arguments)
        assert done.returncode == 1
        assert str(tmp_path / "out.run") in done.stderr.decode().splitlines()[-1]
    assert files_under(tmp_path) == before
    for _ in job:
        pass
    assert_equal_runs(tmp_path / "out", uninterrupted("distill"))


def test_the_log_and_the_strips_tell_the_course_of_a_run(uninterrupted):
    output = uninterrupted("distill")
    folder = output.with_name(output.name + ".run")
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [2, 4, 6, 8]
    assert [entry["epoch"] for entry in entries] == [0, 1, 2, 3]
    assert [entry["learning_rate"] for entry in entries] == pytest.approx([1e-3, 1e-3, 2e-3 / 3, 1e-3 / 3])
    assert all(set(entry["losses"]) == {"gan", "reconstruction", "feature", "discriminator"} for entry in entries)
    assert all(list(entry["metrics"]) == ["student"] for entry in entries)
    strips = sorted((folder / "samples").iterdir())
    assert [path.name for path in strips] == ["0000002.png", "0000004.png", "0000006.png", "0000008.png"]
    with Image.open(strips[-1]) as strip:
        assert strip.size[0] >= 3 * SIZE  # input, teacher, student
        assert strip.size[1] >= 4 * SIZE  # the four test images


def test_the_checkpoint_tells_what_it_is(uninterrupted, make_job, tmp_path, tiny_data, teacher_file):
    checkpoint = read_checkpoint(uninterrupted("distill"))
    job = make_job("distill", tmp_path / "out")
    evaluation = Evaluation.of_folder(tiny_data, "AtoB", (SIZE, SIZE), feature_set=UNTRAINED)
    facts = checkpoint.training
    assert (checkpoint.stage, checkpoint.direction, checkpoint.task) == ("distill", "AtoB", CYCLEGAN)
    assert set(checkpoint.networks) == {"generator", "discriminator", "adaptors"}
    assert (facts["steps"], facts["seed"], facts["image_size"]) == (8, 0, [SIZE, SIZE])
    assert facts["data"] == job.samples.fingerprint
    assert checkpoint.sources == {"teacher": read_checkpoint(teacher_file).digest}
    measured = evaluation.measure(EagerEngine(Generator.from_state(checkpoint.generator)))
    metric = {"value": measured.distance, "kernel": measured.kernel, "kernel_error": measured.kernel_error}
    assert facts["metric"] == nearly(evaluation.facts() | metric | {"values": {"student": measured.distance}})


@pytest.mark.parametrize("rate", [1e-4, 0.5])
def test_the_best_of_all_evaluations_is_kept_the_start_included(make_job, tmp_path, tiny_data, supernet_file, rate):
    evaluation = Evaluation.of_folder(tiny_data, "AtoB", (SIZE, SIZE), feature_set=UNTRAINED)
    schedule = dataclasses.replace(SCHEDULE, learning_rate=rate)
    job = make_job("finetune", tmp_path / "out", schedule=schedule)
    start = read_checkpoint(supernet_file).generator
    start = start.leading(start.spec.narrowed((4,) * 8))
    values = {0: evaluation.measure(EagerEngine(Generator.from_state(start))).distance}
    values |= {progress.step: progress.metrics["student"] for progress in job if progress.metrics}
    assert sorted(values) == [0, 2, 4, 6, 8]
    checkpoint = read_checkpoint(tmp_path / "out")
    best = min(values, key=values.get)
    assert checkpoint.training["metric"]["value"] == nearly(values[best])
    assert checkpoint.training["steps"] == best
    again = evaluation.measure(EagerEngine(Generator.from_state(checkpoint.generator)))
    assert {"value": again.distance, "kernel": again.kernel} == nearly(
        {name: checkpoint.training["metric"][name] for name in ("value", "kernel")}
    )
    if best == 0:
        assert_equal_states(checkpoint.generator, start)


def test_a_batch_smaller_than_the_number_of_processes_is_refused(make_job, tmp_path):
    job = make_job("distill", tmp_path / "out")
    with pytest.raises(RunError, match=r"--batch-size 4.* 5 "):
        dataclasses.replace(job, processes=Processes(0, 5))


def test_a_job_in_a_thread_runs_without_handling_signals(make_job, uninterrupted, tmp_path):
    """As a server or a notebook may run it."""
    failures = []

    def run():
        try:
            for _ in make_job("distill", tmp_path / "out"):
                pass
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=PATIENCE)
    assert not thread.is_alive()
    assert not failures
    assert_equal_runs(tmp_path / "out", uninterrupted("distill"))


def test_a_sub_network_s_evaluation_leaves_the_training_mode_alone(make_job, tmp_path):
    """With dropout an evaluation between two steps must not change the steps."""
    for _ in make_job("replace", tmp_path / "often", eval_every=1):
        pass
    for _ in make_job("replace", tmp_path / "once", eval_every=0):
        pass
    often, once = (read_checkpoint(tmp_path / name) for name in ("often", "once"))
    assert often.digest == once.digest
    assert np.isfinite(often.training["metric"]["value"])
