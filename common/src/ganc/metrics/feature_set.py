"""What a feature set is: a name, a digest, and pictures to an (n, d) array."""

from typing import Protocol

import numpy as np

from ganc.base.errors import StatisticsError


class FeatureSet(Protocol):
    """What the metric is computed on.

    Attributes:
        name: the metric's name in every file and table.
        digest: of architecture and weights.
        dimensions: d, the length of one picture's features.
        batch: how many pictures a call should have at least, to be fast.
    """

    name: str
    digest: str
    dimensions: int
    batch: int

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Return the features (n, d), float, of pictures (n, h, w, 3), uint8 RGB."""
        ...


def check_pictures(pictures: np.ndarray, smallest_side: int) -> None:
    """Raise StatisticsError unless the pictures are (n, h, w, 3) of uint8 and large enough."""
    shape = pictures.shape
    if pictures.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or min(shape[1:3]) < smallest_side:
        raise StatisticsError(
            f"pictures have shape {shape} of {pictures.dtype}, expected (n, h, w, 3) of uint8, at least "
            f"{smallest_side}x{smallest_side}"
        )
