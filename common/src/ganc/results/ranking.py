"""Ranking rows by what a search lowers: a metric and a cost as NSGA-II does, or the metric alone.

Deb, Pratap, Agarwal, Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE Transactions on
Evolutionary Computation 6(2), 2002. The functions are short beside the front that ganc has anyway, so no library is
used.
"""

import math
from collections.abc import Sequence

import numpy as np

from ganc.results.objective import Objective
from ganc.results.selection import pareto_front
from ganc.results.table import SearchRow


def fittest(
    rows: Sequence[SearchRow], metric: str, count: int, objective: Objective = Objective.PARETO
) -> list[SearchRow]:
    """Return the best `count` of the rows that may have children, best first.

    Two objectives order by front, then the least crowded; the metric alone by its value, then fewer MACs. Rows may
    have children that were measured on the most images of all, and have a finite metric and cost. Ties go to the
    larger widths.
    """
    rows = sorted(_judged(rows, metric, objective), key=lambda row: row.widths, reverse=True)
    if objective.is_single:
        return sorted(rows, key=lambda row: (row.metrics[metric], row.macs))[:count]
    points = _points(rows, metric, objective)
    ranks = nondominated_ranks(*points)
    crowding = np.empty(len(rows))
    for rank in range(ranks.max(initial=-1) + 1):
        members = ranks == rank
        crowding[members] = crowding_distances(*points[:, members])
    order = np.lexsort([-crowding, ranks])[:count]
    return [rows[place] for place in order]


def nondominated_ranks(metric: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Return the front of each point: 0 for what no point beats, 1 for what only those beat, and so on.

    Both arrays are (N,) and finite; smaller is better (Deb et al. 2002, section III.A).
    """
    ranks = np.full(len(metric), -1)
    left = np.arange(len(metric))
    rank = 0
    while len(left):
        best = pareto_front(metric[left], cost[left])
        ranks[left[best]] = rank
        left = np.delete(left, best)
        rank += 1
    return ranks


def crowding_distances(*objectives: np.ndarray) -> np.ndarray:
    """Return how far from its neighbours each point of one front lies; infinite for the first and last.

    In each objective, an (N,) array, a point counts the distance between its two neighbours over the objective's whole
    range, and the objectives' distances add up (Deb et al. 2002, section III.B).
    """
    distances = np.zeros(len(objectives[0]))
    for values in objectives:
        order = np.argsort(values, kind="stable")
        spread = values[order[-1]] - values[order[0]]
        distances[order[[0, -1]]] = math.inf
        if spread > 0:
            distances[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / spread
    return distances


def front(rows: Sequence[SearchRow], metric: str, objective: Objective = Objective.PARETO) -> list[SearchRow]:
    """Return the rows that no other beats, of those that `fittest` looks at: in the metric alone, the lowest."""
    rows = _judged(rows, metric, objective)
    values, costs = _points(rows, metric, objective)
    return [rows[place] for place in pareto_front(values, np.zeros(len(rows)) if objective.is_single else costs)]


def _judged(rows: Sequence[SearchRow], metric: str, objective: Objective) -> list[SearchRow]:
    most = max((row.images for row in rows), default=0)

    def fit(row: SearchRow) -> bool:
        return math.isfinite(row.metrics.get(metric, math.nan)) and objective.cost_of(row) is not None

    return [row for row in rows if row.images == most and fit(row)]


def _points(rows: Sequence[SearchRow], metric: str, objective: Objective) -> np.ndarray:
    """Return (2, N): the metric and the cost."""
    return np.array([[row.metrics[metric] for row in rows], [objective.cost_of(row) for row in rows]], np.float64)
