"""Comparing an exported variant with the checkpoint: on which images, how far it is, how far rounding may take it.

An instance norm divides by a channel's spread. Where an image is flat (a frame, a label map, a slide) channels hardly
vary, so that it makes rounding of float32 large: of the checkpoint and of every correct graph alike, each its own. So a
variant is held to the same network in float64, and may be farther from it where the checkpoint is too, or where numbers
that are rounded at random take that network away from itself: one engine may be exact by luck where others round. On
random images the checkpoint's own rounding is some 1e-6, and nothing else counts: a graph that computes something else
is refused by these.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ganc.base.engine_table import PRECISIONS
from ganc.base.errors import ExportError
from ganc.base.resizing import Resize
from ganc.base.rng import keyed_generator
from ganc.data import EvaluationSet, to_float, to_uint8
from ganc.engines import Engine
from ganc.engines.eager import exact_engine, rounded_engine
from ganc.files.checkpoint import Checkpoint
from ganc.metrics.evaluation import evaluation_images
from ganc.models.convolutions import NetworkState

LARGEST_ERROR = 1e-4  # of an exact precision (f32), in values from -1 to 1, whatever the checkpoint's own
MULTIPLE = 8  # and of the checkpoint's own error, where that is more; up to 3.1 was seen (docs/deployment.md)
UNDETERMINED = 0.1  # own error with which a network makes nothing but rounding, as of a uniform image
DRAWS = 3  # of random rounding on the user's images, the largest error counts; they were alike within a factor of 2
LARGEST_MEAN = 0.1  # of the other precisions: beyond that it is another image


@dataclass(frozen=True)
class Difference:
    """How far a variant's images are from the checkpoint's.

    Attributes:
        largest, mean: of the absolute differences of values in [-1, 1]; where a variant gives bytes, of its bytes to
            the bytes of the checkpoint's images, on the same scale.
        other_bytes: the share of 8-bit values that differ.
    """

    largest: float
    mean: float
    other_bytes: float


@dataclass(frozen=True)
class Rounding:
    """How far a variant is on one image from the network in float64, beside how far the checkpoint is.

    Attributes:
        image: its name, and the size at which it was compared.
        given: whether it is the user's; others are random.
        own, error: the checkpoint's and the variant's largest error in any value, of values in [-1, 1].
        drawn: that of rounding at random; 0 of random images.
    """

    image: str
    given: bool
    own: float
    error: float
    drawn: float = 0.0

    @property
    def allowed(self) -> float:
        """Below this an error is rounding."""
        return max(LARGEST_ERROR, MULTIPLE * max(self.own, self.drawn))

    @property
    def used(self) -> float:
        """The error as a part of what is allowed; infinite where it is no number."""
        return self.error / self.allowed if np.isfinite(self.error) else np.inf

    @property
    def facts(self) -> dict:
        """What the card says of it."""
        return {"image": self.image, "largest": self.error, "checkpoint": self.own, "rounding": self.drawn}


@dataclass(frozen=True)
class Found:
    """What the comparison of one variant found.

    Attributes:
        difference: to the checkpoint, on the user's images where there are any.
        worst: the image on which the error is nearest to what is allowed, or beyond, a random one where it is beyond on
            one; None of a precision that is not exact.
    """

    difference: Difference
    worst: Rounding | None = None

    @property
    def is_close(self) -> bool:
        """Whether the variant is near enough to the checkpoint.

        An exact precision has to be equal but for rounding. The others are as far as they are, which is reported; a
        mean of 0.1 is no longer the same image.
        """
        return self.difference.mean <= LARGEST_MEAN if self.worst is None else self.worst.used < 1

    def require_close(self, name: str) -> None:
        """Raise ExportError unless `is_close`; `name` is the variant's, for the message."""
        if self.is_close:
            return
        worst = self.worst
        if worst is None:
            raise ExportError(
                f"{name}: the exported model differs from the checkpoint by {self.difference.mean:.2g} on average, at "
                f"most {LARGEST_MEAN:g} was expected; nothing was written"
            )
        way_out, drawn = "the graph computes something else, choose another --format", ""
        if worst.given:
            way_out = "on random images it is right: take this one out of --data, or leave --data out"
            drawn = f", rounding at random {worst.drawn:.2g}"
        raise ExportError(
            f"{name}: nothing was written: on {worst.image} the exported model is {worst.error:.2g} from the network "
            f"in float64, less than {worst.allowed:.2g} was expected (the checkpoint is {worst.own:.2g}{drawn}); "
            f"{way_out}"
        )


@dataclass(frozen=True)
class Compared:
    """A batch of images, and what the checkpoint makes of them.

    Attributes:
        names: of each image, with the size.
        given: whether they are the user's images; others are random.
        images, wanted: float32 (n, c, h, w).
        exact: what the network makes of them in float64.
        drawn: how far random rounding takes it from that at most, (n,); 0 of random images.
    """

    names: tuple[str, ...]
    given: bool
    images: np.ndarray
    wanted: np.ndarray
    exact: np.ndarray
    drawn: np.ndarray

    @cached_property
    def own(self) -> np.ndarray:
        """The checkpoint's largest error on each image, (n,)."""
        return _largest(self.wanted, self.exact)

    @property
    def determined(self) -> np.ndarray:
        """Whether the answer to each image is more than rounding, (n,): others say nothing of a variant."""
        return np.maximum(self.own, self.drawn) < UNDETERMINED


@dataclass(frozen=True)
class Comparison:
    """All images that variants are compared on.

    Raises:
        ExportError: the checkpoint's answers to the random images are not finite, or nothing but rounding.
    """

    batches: Sequence[Compared]

    def __post_init__(self) -> None:
        for one in self.batches:
            for name, wanted, determined in zip(one.names, one.wanted, one.determined, strict=True):
                if not np.isfinite(wanted).all():
                    raise ExportError(f"what the checkpoint makes of {name} is not finite: it diverged, train it again")
                if not (determined or one.given):
                    raise ExportError(
                        f"what the checkpoint makes of {name} is rounding alone: no exported model can be verified; "
                        "train it again"
                    )

    @property
    def undetermined(self) -> tuple[str, ...]:
        """The names of the images on which nothing can be compared."""
        return tuple(
            name for one in self.batches for name, good in zip(one.names, one.determined, strict=True) if not good
        )

    def of(self, variant: Engine, precision: str, of_bytes: bool) -> Found:
        """Compare a variant, called with float32 images, with the checkpoint.

        Args:
            of_bytes: whether the variant gives bytes, which its engine turned into floats.
        """
        made = [variant(one.images) for one in self.batches]
        pairs = list(zip(self.batches, made, strict=True))
        shown = [pair for pair in pairs if pair[0].given and pair[0].determined.any()] or pairs
        difference = _difference(
            ((one.wanted[one.determined], found[one.determined]) for one, found in shown), of_bytes
        )
        if not PRECISIONS[precision].exact:
            return Found(difference)
        roundings = [each for one, found in pairs for each in _roundings(one, found, of_bytes)]
        wrong = [each for each in roundings if not each.given and each.used >= 1]  # then it is no given image's fault
        return Found(difference, max(wrong or roundings, key=lambda each: each.used))


def _roundings(compared: Compared, found: np.ndarray, of_bytes: bool) -> Iterator[Rounding]:
    """Yield how far a variant's answers to the images that say something are from the network in float64."""
    apart = _beyond_bytes(found, compared.exact) if of_bytes else np.abs(found - compared.exact)
    errors = apart.max(axis=(1, 2, 3))
    for place in np.flatnonzero(compared.determined):
        own, error, drawn = (float(one[place]) for one in (compared.own, errors, compared.drawn))
        yield Rounding(compared.names[place], compared.given, own, error, drawn)


def _beyond_bytes(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return how far `exact` is outside of the values that are truncated to the bytes of `found`."""
    levels, exact_levels = to_uint8(found).transpose(0, 3, 1, 2).astype(np.float64), (exact + 1) * 127.5
    return np.maximum(levels - exact_levels, exact_levels - (levels + 1)).clip(0) / 127.5


def _difference(pairs: Iterable[tuple[np.ndarray, np.ndarray]], of_bytes: bool) -> Difference:
    distances, changed = [], []
    for wanted, found in pairs:
        if not np.isfinite(found).all():
            return Difference(float("nan"), float("nan"), 1.0)
        wanted_bytes, found_bytes = (to_uint8(values).astype(np.int16) for values in (wanted, found))
        changed.append((wanted_bytes != found_bytes).ravel())
        apart = np.abs(wanted_bytes - found_bytes) / 127.5 if of_bytes else np.abs(wanted - found)
        distances.append(apart.ravel())
    apart = np.concatenate(distances)
    return Difference(float(apart.max()), float(apart.mean(dtype=np.float64)), float(np.concatenate(changed).mean()))


def _largest(made: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return the largest error of any value on each image, (n,)."""
    return np.abs(made - exact).max(axis=(1, 2, 3))


def comparison(checkpoint: Checkpoint, data: Path | None, engine: Engine, state: NetworkState) -> Comparison:
    """Return what variants are compared on: two batch sizes at two image sizes, random ones and then those of `data`.

    Args:
        engine, state: the checkpoint's generator, run and as it is.

    Raises:
        ExportError: the checkpoint's answers to random images cannot be compared with.
        DataError: an image of `data` cannot be read.
    """
    width, height = checkpoint.image_size
    sizes = ((1, (width, height)), (2, (width + 4, height + 8)))
    channels = checkpoint.generator.spec.in_channels
    batches = [(False, *_random(channels, *one)) for one in sizes]
    batches += [(True, *_given(checkpoint, data, *one)) for one in sizes] if data else []
    exact, rounded = exact_engine(state), rounded_engine(state, keyed_generator(0, "export/rounding"))
    found = []
    for given, names, images in batches:
        answers = exact(images)
        errors = [_largest(rounded(images), answers) for _ in range(DRAWS)] if given else [np.zeros(len(images))]
        found.append(Compared(names, given, images, engine(images), answers, np.max(errors, axis=0)))
    return Comparison(found)


def _random(channels: int, count: int, size: tuple[int, int]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of random images, and the images, float32 (n, c, h, w); `size` is (width, height)."""
    shape = (count, *reversed(size), channels)
    drawn = keyed_generator(0, "export/pictures", count).integers(0, 256, shape, dtype=np.uint8)
    names = (f"random image {number}" for number in range(1, count + 1))
    return _at(names, size), np.stack([to_float(image) for image in drawn])


def _given(checkpoint: Checkpoint, data: Path, count: int, size: tuple[int, int]) -> tuple[tuple[str, ...], np.ndarray]:
    """As `_random`, of the folder's source images; they are resized, as they need not be as large as is compared."""
    reading = replace(checkpoint.readings.source(checkpoint.direction), resize=Resize.BOTH)
    images, _ = evaluation_images(data, checkpoint.direction.source, reading=reading)
    shown, places = EvaluationSet(images, size), [place % len(images) for place in range(count)]
    return _at((images.names[place] for place in places), size), np.stack([shown[place] for place in places])


def _at(names: Iterable[str], size: tuple[int, int]) -> tuple[str, ...]:
    return tuple(f"{name} at {size[0]}x{size[1]}" for name in names)
