"""The mean losses of a log's line. Losses stay tensors until a line is written: a number waits for the device."""

from collections.abc import Mapping

import numpy as np

from ganc.system.runtime import paddle
from ganc.training.precision import non_finite


class LossMeans:
    """Sums losses over steps and gives their means."""

    def __init__(self) -> None:
        self._count = 0
        self._sums: dict = {}  # float64 tensors of shape ()

    def add(self, losses: Mapping) -> None:
        """Add one step's losses, tensors of shape () by name; a step without losses does not count."""
        if losses:
            self._count += 1
            values = {name: loss.astype("float64") for name, loss in losses.items()}
            self._sums |= {n: self._sums[n] + value if n in self._sums else value for n, value in values.items()}

    def means(self) -> dict[str, float]:
        """Return the mean of each loss since the last `clear`.

        Raises:
            RunError: a loss was not finite in one of the steps; it is named.
        """
        return {name: total / self._count for name, total in self._totals().items()}

    def clear(self) -> None:
        """Start a new line."""
        self._count, self._sums = 0, {}

    def state(self) -> dict:
        """Return the sums and over how many steps; raises as `means` does, so that no broken state is saved."""
        return {"count": self._count, "sums": self._totals()}

    def load(self, state: Mapping) -> None:
        """Take over what `state` gave."""
        self._count = state["count"]
        self._sums = {name: paddle.to_tensor(np.float64(value)) for name, value in state["sums"].items()}

    def _totals(self) -> dict[str, float]:
        totals = {name: float(total) for name, total in self._sums.items()}
        for name, value in totals.items():
            if not np.isfinite(value):
                raise non_finite(name, value)
        return totals
