"""Statistics of a set of images: mean and covariance of their features, kept in an `.npz` file.

The arrays `mu` and `sigma` are those of the common PyTorch implementation of the distance, so that files can be
exchanged; a third array, `ganc`, holds JSON that says which feature set they were computed with; a fourth, `features`,
holds the features themselves, which the kernel distance needs. An array `feats` alone is what clean-fid keeps for it.
"""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ganc.base.atomic import replacing
from ganc.base.digests import tensors_digest
from ganc.base.errors import FileFormatError, StatisticsError
from ganc.base.json_text import JsonObject, parse_json
from ganc.base.reading import one_line, read_bytes
from ganc.base.rng import keyed_generator
from ganc.data.images import RESIZE_FILTER
from ganc.metrics.feature_set import FeatureSet
from ganc.metrics.frechet import checked_features, no_covariance

FORMAT = "ganc-statistics"
VERSION = 1
CHECKSUM = "checksum"

# Features that are kept: enough for a kernel distance, and with 2048 dimensions 16 MiB.
KEPT_FEATURES = 2048

_FACTS: dict[str, tuple] = {  # with their types, and what null means
    "feature_set": (str,),
    "feature_digest": (str,),
    "images": (int, None),
    "image_size": (list, None),
    "data_fingerprint": (str,),
    "verified": (bool,),
}
_OPTIONAL = ("resize", "reference")
# Bounds of what a file may declare, before memory is taken for it; the features known have 2048 dimensions at most.
MOST_DIMENSIONS = 4096
_HEADER = 1 << 14  # bytes before an array's numbers
_BOUNDS = {
    "mu": 8 * MOST_DIMENSIONS + _HEADER,
    "sigma": 8 * MOST_DIMENSIONS**2 + _HEADER,
    "ganc": 1 << 20,
    "features": 8 * KEPT_FEATURES * MOST_DIMENSIONS + _HEADER,
    "feats": 1 << 29,  # of all images, in a file of another program: 65,536 of 2048 float32
}
_MOST_BYTES = 2 * sum(_BOUNDS.values())
_EXPECTED = "statistics as ganc stats writes them"


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
    """Mean and covariance of the features of a set of images.

    Attributes:
        mu: (d,) float64. sigma: (d, d) float64, divided by n - 1.
        feature_set, feature_digest: what the features are.
        images: how many images; None in a foreign file.
        image_size: (width, height) to which they were resized; None in a foreign file.
        data_fingerprint: of the images; "" in a foreign file.
        verified: False if only the user named the feature set.
        resize: the filter that the images were resized with; None where the file does not say.
        reference: which images of the domain they are (`TargetImages`); None for train + test, or not known.
        features: (k, d) float32 of the images, of a random KEPT_FEATURES of them where there are more; None in a
            foreign file and in one of an older ganc.
    """

    mu: np.ndarray
    sigma: np.ndarray
    feature_set: str
    feature_digest: str
    images: int | None
    image_size: tuple[int, int] | None
    data_fingerprint: str
    verified: bool
    resize: str | None = None
    features: np.ndarray | None = None
    reference: str | None = None

    @cached_property
    def digest(self) -> str:
        """Digest of everything but `verified`."""
        facts = {name: value for name, value in self.facts().items() if name != "verified"}
        content = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        for array in (self.mu, self.sigma):
            content.update(np.ascontiguousarray(array, "<f8").tobytes())
        if self.features is not None:
            content.update(np.ascontiguousarray(self.features, "<f4").tobytes())
        return content.hexdigest()

    def facts(self) -> dict:
        """Return all that is not an array, as a JSON object."""
        facts = {name: getattr(self, name) for name in _FACTS}
        facts["image_size"] = None if self.image_size is None else [*self.image_size]
        # A file without them keeps the digest that it has always had.
        return facts | {name: getattr(self, name) for name in _OPTIONAL if getattr(self, name) is not None}


def statistics_of(
    features: np.ndarray,
    feature_set: FeatureSet,
    *,
    image_size: tuple[int, int] | None,
    data_fingerprint: str,
    resize: str | None = RESIZE_FILTER,
) -> Statistics:
    """Return the statistics of features (n, d). Raises StatisticsError for n < 2 or numbers that are not finite."""
    features = checked_features(features)
    _require_dimensions("the features", features.shape[1], feature_set)
    kept: slice | np.ndarray = slice(None)
    if len(features) > KEPT_FEATURES:
        order = keyed_generator(0, "metrics/kept features").permutation(len(features))
        kept = np.sort(order[:KEPT_FEATURES])
    return Statistics(
        mu=features.mean(axis=0),
        sigma=np.atleast_2d(np.cov(features, rowvar=False)),
        feature_set=feature_set.name,
        feature_digest=feature_set.digest,
        images=len(features),
        image_size=image_size and (image_size[0], image_size[1]),
        data_fingerprint=data_fingerprint,
        verified=True,
        resize=resize,
        features=features[kept].astype(np.float32),
    )


def write_statistics(path: Path, statistics: Statistics) -> None:
    """Write an `.npz` with `mu`, `sigma`, `ganc` and, if there are any, `features`; equal ones give equal bytes.

    Raises:
        WriteError: the file cannot be written; an older one stays.
    """
    header = {"format": FORMAT, "version": VERSION, **statistics.facts(), CHECKSUM: _checksum(statistics)}
    arrays = {
        "mu": statistics.mu,
        "sigma": statistics.sigma,
        "ganc": np.array(json.dumps(header, sort_keys=True, ensure_ascii=False)),
    }
    if statistics.features is not None:
        arrays["features"] = statistics.features
    with replacing(Path(path)) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))  # numpy may write the time of day
            entry.create_system = 3
            archive.writestr(entry, member.getvalue())


def _checksum(statistics: Statistics) -> str:
    """Return the digest of all that a file says. The archive has checksums of its own, but none of its list."""
    arrays = {"mu": statistics.mu.astype("<f8"), "sigma": statistics.sigma.astype("<f8")}
    if statistics.features is not None:
        arrays["features"] = statistics.features.astype("<f4")
    return tensors_digest(statistics.facts(), arrays)


def read_statistics(path: Path, feature_set: FeatureSet | None, assume_feature_set: bool = False) -> Statistics:
    """Read statistics that must have been computed with `feature_set` (None: whatever the file says).

    Args:
        assume_feature_set: take a foreign file, which does not say its feature set, as one of `feature_set`; the
            result is not verified.

    Raises:
        FileFormatError: the file cannot be read, is no `.npz`, truncated, pickled, of an unknown version, or `mu` and
            `sigma` are missing or of shapes that do not fit.
        StatisticsError: of another feature set, a foreign file whose feature set was not named, or `sigma` is no
            covariance.
    """
    path = Path(path)
    arrays = _read_arrays(path)
    foreign = "ganc" not in arrays
    if foreign:
        return _foreign(path, arrays, feature_set if assume_feature_set else None)
    mu, sigma = _checked_arrays(path, arrays)
    features = _checked_features(path, arrays.get("features"), len(mu))
    facts, checksum = _checked_facts(path, arrays["ganc"])
    statistics = Statistics(mu=mu, sigma=sigma, features=features, **facts)
    if checksum not in (None, _checksum(statistics)):
        raise FileFormatError(
            f"{path}: its content is not what was written (its checksum differs); make the statistics again with "
            "ganc stats"
        )
    if feature_set is not None:
        require_feature_set(path, statistics, feature_set)
        _require_dimensions(path, len(mu), feature_set)
    return statistics


def _foreign(path: Path, arrays: Mapping[str, np.ndarray], feature_set: FeatureSet | None) -> Statistics:
    """Return the statistics of a file of another program, which are not verified."""
    alone = _holds_features_alone(arrays)
    mu, sigma = (None, None) if alone else _checked_arrays(path, arrays)
    if feature_set is None:
        raise StatisticsError(
            f"{path}: does not say which feature set it was computed with; name it with --feature-set to take it "
            "as unverified, or make the statistics with ganc stats"
        )
    if mu is None or sigma is None:
        return _statistics_of_features(path, arrays["feats"], feature_set)
    _require_dimensions(path, len(mu), feature_set)
    return Statistics(
        mu=mu,
        sigma=sigma,
        feature_set=feature_set.name,
        feature_digest=feature_set.digest,
        images=None,
        image_size=None,
        data_fingerprint="",
        verified=False,
    )


def _holds_features_alone(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether a file of another program holds an array `feats` and no statistics, as clean-fid's `_kid.npz` do."""
    return "feats" in arrays and "mu" not in arrays


def _statistics_of_features(path: Path, feats: np.ndarray, feature_set: FeatureSet) -> Statistics:
    _checked_features(path, feats, feature_set.dimensions, "feats")
    made = statistics_of(feats.astype(np.float32), feature_set, image_size=None, data_fingerprint="", resize=None)
    return replace(made, verified=False)


def require_feature_set(source: object, statistics: Statistics, feature_set: FeatureSet) -> None:
    """Raise StatisticsError, naming both, unless the statistics were computed with this feature set."""
    if statistics.feature_set != feature_set.name:
        raise StatisticsError(
            f"{source}: was computed with the feature set {statistics.feature_set}, expected {feature_set.name}; "
            "make statistics of that one with ganc stats"
        )
    if statistics.feature_digest != feature_set.digest:
        raise StatisticsError(
            f"{source}: was computed with {feature_set.name} of digest {statistics.feature_digest[:16]}, this one's is "
            f"{feature_set.digest[:16]}: its weights differ; make the statistics again with ganc stats"
        )


def require_resize(source: object, statistics: Statistics, size: tuple[int, int] | None, preparation: str) -> None:
    """Raise StatisticsError where the images had another size or filter; a foreign file does not say them."""
    if statistics.image_size is not None and size is not None and tuple(statistics.image_size) != tuple(size):
        had, wanted = ("x".join(map(str, pair)) for pair in (statistics.image_size, size))
        option = f"--size {size[0] if size[0] == size[1] else wanted}"
        raise StatisticsError(
            f"{source}: made from images of {had}, here they are {wanted}; make it again with ganc stats {option}"
        )
    if statistics.resize not in (None, preparation):
        raise StatisticsError(
            f"{source}: made from images resized {statistics.resize}, here they are resized {preparation}; "
            "make it again with ganc stats"
        )


def _require_dimensions(source: object, dimensions: int, feature_set: FeatureSet) -> None:
    if dimensions != feature_set.dimensions:
        raise StatisticsError(
            f"{source}: has {dimensions} dimensions, but {feature_set.name} has {feature_set.dimensions}; "
            "use the feature set that it was computed with"
        )


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    content = read_bytes(path, _EXPECTED, limit=_MOST_BYTES, pipe=True)
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise FileFormatError(f"{path}: is no .npz file or is truncated; expected {_EXPECTED}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            held = {name: archive.NameToInfo[f"{name}.npy"] for name in _BOUNDS if f"{name}.npy" in archive.NameToInfo}
            for name, member in held.items():
                if member.file_size > _BOUNDS[name]:
                    raise FileFormatError(
                        f"{path}: its {name} says that it has {member.file_size:,} bytes, expected at most "
                        f"{_BOUNDS[name]:,}: statistics of at most {MOST_DIMENSIONS} dimensions"
                    )
            return {name: _array(archive.read(member)) for name, member in held.items()}
    except FileFormatError:
        raise
    except Exception as error:  # the bytes may be anything, and zipfile and numpy raise nearly anything on them
        raise FileFormatError(
            f"{path}: is damaged or pickled ({one_line(error)[:200]}); make the statistics again with ganc stats"
        ) from error


def _array(member: bytes) -> np.ndarray:
    """Return a member's array; numpy takes memory for the declared shape before it looks whether it is there."""
    stream = io.BytesIO(member)
    version = np.lib.format.read_magic(stream)
    headers: Any = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, dtype = headers[version](stream)
    if math.prod(shape) * dtype.itemsize > len(member) and not dtype.hasobject:
        raise ValueError(f"an array of shape {str(shape)[:50]} in {len(member):,} bytes")
    return np.lib.format.read_array(io.BytesIO(member), allow_pickle=False)


def _checked_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    if missing := [name for name in ("mu", "sigma") if name not in arrays]:
        raise FileFormatError(f"{path}: has no {' and no '.join(missing)}; expected {_EXPECTED}")
    mu, sigma = arrays["mu"], arrays["sigma"]
    if mu.dtype.kind != "f" or sigma.dtype.kind != "f" or mu.ndim != 1 or not mu.size or sigma.shape != mu.shape * 2:
        raise FileFormatError(
            f"{path}: mu has shape {mu.shape} and sigma {sigma.shape}, of {mu.dtype} and {sigma.dtype}; expected (d,) "
            "and (d, d) of floats"
        )
    if not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise StatisticsError(f"{path}: holds numbers that are not finite; make the statistics again with ganc stats")
    mu, sigma = mu.astype(np.float64), sigma.astype(np.float64)
    if said := no_covariance(sigma):
        raise StatisticsError(f"{path}: its {said}; make the statistics again with ganc stats")
    return mu, sigma


def _checked_features(
    path: Path, features: np.ndarray | None, dimensions: int, name: str = "features"
) -> np.ndarray | None:
    if features is None:
        return None
    if features.dtype.kind != "f" or features.ndim != 2 or len(features) < 2 or features.shape[1] != dimensions:
        raise FileFormatError(
            f"{path}: {name} have shape {features.shape} of {features.dtype}; expected floats of shape "
            f"(k, {dimensions}), k at least 2"
        )
    if not np.isfinite(features).all():
        raise StatisticsError(f"{path}: holds numbers that are not finite; make the statistics again with ganc stats")
    return features.astype(np.float32)


def _checked_facts(path: Path, header: np.ndarray) -> tuple[dict, str | None]:
    """Return what a file says besides its arrays, and its checksum; an older ganc wrote none."""
    if header.dtype.kind != "U" or header.shape != ():
        raise FileFormatError(f"{path}: its array 'ganc' holds no text; make the statistics again")
    facts = JsonObject.of(parse_json(str(header), path, "its array 'ganc'"), path)
    facts.require_format(FORMAT, (VERSION,), "make the statistics again with ganc stats")
    if missing := [name for name in _FACTS if name not in facts.members]:
        raise FileFormatError(f"{path}: its metadata lack {', '.join(missing)}; make the statistics again")
    taken = {name: facts.take(name, kind, *default) for name, (kind, *default) in _FACTS.items()}
    if (size := taken["image_size"]) is not None:
        if len(size) != 2 or any(type(side) is not int or side < 1 for side in size):
            raise FileFormatError(f"{path}: its 'image_size' is {str(size)[:40]}, expected two sizes in pixels")
        taken["image_size"] = tuple(size)
    return taken | {name: facts.take(name, str, None) for name in _OPTIONAL}, facts.take(CHECKSUM, str, None)
