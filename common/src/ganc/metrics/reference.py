"""What features are compared with: the target's statistics, prepared once for many measurements."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ganc.metrics.frechet import Gaussian, checked_features
from ganc.metrics.kernel import KernelTarget
from ganc.metrics.statistics import Statistics


def kernel_metric(feature_set_name: str) -> str:
    """Return the name of the kernel distance on a feature set; the Fréchet distance has the feature set's own."""
    return f"{feature_set_name}-kid"


@dataclass(frozen=True)
class Measurement:
    """How far a set of images is from the target.

    Attributes:
        distance: the Fréchet distance.
        kernel: the kernel distance; None where the statistics hold no features of the target.
        kernel_error: its standard error; None where there is none.
        images: how many there were.
    """

    distance: float
    kernel: float | None
    kernel_error: float | None
    images: int

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
