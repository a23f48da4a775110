"""What makes a pretrained network a feature set."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ganc.models.convolutions import Convolution, NetworkState
from ganc.models.layers import Layers


class LayeredSpec(Protocol):
    """The spec of a network that is a chain of layers."""

    @property
    def layers(self) -> Layers:
        """The layers from planes (n, 3, side, side) to features (n, dimensions)."""

    def convolutions(self) -> tuple[Convolution, ...]:
        """Return the convolutions in the order in which they are described."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureNetwork:
    """A pretrained network with all that happens between 8-bit images and features.

    An image's planes, 0 … 255, are resized to side x side by a product with `resize(height)` from the left and with
    `resize(width)` transposed from the right; then `offset` is subtracted, and the network runs.

    Attributes:
        name: the feature set's.
        digest: of preprocessing, architecture and weights.
        state: the network, whose spec is a LayeredSpec; any scale of the planes is inside its weights.
        side: width and height of the planes that it takes.
        dimensions: length of one image's features.
        resize: the matrix (side, n), float32, that takes a line of n pixels to one of `side`.
        clipped: values that the filter takes beyond 0 … 255 are brought back.
    """

    name: str
    digest: str
    state: NetworkState
    side: int
    dimensions: int
    resize: Callable[[int], np.ndarray]
    offset: float = 0.0
    clipped: bool = False

    @property
    def layers(self) -> Layers:
        return self.state.spec.layers

    def planes(self, images: np.ndarray) -> np.ndarray:
        """Return uint8 images (n, h, w, 3) as the float32 planes (n, 3, side, side) that the network takes."""
        planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.float32)
        height, width = planes.shape[2:]
        if (width, height) != (self.side, self.side):
            planes = self.resize(height) @ (planes @ self.resize(width).T)
        if self.clipped:
            planes = planes.clip(0, 255)
        return planes - np.float32(self.offset) if self.offset else planes
