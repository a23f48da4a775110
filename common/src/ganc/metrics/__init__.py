"""The metric: features of pictures, statistics of a set of pictures, and the Fréchet distance between two sets."""

from ganc.metrics.distance import distance_to, picture_features, target_statistics
from ganc.metrics.features import DEFAULT_FEATURE_SET, FeatureSet, feature_set
from ganc.metrics.frechet import frechet_distance, frechet_distance_from_features
from ganc.metrics.statistics import Statistics, read_statistics, statistics_of, write_statistics

__all__ = [
    "DEFAULT_FEATURE_SET",
    "FeatureSet",
    "Statistics",
    "distance_to",
    "feature_set",
    "frechet_distance",
    "frechet_distance_from_features",
    "picture_features",
    "read_statistics",
    "statistics_of",
    "target_statistics",
    "write_statistics",
]
