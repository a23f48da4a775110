"""Milliseconds of sub-networks that were not timed, by a table or by a model of those timed; which are fast enough."""

import math

import numpy as np

from ganc.models.family import Widths
from ganc.models.space import SearchSpace
from ganc_search.predict.models import Fitted, fit_best, scaled_widths
from ganc_search.settings import FEWEST, LatenciesOf, ModelName
from ganc_search.strategies.allowed import Allowed

# What is timed at most for each sub-network that a round measures. The model, once it has a few, is seldom so wrong.
TRIED = 4


class Milliseconds:
    """Milliseconds (N,) of widths (N, segments), as timed, else as a table has them, else by a linear model.

    The model is of those that were timed. They are nearly sums over the segments, which a linear model with pair terms
    tells well.

    Args:
        table: gives those of (N, segments) widths at once; None where there is no table.

    Attributes:
        timed: those that were timed.
    """

    def __init__(self, space: SearchSpace, table: LatenciesOf | None = None):
        self._space, self._table = space, table
        self.timed: dict[Widths, float] = {}
        self._model: Fitted | None = None

    def fit(self) -> None:
        """Fit the model to all that were timed so far, where they are enough and no table has them."""
        if self._table is None and len(self.timed) >= FEWEST:
            inputs = scaled_widths(self._space, np.array([*self.timed]))
            self._model = fit_best(inputs, np.array([*self.timed.values()]), [ModelName.LINEAR], 0)

    @property
    def fitted(self) -> bool:
        """Whether there is a model, or a table."""
        return self._model is not None or self._table is not None

    @property
    def error(self) -> float:
        """Root of the mean squared error of what is predicted, by cross-validation; NaN without a model.

        A table has none: what it says of a sub-network is what its row would have.
        """
        if self._table is not None:
            return 0.0
        return math.nan if self._model is None else self._model.error

    def of(self, widths: np.ndarray) -> np.ndarray:
        """Return milliseconds. Raises ValueError: there is no model yet, and no table."""
        made = self.predicted(widths)
        known = [self.timed.get(tuple(one)) for one in widths.tolist()]
        return np.array([made[place] if one is None else one for place, one in enumerate(known)], np.float64)

    def predicted(self, widths: np.ndarray) -> np.ndarray:
        """Return what the table or the model says, also of those timed. Raises ValueError: there is neither yet."""
        if self._table is not None:
            return self._table(widths)
        if self._model is None:
            raise ValueError("milliseconds are predicted before a model was fitted")
        return self._model.predict(scaled_widths(self._space, widths))[0]


class FastOnes:
    """Which sub-networks satisfy the latency bound; few are timed where each has to be.

    Where they are timed one by one, the model says which of them are worth it: those that it puts within the bound.
    What is taken for fast was timed. The answers depend on what was asked before alone, so that a search that is
    started again times the same.
    """

    def __init__(self, allowed: Allowed, milliseconds: Milliseconds):
        self._allowed, self._milliseconds = allowed, milliseconds
        self._most = allowed.budget.max_latency
        self._left = 0

    def begin(self, count: int) -> None:
        """Begin a round of so many, which bounds how many are timed."""
        self._left = TRIED * max(count, FEWEST)
        if self._allowed.times_each:
            self._milliseconds.fit()

    def likely(self, widths: np.ndarray) -> np.ndarray:
        """Return which (N,) of widths (N, segments) are known to satisfy the bound, or may be worth timing."""
        if self._most is None or (self._allowed.times_each and not self._milliseconds.fitted):
            return np.ones(len(widths), bool)
        known = self._allowed.latencies_of
        return (self._milliseconds.of(widths) if known is None else known(widths)) <= self._most

    def are(self, widths: Widths) -> bool:
        """Whether a sub-network satisfies the bound; it is timed if it is likely to and the round may time more."""
        if not self._allowed.times_each or self._most is None:
            return self._allowed.fast_enough(widths)
        if widths not in self._milliseconds.timed:
            if self._left <= 0 or not self.likely(np.array([widths]))[0]:
                return False
            if self.time(widths) > self._most:
                self._milliseconds.fit()  # it was wrong on this one
        return self._milliseconds.timed[widths] <= self._most

    def time(self, widths: Widths) -> float:
        """Return a sub-network's milliseconds, timed now."""
        self._left -= 1
        self._milliseconds.timed[widths] = found = self._allowed.latency_of(widths)
        return found
