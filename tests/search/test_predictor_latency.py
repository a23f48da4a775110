"""The predictor under a latency bound where each sub-network has to be timed: few are, and it asks for fast ones."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from helpers.search_rows import make_results
from helpers.support import succeed

from ganc.models.space import parse_space
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts
from ganc.results.hdf5 import read_results, write_results
from ganc.results.objective import Objective
from ganc.results.predictions import with_predictions
from ganc.results.table import RowTable, SearchRow
from ganc_search.settings import Budget, ModelName, PredictorSettings
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.predictor import Predictor

pytest.importorskip("sklearn", reason="the predictor's models are scikit-learn's")

SPACE = parse_space("16,12,8/16,12,8/12,10,8/12,10,8/12,10,8/12,10,8/16,12,8/16,12,8")  # 6,561 sub-networks
COSTS = SubnetCosts(GeneratorSpec(widths=SPACE.largest), (64, 64))
SETTINGS = PredictorSettings(model=ModelName.LINEAR)


def milliseconds(widths):
    """Nearly a sum over the segments, and up to 3 % off it."""
    whole = 2 + 0.3 * sum(widths) + 0.01 * widths[0] * widths[1]
    return whole * (1 + 0.03 * math.sin(sum(place * width for place, width in enumerate(widths, 1))))


def metric(widths):
    return 9 - math.log(sum((place + 2) * width for place, width in enumerate(widths)))


def searched(most, samples=30, objective=Objective.PARETO):
    """Return what a predictor asks for, what was timed, in that order, its rows and what it predicts at the end."""
    timed = {}

    def latency_of(widths):
        timed[widths] = None
        return milliseconds(widths)

    allowed = Allowed(SPACE, Budget(max_latency=most), COSTS, latency_of)
    strategy, asked, told = Predictor(allowed, "untrained", 0, samples, SETTINGS, objective), [], []
    while candidates := strategy.ask():
        asked += candidates
        rows = []
        for widths in candidates:
            cost = COSTS(widths)
            costs = {"macs": cost.macs, "device_macs": cost.device_macs, "params": cost.params, "images": 40}
            row = SearchRow(
                widths=widths, **costs, metrics={"untrained": metric(widths)}, latency_ms=milliseconds(widths)
            )
            rows.append(row)
        told += rows
        strategy.tell(rows)
    return asked, timed, told, strategy.predictions


@pytest.mark.parametrize("listable", [1 << 25, 10])
@pytest.mark.parametrize(("part", "objective"), [(0.02, Objective.PARETO), (0.5, Objective.LATENCY)])
def test_few_are_timed_and_all_it_asks_for_are_fast_enough(monkeypatch, listable, objective, part):
    monkeypatch.setattr("ganc.models.listing.LISTABLE", listable)
    if listable == 10:
        monkeypatch.setattr("ganc_search.predict.field.DRAWN", 500)
        monkeypatch.setattr("ganc_search.predict.spread.POOL", 500)
    every = sorted(milliseconds(widths) for widths in SPACE)
    most = every[int(part * len(every))]
    asked, timed, *_ = searched(most, objective=objective)
    assert len(asked) == len(set(asked)) == 30
    assert all(milliseconds(widths) <= most for widths in asked)
    assert SPACE.smallest in asked
    assert len(timed) <= 4 * 30
    best = min(metric(widths) for widths in SPACE if milliseconds(widths) <= most)
    assert min(map(metric, asked)) - best < 0.15 * (metric(SPACE.smallest) - best)


def test_a_bound_that_all_satisfy_leaves_as_many_to_ask_for_and_one_that_few_do_fewer():
    asked, timed, *_ = searched(math.inf, samples=24)
    assert len(asked) == 24
    assert len(timed) <= 3 * 24
    fast = sorted(itertools.islice(sorted(map(milliseconds, SPACE)), 5))
    asked, *_ = searched(fast[-1])
    assert {SPACE.smallest} <= {*asked} <= {widths for widths in SPACE if milliseconds(widths) <= fast[-1]}


def test_a_search_that_is_started_again_times_and_asks_for_the_same():
    (asked, timed, *_), (again, times, *_) = searched(30.0), searched(30.0)
    assert asked == again
    assert [*timed] == [*times]


def test_times_of_rows_are_of_any_set_up_where_the_search_itself_has_none():
    strategy = Predictor(Allowed(SPACE, Budget(), COSTS), "untrained", 0, 20, SETTINGS)
    while candidates := strategy.ask():
        strategy.tell(
            SearchRow(
                widths=w, **dataclasses.asdict(COSTS(w)), images=40, metrics={"untrained": metric(w)}, latency_ms=2.0
            )
            for w in candidates
        )
    assert strategy.predictions.latencies is None


@pytest.mark.parametrize("objective", [Objective.LATENCY, Objective.PARETO])
def test_a_table_is_looked_up_and_not_predicted(tmp_path, objective):
    """A linear model has no jump in one width; the table has, and all that comes of it is exact."""

    def one(widths):
        return milliseconds(widths) + (20.0 if widths[2] == 12 else 0.0)

    allowed = Allowed(SPACE, Budget(), COSTS, one, lambda many: np.array([one(tuple(w)) for w in many.tolist()]))
    strategy, rows = Predictor(allowed, "untrained", 0, 20, SETTINGS, objective), []
    while candidates := strategy.ask():
        costs = [dataclasses.asdict(COSTS(w)) | {"images": 40, "latency_ms": one(w)} for w in candidates]
        told = [
            SearchRow(widths=w, metrics={"untrained": metric(w)}, **cost)
            for w, cost in zip(candidates, costs, strict=True)
        ]
        rows += told
        strategy.tell(told)
    path = tmp_path / "search.h5"
    made = with_predictions(RowTable.of(rows), strategy.predictions)
    write_results(path, make_results(made, facts={"objective": str(objective)}))
    only = [row for row in read_results(path) if not row.images]
    assert only
    for row in only:
        assert row.metrics["latency.predicted"] == pytest.approx(one(row.widths), rel=1e-12)
        assert row.errors["latency.predicted"] == 0
    if objective is Objective.LATENCY:  # they are on the front by these, each the best of what is as fast
        found = sorted((row.metrics["latency.predicted"], row.metrics["untrained.predicted"]) for row in only)
        assert [value for _, value in found] == sorted((value for _, value in found), reverse=True)


def test_what_was_not_measured_has_predicted_milliseconds_in_a_column_of_their_own(tmp_path):
    rows, predictions = searched(None, samples=20, objective=Objective.LATENCY)[2:]
    path = tmp_path / "search.h5"
    write_results(path, make_results(with_predictions(RowTable.of(rows), predictions), facts={"objective": "latency"}))
    found = [*read_results(path)]
    only = [row for row in found if not row.images]
    assert only
    for row in only:
        assert row.latency_ms is None
        assert row.metrics["latency.predicted"] == pytest.approx(milliseconds(row.widths), rel=0.2)
        assert row.errors["latency.predicted"] > 0
    assert all("latency.predicted" not in row.metrics and row.latency_ms for row in found if row.images)
    said = succeed("ganc", "select", path, "--predicted").stdout
    assert "ms an image, predicted" in said
    assert "ms an image, predicted" not in succeed("ganc", "select", path, "--pareto").stdout
