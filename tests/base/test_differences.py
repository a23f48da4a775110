"""What differs between two sets of settings, in words; the direction of a translation."""

import json

import pytest

from ganc.base.differences import differences
from ganc.base.direction import Direction
from ganc.base.errors import SpecError


def test_equal_settings_differ_in_nothing():
    settings = {"seed": 1, "size": [64, 48], "task": {"weight": 1.0}, "none": None}
    assert differences(settings, json.loads(json.dumps(settings))) == []
    assert differences({"weight": 1}, {"weight": 1.0}) == []


def test_each_difference_is_named_with_both_values_in_the_order_of_the_names():
    one = {"seed": 1, "task": {"weights": {"gan": 1.0}, "pool": 50}, "space": "channels-32", "old": True}
    other = {"seed": 2, "task": {"weights": {"gan": 2.0}, "pool": 50}, "space": "channels-48", "new": None}
    assert differences(one, other) == [
        "new was absent, now null",
        "old was true, now absent",
        "seed was 1, now 2",
        "space was channels-32, now channels-48",
        "task.weights.gan was 1.0, now 2.0",
    ]
    assert differences({"size": [1, 2]}, {"size": [1, 3]}, "{name} is {one} and {other}") == [
        "size is [1, 2] and [1, 3]"
    ]


@pytest.mark.parametrize(("text", "source", "target"), [("AtoB", "A", "B"), ("BtoA", "B", "A")])
def test_a_direction_has_a_source_and_a_target_and_is_written_as_it_is_called(text, source, target):
    direction = Direction(text)
    assert (direction.source, direction.target) == (source, target)
    assert direction == str(direction) == json.loads(json.dumps(direction)) == text


@pytest.mark.parametrize("text", ["", "atob", "AtoC", 1])
def test_another_direction_is_refused(text):
    with pytest.raises(SpecError, match="AtoB, BtoA"):
        Direction(text)
