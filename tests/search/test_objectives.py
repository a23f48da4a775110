"""What a search lowers: evolution, races, selection and the results file follow `--objective`."""

import json
from contextlib import closing

import pytest
from helpers.search_rows import make_results, make_row
from helpers.stages import refusal, widths_of_space
from helpers.support import UNTRAINED_SET, succeed

from ganc.base.engine_table import graph_engines, usable_engines
from ganc.base.errors import SelectionError
from ganc.results.hdf5 import read_results
from ganc.results.objective import Objective
from ganc.results.ranking import fittest, front
from ganc.results.selection import select
from ganc_search.latency import latency_file
from ganc_search.strategies.racing import Racing

FEW = "8,4/8/8/8/8/8/8/8,4"
ENGINES = usable_engines(graph_engines())

# (metric, MACs, ms): cheap and slow, dear and fast, good and dear in both, bad in all, and one without a latency
POINTS = [(5.0, 100, 9.0), (5.0, 300, 2.0), (1.0, 400, 9.5), (7.0, 500, 9.9), (0.5, 450, None)]


def rows_of(points):
    setup = {"latency_engine": "openvino", "latency_precision": "f32", "latency_device": "cpu"}
    return [
        make_row((8, number), metric, macs=macs, latency_ms=ms, **(setup if ms else {}))
        for number, (metric, macs, ms) in enumerate(points)
    ]


def numbers(rows):
    return [row.widths[1] for row in rows]


def test_each_objective_has_a_front_of_its_own():
    rows = rows_of(POINTS)
    assert set(numbers(front(rows, "untrained"))) == {0, 2, 4}
    assert set(numbers(front(rows, "untrained", Objective.LATENCY))) == {1, 2}  # a row without a latency has no place
    assert numbers(front(rows, "untrained", Objective.METRIC)) == [4]


def test_the_metric_alone_orders_by_its_value_and_then_by_macs():
    rows = rows_of([(2.0, 300, None), (1.0, 400, None), (2.0, 200, None), (3.0, 1, None)])
    assert numbers(fittest(rows, "untrained", 3, Objective.METRIC)) == [1, 2, 0]


def test_a_race_keeps_what_the_objective_wants():
    rows = rows_of(
        [(1.0, 900, 9.0), (1.1, 800, 8.0), (1.2, 700, 7.5), (9.0, 10, 9.5), (8.0, 1000, 1.0), (9.9, 999, 9.9)]
    )
    kept = {one: {w[1] for w in Racing().survivors(rows, "untrained", one)} for one in Objective}
    assert kept == {Objective.PARETO: {0, 3}, Objective.METRIC: {0, 1}, Objective.LATENCY: {0, 4}}


def test_a_race_that_spares_fronts_keeps_what_nothing_beats_and_its_part_at_least():
    front_of_three = rows_of([(1.0, 900, None), (2.0, 800, None), (3.0, 700, None), (4.0, 750, None), (5.0, 850, None)])
    front_of_one = rows_of([(1.0, 100, None), (2.0, 200, None), (3.0, 300, None), (4.0, 400, None), (5.0, 500, None)])

    def kept(rows, objective=Objective.PARETO):
        return {widths[1] for widths in Racing().survivors(rows, "untrained", objective, spare_front=True)}

    assert kept(front_of_three) == {0, 1, 2}
    assert kept(front_of_one) == {0, 1}
    assert kept(front_of_three, Objective.METRIC) == {0, 1}


@pytest.mark.parametrize(
    ("objective", "expected"),
    [(None, [4, 2, 0]), ("metric", [4, 2, 0]), ("latency", [2, 1]), (["latency", "metric"], [4, 2, 0])],
)
def test_the_front_that_is_selected_is_that_of_the_files_objective(objective, expected):
    results = make_results(rows_of(POINTS), facts={"objective": objective} if objective else {})
    assert numbers(select(results, pareto=True)) == expected


def test_latencies_of_two_engines_and_none_at_all_make_no_front():
    mixed = [*rows_of(POINTS), make_row((8, 9), 3.0, macs=1, latency_ms=1.0, latency_engine="onnxruntime")]
    with pytest.raises(SelectionError, match="onnxruntime; openvino f32 cpu"):
        select(make_results(mixed, facts={"objective": "latency"}), pareto=True)
    with pytest.raises(SelectionError, match="measure"):
        select(make_results(rows_of(POINTS[-1:]), facts={"objective": "latency"}), pareto=True)


@pytest.mark.skipif(not ENGINES, reason="neither OpenVINO nor ONNX Runtime is installed")
def test_a_search_by_latency_ends_with_its_front_and_the_file_says_so(supernet_file, tiny_data, tmp_path):
    out, kept = tmp_path / "search.h5", tmp_path / "search.h5.latency"
    arguments = ("--supernet", supernet_file, "--data", tiny_data, *UNTRAINED_SET, "--device", "cpu", "--space", FEW)
    arguments = (*arguments, "-o", out, "--latency", "measured")
    succeed("ganc-search", *arguments, "--max-macs", "3.95M")  # writes the header of the latencies
    header = json.loads(kept.read_text().splitlines()[0])
    header = {name: value for name, value in header.items() if name not in ("format", "version", "crc")}
    with closing(latency_file(kept, header, restart=True)) as file:  # the larger the faster
        file.write({"subnet " + "_".join(map(str, widths)): 100.0 - sum(widths) for widths in widths_of_space(FEW)})
    out.unlink()
    evolved = ("--strategy", "evolution", "--population", 2, "--generations", 3)
    succeed("ganc-search", *arguments, "--objective", "latency", "--dry-run")
    printed = json.loads(succeed("ganc-search", *arguments, *evolved, "--objective", "latency", "--json").stdout)
    results = read_results(out)
    assert (len(results), results.objective, printed["objective"]) == (4, Objective.LATENCY, "latency")
    points = {row.widths: (row.metrics[results.ranking_name], row.latency_ms) for row in results}
    unbeaten = {
        "_".join(map(str, widths))
        for widths, (metric, ms) in points.items()
        if not any(m <= metric and t <= ms and (m, t) != (metric, ms) for m, t in points.values())
    }
    assert {row["widths"] for row in printed["best"]} == unbeaten
    selected = json.loads(succeed("ganc", "select", out, "--pareto", "--json").stdout)
    assert selected == printed["best"]


def test_an_objective_of_latency_needs_latencies(supernet_file, tiny_data, tmp_path):
    said = refusal(
        *("ganc-search", "--supernet", supernet_file, "--data", tiny_data, "-o", tmp_path / "out.h5"),
        *("--objective", "latency"),
        status=2,
    )
    assert "--latency measured or --latency table" in said
