"""Running a generator behind one call: an engine maps float32 images (n, c, h, w) in [-1, 1] to such images.

h and w are multiples of `size_multiple`. Translating, evaluating and searching know nothing else about an engine.
"""

from typing import Protocol

import numpy as np


class Engine(Protocol):
    """A loaded generator."""

    name: str
    size_multiple: int

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Translate float32 images (n, c, h, w) in [-1, 1]."""
