"""benchmarks/search_quality.py: no strategy is replayed with more evaluations than it is said to have had."""

from dataclasses import replace
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = "16,8/16,8/12,8/12,8/12,8/12,8/16,8/16,8"  # 256 sub-networks


@pytest.fixture
def quality(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import search_quality

    return search_quality


@pytest.fixture
def spent(quality, monkeypatch):
    """A list that grows with what each replay has spent so far."""
    from search_tables import Replay

    spent, measure = [], Replay.measure

    def watched(replay, *arguments):
        found = measure(replay, *arguments)
        spent.append(replay.spent)
        return found

    monkeypatch.setattr(Replay, "measure", watched)
    return spent


def contestant(quality, table, name):
    (found,) = [one for one in quality.contestants(table, models=True) if one.name == name]
    return found


@pytest.mark.parametrize("spare_front", [False, True])
@pytest.mark.parametrize("count", [1, 2, 7, 20, 50])
def test_a_race_takes_its_count_as_nearly_as_whole_sub_networks_come(quality, spent, count, spare_front):
    """A list costs the same everywhere; where its front is spared, that takes several replays."""
    table = next(quality.made_up(1))
    raced = replace(contestant(quality, table, "random, racing"), spare_front=spare_front)
    found = quality.replayed(table, raced, seed=0, count=count)
    assert len(found.places) >= 1
    assert found.spent in spent
    assert count - 1.5 < found.spent <= count


def test_a_race_by_predictions_takes_no_more_than_its_count(quality, spent, monkeypatch):
    """By how much it takes less hangs on what a model predicts; the linear one is quick."""
    pytest.importorskip("sklearn", reason="the predictor's models are scikit-learn's")
    monkeypatch.setattr("search_tables.MADE_UP", SMALL)
    table = next(quality.made_up(1))
    assert len(table.macs) == 256
    linear = contestant(quality, table, "predictor, linear")
    raced = replace(contestant(quality, table, "predictor, racing"), make=linear.make)
    found = quality.replayed(table, raced, seed=0, count=12)
    assert len(found.places) >= 1
    assert found.spent in spent
    assert found.spent <= 12
