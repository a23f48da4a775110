"""Evaluating generators: their translations of some images, measured against the statistics of the target domain."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ganc.base.direction import Direction
from ganc.base.errors import DataError, StatisticsError
from ganc.data import EvaluationSet, Reading, Readings, has_subset, read_images, to_uint8
from ganc.data.lists import ImageList
from ganc.engines import Engine
from ganc.metrics.distance import image_features, target_statistics
from ganc.metrics.feature_set import FeatureSet
from ganc.metrics.features import DEFAULT_FEATURE_SET, feature_set
from ganc.metrics.reference import Measurement, Reference
from ganc.metrics.statistics import Statistics, read_statistics, require_feature_set

CACHE_BYTES = 1 << 30


@dataclass(frozen=True)
class Evaluation:
    """Which images are translated, and what the translations are compared with.

    Attributes:
        subset: where the images come from, for the record.
        batch_size: images that are translated at once.
    """

    images: EvaluationSet
    subset: str
    statistics: Statistics
    feature_set: FeatureSet
    batch_size: int = 8

    @classmethod
    def of_folder(
        cls,
        folder: Path,
        direction: Direction,
        size: tuple[int, int],
        *,
        readings: Readings | None = None,
        subset: str | None = None,
        statistics: Path | None = None,
        feature_set: str | None = None,
        batch_size: int = 8,
    ) -> "Evaluation":
        """Return the evaluation of translations of a folder's images.

        Args:
            size: (width, height) that the images are brought to.
            readings: how source and target are read; None reads RGB of full range and resizes width and height.
            subset: the list or folder of the source images, such as "searchA"; None takes the source domain's test
                images, or its training images where there are none.
            statistics: a file of the target's statistics; None computes them from its train + test images, or takes
                them from the cache.
            feature_set: its name; None takes that of the file, or the default one.

        Raises:
            DataError: images are missing, cannot be read, or are fewer than two.
            StatisticsError: the file belongs to another feature set, image size or resize filter.
        """
        readings, way = readings or Readings(), Direction(direction)
        target, features = chosen_statistics(folder, way.target, size, statistics, feature_set, readings.target(way))
        images, subset = evaluation_images(folder, way.source, subset, readings.source(way))
        return cls(EvaluationSet(images, size, CACHE_BYTES), subset, target, features, batch_size)

    def check(self) -> None:
        """Read every image, so that a bad one is found now and not at the first evaluation. Raises DataError."""
        for index in range(len(self.images)):
            self.images[index]

    @cached_property
    def reference(self) -> Reference:
        """The statistics, prepared for measuring."""
        return Reference(self.statistics)

    def measure(self, engine: Engine) -> Measurement:
        """Return how far the engine's translations are from the statistics."""
        return self.measure_features(image_features(self.translations(engine), self.feature_set))

    def measure_untouched(self) -> Measurement:
        """Return how far the images are as they are: what a translation has to improve on."""
        images = (to_uint8(batch) for batch in self.images.batches(self.batch_size))
        return self.measure_features(image_features(images, self.feature_set))

    def measure_features(self, features: np.ndarray) -> Measurement:
        """Return how far features (n, d) of the evaluation's feature set are from the statistics."""
        return self.reference.measure(features)

    def translations(self, engine: Engine) -> Iterator[np.ndarray]:
        """Yield the translated images as uint8 (n, h, w, channels)."""
        for batch in self.images.batches(self.batch_size):
            yield to_uint8(engine(batch))

    def facts(self) -> dict:
        """Return what a metric's value has to be recorded with."""
        return {
            "name": self.feature_set.name,
            "feature_digest": self.feature_set.digest,
            "statistics": self.statistics.digest,
            "verified": self.statistics.verified,
            "images": len(self.images),
            "subset": self.subset,
            "target_images": self.statistics.images,
            "resize": self.images.preparation,
        }


def domain_statistics(
    folder: Path, letter: str, size: tuple[int, int], features: FeatureSet, reading: Reading | None = None
) -> Statistics:
    """Return the statistics of a domain's train + test images, from the cache where they were computed before.

    Test images alone would raise the distance (method.md, "Fréchet distance").

    Raises:
        DataError: the domain has no images, or one cannot be read.
    """
    images = read_images(folder, f"train{letter}", reading)
    if has_subset(folder, f"test{letter}"):
        images = images + read_images(folder, f"test{letter}", reading)
    return target_statistics(images, size, features)


def chosen_statistics(
    folder: Path,
    letter: str,
    size: tuple[int, int],
    file: Path | None,
    feature_set_name: str | None,
    reading: Reading | None = None,
) -> tuple[Statistics, FeatureSet]:
    """Return the statistics to compare with, and the feature set that they belong to.

    Args:
        folder, letter: the domain whose statistics are computed where no file is given.
        size: (width, height) of the images.
        file: statistics made before; of another image size or resize filter they are refused.
        feature_set_name: needed for a file of another program, which does not say what its numbers are.
        reading: how the domain's images are read; None reads RGB of full range and resizes width and height.

    Raises:
        StatisticsError: the file belongs to another feature set, image size or resize filter.
    """
    if file is None:
        features = feature_set(feature_set_name or DEFAULT_FEATURE_SET)
        return domain_statistics(folder, letter, size, features, reading), features
    named = feature_set(feature_set_name) if feature_set_name else None
    statistics = read_statistics(file, named, assume_feature_set=named is not None)
    features = named or feature_set(statistics.feature_set)
    require_feature_set(file, statistics, features)
    _require_resize(file, statistics, size, (reading or Reading()).preparation)
    return statistics, features


def evaluation_images(
    folder: Path, letter: str, subset: str | None = None, reading: Reading | None = None
) -> tuple[ImageList, str]:
    """Return a domain's images of `subset` and the subset's name.

    Without a subset these are its test images, or its training images where there are none.

    Raises:
        DataError: there are fewer than two, or one cannot be read.
    """
    if subset is None:
        subset = f"test{letter}" if has_subset(folder, f"test{letter}") else f"train{letter}"
    images = read_images(folder, subset, reading)
    if len(images) < 2:
        raise DataError(f"{folder}: {subset} has 1 image, a metric needs at least 2")
    return images, subset


def _require_resize(file: Path, statistics: Statistics, size: tuple[int, int], preparation: str) -> None:
    """Raise StatisticsError where the file's images had another size or filter; a foreign file does not say them."""
    if statistics.image_size is not None and tuple(statistics.image_size) != tuple(size):
        had, wanted = ("x".join(map(str, pair)) for pair in (statistics.image_size, size))
        raise StatisticsError(f"{file}: made from images of {had}, here they are {wanted}; make it again with --size")
    if statistics.resize not in (None, preparation):
        raise StatisticsError(
            f"{file}: made from images resized {statistics.resize}, here they are resized {preparation}; "
            "make it again with ganc stats"
        )
