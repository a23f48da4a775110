"""Image sets: what one training step or one evaluation sees of the images, as floats.

A training set is anything with `sample(epoch, index)` (a tuple of float32 arrays), `len` (samples an epoch) and
`fingerprint`; loader.py and the stages use nothing else of it, so that a paired set is one more class here.
Samples depend on the seed, the epoch and the index only, never on the order in which they are asked for.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ganc.base.errors import DataError
from ganc.base.resizing import Resize
from ganc.base.rng import keyed_generator
from ganc.data.images import Size, to_float
from ganc.data.lists import ImageList
from ganc.data.pairs import require_equal_sizes
from ganc.data.reading import require_covering


class TrainingSet(Protocol):
    """What the loader and the stages need of a set of training images."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the images' content; sizes, seed and augmentation are not part of it."""
        ...

    def __len__(self) -> int:
        """Return the number of samples an epoch."""
        ...

    def sample(self, epoch: int, index: int) -> tuple[np.ndarray, ...]:
        """Return (source, target) of one sample, float32 (channels, h, w) in [-1, 1]; several threads may call it."""
        ...

    def places(self, epoch: int, index: int) -> tuple[int, ...]:
        """Return which image of its domain each of a sample's is, by places in the lists of images."""
        ...


class PreparedImages:
    """Images, each prepared when it is first needed; with `cached` it is then kept as uint8.

    Threads may share it: two that load the same image at once store equal arrays.
    """

    def __init__(self, paths: Sequence[Path], prepare: Callable[[Path], np.ndarray], *, cached: bool):
        self._paths = paths
        self._prepare = prepare
        self._kept: dict[int, np.ndarray] | None = {} if cached else None

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return uint8 (h, w, channels). Raises DataError when it cannot be read, IndexError beyond the end."""
        if not 0 <= index < len(self):
            raise IndexError(f"index (={index}) must be in 0 … {len(self) - 1}")
        if self._kept is None:
            return self._prepare(self._paths[index])
        if index not in self._kept:
            # A copy: what was cut out of a larger image would keep all of it.
            self._kept[index] = np.array(self._prepare(self._paths[index]))
        return self._kept[index]


class _TwoDomains:
    """Images of two domains, resized to `load_size` (bicubic) as their list's `Reading.resize` says.

    A sample is cropped to `crop_size` at a random place and mirrored in half of the cases (method.md, "Training").
    """

    def __init__(
        self,
        source: ImageList,
        target: ImageList,
        *,
        load_size: Size,
        crop_size: Size,
        seed: int,
        shuffle: bool = True,
        flip: bool = True,
        cache_bytes: int,
    ):
        """Make the set; images are read when they are first needed.

        Args:
            source: the images of domain A.
            target: the images of domain B.
            load_size: (width, height) that images are resized to before the crop; unused where they are not resized.
            crop_size: (width, height) of the samples.
            seed: the run's seed.
            shuffle: visit A in a new order each epoch.
            flip: mirror at random.
            cache_bytes: resized images are kept in memory when all of them take no more than this.

        Raises:
            DataError: a size that does not fit, an empty list, or an image that is not resized and too small.
        """
        if min(crop_size) < 1:
            raise DataError(f"crop_size (={_text(crop_size)}) must be positive")
        if not len(source) or not len(target):
            raise DataError(f"a training set needs images of both domains, got {len(source)} and {len(target)}")
        self.source = source
        self.target = target
        self.load_size = load_size
        self.crop_size = crop_size
        self.seed = seed
        self.shuffle = shuffle
        self.flip = flip
        needed = sum(_bytes_resized(images, load_size, crop_size) for images in (source, target))
        self.cached = needed <= cache_bytes
        self._sources, self._targets = (
            PreparedImages(images.paths, partial(images.reading.load_resized, size=load_size), cached=self.cached)
            for images in (source, target)
        )
        self._order = (-1, np.empty(0, dtype=np.int64))

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of both lists' fingerprints. Raises DataError when a file cannot be read."""
        return hashlib.sha256(f"{self.source.fingerprint} {self.target.fingerprint}".encode()).hexdigest()

    def __len__(self) -> int:
        """Return the samples an epoch: the number of images of the larger domain."""
        return max(len(self.source), len(self.target))

    def _require_index(self, index: int) -> None:
        if not 0 <= index < len(self):
            raise IndexError(f"index (={index}) must be in 0 … {len(self) - 1}")

    def _source_index(self, epoch: int, index: int) -> int:
        index %= len(self.source)
        if not self.shuffle:
            return index
        kept_epoch, order = self._order  # read once: another thread may be replacing it
        if kept_epoch != epoch:
            order = keyed_generator(self.seed, "data.shuffle", epoch).permutation(len(self.source))
            self._order = (epoch, order)
        return int(order[index])

    def _augment(self, image: np.ndarray, draws: str, epoch: int, index: int) -> np.ndarray:
        """Return an image cropped and mirrored; equal names of draws do the same to images of equal size."""
        crop_draw = keyed_generator(self.seed, f"data.crop.{draws}", epoch, index)
        image = random_crop(image, self.crop_size, crop_draw)
        if self.flip and keyed_generator(self.seed, f"data.flip.{draws}", epoch, index).integers(2):
            image = image[:, ::-1]
        return to_float(image)


class UnpairedSet(_TwoDomains):
    """Images of two domains that do not belong together: A in order or shuffled, B drawn at random (CycleGAN)."""

    def sample(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (source, target), each float32 (channels, h, w) in [-1, 1].

        Raises:
            DataError: an image cannot be read.
            IndexError: `index` is not in 0 … len - 1.
        """
        source, target = self.places(epoch, index)
        return (
            self._augment(self._sources[source], "source", epoch, index),
            self._augment(self._targets[target], "target", epoch, index),
        )

    def places(self, epoch: int, index: int) -> tuple[int, int]:
        """See `TrainingSet.places`. Raises IndexError as `sample`."""
        self._require_index(index)
        target = keyed_generator(self.seed, "data.target", epoch, index).integers(len(self.target))
        return self._source_index(epoch, index), int(target)


class PairedSet(_TwoDomains):
    """Images with their partners, which are cropped and mirrored alike (pix2pix, arXiv 1611.07004, section 6.2).

    Raises:
        DataError: as of an `UnpairedSet`; or partners differ in number or size: one is named.
    """

    def __init__(self, source: ImageList, target: ImageList, **options: Any):
        if len(source) != len(target):
            raise DataError(f"a paired set needs as many targets as sources, got {len(source)} and {len(target)}")
        require_equal_sizes(source, target)
        super().__init__(source, target, **options)

    def sample(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (source, target) of one pair; as `UnpairedSet.sample`."""
        place, _ = self.places(epoch, index)
        source, target = (
            self._augment(images[place], "pair", epoch, index) for images in (self._sources, self._targets)
        )
        return source, target

    def places(self, epoch: int, index: int) -> tuple[int, int]:
        """See `TrainingSet.places`. Raises IndexError as `sample`."""
        self._require_index(index)
        place = self._source_index(epoch, index)
        return place, place


class EvaluationSet:
    """Images of one size, in order, without random crop or flip; `Reading.resize` says how they come to that size."""

    def __init__(self, images: ImageList, size: Size, cache_bytes: int = 0):
        """Make the set; images are read when they are first needed.

        Args:
            images: what to evaluate on.
            size: (width, height).
            cache_bytes: prepared images are kept in memory when all of them take no more than this.

        Raises:
            DataError: a size that is not positive.
        """
        if min(size) < 1:
            raise DataError(f"size (={_text(size)}) must be positive")
        self.images = images
        self.size = size
        self.cached = len(images) * size[0] * size[1] * images.reading.channels <= cache_bytes
        self._prepared = PreparedImages(
            images.paths, lambda path: images.reading.load_fitted(path, size), cached=self.cached
        )

    @property
    def preparation(self) -> str:
        """How the images were read and resized, for the record."""
        return self.images.reading.preparation

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the images. Raises DataError when a file cannot be read."""
        return self.images.fingerprint

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return an image as float32 (channels, h, w) in [-1, 1]. Raises DataError, IndexError."""
        return to_float(self._prepared[index])

    def batches(self, batch_size: int) -> Iterator[np.ndarray]:
        """Yield all images in order as float32 (n, channels, h, w), n = `batch_size` but for the last."""
        for start in range(0, len(self), batch_size):
            yield np.stack([self[index] for index in range(start, min(start + batch_size, len(self)))])


def random_crop(image: np.ndarray, size: Size, draw: np.random.Generator) -> np.ndarray:
    """Return a `size` = (width, height) part of a uint8 (h, w, channels) image, every place equally likely."""
    width, height = size
    top = int(draw.integers(image.shape[0] - height + 1))
    left = int(draw.integers(image.shape[1] - width + 1))
    return image[top : top + height, left : left + width]


def _bytes_resized(images: ImageList, load_size: Size, crop_size: Size) -> int:
    """Return what a list's resized images take in memory, after checking that each of them can be cropped."""
    reading = images.reading
    if reading.resize != Resize.NONE and (load_size[0] < crop_size[0] or load_size[1] < crop_size[1]):
        raise DataError(
            f"load_size (={_text(load_size)}) must be at least crop_size (={_text(crop_size)}) in width and height"
        )
    if reading.resize == Resize.BOTH:
        return len(images) * load_size[0] * load_size[1] * reading.channels
    pixels = 0
    for path in images.paths:
        width, height = reading.resized_size(reading.size(path), load_size)
        require_covering(path, (width, height), crop_size)
        pixels += width * height
    return pixels * reading.channels


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
