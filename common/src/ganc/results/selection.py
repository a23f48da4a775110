"""Picking sub-networks from search results: within budgets, on the Pareto front, the best few."""

import numpy as np

from ganc.base.errors import SelectionError
from ganc.base.ranking_metric import PREDICTED_LATENCY, predicted_metric
from ganc.base.text import format_count
from ganc.results.objective import Objective
from ganc.results.search_results import SearchResults
from ganc.results.table import RowTable


def select(
    results: SearchResults,
    *,
    max_macs: int | None = None,
    max_params: int | None = None,
    max_latency: float | None = None,
    max_metric: float | None = None,
    pareto: bool = False,
    top: int | None = None,
    rank: int | None = None,
) -> RowTable:
    """Return the rows that satisfy all bounds, best first by `results.ranking_name`.

    Ties go to fewer MACs, then to smaller widths. Rows without a value of the metric are never
    selected, nor, under `max_latency`, rows without a latency. Of the rows within the costs only those on the most
    images are compared: a value on fewer, as of rows that a race dropped, is another quantity.

    Args:
        max_macs, max_params, max_latency (ms), max_metric (of `results.metric_name`): upper bounds, inclusive.
        pareto: keep what no other row within the bounds beats in the ranking metric and the cost of the search's
            objective: milliseconds where it lowered latency, else MACs.
        top: keep the best so many. rank: keep the one in this place, counted from 1.

    Raises:
        SelectionError: nothing is left; the message says the smallest value that the bound could have. Or latencies are
            bounded that do not compare.
    """
    rows = results.rows
    if max_latency is not None:
        _require_one_setup(results, "are not bounded together")
    if not len(rows):
        raise SelectionError(f"{results.source}: has no rows, as no sub-network was within the bounds of its search")
    kept = np.flatnonzero(~np.isnan(results.metric))
    if not len(kept):
        raise SelectionError(
            f"{results.source}: none of its {len(rows)} rows has a value of {results.metric_name}; run the search first"
        )
    kept = _within_bounds(results, kept, max_macs, max_params, max_latency, max_metric)
    if pareto:
        kept = _front(results, kept)
    # Rows are in falling order of widths, so the smaller widths come last.
    kept = kept[np.lexsort([-kept, rows.macs[kept], results.ranking[kept]])]
    if rank is not None:
        if not 1 <= rank <= len(kept):
            raise SelectionError(f"{results.source}: --rank {rank} is not one of the {len(kept)} places; start from 1")
        kept = kept[rank - 1 : rank]
    return rows.take(kept[:top])


def _within_bounds(
    results: SearchResults,
    kept: np.ndarray,
    max_macs: int | None,
    max_params: int | None,
    max_latency: float | None,
    max_metric: float | None,
) -> np.ndarray:
    """Return which of the rows `kept` satisfy the bounds, None being none, and are on the most images of those.

    Raises:
        SelectionError: none does.
    """
    rows = results.rows
    passed: list[str] = []
    for option, bound, column, text, unit in (
        ("--max-macs", max_macs, rows.macs, _exact_count, "MACs"),
        ("--max-params", max_params, rows.params, _exact_count, "parameters"),
        ("--max-latency", max_latency, rows.latency_ms, "{:.4g}".format, "ms an image"),
        ("--max-metric", max_metric, results.metric, "{:.6g}".format, results.metric_name),
    ):
        if option == "--max-metric":  # whether it bounds or not, metrics are compared from here on
            kept = kept[rows.images[kept] == rows.images[kept].max()]
        if bound is None:
            continue
        within = kept[column[kept] <= bound]  # False for NaN
        if not len(within):
            raise SelectionError(_nothing_left(results, column[kept], (option, text(bound), text, unit), passed))
        kept = within
        passed.append(f"{option} {text(bound)}")
    return kept


def select_predicted(
    results: SearchResults, *, max_macs: int | None = None, max_params: int | None = None, top: int | None = None
) -> RowTable:
    """Return the rows within the bounds that were predicted and not measured, best first by what was predicted.

    What a measured row within the bounds beats is left out: it may be of a search that the model knew nothing of. They
    are to look at, or to measure next: nothing else of ganc takes a sub-network that was not measured.

    Raises:
        SelectionError: there are none; the message says why.
    """
    rows = results.rows
    within = (rows.macs <= (np.inf if max_macs is None else max_macs)) & (
        rows.params <= (np.inf if max_params is None else max_params)
    )
    kept = only_predicted(results, within)
    if not len(kept):
        raise SelectionError(_none_predicted(results, max_macs, max_params))
    return rows.take(kept[np.lexsort([rows.macs[kept], _predicted(results)[kept]])][:top])


def only_predicted(results: SearchResults, within: np.ndarray | None = None) -> np.ndarray:
    """Return the places of the rows that were predicted and not measured, and that no measured row beats.

    Args:
        within: (N,) booleans, the rows that count; None is all.
    """
    within = np.full(len(results), True) if within is None else within
    there = ~np.isnan(_predicted(results)) & ~results.rows.measured & within
    return np.flatnonzero(there & ~_beaten_predictions(results, within))


def without_beaten_predictions(results: SearchResults) -> SearchResults:
    """Return the results without the rows that are only predicted and that rows within the search's budget beat."""
    rows, budget = results.rows, results.facts.get("budget") or {}
    within = np.full(len(rows), True)
    for name, column in (("max_macs", rows.macs), ("max_params", rows.params), ("max_latency", rows.latency_ms)):
        if budget.get(name) is not None:
            within &= column <= budget[name]
    beaten = _beaten_predictions(results, within) & ~rows.measured
    if not beaten.any():
        return results
    return SearchResults(results.identity, results.facts, rows.take(~beaten), source=results.source)


def _beaten_predictions(results: SearchResults, within: np.ndarray) -> np.ndarray:
    """Return of which rows (N,) what is predicted is beaten by what was measured of a row `within`.

    Fronts are of metric and cost, so these are compared; milliseconds of several set-ups do not compare.
    """
    rows, objective = results.rows, results.objective
    costs = objective.costs(rows)
    if objective is Objective.LATENCY:
        if len(rows.setups) > 1:
            return np.full(len(rows), False)
        costs = np.where(np.isnan(costs), rows.metrics.get(PREDICTED_LATENCY, np.nan), costs)
    measured = np.flatnonzero(within & ~np.isnan(results.ranking))
    whole = measured[rows.images[measured] == rows.images[measured].max(initial=0)]
    return beaten(_predicted(results), costs, results.ranking[whole], costs[whole])


def _predicted(results: SearchResults) -> np.ndarray:
    """Return (N,) what is predicted of the metric that orders rows, NaN where nothing is."""
    return results.rows.metrics.get(predicted_metric(results.ranking_name), np.full(len(results), np.nan))


def _front(results: SearchResults, kept: np.ndarray) -> np.ndarray:
    """Return which of the kept rows no other of them beats.

    Raises:
        SelectionError: none has a cost.
    """
    front = pareto_front(results.ranking[kept], _front_costs(results)[kept])
    if not len(front):
        raise SelectionError(f"{results.source}: the search lowered latency, and none is there; measure it again")
    return kept[front]


def pareto_front(metric: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Return the indices, in rising order, of the points that no other point beats.

    A point is beaten by one that is not larger in either of metric and cost, and smaller in one; equal points beat
    each other not. Both arrays are (N,); a NaN is never on the front. Takes O(N log N).
    """
    metric, cost = np.asarray(metric, np.float64), np.asarray(cost, np.float64)
    order = np.lexsort([metric, cost])
    order = order[~(np.isnan(metric) | np.isnan(cost))[order]]
    if not len(order):
        return order
    values, costs = metric[order], cost[order]
    first = np.append(True, costs[1:] != costs[:-1])
    best_here = values[first]
    best_cheaper = np.append(np.inf, np.minimum.accumulate(best_here)[:-1])
    # The cheapest group stays whatever its value is, an infinite one included.
    stays = (best_here < best_cheaper) | (np.arange(len(best_here)) == 0)
    group = np.cumsum(first) - 1
    return np.sort(order[stays[group] & (values == best_here[group])])


def beaten(metric: np.ndarray, cost: np.ndarray, by_metric: np.ndarray, by_cost: np.ndarray) -> np.ndarray:
    """Return which (N,) of some points have one among others, (M,), that is larger in neither metric nor cost.

    A NaN neither beats nor is beaten.
    """
    known = ~(np.isnan(by_metric) | np.isnan(by_cost))
    order = np.argsort(by_cost[known], kind="stable")
    lowest = np.append(np.nan, np.minimum.accumulate(by_metric[known][order]))  # of those that cost no more
    places = np.searchsorted(by_cost[known][order], cost, side="right")
    return (lowest[places] <= metric) & ~np.isnan(cost)


def _front_costs(results: SearchResults) -> np.ndarray:
    """Return (N,) costs to draw a front against. Raises SelectionError where they are latencies and do not compare."""
    if results.objective is Objective.LATENCY:
        _require_one_setup(results, "make no front")
    return results.objective.costs(results.rows)


def _require_one_setup(results: SearchResults, why: str) -> None:
    if len(results.rows.setups) > 1:
        setups = "; ".join(results.rows.setup_texts)
        raise SelectionError(
            f"{results.source}: latencies of different set-ups {why}: {setups}; run ganc-search with "
            "--latency measured on this file (-o), which times all in one"
        )


def _exact_count(count: float) -> str:
    """Format a count so that the number can be typed as a budget and is met."""
    return f"{format_count(count)} ({int(count)})"


def _none_predicted(results: SearchResults, max_macs: int | None, max_params: int | None) -> str:
    """Return why no row is predicted to be on the front: none was, a bound leaves none, or measured ones are better."""
    rows, passed = results.rows, list[str]()
    kept = np.flatnonzero(~np.isnan(_predicted(results)) & ~rows.measured)
    if not len(kept):
        return (
            f"{results.source}: no sub-network that was not measured is predicted to be on the front; "
            "'ganc-search --strategy predictor' writes those that are"
        )
    one = len(kept) == 1
    of = "the one sub-network that was" if one else f"the {len(kept)} sub-networks that were"
    of += " predicted and not measured"
    bounds = [("--max-macs", max_macs, rows.macs, "MACs"), ("--max-params", max_params, rows.params, "parameters")]
    for option, bound, column, unit in bounds:
        if bound is None:
            continue
        within, text = kept[column[kept] <= bound], _exact_count(bound)
        if not len(within):
            return _nothing_left(results, column[kept], (option, text, _exact_count, unit), passed, of)
        kept = within
        passed.append(f"{option} {text}")
    of += f" within {' and '.join(passed)}" if passed else ""
    return f"{results.source}: {of} {'is' if one else 'are all'} beaten by what was measured"


def _nothing_left(results: SearchResults, values: np.ndarray, bound: tuple, passed: list[str], of: str = "") -> str:
    option, given, text, unit = bound
    values = values[~np.isnan(values)]
    among = (of or f"the {results.measured} sub-networks") + (f" within {' and '.join(passed)}" if passed else "")
    if not len(values):
        return f"{results.source}: no latency was measured for {among}; leave {option} out, or measure it in the search"
    return (
        f"{results.source}: no sub-network satisfies {option} {given}; the smallest possible of {among} is "
        f"{text(values.min())} {unit}"
    )
