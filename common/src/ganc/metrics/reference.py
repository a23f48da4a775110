"""What features are compared with: the target's statistics, prepared once for many measurements."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np

from ganc.base.ranking_metric import are_few, kernel_metric
from ganc.metrics.frechet import Gaussian, checked_features
from ganc.metrics.kernel import KernelTarget, SubsetDistance, Subsets, kernel_distance_of_subsets
from ganc.metrics.pairs import PairMeasurement
from ganc.metrics.statistics import Statistics


@dataclass(frozen=True)
class Measurement:
    """How far a set of images is from the target.

    Attributes:
        distance: the Fréchet distance.
        kernel: the kernel distance; None where the statistics hold no features of the target.
        kernel_error: its standard error; None where there is none.
        images: how many there were.
        pairs: how far they are from their ground truth; None where that was not measured.
    """

    distance: float
    kernel: float | None
    kernel_error: float | None
    images: int
    pairs: PairMeasurement | None = None

    @property
    def ranks_by_kernel(self) -> bool:
        """Whether the kernel distance orders it among others on as many images."""
        return self.kernel is not None and are_few(self.images)

    @property
    def ranking(self) -> float:
        """The value that orders it among others on as many images; lower is better."""
        return self.kernel if self.kernel is not None and self.ranks_by_kernel else self.distance

    @property
    def ranking_error(self) -> float | None:
        """The standard error of `ranking`; None where there is none."""
        return self.kernel_error if self.ranks_by_kernel else None

    def to_json(self) -> dict:
        """Return plain values, those of pairs where there are any."""
        return {name: value for name, value in asdict(self).items() if name != "pairs" or value is not None}

    def values(self, feature_set_name: str) -> Mapping[str, float]:
        """Return metric name -> value, as rows of a search have them."""
        values = {feature_set_name: self.distance}
        return values if self.kernel is None else values | {kernel_metric(feature_set_name): self.kernel}

    def errors(self, feature_set_name: str) -> Mapping[str, float]:
        """Return metric name -> standard error, as rows of a search have them."""
        return {} if self.kernel_error is None else {kernel_metric(feature_set_name): self.kernel_error}


class Reference:
    """The target's statistics, checked and summed over once; a measurement then costs some milliseconds.

    Args:
        statistics: of the target; without features there is no kernel distance.
    """

    def __init__(self, statistics: Statistics):
        self.statistics = statistics

    @cached_property
    def _gaussian(self) -> Gaussian:
        return Gaussian(self.statistics.mu, self.statistics.sigma)

    @cached_property
    def _kernel_target(self) -> KernelTarget | None:
        return None if self.statistics.features is None else KernelTarget(self.statistics.features)

    def kernel_of_subsets(self, features: np.ndarray, subsets: Subsets) -> SubsetDistance | None:
        """Return the kernel distance by random subsets; None where the statistics hold no features of the target."""
        target = self.statistics.features
        return None if target is None else kernel_distance_of_subsets(features, target, subsets)

    def measure(self, features: np.ndarray) -> Measurement:
        """Return the measurement of features (n, d), n >= 2, of the statistics' feature set.

        Raises:
            StatisticsError: fewer than two images, dimensions differ, or a number is not finite.
        """
        features = checked_features(features)
        distance = self._gaussian.distance_of_features(features)
        if self._kernel_target is None:
            return Measurement(distance, None, None, len(features))
        kernel = self._kernel_target.distance_of_features(features)
        return Measurement(distance, kernel.value, kernel.error, len(features))
