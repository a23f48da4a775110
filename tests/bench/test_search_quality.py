"""benchmarks/search_quality.py: no strategy is replayed with more evaluations than it is said to have had."""

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(("name", "counts"), [("random, racing", (1, 2, 7, 20, 50)), ("predictor, racing", (31,))])
def test_a_race_takes_no_more_evaluations_than_its_count(monkeypatch, name, counts):
    pytest.importorskip("sklearn", reason="the predictor's models are scikit-learn's")
    monkeypatch.syspath_prepend(BENCHMARKS)
    import search_quality
    from search_tables import Replay, made_up

    spent, table = [], next(made_up(1))
    measure = Replay.measure

    def watched(replay, *arguments):
        found = measure(replay, *arguments)
        spent.append(replay.spent)
        return found

    monkeypatch.setattr(Replay, "measure", watched)
    (raced,) = [one for one in search_quality.contestants(table, models=False) if one.name == name]
    for count in counts:
        found = search_quality.replayed(table, raced, seed=0, count=count)
        assert len(found.places) >= 1
        assert found.spent in spent
        assert count - 1.5 < found.spent <= count  # and as near to it as whole sub-networks come
