"""What the settings of a training run hold: schedule, images, where it writes, weights."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from ganc.base.errors import SettingError, SpecError
from ganc.models.task import CYCLEGAN
from ganc.training.course import Course
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule


@pytest.mark.paddle26
@pytest.mark.parametrize(("constant", "decay"), [(100, 100), (200, 200), (3, 5), (0, 4), (7, 0), (1, 1)])
def test_the_learning_rate_s_factor_is_the_published_one(constant, decay):
    schedule = Schedule(epochs=constant, decay_epochs=decay)
    factors = [schedule.factor(epoch) for epoch in range(constant + decay)]
    falling = [(decay - past) / (decay + 1) for past in range(decay)]
    np.testing.assert_allclose(factors, [1.0] * constant + falling if constant else falling, rtol=0, atol=1e-12)
    assert factors[-1] == pytest.approx(1 / (decay + 1))
    assert min(factors) > 0


def test_the_factor_falls_from_the_epoch_after_the_constant_ones():
    """1 - max(0, epoch + 1 - constant) / (decay + 1): the constant part ends one epoch early, as published."""
    schedule = Schedule(epochs=3, decay_epochs=4)
    assert [schedule.factor(epoch) for epoch in range(7)] == pytest.approx([1, 1, 1, 0.8, 0.6, 0.4, 0.2])


def test_a_run_s_steps_and_what_cuts_them_short():
    schedule = Schedule(epochs=3, decay_epochs=2)
    assert schedule.steps(10) == 50
    assert dataclasses.replace(schedule, max_steps=20).steps(10) == 20
    assert dataclasses.replace(schedule, max_steps=200).steps(10) == 50
    assert dataclasses.replace(schedule, max_steps=20).factor(4) == schedule.factor(4)


def test_a_warm_up_rises_linearly_to_the_whole_rate_and_multiplies_the_decay():
    course = Course(Schedule(epochs=1, decay_epochs=3, learning_rate=0.1, warm_up=4), epoch_steps=3)
    cold = Course(Schedule(epochs=1, decay_epochs=3, learning_rate=0.1), epoch_steps=3)
    rates, plain = ([one.learning_rate(step) for step in range(12)] for one in (course, cold))
    assert rates[:3] == pytest.approx([0.025, 0.05, 0.075])
    assert rates[3:] == plain[3:]


def test_what_is_not_used_of_a_schedule_is_not_in_its_identity():
    """So that runs go on that began before there was such a setting."""
    plain = Schedule(epochs=3, decay_epochs=2, max_steps=7)
    assert plain.identity == {"epochs": 3, "decay_epochs": 2, "batch_size": 1, "learning_rate": 2e-4}
    used = dataclasses.replace(plain, warm_up=5, ema=0.9)
    assert used.identity == plain.identity | {"warm_up": 5, "ema": 0.9}


def test_a_run_without_epochs_is_refused():
    with pytest.raises(SettingError, match="epochs"):
        Schedule(epochs=0, decay_epochs=0)


def test_settings_say_where_a_run_writes():
    assert RunSettings(output=Path("a/out.safetensors")).directory == Path("a/out.safetensors.run")
    assert RunSettings(output=Path("a/out.safetensors"), run_dir=Path("b")).directory == Path("b")


def test_images_are_loaded_a_little_larger_than_the_crop_unless_a_size_is_said():
    assert DataSettings(folder=Path("d")).load_size == (286, 286)
    assert DataSettings(folder=Path("d"), crop_size=(128, 64)).load_size == (143, 72)
    assert DataSettings(folder=Path("d"), load_size=(300, 280)).load_size == (300, 280)


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    [
        (Schedule, {"epochs": -1}, "epochs"),
        (Schedule, {"decay_epochs": -1}, "decay_epochs"),
        (Schedule, {"max_steps": 0}, "max_steps"),
        (Schedule, {"batch_size": 0}, "batch_size"),
        (Schedule, {"learning_rate": 0.0}, "learning_rate"),
        (Schedule, {"learning_rate": 1.5}, "learning_rate"),
        (Schedule, {"learning_rate": float("nan")}, "learning_rate"),
        (Schedule, {"warm_up": -1}, "warm_up"),
        (Schedule, {"ema": 1.0}, "ema"),
        (Schedule, {"ema": -0.1}, "ema"),
        (DataSettings, {"workers": -1}, "workers"),
        (DataSettings, {"cache_memory": -1}, "cache_memory"),
        (RunSettings, {"seed": -1}, "seed"),
        (RunSettings, {"seed": 2**32}, "seed"),
        (RunSettings, {"eval_every": -1}, "eval_every"),
        (DistillationSettings, {"gan_weight": -1.0}, "gan_weight"),
        (DistillationSettings, {"reconstruction_weight": -1.0}, "reconstruction_weight"),
        (DistillationSettings, {"feature_weight": -1.0}, "feature_weight"),
        (DistillationSettings, {"discriminator_width": 0}, "discriminator_width"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_value_outside_its_limits_is_refused_by_the_settings_themselves(kind, values, named):
    needed = {
        Schedule: {"epochs": 1, "decay_epochs": 1},
        DataSettings: {"folder": Path("d")},
        RunSettings: {"output": Path("o")},
        DistillationSettings: {},
    }
    with pytest.raises(SettingError, match=rf"^{named} .*{re.escape(str(values[named]))}"):
        kind(**needed[kind] | values)


def test_a_direction_that_there_is_not_is_refused():
    with pytest.raises(SpecError, match="sideways"):
        DataSettings(folder=Path("d"), direction="sideways")


def test_only_the_weights_that_were_given_change_a_task():
    assert DistillationSettings().applied_to(CYCLEGAN) == CYCLEGAN
    changed = DistillationSettings(gan_weight=0.0, feature_weight=2.0).applied_to(CYCLEGAN)
    assert changed == dataclasses.replace(CYCLEGAN, gan_weight=0.0, feature_weight=2.0)
