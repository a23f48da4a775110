"""What a command says while it works: how long that takes, where it continues, where its values come from."""

import re
import time

import pytest
from helpers.support import UNTRAINED_SET, succeed
from helpers.training_runs import distill

from ganc.base.ranking_metric import FEW_IMAGES
from ganc.cli.jobs import with_progress
from ganc.metrics import Measurement
from ganc.training.job import Progress


def steps(first, last, seconds=0.002):
    for number in range(first, last + 1):
        time.sleep(seconds)
        yield Progress(number, {})


@pytest.mark.parametrize(("total", "said"), [(10**9, True), (6, False)])
def test_a_run_of_days_is_said_after_a_few_steps(capfd, total, said):
    for progress in with_progress(steps(1, 6), total):
        if progress.step == 5:
            break
    messages = capfd.readouterr().err
    assert ("this takes about" in messages) == said
    assert bool(re.search(r"about [\d.]+ days on this machine: fewer --epochs", messages)) == said


def test_a_run_whose_steps_get_slower_is_forecast_again_where_they_do(capfd):
    for progress in with_progress(steps(1, 10), 10**9, gan_from=5):
        if progress.step == 9:
            break
    said = re.findall(r"this takes (\w+ ?\w*) [\d.]+ days", capfd.readouterr().err)
    assert said == ["more than", "about"]


@pytest.mark.parametrize(
    ("images", "said"), [(FEW_IMAGES, "student kernel 0.118"), (FEW_IMAGES + 1, "student Fréchet 172")]
)
def test_the_bar_shows_the_distance_that_ranks_by_its_name(capfd, images, said):
    measured = {"student": Measurement(172.0, 0.118, 0.01, images)}
    for _ in with_progress([Progress(1, {}, measured)], 1):
        pass
    assert said in capfd.readouterr().err


def test_the_time_left_counts_from_the_step_that_a_run_continues_at(capfd):
    """A thousand steps that were done before are no speed of this run."""
    for _ in with_progress(steps(1001, 1005, 0.05), 1005, behind=1000):
        pass
    lines = capfd.readouterr().err.replace("\r", "\n").strip().splitlines()
    assert "1000/1005" in lines[0]
    assert not [line for line in lines if re.search(r"\| *0/", line)]
    last = lines[-1]
    assert "1005/1005" in last
    rate = re.search(r"([\d.]+)(step/s|s/step)", last)
    assert rate[2] == "s/step" or float(rate[1]) <= 20


def test_a_search_says_where_it_continues(chain, tmp_path):
    command = ("ganc-search", "--supernet", chain.supernet, "--data", chain.data, *UNTRAINED_SET, "--device", "cpu")
    command += ("-o", tmp_path / "search.h5")
    succeed(*command, "--samples", "2", "--seed", "1")
    said = succeed(*command, "--samples", "3", "--seed", "1").stderr
    assert "continues after 2 of 3" in said
    assert "3/3" in said
    assert not re.search(r"\| *0/", said)
    again = succeed(*command, "--samples", "2", "--seed", "1").stderr
    assert "2/2" in again
    assert not re.search(r"\| *0/", again)


def test_the_bar_of_a_run_that_goes_on_starts_where_it_goes_on(tiny_data, teacher_file, tmp_path):
    succeed(*distill(tiny_data, teacher_file, tmp_path / "out", "--max-steps", "1"))
    (tmp_path / "out").unlink()
    said = succeed(*distill(tiny_data, teacher_file, tmp_path / "out", "--max-steps", "2")).stderr
    assert "continues at step 2 of 2" in said
    assert "1/2" in said
    assert "2/2" in said
    assert not re.search(r"\| *0/", said)


def test_a_verbose_command_says_where_its_values_come_from(monkeypatch, tmp_path):
    (tmp_path / "defaults.toml").write_text("size = 64\nblock = 'resnet'")
    monkeypatch.setenv("GANC_PROFILE_WIDTHS", "8")
    said = succeed("ganc", "profile", "-v", "--defaults", tmp_path / "defaults.toml", "--block", "mobile").stderr
    assert re.match(r"ganc profile: ganc [\d.]+, Paddle [\d.]+\n", said)
    assert said.splitlines()[1:] == ["  --widths from GANC_PROFILE_WIDTHS", "  --size from --defaults"]


def test_a_quiet_training_says_nothing_but_its_table(tiny_data, teacher_file, tmp_path):
    done = succeed(*distill(tiny_data, teacher_file, tmp_path / "out", "-q"))
    assert done.stderr == ""
    assert "out" in done.stdout
