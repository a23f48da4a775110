"""Image sets: what one training step or one evaluation sees of the pictures, as floats.

A training set is anything with `sample(epoch, index)` (a tuple of float32 arrays), `len` (samples an epoch) and
`fingerprint`; loader.py and the stages use nothing else of it, so that a paired set stands beside the unpaired one.
Samples depend on the seed, the epoch and the index only, never on who asks for them or in which order.
"""

import hashlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from ganc.base.errors import DataError
from ganc.base.rng import keyed_generator
from ganc.data.images import Size, load_rgb, resize, to_float
from ganc.data.lists import ImageList


class TrainingSet(Protocol):
    """What the loader and the stages need of a set of training pictures."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the pictures' content; sizes, seed and augmentation are not part of it."""
        ...

    def __len__(self) -> int:
        """Return the number of samples an epoch."""
        ...

    def sample(self, epoch: int, index: int) -> tuple[np.ndarray, ...]:
        """Return (source, target) of one sample, float32 (3, h, w) in [-1, 1]; safe to call from several threads."""
        ...


class ResizedImages:
    """Pictures resized to one size; with `cached` each is decoded once and kept as uint8.

    Threads may share it: two that load the same picture at once store the same bytes.
    """

    def __init__(self, pictures: ImageList, size: Size, *, cached: bool):
        self._paths = pictures.paths
        self._size = size
        width, height = size
        self._store = np.empty((len(pictures) if cached else 0, height, width, 3), dtype=np.uint8)
        self._stored = np.zeros(len(self._store), dtype=bool)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return a picture as uint8 (h, w, 3). Raises DataError when it cannot be read, IndexError beyond the end."""
        if not 0 <= index < len(self):
            raise IndexError(f"index (={index}) must be in 0 … {len(self) - 1}")
        if len(self._store) and self._stored[index]:
            return self._store[index]
        picture = resize(load_rgb(self._paths[index]), self._size)
        if len(self._store):
            self._store[index] = picture
            self._stored[index] = True
        return picture


class UnpairedSet:
    """Pictures of two domains that do not belong together: A in order or shuffled, B drawn at random (CycleGAN).

    Each is resized to `load_size` (bicubic, the aspect is not kept), cropped to `crop_size` at a random place and
    mirrored in half of the cases (method.md, "Training").
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
        """Make the set; pictures are read when they are first needed.

        Args:
            source: the pictures of domain A.
            target: the pictures of domain B.
            load_size: (width, height) that every picture is resized to.
            crop_size: (width, height) of the samples, multiples of 4.
            seed: the run's seed.
            shuffle: visit A in a new order each epoch.
            flip: mirror at random.
            cache_bytes: resized pictures are kept in memory when all of them take no more than this.

        Raises:
            DataError: a size that does not fit, or an empty list.
        """
        _check_sizes(load_size, crop_size)
        if not len(source) or not len(target):
            raise DataError(f"an unpaired set needs pictures of both domains, got {len(source)} and {len(target)}")
        self.source = source
        self.target = target
        self.load_size = load_size
        self.crop_size = crop_size
        self.seed = seed
        self.shuffle = shuffle
        self.flip = flip
        self.cached = _bytes_needed(len(source) + len(target), load_size) <= cache_bytes
        self._sources = ResizedImages(source, load_size, cached=self.cached)
        self._targets = ResizedImages(target, load_size, cached=self.cached)
        self._order = (-1, np.empty(0, dtype=np.int64))

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of both lists' fingerprints. Raises DataError when a file cannot be read."""
        return hashlib.sha256(f"{self.source.fingerprint} {self.target.fingerprint}".encode()).hexdigest()

    def __len__(self) -> int:
        """Return the samples an epoch: the number of pictures of the larger domain."""
        return max(len(self.source), len(self.target))

    def sample(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (source, target), each float32 (3, h, w) in [-1, 1].

        Raises:
            DataError: a picture cannot be read.
            IndexError: `index` is not in 0 … len - 1.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"index (={index}) must be in 0 … {len(self) - 1}")
        source = self._source_index(epoch, index)
        target = int(keyed_generator(self.seed, "data.target", epoch, index).integers(len(self.target)))
        return (
            self._augment(self._sources[source], "source", epoch, index),
            self._augment(self._targets[target], "target", epoch, index),
        )

    def _source_index(self, epoch: int, index: int) -> int:
        index %= len(self.source)
        if not self.shuffle:
            return index
        kept_epoch, order = self._order  # read once: another thread may be replacing it
        if kept_epoch != epoch:
            order = keyed_generator(self.seed, "data.shuffle", epoch).permutation(len(self.source))
            self._order = (epoch, order)
        return int(order[index])

    def _augment(self, picture: np.ndarray, domain: str, epoch: int, index: int) -> np.ndarray:
        crop_draw = keyed_generator(self.seed, f"data.crop.{domain}", epoch, index)
        picture = random_crop(picture, self.crop_size, crop_draw)
        if self.flip and keyed_generator(self.seed, f"data.flip.{domain}", epoch, index).integers(2):
            picture = picture[:, ::-1]
        return to_float(picture)


class EvaluationSet:
    """Pictures resized straight to one size, without crop or flip, in order."""

    def __init__(self, pictures: ImageList, size: Size, cache_bytes: int = 0):
        """Make the set; pictures are read when they are first needed.

        Args:
            pictures: what to evaluate on.
            size: (width, height).
            cache_bytes: resized pictures are kept in memory when all of them take no more than this.

        Raises:
            DataError: a size that is not positive.
        """
        if min(size) < 1:
            raise DataError(f"size (={_text(size)}) must be positive")
        self.pictures = pictures
        self.size = size
        self.cached = _bytes_needed(len(pictures), size) <= cache_bytes
        self._resized = ResizedImages(pictures, size, cached=self.cached)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the pictures. Raises DataError when a file cannot be read."""
        return self.pictures.fingerprint

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return a picture as float32 (3, h, w) in [-1, 1]. Raises DataError, IndexError."""
        return to_float(self._resized[index])

    def batches(self, batch_size: int) -> Iterator[np.ndarray]:
        """Yield all pictures in order as float32 (n, 3, h, w), n = `batch_size` but for the last. Raises DataError."""
        for start in range(0, len(self), batch_size):
            yield np.stack([self[index] for index in range(start, min(start + batch_size, len(self)))])


def random_crop(picture: np.ndarray, size: Size, draw: np.random.Generator) -> np.ndarray:
    """Return a `size` = (width, height) part of a uint8 (h, w, 3) picture, every place equally likely."""
    width, height = size
    top = int(draw.integers(picture.shape[0] - height + 1))
    left = int(draw.integers(picture.shape[1] - width + 1))
    return picture[top : top + height, left : left + width]


def _check_sizes(load_size: Size, crop_size: Size) -> None:
    if min(crop_size) < 1 or any(side % 4 for side in crop_size):
        raise DataError(f"crop_size (={_text(crop_size)}) must be positive and divisible by 4")
    if load_size[0] < crop_size[0] or load_size[1] < crop_size[1]:
        raise DataError(
            f"load_size (={_text(load_size)}) must be at least crop_size (={_text(crop_size)}) in width and height"
        )


def _bytes_needed(count: int, size: Size) -> int:
    return count * size[0] * size[1] * 3


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
