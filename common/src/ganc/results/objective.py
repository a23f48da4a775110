"""What a search lowers: the metric alone, or the metric and a cost together. Needs no numpy."""

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # --help must not wait for numpy
    import numpy as np

    from ganc.results.table import RowTable, SearchRow


class Objective(StrEnum):
    """What a search lowers, always within its budget."""

    PARETO = "pareto"  # metric and MACs
    METRIC = "metric"  # the metric alone, as GAN Compression and Once-for-All do
    LATENCY = "latency"  # metric and milliseconds an image

    @property
    def is_single(self) -> bool:
        """Whether the metric alone is lowered, so that there is one best and no front."""
        return self is Objective.METRIC

    @property
    def cost_name(self) -> str:
        """The column that a front is drawn against: what is lowered beside the metric, or where nothing is, MACs."""
        return "latency_ms" if self is Objective.LATENCY else "macs"

    def cost_of(self, row: "SearchRow") -> float | None:
        """Return a row's cost; None where it was not measured."""
        return getattr(row, self.cost_name)

    def costs(self, rows: "RowTable") -> "np.ndarray":
        """Return (N,) costs, NaN where not measured."""
        return getattr(rows, self.cost_name)


def objective_of(fact: object) -> Objective:
    """Return what a search lowered, as its results record it; PARETO where they say nothing, or several."""
    return next((one for one in Objective if one == fact), Objective.PARETO)
