"""Picking sub-networks from search results: within budgets, on the Pareto front, the best few."""

import re
from decimal import Decimal

import numpy as np

from ganc.errors import SelectionError, SpecError
from ganc.files.rows import RowTable
from ganc.files.search import SearchResults

_UNITS = {"": 0, "k": 3, "m": 6, "g": 9, "t": 12}
_BUDGET = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e[0-9]{1,2})?\s*([kmgt]?)", re.IGNORECASE)
_LARGEST_BUDGET = 10**18


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
    """Return the rows that satisfy all bounds, best metric first; ties go to fewer MACs, then to smaller widths.

    Rows without a value of the metric are never selected, nor, under `max_latency`, rows without a latency. Of the rows
    within the costs only those on the most pictures are compared: a value on fewer, as of rows that a race dropped, is
    another quantity.

    Args:
        max_macs, max_params, max_latency (ms), max_metric: upper bounds, inclusive.
        pareto: keep what no other row within the bounds beats in metric and MACs.
        top: keep the best so many. rank: keep the one in this place, counted from 1.

    Raises:
        SelectionError: nothing is left; the message says the smallest value that the bound could have.
    """
    rows = results.rows
    kept = np.flatnonzero(~np.isnan(results.metric))
    if not len(kept):
        raise SelectionError(
            f"{results.source}: none of its {len(rows)} rows has a value of {results.metric_name}; run the search first"
        )
    bounds = [
        ("--max-macs", max_macs, rows.macs, _exact_count, "MACs"),
        ("--max-params", max_params, rows.params, _exact_count, "parameters"),
        ("--max-latency", max_latency, rows.latency_ms, "{:.4g}".format, "ms an image"),
        ("--max-metric", max_metric, results.metric, "{:.6g}".format, results.metric_name),
    ]
    passed = []
    for option, bound, column, text, unit in bounds:
        if option == "--max-metric":  # whether it bounds or not, metrics are compared from here on
            kept = kept[rows.images[kept] == rows.images[kept].max()]
        if bound is None:
            continue
        within = kept[column[kept] <= bound]  # False for NaN
        if not len(within):
            raise SelectionError(_nothing_left(results, column[kept], (option, text(bound), text, unit), passed))
        kept = within
        passed.append(f"{option} {text(bound)}")
    kept = kept[rows.images[kept] == rows.images[kept].max()]
    if pareto:
        kept = kept[pareto_front(results.metric[kept], rows.macs[kept])]
    # Rows stand in falling order of widths, so the smaller widths come last.
    kept = kept[np.lexsort([-kept, rows.macs[kept], results.metric[kept]])]
    if rank is not None:
        if not 1 <= rank <= len(kept):
            raise SelectionError(f"{results.source}: --rank {rank} is not one of the {len(kept)} places; start from 1")
        kept = kept[rank - 1 : rank]
    return rows.take(kept[:top])


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


def parse_budget(text: str) -> int:
    """Return the number that `2.7G`, `350M`, `12k` or `2700000000` means, rounded down.

    Raises:
        SpecError: the text is none of these, or the number is not between 1 and 10^18.
    """
    match = _BUDGET.fullmatch(text.strip())
    if match:
        number, exponent, unit = match.groups()
        value = Decimal(number + (exponent or "")).scaleb(_UNITS[unit.lower()])
        if 1 <= value <= _LARGEST_BUDGET:
            return int(value)
    raise SpecError(f"budget (={text!r}) is not a positive number; write it as 2.7G, 350M or 2700000000")


def format_count(count: float) -> str:
    """Return a count with three digits or more and its unit: 2.70 G, 341.60 k, 512."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if round(count / size, 2) >= 1:
            return f"{count / size:.2f} {unit}"
    return f"{count:.0f}"


def _exact_count(count: float) -> str:
    """Format a count so that the number can be typed as a budget and is met."""
    return f"{format_count(count)} ({int(count)})"


def _nothing_left(results: SearchResults, values: np.ndarray, bound: tuple, passed: list[str]) -> str:
    option, given, text, unit = bound
    values = values[~np.isnan(values)]
    among = f"the {len(results)} sub-networks" + (f" within {' and '.join(passed)}" if passed else "")
    if not len(values):
        return f"{results.source}: no latency was measured for {among}; leave {option} out, or measure it in the search"
    return (
        f"{results.source}: no sub-network satisfies {option} {given}; the smallest possible of {among} is "
        f"{text(values.min())} {unit}"
    )
