"""The metric: features of images, statistics of a set of images, the Fréchet and the kernel distance to them."""

from ganc.base.ranking_metric import kernel_metric
from ganc.metrics.distance import image_features, target_statistics
from ganc.metrics.feature_set import FeatureSet
from ganc.metrics.features import LITE0, UNTRAINED, feature_set
from ganc.metrics.frechet import frechet_distance, frechet_distance_from_features
from ganc.metrics.judgement import Judgement, judged
from ganc.metrics.kernel import KernelDistance, kernel_distance
from ganc.metrics.reference import Measurement, Reference
from ganc.metrics.statistics import Statistics, read_statistics, statistics_of, write_statistics

__all__ = [
    "LITE0",
    "UNTRAINED",
    "FeatureSet",
    "Judgement",
    "KernelDistance",
    "Measurement",
    "Reference",
    "Statistics",
    "feature_set",
    "frechet_distance",
    "frechet_distance_from_features",
    "image_features",
    "judged",
    "kernel_distance",
    "kernel_metric",
    "read_statistics",
    "statistics_of",
    "target_statistics",
    "write_statistics",
]
