"""Racing: all sub-networks of a round on a part of the pictures, the worst dropped, the rest on more.

Successive halving (Jamieson and Talwalkar, arXiv 1502.07943; the inner loop of Hyperband, arXiv 1603.06560) with the
number of pictures as its budget. A search has two objectives, and the metric alone would drop every small sub-network;
so what stays is chosen as NSGA-II chooses survivors, by non-dominated fronts in metric and MACs and within the last of
them by crowding distance (as multi-objective successive halving does, arXiv 2106.12639).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganc.models.spec import Widths
from ganc.results.table import SearchRow
from ganc_search.strategies.evolution import fittest

# On fewer pictures a metric says little.
FEWEST_IMAGES = 8
PARTS = (1 / 4, 1 / 2, 1)
_STEP = ".first-"


@dataclass(frozen=True)
class Racing:
    """How a round is raced.

    Attributes:
        keep: the part of a round's sub-networks that goes on to more pictures, each time.
    """

    keep: float = 1 / 3

    def __post_init__(self):
        if not 0 < self.keep < 1:
            raise ValueError(f"keep (={self.keep}) must be between 0 and 1")

    def rungs(self, images: int, whole_batch: int) -> list[int]:
        """Return on how many pictures a round is evaluated, one after another: a quarter, half, all.

        They are whole batches, so that a survivor's features come from the same batches as without racing.
        """
        parts = {math.ceil(images * part / whole_batch) * whole_batch for part in PARTS[:-1]}
        return [*sorted(count for count in parts if FEWEST_IMAGES <= count < images), images]

    def survivors(self, rows: Sequence[SearchRow], metric: str) -> set[Widths]:
        """Return which of a rung's rows, all on equally many pictures, go on."""
        return {row.widths for row in fittest(rows, metric, self.count(len(rows)))}

    def count(self, candidates: int) -> int:
        """Return how many of so many go on."""
        return math.ceil(self.keep * candidates)


def rung_metric(metric: str, images: int) -> str:
    """Return the column that keeps a metric's value on the first `images` pictures once it stands on more."""
    return f"{metric}{_STEP}{images}"


def both_steps(first: SearchRow, other: SearchRow, metric: str) -> SearchRow:
    """Return which of two rows of a sub-network stands on more pictures, with the metric of the other's step beside it.

    The columns of all steps stay, so that a race that is repeated with other steps finds those it has.
    """
    fewer, more = sorted((first, other), key=lambda row: row.images)
    steps = {
        name: value
        for row in (fewer, more)
        for name, value in row.metrics.items()
        if name.startswith(f"{metric}{_STEP}")
    }
    if metric in fewer.metrics:
        steps[rung_metric(metric, fewer.images)] = fewer.metrics[metric]
    seconds = (first.seconds or 0.0) + (other.seconds or 0.0)
    return replace(more, metrics={**more.metrics, **steps}, seconds=seconds)
