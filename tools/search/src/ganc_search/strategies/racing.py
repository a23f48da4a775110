"""Racing: all sub-networks of a round on a part of the images, the worst dropped, the rest on more.

Successive halving (Jamieson and Talwalkar, arXiv 1502.07943; the inner loop of Hyperband, arXiv 1603.06560) with the
number of images as its budget. The metric alone would drop every small sub-network, so what stays is chosen by the
search's objective: with a cost beside the metric, as NSGA-II chooses survivors (as multi-objective successive halving
does, arXiv 2106.12639).
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ganc.base.errors import SettingError
from ganc.base.ranking_metric import STEP
from ganc.base.settings import check_limits, setting
from ganc.models.family import Widths
from ganc.results.objective import Objective

if TYPE_CHECKING:  # --help must not wait for numpy
    from ganc.results.table import SearchRow

# On fewer images a metric says little.
FEWEST_IMAGES = 8
PARTS = (1 / 4, 1 / 2, 1)


@dataclass(frozen=True)
class Racing:
    """How a round is raced.

    Attributes:
        features: the feature set of all steps but the last; None takes the search's own.

    Raises:
        SettingError: a value is outside its limits.
    """

    keep: float = setting(
        "The part of a round that is kept, each time.", 1 / 3, names=("--racing-keep",), above=0, default_text="1/3"
    )
    features: str | None = setting(
        "The feature set of a race's steps but the last, a cheaper one.",
        None,
        names=("--racing-features",),
        default_text="that of the search",
    )

    def __post_init__(self) -> None:
        check_limits(self)
        if self.keep >= 1:
            raise SettingError(f"--racing-keep {self.keep:g}: expected less than 1")

    def rungs(self, images: int, whole_batch: int) -> list[int]:
        """Return on how many images a round is evaluated, one after another: a quarter, half, all.

        They are whole batches, so that a survivor's features come from the same batches as without racing.
        """
        parts = {math.ceil(images * part / whole_batch) * whole_batch for part in PARTS[:-1]}
        return [*sorted(count for count in parts if FEWEST_IMAGES <= count < images), images]

    def require_effect(self, images: int, whole_batch: int) -> None:
        """Raise SettingError unless there is a step on a part of the images; the message says with what there is."""
        if len(self.rungs(images, whole_batch)) > 1:
            return
        none = f"--racing: {images} images in batches of {whole_batch} have no part to begin with"
        if images <= FEWEST_IMAGES:
            raise SettingError(f"{none}: add images, at least {FEWEST_IMAGES + 1}, or leave --racing out")
        sizes = f"from {FEWEST_IMAGES} to {images - 1}"  # with each of these there is one
        raise SettingError(f"{none}: take a --batch-size {sizes}, or leave --racing out")

    def survivors(
        self,
        rows: "Sequence[SearchRow]",
        metric: str,
        objective: Objective = Objective.PARETO,
        spare_front: bool = False,
    ) -> set[Widths]:
        """Return which of a rung's rows, all on equally many images, are kept.

        Args:
            spare_front: keep what no other row beats, too, even if that is more than `keep` says.
        """
        from ganc.results.ranking import fittest, front  # need numpy, for which --help does not wait

        spared = front(rows, metric, objective) if spare_front else []
        return {row.widths for row in (*fittest(rows, metric, self.count(len(rows)), objective), *spared)}

    def count(self, candidates: int) -> int:
        """Return how many of so many are kept."""
        return math.ceil(self.keep * candidates)


def rung_metric(metric: str, images: int) -> str:
    """Return the column that keeps a metric's value on the first `images` images once the row has more."""
    return f"{metric}{STEP}{images}"


def step_metrics(metrics: "Mapping[str, float]", images: int) -> dict[str, float]:
    """Return metrics of the first `images` images by the names of their columns, where another one is the row's own."""
    return {rung_metric(name, images): value for name, value in metrics.items()}


def readings_of(row: "SearchRow") -> dict[tuple[str, int], float]:
    """Return a row's finite values by metric and number of images, those of earlier steps of a race among them."""
    found = {}
    for name, value in row.metrics.items():
        metric, step, images = name.partition(STEP)
        if math.isfinite(value):
            found[metric, int(images) if step else row.images] = value
    return found


def both_steps(first: "SearchRow", other: "SearchRow", metrics: Collection[str]) -> "SearchRow":
    """Return which of two rows of a sub-network has more images, with the metrics of the other's steps beside it.

    The columns of all steps stay, so that a race that is repeated with other steps finds those it has.
    """
    fewer, more = sorted((first, other), key=lambda row: row.images)
    steps = {name: value for name, value in fewer.metrics.items() if STEP in name}
    if 0 < fewer.images < more.images:
        steps |= {rung_metric(name, fewer.images): value for name, value in fewer.metrics.items() if name in metrics}
    return replace(more, metrics={**steps, **more.metrics}, seconds=(first.seconds or 0.0) + (other.seconds or 0.0))
