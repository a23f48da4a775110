"""Evaluating generators: their translations of some images, measured against the statistics of the target domain."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ganc.base.direction import Direction
from ganc.base.errors import StatisticsError, TooFewImagesError
from ganc.base.extras import SCIKIT_IMAGE, require
from ganc.base.ranking_metric import ranking_metric
from ganc.base.target_images import TargetImages
from ganc.data import EvaluationSet, Reading, Readings, has_subset, known_pairs, read_images, to_uint8
from ganc.data.lists import ImageList
from ganc.engines import Engine
from ganc.metrics.distance import image_features, target_statistics
from ganc.metrics.feature_set import FeatureSet, require_side
from ganc.metrics.features import feature_set, feature_set_of
from ganc.metrics.pairs import PairMeter
from ganc.metrics.reference import Measurement, Reference
from ganc.metrics.statistics import Statistics, read_statistics, require_feature_set, require_resize

CACHE_BYTES = 1 << 30


@dataclass(frozen=True)
class Unmeasured:
    """Images that are translated and shown where nothing can be measured.

    Attributes:
        subset: where the images come from, for the record.
        reason: what is missing, for people.
    """

    images: EvaluationSet
    subset: str
    reason: str

    def check(self) -> None:
        """Read every image; see `Evaluation.check`."""
        _read_all(self.images)

    def facts(self) -> dict:
        """Return what takes the place of a metric's facts."""
        return {"images": len(self.images), "subset": self.subset, "resize": self.images.preparation}


@dataclass(frozen=True)
class Evaluation:
    """Which images are translated, and what the translations are compared with.

    Attributes:
        subset: where the images come from, for the record.
        batch_size: images that are translated at once.
        truth: what the translations should look like, where that is known and measured too.
    """

    images: EvaluationSet
    subset: str
    statistics: Statistics
    feature_set: FeatureSet
    batch_size: int = 8
    truth: EvaluationSet | None = None

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
        reference: TargetImages | None = None,
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
            reference: which of the target's images; None takes those of the file, or train + test.

        Raises:
            TooFewImagesError: there is one source image, or one to compute statistics of.
            DataError: images are missing or cannot be read.
            StatisticsError: the file belongs to another feature set, image size, resize filter or part of the images.
        """
        readings, way = readings or Readings(), Direction(direction)
        target, features = chosen_statistics(
            folder, way.target, size, statistics, feature_set, readings.target(way), reference
        )
        images, subset = evaluation_images(folder, way.source, subset, readings.source(way))
        _require_two(folder, subset, images, "a metric needs")
        return cls(EvaluationSet(images, size, CACHE_BYTES), subset, target, features)

    def with_truth(self, folder: Path, direction: Direction, readings: Readings | None = None) -> "Evaluation":
        """Return the same evaluation, which measures how far translations are from their partners too.

        Where the folder has no such subset of the target's images, there is nothing to measure.

        Args:
            folder, direction, readings: as of `of_folder`.

        Raises:
            MissingDependencyError: scikit-image is not installed.
            DataError: an image has no partner, or one of another size.
        """
        readings, way = readings or Readings(), Direction(direction)
        pairs = known_pairs(folder, self.subset, readings.source(way), readings.target(way))
        if pairs is None:
            return self
        require(SCIKIT_IMAGE)
        source, target = (EvaluationSet(one, self.images.size, CACHE_BYTES) for one in pairs)
        return replace(self, images=source, truth=target)

    @property
    def ranking(self) -> str:
        """The name of the metric that orders models that are measured here."""
        return ranking_metric(self.feature_set.name, len(self.images), self.statistics.features is not None)

    def check(self) -> None:
        """Read every image, so that a bad one is found now and not at the first evaluation. Raises DataError."""
        _read_all(self.images)

    @cached_property
    def reference(self) -> Reference:
        """The statistics, prepared for measuring."""
        return Reference(self.statistics)

    def measure(self, engine: Engine) -> Measurement:
        """Return how far the engine's translations are from the statistics."""
        return self.measure_images(self.translations(engine))[0]

    def measure_untouched(self) -> Measurement:
        """Return how far the images are as they are: what a translation has to improve on."""
        return self.measure_images(self.translations(None))[0]

    def measure_images(self, batches: Iterable[np.ndarray]) -> tuple[Measurement, np.ndarray]:
        """Return how far uint8 batches of the images' translations are from what they should be, and their features."""
        meter = PairMeter(self.truth) if self.truth is not None else None
        features = image_features(meter.noted(batches) if meter else batches, self.feature_set)
        measured = self.measure_features(features)
        return (replace(measured, pairs=meter.measurement) if meter else measured), features

    def measure_features(self, features: np.ndarray) -> Measurement:
        """Return how far features (n, d) of the evaluation's feature set are from the statistics."""
        return self.reference.measure(features)

    def translations(self, engine: Engine | None) -> Iterator[np.ndarray]:
        """Yield the translated images, or as they are if the engine is None, as uint8 (n, h, w, channels)."""
        for batch in self.images.batches(self.batch_size):
            yield to_uint8(batch if engine is None else engine(batch))

    def facts(self) -> dict:
        """Return what a metric's value has to be recorded with."""
        part = {} if self.statistics.reference is None else {"reference": self.statistics.reference}
        return part | {
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
    folder: Path,
    letter: str,
    size: tuple[int, int],
    features: FeatureSet,
    reading: Reading | None = None,
    reference: TargetImages | None = None,
) -> Statistics:
    """Return the statistics of a domain's images, from the cache where they were computed before.

    Args:
        reference: which of them, None for all; test images alone raise the distance (method.md, "Fréchet distance").

    Raises:
        TooFewImagesError: the domain has one such image.
        DataError: it has none, or one cannot be read.
    """
    require_side(features, size, "--size, or --eval-size of a training")
    if reference not in (None, TargetImages.TRAIN_AND_TEST):
        images = read_images(folder, f"{reference.value}{letter}", reading)
        _require_two(folder, f"{reference.value}{letter}", images, "statistics need")
        return replace(target_statistics(images, size, features), reference=reference.value)
    images = read_images(folder, f"train{letter}", reading)
    if has_subset(folder, f"test{letter}"):
        images = images + read_images(folder, f"test{letter}", reading)
    _require_two(folder, f"train{letter}", images, "statistics need")
    return target_statistics(images, size, features)


def chosen_statistics(
    folder: Path,
    letter: str,
    size: tuple[int, int],
    file: Path | None,
    feature_set_name: str | None,
    reading: Reading | None = None,
    reference: TargetImages | None = None,
) -> tuple[Statistics, FeatureSet]:
    """Return the statistics to compare with, and the feature set that they belong to.

    Args:
        folder, letter: the domain whose statistics are computed where no file is given.
        size: (width, height) of the images.
        file: statistics made before; of another image size or resize filter they are refused.
        feature_set_name: needed for a file of another program, which does not say what its numbers are.
        reading: how the domain's images are read; None reads RGB of full range and resizes width and height.
        reference: which of the domain's images; None takes those of the file, or train + test.

    Raises:
        StatisticsError: the file belongs to another feature set, image size, resize filter or part of the images.
    """
    if file is None:
        features = feature_set(feature_set_name)
        return domain_statistics(folder, letter, size, features, reading, reference), features
    named = feature_set(feature_set_name) if feature_set_name else None
    statistics = read_statistics(file, named, assume_feature_set=named is not None)
    features = named or feature_set_of(file, statistics.feature_set)
    require_side(features, size, "--size, or --eval-size of a training")
    require_feature_set(file, statistics, features)
    require_resize(file, statistics, size, (reading or Reading()).preparation)
    _require_reference(file, statistics, reference)
    return statistics, features


def evaluation_images(
    folder: Path, letter: str, subset: str | None = None, reading: Reading | None = None
) -> tuple[ImageList, str]:
    """Return a domain's images of `subset` and the subset's name.

    Without a subset these are its test images, or its training images where there are none.

    Raises:
        DataError: there are none, or the list cannot be read.
    """
    if subset is None:
        subset = f"test{letter}" if has_subset(folder, f"test{letter}") else f"train{letter}"
    return read_images(folder, subset, reading), subset


def _require_reference(file: Path, statistics: Statistics, wanted: TargetImages | None) -> None:
    """Raise StatisticsError where a part of the images is wanted, and the file is of others or does not say it."""
    foreign = not statistics.data_fingerprint
    held = statistics.reference or (None if foreign else TargetImages.TRAIN_AND_TEST)
    if wanted in (None, held):
        return
    if held is None:
        raise StatisticsError(f"{file}: does not say which images it is of; leave --reference {wanted} out")
    raise StatisticsError(
        f"{file}: is of the {held} images, --reference {wanted} wants others; leave one of the two options out"
    )


def _require_two(folder: Path, subset: str, images: ImageList, need: str) -> None:
    if len(images) < 2:
        raise TooFewImagesError(f"{folder}: {subset} has 1 image, {need} at least 2")


def _read_all(images: EvaluationSet) -> None:
    for index in range(len(images)):
        images[index]
