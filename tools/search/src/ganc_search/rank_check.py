"""Whether the search's metric orders sub-networks reliably: its ranks on two halves of the images, compared."""

import warnings
from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

from ganc.base.errors import DataError
from ganc_search.evaluate.shared_segments import cut_into_groups
from ganc_search.settings import SearchSettings
from ganc_search.setup import SearchInputs
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import sample

# Of Kendall's coefficient; half of (1 - it) is the part of the pairs that the two halves order differently.
GOOD, POOR = 0.8, 0.5
_RANKS = ("spearman", "kendall")


@dataclass(frozen=True)
class RankCheck:
    """How well two halves of the images agree on the order of so many sub-networks.

    The rank correlations are 1 for the same order, 0 for none, NaN where a half does not tell sub-networks apart.
    """

    metric: str
    subnets: int
    images: tuple[int, int]
    spearman: float
    kendall: float

    def to_json(self) -> dict:
        """Return it for programs; a coefficient that is not a number is None."""
        numbers = {name: None if np.isnan(value) else value for name, value in asdict(self).items() if name in _RANKS}
        return {**asdict(self), **numbers, "meaning": self.meaning}

    @property
    def meaning(self) -> str:
        """A sentence for people."""
        if np.isnan(self.kendall):
            return "On one of the halves all sub-networks measure the same: the metric does not tell them apart."
        says = (
            "the ranks are mostly chance. Search with more images, or train the supernet longer or with another "
            "--sampling, so that its sub-networks differ by more than the noise."
        )
        if self.kendall >= POOR:
            says = "trust a clear lead, not the places of neighbours; more images help."
        if self.kendall >= GOOD:
            says = "the metric ranks these sub-networks reliably, on all images still more so."
        return f"The halves order {50 * (1 - self.kendall):.0f} % of the pairs differently: {says}"


def check_ranks(settings: SearchSettings, count: int) -> RankCheck:
    """Measure `count` random sub-networks within the budget on two halves of the images.

    Raises:
        DataError: fewer than four images.
        GancError: a file, the images or the settings are wrong.
    """
    inputs = SearchInputs(settings)
    evaluator = inputs.evaluator
    if evaluator.images < 4:
        raise DataError(f"{settings.folder}: {evaluator.images} images are too few for two halves, at least 4")
    subnets = sample(Allowed(inputs.space, settings.budget, inputs.costs_of), count, settings.seed)
    half, measure = evaluator.images // 2, inputs.evaluation.measure_features
    values = [
        [measure(part).values(evaluator.metric)[evaluator.ranking] for part in (features[:half], features[half:])]
        for group in cut_into_groups(subnets, settings.group_size, evaluator.fits)
        for features in evaluator.features(group, evaluator.images)
    ]
    spearman, kendall = correlations(*np.transpose(values))
    return RankCheck(evaluator.ranking, len(subnets), (half, evaluator.images - half), spearman, kendall)


def correlations(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return Spearman's and Kendall's rank correlations (tau-b) of two (N,) arrays, NaN where all of one are equal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        return float(stats.spearmanr(first, second).statistic), float(stats.kendalltau(first, second).statistic)
