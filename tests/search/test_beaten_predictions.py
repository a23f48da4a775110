"""What is predicted and measured rows of the file beat, of whichever search, is neither written nor shown."""

import json
import zlib
from dataclasses import asdict

import numpy as np
import pytest
from helpers.search_rows import IDENTITY, make_results, make_row
from helpers.stages import json_of, refusal
from helpers.support import succeed

from ganc.models.family import format_widths
from ganc.models.space import parse_space
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts
from ganc.results.hdf5 import read_results, write_results
from ganc.results.journal import ResultsWriter
from ganc.results.selection import beaten
from ganc.results.table import SearchRow
from ganc_search.settings import Budget, ModelName, PredictorSettings
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.predictor import Predictor

SPACE = parse_space("16,12,8/16,12,8/12,10,8/12,10,8/12/12,10,8/16/16,12,8")  # 729 sub-networks
COSTS = SubnetCosts(GeneratorSpec(widths=SPACE.largest), (64, 64))
SETUP = {"latency_engine": "openvino", "latency_precision": "f32", "latency_device": "cpu"}


def row_of(widths):
    """Worse the narrower, and by chance."""
    noise = np.random.default_rng(zlib.crc32(repr(widths).encode())).standard_normal()
    value = sum((1 + 0.3 * place) / width for place, width in enumerate(widths)) + 0.15 * noise
    return SearchRow(widths=widths, **asdict(COSTS(widths)), images=60, metrics={"untrained": float(value)})


def searched(path, others, seed, facts=None):
    """Search by predictions into a file that has some rows of another search; return the model's own predictions."""
    strategy = Predictor(
        Allowed(SPACE, Budget(), COSTS), "untrained", seed, 15, PredictorSettings(model=ModelName.LINEAR, refits=1)
    )
    with ResultsWriter(path, IDENTITY, facts or {}) as writer:
        for widths in others:
            writer.append(row_of(widths))
        while asked := strategy.ask():
            for widths in asked:
                if writer.done(widths) is None:
                    writer.append(row_of(widths))
            strategy.tell(writer.done(widths) for widths in asked)
        writer.predict(strategy.predictions)
    return strategy.predictions


def drawn(seed, count):
    every = [*SPACE]
    return [every[place] for place in np.random.default_rng(seed).permutation(len(every))[:count]]


def is_beaten(macs, value, rows):
    """Whether a measured row has no more MACs and no larger metric, looked for one by one."""
    return any(row.images and row.macs <= macs and row.metrics["untrained"] <= value for row in rows)


def alone(path):
    return {row.widths for row in read_results(path) if not row.images}


def test_what_rows_of_another_search_beat_is_not_written(tmp_path):
    written = dropped = 0
    for seed in range(4):
        path = tmp_path / f"{seed}.h5"
        said = searched(path, drawn(seed, 350), seed)
        rows = [*read_results(path)]
        measured = {row.widths for row in rows if row.images}
        widths = [tuple(one) for one in said.widths.tolist()]
        only = [place for place, one in enumerate(widths) if one not in measured]
        behind = {widths[place] for place in only if is_beaten(said.macs[place], said.values[place], rows)}
        assert alone(path) == {widths[place] for place in only} - behind
        assert all("untrained.predicted" in row.metrics for row in rows if row.widths in {*widths})
        written, dropped = written + len(alone(path)), dropped + len(behind)
    assert written > 3
    assert dropped > 3


def test_what_a_later_search_beats_is_listed_and_drawn_no_more(tmp_path):
    path = tmp_path / "search.h5"
    searched(path, (), seed=0)
    first = alone(path)
    assert len(json_of("ganc", "select", path, "--predicted")) == len(first) > 3
    with ResultsWriter(path, IDENTITY, {"strategy": "random"}) as writer:
        for widths in drawn(0, 500):
            if widths not in first and writer.done(widths) is None:
                writer.append(row_of(widths))
    rows = [*read_results(path)]
    assert alone(path) == first
    left = {
        format_widths(row.widths)
        for row in rows
        if not row.images and not is_beaten(row.macs, row.metrics["untrained.predicted"], rows)
    }
    assert 0 < len(left) < len(first)
    assert {row["widths"] for row in json_of("ganc", "select", path, "--predicted")} == left
    made = json.loads(succeed("ganc", "plot", path, "-o", tmp_path / "front.svg", "--json").stdout)
    assert made["predicted"] == len(left)


def test_rows_outside_the_bounds_beat_nothing(tmp_path):
    """A measured sub-network with few MACs and too many parameters, in the list and where predictions are written."""
    path = tmp_path / "search.h5"
    large = make_row((8, 4), 1.0, macs=10, params=900)
    only = make_row((8, 2), images=0, metrics={"untrained.predicted": 2.0}, macs=20, params=100)
    write_results(path, make_results([large, only]))
    said = refusal("ganc", "select", path, "--predicted")
    assert "the one sub-network that was predicted and not measured is beaten by what was measured" in said
    bound = ("--max-params", 500)
    assert [row["widths"] for row in json_of("ganc", "select", path, "--predicted", *bound)] == ["8_2"]


@pytest.mark.parametrize(("part", "kept"), [(1.0, False), (0.0, True)])
def test_rows_outside_the_budget_of_the_search_leave_its_predictions(tmp_path, part, kept):
    smallest, largest = COSTS(SPACE.smallest).params, COSTS(SPACE.largest).params
    most = int(smallest + part * (largest - smallest))
    path = tmp_path / "search.h5"
    said = searched(path, drawn(0, 350), 0, facts={"budget": {"max_macs": None, "max_params": most}})
    measured = {row.widths for row in read_results(path) if row.images}
    predicted = {tuple(one) for one in said.widths.tolist()} - measured
    assert predicted
    assert (alone(path) == predicted) == kept


def test_of_a_search_that_lowered_latency_milliseconds_are_compared(tmp_path):
    path = tmp_path / "search.h5"
    column = ("untrained.predicted", "latency.predicted")

    def predicted(width, *values):
        return make_row((width, 2), images=0, metrics=dict(zip(column, values, strict=True)), macs=10)

    rows = [make_row((8, 4), 3.0, macs=5, latency_ms=2.0, **SETUP), predicted(6, 3.5, 2.5), predicted(4, 3.5, 1.5)]
    write_results(path, make_results(rows, facts={"objective": "latency"}))
    assert [row["widths"] for row in json_of("ganc", "select", path, "--predicted")] == ["4_2"]
    rows.append(make_row((8, 3), 9.0, macs=5, latency_ms=2.0, **SETUP | {"latency_engine": "onnxruntime"}))
    write_results(path, make_results(rows, facts={"objective": "latency"}))
    assert len(json_of("ganc", "select", path, "--predicted")) == 2  # times of two engines do not compare


def test_on_fewer_images_nothing_is_beaten(tmp_path):
    path = tmp_path / "search.h5"
    few = make_row((8, 3), 0.5, images=10, macs=1)
    only = make_row((8, 2), images=0, metrics={"untrained.predicted": 2.0}, macs=20)
    write_results(path, make_results([make_row((8, 4), 3.0, macs=10), few, only]))
    assert [row["widths"] for row in json_of("ganc", "select", path, "--predicted")] == ["8_2"]


def test_beaten_is_what_a_look_at_each_pair_says():
    draws = np.random.default_rng(0)
    for _ in range(50):
        metric, cost, by_metric, by_cost = (draws.integers(0, 6, count).astype(float) for count in (20, 20, 7, 7))
        metric[draws.integers(20)] = cost[draws.integers(20)] = by_metric[draws.integers(7)] = np.nan
        by_cost[draws.integers(7)] = np.nan
        pairs = (by_metric <= metric[:, None]) & (by_cost <= cost[:, None])
        assert (beaten(metric, cost, by_metric, by_cost) == pairs.any(axis=1)).all()
    assert not beaten(np.array([1.0]), np.array([1.0]), np.array([]), np.array([])).any()
