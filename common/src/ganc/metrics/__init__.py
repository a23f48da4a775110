"""The metric: features of images, statistics of a set of images, the Fréchet and the kernel distance to them."""

from ganc.metrics.distance import image_features, target_statistics
from ganc.metrics.feature_set import FeatureSet
from ganc.metrics.features import DEFAULT_FEATURE_SET, feature_set
from ganc.metrics.frechet import frechet_distance, frechet_distance_from_features
from ganc.metrics.kernel import KernelDistance, kernel_distance
from ganc.metrics.reference import Measurement, Reference, kernel_metric
from ganc.metrics.statistics import Statistics, read_statistics, statistics_of, write_statistics

__all__ = [
    "DEFAULT_FEATURE_SET",
    "FeatureSet",
    "KernelDistance",
    "Measurement",
    "Reference",
    "Statistics",
    "feature_set",
    "frechet_distance",
    "frechet_distance_from_features",
    "image_features",
    "kernel_distance",
    "kernel_metric",
    "read_statistics",
    "statistics_of",
    "target_statistics",
    "write_statistics",
]
