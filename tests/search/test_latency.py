"""Latency in a search: measured or from a table, kept between runs, a bound on what is evaluated."""

import dataclasses
import json
from contextlib import closing

import numpy as np
import pytest
from helpers.stages import listing, nothing_changes, refusal, widths_of_space
from helpers.support import (
    SIZE,
    UNTRAINED_SET,
    generator_spec,
    random_state,
    run_command,
    succeed,
)

from ganc.base.engine_table import graph_engines, usable_engines
from ganc.base.errors import FileFormatError, GancError, RunError
from ganc.base.rng import keyed_generator
from ganc.models.space import parse_space
from ganc.models.subnets import SubnetCosts
from ganc.results.hdf5 import read_results, write_results
from ganc.results.search_results import SearchResults
from ganc.system.runtime import engine_threads
from ganc_search.latency import Deployed, LatencyModel, fitted_correction, latency_file, left_out_error
from ganc_search.settings import Budget, LatencyKind
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import named_ones

SPACE = parse_space("8,4/8/8,4/8,4/8/8/8,4/8,4")
FEW = "8,4/8/8/8/8/8/8/8,4"
FEW_SPACE = parse_space(FEW)

ENGINES = usable_engines(graph_engines())
needs_runtime = pytest.mark.skipif(not ENGINES, reason="neither OpenVINO nor ONNX Runtime is installed")


@pytest.fixture
def state():
    return random_state(generator_spec(8), seed=3)


@pytest.fixture
def arguments(supernet_file, tiny_data, tmp_path):
    common = ("--supernet", supernet_file, "--data", tiny_data, *UNTRAINED_SET, "--device", "cpu", "--space", FEW)
    return (*common, "-o", tmp_path / "search.h5")


def table(state, file):
    return LatencyModel(state, SPACE, (SIZE, SIZE), LatencyKind.TABLE, Deployed(ENGINES[0], turns=1), file)


@needs_runtime
def test_a_search_measures_every_sub_network_once(arguments, tmp_path):
    out = tmp_path / "search.h5"
    succeed("ganc-search", *arguments, "--latency", "measured")
    rows = [*read_results(out)]
    assert len(rows) == 4
    for row in rows:
        assert 0 < row.latency_ms < np.inf
        assert (row.latency_engine, row.latency_precision) == (ENGINES[0], "f32")
        assert row.latency_device.startswith("cpu, ")
    assert listing(tmp_path).keys() == {"search.h5", "search.h5.latency"}
    succeed("ganc-search", *arguments, "--latency", "measured")
    assert [*read_results(out)] == rows


@needs_runtime
def test_rows_without_a_latency_get_one_without_being_evaluated_again(arguments, tmp_path):
    out = tmp_path / "search.h5"
    succeed("ganc-search", *arguments)
    before = {row.widths: row for row in read_results(out)}
    succeed("ganc-search", *arguments, "--latency", "table")
    for row in read_results(out):
        assert row.latency_ms > 0
        assert (row.metrics, row.seconds) == (before[row.widths].metrics, before[row.widths].seconds)


@needs_runtime
@pytest.mark.parametrize("other", ["latency_engine", "latency_precision", "latency_device"])
def test_rows_timed_in_something_else_are_timed_anew_without_being_evaluated_again(arguments, tmp_path, other):
    out = tmp_path / "search.h5"
    succeed("ganc-search", *arguments, "--latency", "measured")
    found = read_results(out)
    elsewhere = [dataclasses.replace(row, latency_ms=1e-6, **{other: "other"}) for row in found]
    write_results(out, SearchResults(found.identity, found.facts, [*elsewhere[:3], *list(found)[3:]]))
    succeed("ganc-search", *arguments, "--latency", "measured")
    assert [*read_results(out)] == [*found]  # the times are those of the file beside it
    assert read_results(out).rows.setups == found.rows.setups
    assert len(json.loads(succeed("ganc", "select", out, "--max-latency", 1e6, "--json").stdout)) == 4


@needs_runtime
def test_a_file_of_latencies_that_cannot_be_used_is_to_be_removed_alone(arguments, tmp_path):
    told, kept = (*arguments, "--latency", "measured", "--max-macs", "3.95M"), tmp_path / "search.h5.latency"
    succeed("ganc-search", *told)
    header = kept.read_text().splitlines(keepends=True)[0]
    for damaged in (header[5:], header[:-20] + "\n", header.replace('"version": 2', '"version": 7'), header + "x\ny\n"):
        kept.write_text(damaged)
        said = refusal("ganc-search", *told)
        assert str(kept) in said
        assert "--restart" not in said
        assert "remove the file" in said or "move it away" in said
    kept.unlink()
    succeed("ganc-search", *told)
    assert len(kept.read_text().splitlines()) == 1  # the rows have their latencies


def header_of(path):
    """Return what a file of latencies says that they belong to."""
    header = json.loads(path.read_text().splitlines()[0])
    return {name: value for name, value in header.items() if name not in ("format", "version", "crc")}


@needs_runtime
def test_a_bound_leaves_slower_ones_out_before_they_are_evaluated(arguments, tmp_path):
    latencies = {"_".join(map(str, widths)): float(sum(widths)) for widths in widths_of_space(FEW)}
    out, kept = tmp_path / "search.h5", tmp_path / "search.h5.latency"
    succeed("ganc-search", *arguments, "--latency", "measured", "--max-macs", "3.95M")  # writes the header
    with closing(latency_file(kept, header_of(kept), restart=True)) as file:
        file.write({f"subnet {widths}": value for widths, value in latencies.items()})
    out.unlink()
    succeed("ganc-search", *arguments, "--latency", "measured", "--max-latency", 60)
    results = read_results(out)
    assert {row.widths: row.latency_ms for row in results} == {
        widths: sum(widths) for widths in widths_of_space(FEW) if sum(widths) <= 60
    }
    assert results.facts["budget"]["max_latency"] == 60
    with nothing_changes(tmp_path):
        said = refusal("ganc-search", *arguments, "--latency", "measured", "--max-latency", 2, "--samples", 2)
    assert said.startswith("--max-latency 2")
    assert "56 ms" in said


@needs_runtime
def test_what_is_wrong_with_a_bound_has_a_line_of_its_own_after_the_turns(arguments):
    told = ("--latency", "measured", "--max-latency", 1e-5)
    done = run_command("ganc-search", *arguments, *told)
    assert done.returncode == 1
    assert any(line.startswith(b"Error: --max-latency") for line in done.stderr.splitlines())


@needs_runtime
@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_latencies_are_those_of_the_form_that_will_be_deployed(arguments, tmp_path, precision):
    engine = "openvino" if precision == "bf16" else ENGINES[0]
    try:
        Deployed(engine, precision).require_possible()
    except GancError as error:
        pytest.skip(str(error))
    told = ("--latency", "measured", "--latency-engine", engine, "--latency-precision", precision)
    said = succeed("ganc-search", *arguments, *told, "--max-macs", "3.95M")
    rows = [*read_results(tmp_path / "search.h5")]
    assert {(row.latency_engine, row.latency_precision) for row in rows} == {(engine, precision)}
    assert f"ms an image ({engine} {precision} cpu, {engine_threads()} threads, batch 1)" in said.stdout
    with nothing_changes(tmp_path):
        other = refusal("ganc-search", *arguments, "--latency", "measured", "--latency-engine", engine)
    assert f"precision {precision} and f32" in other


@needs_runtime
def test_a_form_that_an_engine_has_not_is_refused_and_so_is_a_table_in_8_bits(arguments, tmp_path):
    if "onnxruntime" in ENGINES:
        told = ("--latency", "measured", "--latency-engine", "onnxruntime", "--latency-precision", "bf16")
        with nothing_changes(tmp_path):
            assert "onnxruntime has no bf16" in refusal("ganc-search", *arguments, *told)
    told = ("--latency", "table", "--latency-precision", "int8")
    assert "take measured" in refusal("ganc-search", *arguments, *told, status=2)


@needs_runtime
def test_the_turns_are_counted_while_a_table_is_made_and_it_says_how_far_off_it_is(state):
    seen = []
    deployed = Deployed(ENGINES[0], turns=1)
    model = LatencyModel(
        state, FEW_SPACE, (SIZE, SIZE), LatencyKind.TABLE, deployed, watch=lambda *turn: seen.append(turn)
    )
    assert model.table_error is None
    model.build_table()
    total = seen[0][1]
    assert seen == [(done, total) for done in range(1, total + 1)]
    assert model.table_error > 0
    timed = len(seen)
    model.build_table()
    assert len(seen) == timed


@needs_runtime
def test_sub_networks_are_counted_with_their_total_where_each_of_a_list_is_timed(state, tmp_path):
    seen = []
    deployed = Deployed(ENGINES[0], turns=1)
    with closing(latency_file(tmp_path / "numbers", {})) as file:
        for _ in range(2):  # those in the file are counted, too
            told = (FEW_SPACE, (SIZE, SIZE), LatencyKind.MEASURED, deployed, file)
            model = LatencyModel(state, *told, watch=lambda *done: seen.append(done))
            costs = SubnetCosts(state.spec, (SIZE, SIZE))
            allowed = Allowed(FEW_SPACE, Budget(max_latency=1e6), costs, model.of, model.of_all, model.begin_list)
            seen.clear()
            assert len(allowed.fast_ones(allowed.listed)) == 4
            assert seen == [(done, 4) for done in range(1, 5)]
            seen.clear()
            assert named_ones(allowed, [FEW_SPACE.smallest]) == ([FEW_SPACE.smallest], 0)
            assert seen == [(1, 1)]


def test_the_error_of_a_table_is_that_on_sub_networks_it_was_not_fitted_to():
    sums = keyed_generator(0, "sums").uniform(5, 50, (24, 3))
    whole = sums @ [0.8, 0.6, 0.9] + 1.5
    exact = left_out_error(sums, whole)
    assert exact < 0.01
    whole[3] *= 2
    assert left_out_error(sums, whole) > exact + 0.5 / 24


def test_a_bound_needs_latencies(arguments):
    said = refusal("ganc-search", *arguments, "--max-latency", 5, status=2)
    assert "--latency measured or --latency table" in said


@needs_runtime
def test_latencies_of_another_supernet_are_refused(arguments, tmp_path):
    succeed("ganc-search", *arguments, "--latency", "measured", "--max-macs", "3.95M")
    kept = tmp_path / "search.h5.latency"
    header = header_of(kept)
    latency_file(kept, header | {"engine": f"other-{header['engine']}"}, restart=True).close()
    with nothing_changes(tmp_path):
        said = refusal("ganc-search", *arguments, "--latency", "measured")
    assert str(kept) in said
    assert "engine other-" in said
    assert "remove search.h5.latency" in said
    assert "--restart" not in said  # which would throw the evaluations away
    succeed("ganc-search", *arguments, "--latency", "measured", "--restart")


@needs_runtime
def test_a_table_has_each_segment_once_and_sums_it(state, tmp_path):
    with closing(latency_file(tmp_path / "numbers", {})) as file:
        model = table(state, file)
        first = {widths: model.of(widths) for widths in SPACE}
    numbers = {}
    for line in (tmp_path / "numbers").read_text().splitlines()[1:]:
        numbers |= json.loads(line)
    # Segments 0-7 as functions of their own width and their input's: 2, 2, 2, 4, 2, 2, 4, 4.
    names = [name for name in numbers if name.startswith("stage ")]
    assert [sum(name.startswith(f"stage {segment} ") for name in names) for segment in range(8)] == [
        2,
        2,
        2,
        4,
        2,
        2,
        4,
        4,
    ]
    widths = SPACE.largest
    outs = ["8", "16", "32", *["32-32-32-32"] * 3, "16", "8-3"]
    ins = [3, 8, 16, 32, 32, 32, 32, 16]
    times = [numbers[f"stage {segment} {out} of {n}"] for segment, (out, n) in enumerate(zip(outs, ins, strict=True))]
    before, blocks, behind, offset = (
        numbers[f"correction {name}"] for name in ("before blocks", "blocks", "behind blocks", "offset")
    )
    assert first[widths] == pytest.approx(
        before * sum(times[:3]) + blocks * sum(times[3:6]) + behind * sum(times[6:]) + offset
    )

    with closing(latency_file(tmp_path / "numbers", {})) as file:
        model = table(state, file)
        assert {widths: model.of(widths) for widths in SPACE} == first  # nothing is timed anew


def test_the_correction_finds_what_made_the_times():
    draws = keyed_generator(0, "sums")
    sums = draws.uniform(5, 50, (24, 3))
    whole = sums @ [0.8, 0.6, 0.9] - 1.5
    correction = fitted_correction(sums, whole)
    assert correction == pytest.approx([0.8, 0.6, 0.9, -1.5], rel=0.05)
    assert np.column_stack([sums, np.ones(24)]) @ correction == pytest.approx(whole, rel=0.002)
    noisy = whole * draws.uniform(0.97, 1.03, 24)
    assert np.abs(np.column_stack([sums, np.ones(24)]) @ fitted_correction(sums, noisy) / whole - 1).max() < 0.03


def test_the_correction_is_one_factor_where_the_times_do_not_tell_more():
    alike = [[1.0, 2.0, 1.0]] * 3
    correction = fitted_correction(alike, [2.0, 2.0, 2.0])
    assert np.dot(correction, [1.0, 2.0, 1.0, 1.0]) == pytest.approx(2.0)
    assert correction == pytest.approx([0.5, 0.5, 0.5, 0.0])


def test_the_file_survives_a_line_that_was_cut_off_and_is_refused_for_something_else(tmp_path):
    path = tmp_path / "numbers"
    with closing(latency_file(path, {"engine": "one"})) as file:
        file.write({"a": 1.0, "b": 2.0})
    with path.open("a") as file:
        file.write('{"c": 3')
    with closing(latency_file(path, {"engine": "one"})) as file:
        assert file.lines == [{"a": 1.0, "b": 2.0}]
        with pytest.raises(RunError, match=str(path)):
            latency_file(path, {"engine": "one"})
    with pytest.raises(RunError, match="one and two"):
        latency_file(path, {"engine": "two"})
    with closing(latency_file(path, {"engine": "two"}, restart=True)) as file:
        assert file.lines == []
        file.write({"a": 1.0})
    for engine, lines in (("two", [{"a": 1.0}]), ("three", [])):
        with closing(latency_file(path, {"engine": engine}, restart_if_changed=True)) as file:
            assert file.lines == lines
    path.write_text("something else\n")
    with pytest.raises(FileFormatError, match="ganc-latency"):
        latency_file(path, {})
