"""What measuring a sub-network is expected to add to the front: the gain in hypervolume.

The cost of a sub-network is known and its metric is predicted, as a normal distribution. Then the expected gain has a
closed form: the front is a stair, and on each step that is dearer than the sub-network the expected improvement over
the step's metric counts as much as the step is wide (the improvement of one objective: Jones, Schonlau and Welch,
"Efficient global optimization of expensive black-box functions", Journal of Global Optimization 13, 1998).
"""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

from ganc.results.selection import pareto_front

_ROOT = np.sqrt(2 * np.pi)


class Stair:
    """The lowest metric that is to be had at each cost, as steps.

    Args:
        metric, cost: (N,) of what was measured, finite and at least one.
        dearest: where the last step ends.

    Attributes:
        front: the places of those that no other beats, by rising cost.
    """

    def __init__(self, metric: np.ndarray, cost: np.ndarray, dearest: float):
        front = pareto_front(metric, cost)
        self.front = front = front[np.argsort(cost[front], kind="stable")]
        self._values, starts = metric[front], cost[front].astype(np.float64)
        self._starts, self._ends = starts, np.append(starts[1:], max(dearest, starts[-1] + 1e-9))

    def beats(self, metric: np.ndarray, cost: np.ndarray) -> np.ndarray:
        """Return which (N,) of some points have a step that costs no more and whose metric is no higher."""
        step = np.searchsorted(self._starts, cost, side="right") - 1
        return (step >= 0) & (self._values[np.maximum(step, 0)] <= metric)

    def gains(self, mean: np.ndarray, deviation: np.ndarray, cost: np.ndarray) -> np.ndarray:
        """Return the expected gain (N,) of sub-networks with a predicted metric (mean, deviation) and a known cost."""
        deviation = np.maximum(deviation, 1e-12)
        total = np.zeros(len(mean))
        for value, start, end in zip(self._values, self._starts, self._ends, strict=True):
            wide = end - np.maximum(cost, start)
            chosen = np.flatnonzero(wide > 0)
            distance = (value - mean[chosen]) / deviation[chosen]
            density = np.exp(-0.5 * distance**2) / _ROOT
            total[chosen] += wide[chosen] * deviation[chosen] * (distance * ndtr(distance) + density)
        return total


def most_gained(
    measured: tuple[np.ndarray, np.ndarray],
    predicted: tuple[np.ndarray, np.ndarray, np.ndarray],
    count: int,
    fits: Callable[[int], bool] = lambda place: True,
) -> list[int]:
    """Return which of the predicted sub-networks to measure, at most `count`, the most promising first.

    After each choice the stair is that which its predicted metric would make, so that the choices spread.

    Args:
        measured: metric and cost, (N,) each. predicted: mean, deviation and cost, (M,) each.
        fits: whether one of these may be chosen; it is asked of those that would be.
    """
    metric, cost = (np.asarray(values, np.float64) for values in measured)
    mean, deviation, their_cost = predicted
    dearest = max(cost.max(), their_cost.max(initial=0.0))
    left = np.ones(len(mean), bool)
    chosen: list[int] = []
    while left.any() and len(chosen) < count:
        gains = np.where(left, Stair(metric, cost, dearest).gains(mean, deviation, their_cost), -1.0)
        best = int(np.argmax(gains))
        left[best] = False
        if not fits(best):
            continue
        chosen.append(best)
        metric, cost = np.append(metric, mean[best]), np.append(cost, their_cost[best])
    return chosen
