"""What a feature set is: a name, a digest, and images to an (n, d) array."""

from typing import Protocol

import numpy as np

from ganc.base.errors import StatisticsError


class FeatureSet(Protocol):
    """What the metric is computed on.

    Attributes:
        name: the metric's name in every file and table.
        digest: of architecture and weights.
        dimensions: d, the length of one image's features.
        batch: how many images a call should have at least, to be fast.
        smallest_side: pixels that an image's sides have at least.
    """

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def batch(self) -> int: ...

    @property
    def smallest_side(self) -> int: ...

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the features (n, d), float, of images (n, h, w, 3), uint8 RGB."""
        ...


def require_side(features: FeatureSet, size: tuple[int, int], whose: str) -> None:
    """Raise StatisticsError where images of a size are too small for the feature set.

    Args:
        whose: the image or the option that has this size.
    """
    if min(size) < (least := features.smallest_side):
        raise StatisticsError(
            f"{whose}: images of {size[0]}x{size[1]} are too small for {features.name}, which needs {least}x{least} at "
            "least; take a larger --size"
        )


def check_images(images: np.ndarray, smallest_side: int) -> None:
    """Raise StatisticsError unless the images are (n, h, w, 3) of uint8 and large enough."""
    shape = images.shape
    if images.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or min(shape[1:3]) < smallest_side:
        raise StatisticsError(
            f"images have shape {shape} of {images.dtype}, expected (n, h, w, 3) of uint8, at least "
            f"{smallest_side}x{smallest_side}"
        )
