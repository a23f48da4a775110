"""--dry-run of training stages: settings, costs and an estimate, nothing written; and what a run says of itself."""

import itertools
import json
import re
from types import SimpleNamespace

import pytest
from helpers.stages import nothing_changes
from helpers.support import SIZE, TINY_TRAINING, UNTRAINED_SET, invoke, make_checkpoint, succeed
from helpers.training_runs import distill

from ganc.data import read_images
from ganc.files.checkpoint import write_checkpoint
from ganc.models.spec import GeneratorSpec
from ganc.training.settings import REFIT_STEPS

NETWORKS = ("--width", "4", "--n-blocks", "3", "--discriminator-width", "4")


@pytest.fixture
def commands(tiny_data, teacher_file, supernet_file, tmp_path):
    files = {
        "ganc-replace": NETWORKS,
        "ganc-distill": ("--teacher", teacher_file, "--width", "4"),
        "ganc-supernet": ("--teacher", teacher_file, "--space", "/".join(["4,2"] * 8)),
        "ganc-finetune": ("--supernet", supernet_file, "--teacher", teacher_file, "--config", "4"),
    }
    ending = ("--data", tiny_data, *TINY_TRAINING, "-o", tmp_path / "new" / "out", "--dry-run")
    return [(program, *options, *ending) for program, options in files.items()]


def test_a_dry_run_says_costs_and_time_and_writes_nothing(commands, tmp_path, cache):
    for command in commands:
        with nothing_changes(tmp_path, cache):
            said = json.loads(succeed(*command, "--json").stdout)
        generator = next(one for one in said["networks"] if one["network"] == "generator")
        spec = GeneratorSpec(widths=(4,) * 8, n_blocks=3)
        assert generator["macs"] == spec.costs((SIZE, SIZE)).macs
        assert said["settings"]["stage"] == command[0].removeprefix("ganc-")
        estimate = said["estimate"]
        assert (estimate["steps"], estimate["steps_done"]) == (6, 0)
        assert estimate["seconds"] >= 6 * estimate["step_seconds"] > 0
        assert estimate["peak_bytes"] > 1e6
        assert said["would_write"][0] == str(tmp_path / "new" / "out")


def test_a_dry_run_says_it_to_people(commands, tmp_path):
    with nothing_changes(tmp_path):
        done = succeed(*commands[1])
    assert "steps 6" in done.stderr
    assert "time: 6 steps of" in done.stdout
    assert "nothing was written" in done.stdout


def test_the_images_that_are_left_for_training_are_counted_by_domain(split_data, teacher_file, tmp_path):
    said = succeed(*distill(split_data, teacher_file, tmp_path / "out"), "--dry-run").stderr
    assert f"images 4 of A and 6 of B at {SIZE}x{SIZE}" in said


def test_steps_without_and_with_a_gan_loss_are_timed_apart(tiny_data, teacher_file, tmp_path):
    """By the default recipe the discriminator rests in two thirds of the six steps."""
    command = (*distill(tiny_data, teacher_file, tmp_path / "out"), "--recipe", "imitate", "--dry-run")
    found = json.loads(succeed(*command, "--json", "--ema", "0.9").stdout)["estimate"]
    assert [(part["first"], part["steps"], part["gan"]) for part in found["parts"]] == [(0, 4, False), (4, 2, True)]
    first, second = (part["step_seconds"] for part in found["parts"])
    evaluations = found["evaluations"] * found["evaluation_seconds"]
    assert found["seconds"] == pytest.approx(4 * first + 2 * second + evaluations + found["refit_seconds"])
    assert found["step_seconds"] == pytest.approx((4 * first + 2 * second) / 6)
    said = succeed(*command, "--max-steps", "5").stdout
    assert re.search(r"5 steps of .* on average \(4 of .* without a GAN loss, then 1 of .* with a GAN loss\)", said)
    alone = json.loads(succeed(*command, "--json", "--max-steps", "4").stdout)["estimate"]["parts"]
    assert [part["gan"] for part in alone] == [False]


def test_the_refit_is_in_the_estimate(tiny_data, teacher_file, tmp_path):
    command = (*distill(tiny_data, teacher_file, tmp_path / "out"), "--dry-run", "--refit")
    found = json.loads(succeed(*command, "20000", "--json").stdout)["estimate"]
    assert found["refit_seconds"] == pytest.approx(REFIT_STEPS * 20_000 * found["step_seconds"])
    assert found["seconds"] > found["refit_seconds"]
    assert "the refit before them about " in succeed(*command, "20000").stdout
    assert "the refit before" not in succeed(*command, "0").stdout


def test_fine_tuning_is_evaluated_before_it_too_and_on_the_images_that_choose(
    split_data, teacher_file, supernet_file, tmp_path, monkeypatch
):
    ticks = itertools.count()  # a second between two looks at the clock
    monkeypatch.setattr("ganc.training.rehearsal.time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    given = ("--supernet", supernet_file, "--teacher", teacher_file, "--config", "4", "--data", split_data)
    done = succeed("ganc-finetune", *given, *TINY_TRAINING, "-o", tmp_path / "out", "--dry-run", "--json")
    estimate = json.loads(done.stdout)["estimate"]
    assert estimate["evaluations"] == 2
    looked_at = (len(read_images(split_data, subset)) for subset in ("testA", "searchA"))
    assert estimate["evaluation_seconds"] == sum(looked_at)


def test_a_rehearsal_trains_the_discriminator_that_the_run_will_train(tiny_data, teacher_file, tmp_path, monkeypatch):
    """Whose memory and time the estimate would otherwise lack."""
    from ganc.training.distillation import DistillationStep

    trained, update = [], DistillationStep.update

    def noted(self, source, target, step, learning_rate):
        losses = update(self, source, target, step, learning_rate)
        trained.append("discriminator" in losses)
        return losses

    monkeypatch.setattr(DistillationStep, "update", noted)
    succeed(*distill(tiny_data, teacher_file, tmp_path / "out"), "--recipe", "imitate", "--dry-run")
    assert trained == [False] * 4 + [True] * 2


def test_a_run_that_goes_on_says_where(tiny_data, teacher_file, tmp_path, monkeypatch):
    """The first run ends like one that was killed: its state has two steps."""
    command = distill(tiny_data, teacher_file, tmp_path / "out")
    monkeypatch.setattr("ganc.training.job.SAVE_SECONDS", -1.0)
    monkeypatch.setattr("ganc.training.job.TrainingJob._update", _fails_at(2))
    assert invoke(*command).exit_code == 1
    monkeypatch.undo()
    estimate = json.loads(succeed(*command, "--dry-run", "--json").stdout)["estimate"]
    assert (estimate["steps"], estimate["steps_done"]) == (4, 2)
    assert "continues at step 3 of 6" in succeed(*command).stderr
    assert "continues" not in succeed(*command, "--restart").stderr


def _fails_at(number):
    from ganc.base.errors import RunError
    from ganc.training.job import TrainingJob

    update = TrainingJob._update

    def failing(self, batch, step):
        if step == number:
            raise RunError("the test ends here")
        return update(self, batch, step)

    return failing


def test_fine_tuning_that_did_not_help_says_so_with_both_values(tiny_data, teacher_file, tmp_path):
    supernet = tmp_path / "supernet"
    write_checkpoint(supernet, make_checkpoint("supernet", seed=3))
    command = ("ganc-finetune", "--supernet", supernet, "--teacher", teacher_file, "--config", "4")
    command += ("--data", tiny_data, *TINY_TRAINING, "--lr", "1e-30", "-o", tmp_path / "out")
    said = succeed(*command).stdout
    (row,) = json.loads(succeed(*command, "--json").stdout)
    outcome = row["outcome"]
    assert outcome["helped"] is False
    assert f"did not help: {outcome['metric']} was {outcome['before']:.4f} before it, {outcome['best']:.4f} at" in said
    assert row["steps"] == 0


def test_stage_one_calls_its_generator_so_and_shows_both_ways(tiny_data, tmp_path):
    from PIL import Image

    done = succeed("ganc-replace", *NETWORKS, "--data", tiny_data, *TINY_TRAINING, "-v", "-o", tmp_path / "out")
    assert "step 6: generator " in done.stderr
    assert "student" not in done.stderr
    with Image.open(tmp_path / "out.run" / "samples" / "0000006.png") as strip:
        assert strip.width > 6 * 160  # columns of 32 pixels, five times enlarged


def test_a_search_says_costs_and_time_and_writes_no_results(chain, tmp_path):
    command = ("ganc-search", "--supernet", chain.supernet, "--data", chain.data, *UNTRAINED_SET, "--dry-run")
    with nothing_changes(tmp_path):
        said = json.loads(succeed(*command, "--json", "-o", tmp_path / "search.h5").stdout)
        people = succeed(*command, "--samples", "2").stdout
    assert (said["candidates"], said["subset"], said["images"]) == (32, "searchA", 2)
    assert said["macs"][0] < said["macs"][1]
    assert said["seconds"] == 32 * said["seconds_each"] > 0
    assert "time: 2 sub-networks of" in people
    assert "no results were written" in people


def test_an_export_says_what_it_would_write(chain, tmp_path):
    command = ("ganc-export", "--checkpoint", chain.finetune, "--format", "onnx", "--data", chain.data, "--dry-run")
    with nothing_changes(tmp_path):
        said = json.loads(succeed(*command, "--json", "-o", tmp_path / "dist").stdout)
        people = succeed(*command, "-o", tmp_path / "dist").stdout
    assert said["would_write"] == [str(tmp_path / "dist" / "onnx" / "generator.onnx")]
    assert (said["variants"], said["images"]) == (1, 3 + 4)
    assert "nothing was written" in people
