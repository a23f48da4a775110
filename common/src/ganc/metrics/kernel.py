"""The kernel distance (KID) between two sets of images, with its standard error; numpy alone.

Bińkowski et al., "Demystifying MMD GANs", arXiv 1801.01401, section 3: the squared maximum mean discrepancy of the
features for the kernel k(x, y) = (x.y / d + 1)^3, by the estimate without bias (Gretton et al., "A Kernel Two-Sample
Test", JMLR 13, 2012, lemma 6). It may be negative: for two sets of one distribution its mean is 0.
"""

from dataclasses import dataclass

import numpy as np

from ganc.base.errors import SettingError
from ganc.base.ranking_metric import MOST_SUBSETS
from ganc.base.rng import keyed_generator
from ganc.base.text import ROUNDING
from ganc.metrics.frechet import checked_features, require_equal_dimensions

_BLOCK_ROWS = 1024  # of a kernel matrix at a time, which bounds the memory for large sets


@dataclass(frozen=True)
class KernelDistance:
    """The estimate of the squared discrepancy, and its standard error; None where a set has only two images."""

    value: float
    error: float | None


@dataclass(frozen=True)
class Subsets:
    """How the kernel distance is averaged over random subsets, as most programs publish it.

    Attributes:
        count: how many subsets. most: images of each of the two sets in one, at most.
    """

    count: int = 100
    most: int = 1000


def subsets_asked(count: int | None, most: int | None) -> Subsets | None:
    """Return the subsets that someone asks for by their count and their size, None where there is no count.

    Raises:
        SettingError: a size without a count, or one of them is too small, or the count too large.
    """
    if most is not None and count is None:
        raise SettingError(f"kid_subset_size (={most}) is for kid_subsets, which is not given")
    if count is None:
        return None
    wanted = Subsets(count) if most is None else Subsets(count, most)
    if not 1 <= wanted.count <= MOST_SUBSETS or wanted.most < 2:
        raise SettingError(
            f"kid_subsets (={wanted.count}) must be from 1 to {MOST_SUBSETS}, and kid_subset_size (={wanted.most}) at "
            "least 2"
        )
    return wanted


@dataclass(frozen=True)
class SubsetDistance:
    """The kernel distances of random subsets: their mean, their standard deviation, and how they were drawn.

    Where a subset holds all images of both sets, all draws are equal, and the deviation is 0.
    """

    mean: float
    deviation: float
    subsets: int
    size: int


def kernel_distance_of_subsets(features: np.ndarray, target: np.ndarray, subsets: Subsets) -> SubsetDistance:
    """Return mean and standard deviation of the kernel distances of random subsets of features (n, d) and (m, d).

    Each subset has min(n, m, most) images of either set, drawn without putting back (Bińkowski et al., section 4, and
    the programs after it); with as many images as there are, only the larger set's part changes from draw to draw. The
    deviation is that of one subset's value and no standard error of the mean. Draws are keyed, so that equal features
    give equal numbers.

    Raises:
        StatisticsError: fewer than two images, dimensions differ, or a number is not finite.
    """
    sets = checked_features(features), checked_features(target)
    size = min(len(sets[0]), len(sets[1]), subsets.most)
    values = []
    for draw in range(subsets.count):
        order = keyed_generator(0, "metrics/kernel subsets", draw)
        first, second = (one[order.permutation(len(one))[:size]] for one in sets)
        values.append(KernelTarget(second).distance_of_features(first).value)
    mean, deviation = float(np.mean(values)), float(np.std(values))
    return SubsetDistance(mean, deviation if deviation > ROUNDING * abs(mean) else 0.0, subsets.count, size)


def kernel_distance(features: np.ndarray, target: np.ndarray) -> KernelDistance:
    """Return the kernel distance between features (n, d) and target (m, d), n and m >= 2.

    Raises:
        StatisticsError: fewer than two images, dimensions differ, or a number is not finite.
    """
    return KernelTarget(target).distance_of_features(checked_features(features))


class KernelTarget:
    """A set of target features, checked and summed over once, so that many sets can be compared with it.

    Args:
        features: (m, d), m >= 2.

    Raises:
        StatisticsError: fewer than two images, or a number is not finite.
    """

    def __init__(self, features: np.ndarray):
        self.features = checked_features(features)
        self._inner = _sums_to_others(self.features)

    def distance_of_features(self, features: np.ndarray) -> KernelDistance:
        """Return the kernel distance of features (n, d), float64 as `checked_features` returns them.

        The standard error is the jackknife's for a statistic of two samples (Arvesen, "Jackknifing U-statistics",
        Ann. Math. Statist. 40, 1969): the values with one image left out, of either set in turn, follow from the
        kernel matrices' row sums, so that it costs next to nothing and draws no subsets at random. It errs on the high
        side, the more the closer the two distributions are (Efron and Stein, Ann. Statist. 9, 1981).

        Raises:
            StatisticsError: dimensions differ.
        """
        require_equal_dimensions(features.shape[1], self.features.shape[1])
        inner = _sums_to_others(features)
        across, back = _sums_across(features, self.features)
        n, m, total = len(features), len(self.features), across.sum()
        value = inner.sum() / (n * (n - 1)) + self._inner.sum() / (m * (m - 1)) - 2 * total / (n * m)
        if min(n, m) < 3:
            return KernelDistance(float(value), None)
        variance = _jackknife(inner, across, m) + _jackknife(self._inner, back, n)
        return KernelDistance(float(value), float(np.sqrt(variance)))


def _jackknife(inner: np.ndarray, across: np.ndarray, others: int) -> float:
    """Return the variance by leaving out one image of a set at a time.

    Args:
        inner: (n,) sums of the kernel from each image to the others of its set.
        across: (n,) sums of the kernel from each image to all of the other set.
        others: images of the other set.
    """
    n = len(inner)
    left = (inner.sum() - 2 * inner) / ((n - 1) * (n - 2)) - 2 * (across.sum() - across) / ((n - 1) * others)
    return (n - 1) / n * float(np.sum((left - left.mean()) ** 2))


def _sums_to_others(features: np.ndarray) -> np.ndarray:
    sums, _ = _sums_across(features, features)
    return sums - (np.einsum("nd,nd->n", features, features) / features.shape[1] + 1) ** 3


def _sums_across(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel matrix' sums over its rows, (n,), and over its columns, (m,)."""
    rows, columns = [], np.zeros(len(second))
    for start in range(0, len(first), _BLOCK_ROWS):
        kernel = first[start : start + _BLOCK_ROWS] @ second.T
        kernel /= first.shape[1]
        kernel += 1
        kernel *= kernel * kernel
        rows.append(kernel.sum(axis=1))
        columns += kernel.sum(axis=0)
    return np.concatenate(rows), columns
