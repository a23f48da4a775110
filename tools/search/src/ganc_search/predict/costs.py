"""What sub-networks cost that were not measured, in the cost that a search lowers beside the metric."""

import numpy as np

from ganc.results.objective import Objective
from ganc_search.predict.latencies import Milliseconds
from ganc_search.strategies.allowed import Allowed


class KnownCosts:
    """Costs (N,) of widths (N, segments): MACs, which are counted, or milliseconds, as timed or predicted.

    Where the metric alone is lowered, all cost the same.
    """

    def __init__(self, objective: Objective, allowed: Allowed, milliseconds: Milliseconds):
        self._objective, self._allowed, self._milliseconds = objective, allowed, milliseconds

    def fit(self) -> None:
        """Fit the model to what was timed so far, where one is needed."""
        if self._objective is Objective.LATENCY:
            self._milliseconds.fit()

    def of(self, widths: np.ndarray) -> np.ndarray:
        """Return what so many cost: as measured, else as counted or predicted."""
        if self._objective.is_single:
            return np.zeros(len(widths))
        if self._objective is Objective.LATENCY and self._milliseconds.fitted:
            return self._milliseconds.of(widths)
        return self._allowed.costs(widths)[0].astype(np.float64)
