"""How far the images of one folder are from those of another, or from statistics: no generator, no domains."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from ganc.base.errors import DataError
from ganc.base.text import counted
from ganc.data import EvaluationSet, to_uint8
from ganc.data.images import RESIZE_FILTER, read_size, to_rgb
from ganc.data.lists import ImageList
from ganc.data.scan import scan_folder
from ganc.metrics.distance import image_features
from ganc.metrics.feature_set import FeatureSet, require_side
from ganc.metrics.features import feature_set, feature_set_of
from ganc.metrics.kernel import Subsets
from ganc.metrics.reference import Reference
from ganc.metrics.statistics import Statistics, read_statistics, require_resize, statistics_of

Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class FolderMeasure:
    """How two sets of images are compared.

    Attributes:
        size: (width, height) that images are brought to; None leaves them as they are, or takes that of the statistics.
        feature_set: its name; None takes that of the statistics, or the default one.
        subsets: measure the kernel distance by random subsets too.
    """

    size: Size | None = None
    feature_set: str | None = None
    subsets: Subsets | None = None


def said_of_models(said: Mapping[str, object]) -> list[str]:
    """Return the names of what was said that is of models, and means nothing where folders are compared."""
    known = {one.name for one in fields(FolderMeasure)}
    return [name for name, value in said.items() if name not in known and value]


def measure_folder(folder: Path, target: Path, how: FolderMeasure) -> dict:
    """Return how far a folder's images are from a target: a folder of images, or a file of statistics.

    The keys are folder, target, metric, value, kernel, kernel_error, images, target_images, feature_digest, verified,
    size, and kernel_subsets where subsets are wanted and the target's features are known.

    Raises:
        DataError: a folder holds fewer than two images, or one cannot be read.
        StatisticsError, FileFormatError: the file cannot be used; the message says why.
    """
    images = folder_images(folder)
    statistics, features, size = _target(target, how)
    found = folder_features(images, size, features)
    reference = Reference(statistics)
    measured = reference.measure(found)
    row = {
        "folder": str(folder),
        "target": str(target),
        "metric": features.name,
        "value": measured.distance,
        "kernel": measured.kernel,
        "kernel_error": measured.kernel_error,
        "images": measured.images,
        "target_images": statistics.images,
        "feature_digest": features.digest,
        "verified": statistics.verified,
        "size": size,
    }
    if how.subsets is not None:
        by_subsets = reference.kernel_of_subsets(found, how.subsets)
        row["kernel_subsets"] = by_subsets and asdict(by_subsets)
    return row


def folder_images(folder: Path) -> ImageList:
    """Return all images that lie in a folder, by name. Raises DataError: there is no folder, or fewer than two."""
    if not Path(folder).is_dir():
        raise DataError(f"{folder}: no such folder; expected one of images")
    images = ImageList(Path(folder), scan_folder(Path(folder)).images)
    if len(images) < 2:
        raise DataError(f"{folder}: holds {counted(len(images), 'image')}, a metric needs at least 2{_domains(folder)}")
    return images


def _domains(folder: Path) -> str:
    """Return the end of a message about a folder without images that holds those of a data set; else ""."""
    inside = [name for name in ("testB", "testA", "trainB", "trainA", "test", "train") if (folder / name).is_dir()]
    if not inside:
        return ""
    return f"; name a folder in it, such as {folder / inside[0]}, or measure a generator with --data {folder}"


def folder_features(images: ImageList, size: Size | None, features: FeatureSet) -> np.ndarray:
    """Return the features (n, d) of images brought to `size` = (width, height), or of their own sizes if None.

    Raises:
        DataError: an image cannot be read. StatisticsError: one is too small for the feature set.
    """
    if size is not None:
        require_side(features, size, "--size")
        batches = EvaluationSet(images, size).batches(features.batch)
        return image_features((to_uint8(batch) for batch in batches), features)
    places: dict[Size, list[int]] = {}
    for place, path in enumerate(images.paths):
        require_side(features, own := read_size(path), str(path))
        places.setdefault(own, []).append(place)
    found = np.empty((len(images), features.dimensions))
    for alike in places.values():
        for start in range(0, len(alike), features.batch):
            chunk = alike[start : start + features.batch]
            found[chunk] = features(np.stack([to_rgb(images.reading.load(images.paths[place])) for place in chunk]))
    return found


def _target(target: Path, how: FolderMeasure) -> tuple[Statistics, FeatureSet, Size | None]:
    """Return what is compared with, its feature set, and the size that the images are brought to."""
    if Path(target).is_dir():
        features = feature_set(how.feature_set)
        found = folder_features(folder_images(target), how.size, features)
        made = statistics_of(found, features, image_size=how.size, data_fingerprint="", resize=None)
        return made, features, how.size
    named = feature_set(how.feature_set) if how.feature_set else None
    statistics = read_statistics(target, named, assume_feature_set=named is not None)
    size = how.size or statistics.image_size
    require_resize(target, statistics, size, RESIZE_FILTER)
    return statistics, named or feature_set_of(target, statistics.feature_set), size
