"""From images to a distance: their features, the target's statistics (cached), the distance between them."""

import contextlib
import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ganc.base.cache import default_cache
from ganc.base.errors import GancError, StatisticsError
from ganc.data import EvaluationSet, ImageList, to_uint8
from ganc.data.images import to_rgb
from ganc.metrics.feature_set import FeatureSet
from ganc.metrics.statistics import Statistics, read_statistics, statistics_of, write_statistics

_BATCH = 16


def image_features(batches: Iterable[np.ndarray], feature_set: FeatureSet) -> np.ndarray:
    """Return the features (n, d) of all images, given as batches (m, h, w, 1, 3 or 4) of uint8.

    Feature sets see RGB: grey is repeated, what is transparent is laid on white.

    Raises:
        StatisticsError: there is no image, or the images do not fit the feature set.
    """
    parts = [feature_set(to_rgb(batch)) for batch in batches]
    if not parts:
        raise StatisticsError("no images to compute features of; at least 2 are needed")
    return np.concatenate(parts)


def target_statistics(
    images: ImageList, size: tuple[int, int], feature_set: FeatureSet, cache_dir: Path | None = None
) -> Statistics:
    """Return the statistics of a list of images, computed once and then read from the cache.

    Args:
        size: (width, height) to which the images are resized.
        cache_dir: a folder, `default_cache()` if None. One that cannot be written only costs the time to compute.

    Raises:
        DataError: an image cannot be read.
        StatisticsError: fewer than two images.
    """
    fingerprint = images.fingerprint
    preparation = images.reading.preparation
    key = f"{fingerprint}\n{size[0]}x{size[1]}\n{preparation}\n{feature_set.digest}"
    path = (cache_dir or default_cache()) / f"statistics-{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    with contextlib.suppress(GancError):  # absent, damaged or unreadable: computed again
        cached = read_statistics(path, feature_set)
        expected = (fingerprint, tuple(size), preparation)
        if (cached.data_fingerprint, cached.image_size, cached.resize) == expected and cached.features is not None:
            return cached
    features = image_features(_byte_batches(images, size), feature_set)
    statistics = statistics_of(features, feature_set, image_size=size, data_fingerprint=fingerprint, resize=preparation)
    with contextlib.suppress(GancError):
        write_statistics(path, statistics)
    return statistics


def _byte_batches(images: ImageList, size: tuple[int, int]) -> Iterable[np.ndarray]:
    # Each image is needed once, so nothing is kept.
    for batch in EvaluationSet(images, size, 0).batches(_BATCH):
        yield to_uint8(batch)
