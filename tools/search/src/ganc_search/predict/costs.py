"""What sub-networks cost that were not measured, in the cost that a search lowers beside the metric."""

import numpy as np

from ganc.models.family import Widths
from ganc.results.objective import Objective
from ganc.results.table import SearchRow
from ganc_search.predict.models import Fitted, fit_best, scaled_widths
from ganc_search.settings import ModelName
from ganc_search.strategies.allowed import Allowed


class KnownCosts:
    """Costs (N,) of widths (N, segments): MACs, which are counted; milliseconds, which a model knows from those timed.

    Milliseconds are nearly sums over the segments, which a linear model with pair terms tells well. Where the metric
    alone is lowered, all cost the same.
    """

    def __init__(self, objective: Objective, allowed: Allowed):
        self._objective, self._allowed = objective, allowed
        self._timed: dict[Widths, float] = {}
        self._model: Fitted | None = None

    def add(self, row: SearchRow) -> None:
        """Take what was measured of a sub-network."""
        if row.latency_ms is not None:
            self._timed[row.widths] = row.latency_ms

    def fit(self) -> None:
        """Fit the model to all rows so far, where one is needed."""
        if self._objective is Objective.LATENCY and self._timed:
            inputs = scaled_widths(self._allowed.space, np.array([*self._timed]))
            self._model = fit_best(inputs, np.array([*self._timed.values()]), [ModelName.LINEAR], 0)

    def of(self, widths: np.ndarray) -> np.ndarray:
        """Return what so many cost: as measured, else as counted or predicted."""
        if self._objective.is_single:
            return np.zeros(len(widths))
        if self._model is None:
            return self._allowed.costs(widths)[0].astype(np.float64)
        made = self._model.predict(scaled_widths(self._allowed.space, widths))[0]
        known = [self._timed.get(tuple(one)) for one in widths.tolist()]
        return np.array([made[place] if one is None else one for place, one in enumerate(known)], np.float64)
