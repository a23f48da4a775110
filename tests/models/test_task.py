"""Tasks: their names, and what follows from what they are."""

import dataclasses

import pytest

from ganc.models.task import CYCLEGAN, PIX2PIX, PUBLISHED, AdversarialLoss, Task, TaskName


@pytest.mark.parametrize("name", TaskName)
def test_a_task_keeps_its_name_whatever_its_weights(name):
    changed = dataclasses.replace(PUBLISHED[name], gan_weight=0.25, feature_weight=3.0, pool_size=7)
    assert PUBLISHED[name].name is changed.name is Task.from_json(changed.to_json()).name is name
    assert changed.title == name.value


def test_another_task_has_no_name_and_is_said_in_words():
    other = dataclasses.replace(CYCLEGAN, adversarial_loss=AdversarialLoss.HINGE)
    assert other.name is None
    assert "hinge" in other.title


def test_what_follows_from_the_task():
    assert (CYCLEGAN.both_ways, PIX2PIX.both_ways) == (True, False)
    assert (CYCLEGAN.judges_first, PIX2PIX.judges_first) == (False, True)
    assert (CYCLEGAN.discriminator_width, PIX2PIX.discriminator_width) == (64, 128)
    assert (CYCLEGAN.ground_truth_weight, PIX2PIX.ground_truth_weight) == (0, 100)
    assert (CYCLEGAN.judged_channels(1, 3), PIX2PIX.judged_channels(1, 3)) == (3, 4)
