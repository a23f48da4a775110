"""Selecting sub-networks from results, the Pareto front, and budgets as people write them."""

import dataclasses

import numpy as np
import pytest

from ganc.base.errors import SelectionError, SpecError
from ganc.base.ranking_metric import FEW_IMAGES
from ganc.base.text import format_count, parse_budget
from ganc.results.search_results import SearchIdentity, SearchResults
from ganc.results.selection import pareto_front, select
from ganc.results.table import SearchRow

IDENTITY = SearchIdentity("s", {}, "space", "m", "f", "t", "d", (8, 8))


def make_results(*rows):
    made = []
    for widths, macs, metric, *latency in rows:
        timing = {"latency_ms": latency[0], "latency_engine": "paddle"} if latency else {}
        made.append(
            SearchRow(
                widths=widths, macs=macs, device_macs=macs, params=macs // 10, images=4, metrics={"m": metric}, **timing
            )
        )
    return SearchResults(IDENTITY, {}, made, source="search.h5")


RESULTS = make_results(
    ((32, 32), 400, 1.0, 9.0),
    ((32, 16), 300, 2.0, 5.0),
    ((16, 32), 300, 2.0),
    ((16, 16), 200, 3.0, 7.0),
    ((24, 24), 350, 2.5, 6.0),
    ((8, 8), 100, float("nan"), 1.0),
)


def widths(rows):
    return [row.widths for row in rows]


def test_rows_come_best_first_with_ties_by_macs_then_smaller_widths():
    assert widths(select(RESULTS)) == [(32, 32), (16, 32), (32, 16), (24, 24), (16, 16)]
    by_macs = make_results(((8, 8), 5, 1.0), ((16, 8), 3, 1.0))
    assert widths(select(by_macs)) == [(16, 8), (8, 8)]


def test_bounds_are_inclusive_and_combine():
    assert widths(select(RESULTS, max_macs=300)) == [(16, 32), (32, 16), (16, 16)]
    assert widths(select(RESULTS, max_params=20)) == [(16, 16)]
    assert widths(select(RESULTS, max_latency=6.0)) == [(32, 16), (24, 24)]
    assert widths(select(RESULTS, max_metric=2.0, max_macs=300)) == [(16, 32), (32, 16)]


def test_top_rank_and_pareto():
    assert widths(select(RESULTS, top=2)) == [(32, 32), (16, 32)]
    assert widths(select(RESULTS, rank=3)) == [(32, 16)]
    assert widths(select(RESULTS, pareto=True)) == [(32, 32), (16, 32), (32, 16), (16, 16)]
    assert widths(select(RESULTS, pareto=True, max_macs=350, top=1)) == [(16, 32)]
    with pytest.raises(SelectionError, match="--rank 6"):
        select(RESULTS, rank=6)


def ranked(images, **kernels):
    """Return results of three rows that the Fréchet distance orders a, b, c; `kernels` are by these letters."""
    rows = [
        SearchRow(
            **{name: 10 * place for name in ("macs", "device_macs", "params")},
            widths=(place,),
            images=images,
            metrics={"m": float(place)} | ({"m-kid": kernels[letter]} if letter in kernels else {}),
        )
        for place, letter in ((1, "a"), (2, "b"), (3, "c"))
    ]
    return SearchResults(IDENTITY, {}, rows, source="search.h5")


def test_few_images_are_ranked_by_the_kernel_distance_where_every_row_has_it():
    few = ranked(FEW_IMAGES, a=0.3, b=0.1, c=0.2)
    assert few.ranking_name == "m-kid"
    assert widths(select(few)) == [(2,), (3,), (1,)]
    assert widths(select(few, rank=1, max_macs=10)) == [(1,)]
    assert widths(select(few, pareto=True)) == [(2,), (1,)]
    assert widths(select(few, max_metric=2.0)) == [(2,), (1,)]  # always a bound of the Fréchet distance
    for other in (ranked(FEW_IMAGES + 1, a=0.3, b=0.1, c=0.2), ranked(60, a=0.3, b=0.1), ranked(60)):
        assert other.ranking_name == "m"
        assert widths(select(other)) == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("bounds", "named"),
    [
        ({"max_macs": 199}, "--max-macs 199.* 200 "),
        ({"max_params": 3}, r"--max-params 3.* 20 "),
        ({"max_latency": 0.5}, "--max-latency 0.5.* 5 ms"),
        ({"max_metric": 0.5}, "--max-metric 0.5.* 1 m$"),
        ({"max_macs": 300, "max_metric": 1.5}, "--max-macs 300.* 2 m$"),
    ],
)
def test_a_bound_that_nothing_satisfies_is_answered_with_the_smallest_possible(bounds, named):
    with pytest.raises(SelectionError, match=named) as caught:
        select(RESULTS, **bounds)
    assert "search.h5" in str(caught.value)


def test_the_answer_to_a_budget_satisfies_it():
    results = make_results(((32, 32), 2_649_123_457, 1.0))
    with pytest.raises(SelectionError, match=r"2\.65 G \(2649123457\)"):
        select(results, max_macs=2_000_000_000)
    assert len(select(results, max_macs=2_649_123_457)) == 1


def test_without_metric_or_latency_there_is_nothing_to_select():
    with pytest.raises(SelectionError, match="1 rows"):
        select(make_results(((8, 8), 1, float("nan"))))
    with pytest.raises(SelectionError, match="has no rows"):
        select(make_results())
    with pytest.raises(SelectionError, match="latency"):
        select(make_results(((8, 8), 1, 1.0)), max_latency=3.0)


def test_latencies_of_two_set_ups_are_not_bounded_together():
    (first, *others) = RESULTS
    results = SearchResults(IDENTITY, {}, [dataclasses.replace(first, latency_engine="openvino"), *others], "search.h5")
    with pytest.raises(SelectionError, match=r"^search.h5: .* different set-ups .*: openvino; paddle; .*--latency"):
        select(results, max_latency=6.0)
    assert widths(select(results, max_macs=200)) == [(16, 16)]


def test_the_front_is_what_comparing_all_pairs_gives():
    generator = np.random.default_rng(0)
    for _ in range(20):
        metric = generator.integers(0, 12, 60).astype(float)
        metric[generator.integers(0, 60, 4)] = np.nan
        cost = generator.integers(0, 12, 60)
        no_worse = (metric[:, None] <= metric) & (cost[:, None] <= cost)
        better = (metric[:, None] < metric) | (cost[:, None] < cost)
        expected = np.flatnonzero(~(no_worse & better).any(axis=0) & ~np.isnan(metric))
        assert pareto_front(metric, cost).tolist() == expected.tolist()
    assert len(pareto_front(np.array([]), np.array([]))) == 0


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2.7G", 2_700_000_000),
        ("350M", 350_000_000),
        ("2700000000", 2_700_000_000),
        ("12k", 12_000),
        (" 2.649 g ", 2_649_000_000),
        ("1e9", 10**9),
        (".5T", 5 * 10**11),
        ("1.0000000001G", 1_000_000_000),
    ],
)
def test_budgets(text, number):
    assert parse_budget(text) == number


@pytest.mark.parametrize("text", ["", "G", "-3G", "0", "2,7G", "2.7GB", "nan", "inf", "1e99", "0.3", "٣G", "2 7"])
def test_what_is_no_budget_is_refused(text):
    with pytest.raises(SpecError, match=r"2\.7G.*350M"):
        parse_budget(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (2.7e9, "2.70 G"),
        (56.80e9, "56.80 G"),
        (341_600, "341.60 k"),
        (999_999, "1.00 M"),
        (512, "512"),
        (0, "0"),
        (3e13, "30.00 T"),
    ],
)
def test_counts_are_written_with_their_unit(count, text):
    assert format_count(count) == text


def test_rows_on_fewer_images_do_not_compare_with_those_on_more():
    few = make_results(((32, 32), 40, 1.0), ((8, 8), 5, 2.0)).rows
    more = make_results(((24, 24), 20, 5.0), ((16, 16), 30, 6.0)).rows
    rows = [*few, *(dataclasses.replace(row, images=32) for row in more)]
    results = SearchResults(IDENTITY, {}, rows)
    assert widths(select(results)) == [(24, 24), (16, 16)]
    assert widths(select(results, pareto=True)) == [(24, 24)]
    assert widths(select(results, max_macs=10)) == [(8, 8)]
