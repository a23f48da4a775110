"""Whether the search's metric orders sub-networks reliably: its ranks on two halves of the pictures, compared."""

from dataclasses import dataclass

import numpy as np

from ganc.base.errors import DataError
from ganc.system.runtime import select_device
from ganc_search.evaluate.shared_segments import SharedEvaluator, cut_into_groups
from ganc_search.settings import SearchSettings
from ganc_search.setup import SearchInputs
from ganc_search.strategies.candidates import sample

# Of Kendall's coefficient; half of (1 - it) is the part of the pairs that the two halves order differently.
GOOD, POOR = 0.8, 0.5


@dataclass(frozen=True)
class RankCheck:
    """How well two halves of the pictures agree on the order of sub-networks.

    Attributes:
        subnets: how many sub-networks were compared. images: pictures of each half.
        spearman, kendall: rank correlations; 1 is the same order, 0 none, NaN where a half does not tell them apart.
    """

    metric: str
    subnets: int
    images: tuple[int, int]
    spearman: float
    kendall: float

    @property
    def meaning(self) -> str:
        """A sentence for people."""
        if np.isnan(self.kendall):
            return "On one of the halves all sub-networks measure the same: the metric does not tell them apart."
        swapped = f"The halves order {50 * (1 - self.kendall):.0f} % of the pairs differently"
        if self.kendall >= GOOD:
            return f"{swapped}: the metric ranks these sub-networks reliably, on all pictures still more so."
        if self.kendall >= POOR:
            return f"{swapped}: trust a clear lead, not the places of neighbours; more pictures help."
        return (
            f"{swapped}: the ranks are mostly chance. Search with more pictures, or train the supernet longer or with "
            "another --sampling, so that its sub-networks differ by more than the noise."
        )


def check_ranks(settings: SearchSettings, count: int) -> RankCheck:
    """Measure `count` random sub-networks within the budget on two halves of the pictures.

    Raises:
        DataError: fewer than four pictures.
        GancError: a file, the pictures or the settings do not serve.
    """
    inputs = SearchInputs(settings)
    inputs.require_possible()
    select_device(settings.device)
    subnets = sample(inputs.space, settings.budget, inputs.costs_of, count, settings.seed)
    evaluation = inputs.evaluation()
    pictures = len(evaluation.pictures)
    if pictures < 4:
        raise DataError(f"{settings.folder}: {pictures} pictures are too few for two halves, at least 4")
    evaluator, extent = inputs.evaluator(evaluation)
    values = halves(evaluator, subnets, extent.group_size)
    half = evaluator.images // 2
    return RankCheck(
        metric=evaluation.feature_set.name,
        subnets=len(subnets),
        images=(half, evaluator.images - half),
        spearman=spearman(*values.T),
        kendall=kendall(*values.T),
    )


def halves(evaluator: SharedEvaluator, subnets: list, group_size: int) -> np.ndarray:
    """Return (N, 2): each sub-network's metric on the first and on the second half of the pictures."""
    half = evaluator.images // 2
    measure = evaluator.evaluation.measure_features
    return np.array(
        [
            [measure(features[:half]).distance, measure(features[half:]).distance]
            for group in cut_into_groups(subnets, group_size)
            for features in evaluator.features(group, evaluator.images)
        ]
    )


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's rank correlation of two (N,) arrays; equal values share their mean rank (1904)."""
    ranks = np.stack([_mean_ranks(np.asarray(first)), _mean_ranks(np.asarray(second))])
    ranks -= ranks.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(ranks, axis=1)
    return float(ranks[0] @ ranks[1] / np.prod(lengths)) if lengths.all() else float("nan")


def kendall(first: np.ndarray, second: np.ndarray) -> float:
    """Return Kendall's tau-b of two (N,) arrays: pairs in the same order less pairs in the other ("The treatment of
    ties in ranking problems", Biometrika 33, 1945)."""
    signs = [np.sign(np.subtract.outer(values, values)) for values in (np.asarray(first), np.asarray(second))]
    pairs = [np.count_nonzero(sign) for sign in signs]
    return float(np.sum(signs[0] * signs[1]) / np.sqrt(float(pairs[0]) * pairs[1])) if all(pairs) else float("nan")


def _mean_ranks(values: np.ndarray) -> np.ndarray:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return ((last - counts + 1 + last) / 2)[places.ravel()]
