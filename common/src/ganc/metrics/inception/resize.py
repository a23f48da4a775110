"""Inception's own resizing to 299x299, as a product with two small matrices.

Bilinear, half-pixel centres, edges repeated, no antialiasing: what PyTorch calls interpolate(mode="bilinear",
align_corners=False). As matrices it is one definition for every runtime; their own resize operators round positions in
float32 each in their own way.
"""

import numpy as np

from ganc.metrics.inception.architecture import INPUT_SIDE


def bilinear(side: int) -> np.ndarray:
    """Return the matrix (299, side), float32, that takes a line of `side` pixels to one of 299."""
    position = ((np.arange(INPUT_SIDE) + 0.5) * side / INPUT_SIDE - 0.5).clip(0, side - 1)
    low = np.floor(position).astype(int)
    weight = position - low
    matrix = np.zeros((INPUT_SIDE, side))
    rows = np.arange(INPUT_SIDE)
    matrix[rows, low] += 1 - weight
    matrix[rows, np.minimum(low + 1, side - 1)] += weight
    return matrix.astype(np.float32)


def resized(pictures: np.ndarray) -> np.ndarray:
    """Return uint8 pictures (n, h, w, 3) as float32 planes (n, 3, 299, 299) in 0 … 255."""
    planes = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).astype(np.float32)
    height, width = planes.shape[2:]
    if (width, height) != (INPUT_SIDE, INPUT_SIDE):
        planes = bilinear(height) @ (planes @ bilinear(width).T)
    return planes
