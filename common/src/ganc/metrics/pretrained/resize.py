"""Resizing as a product with two small matrices: one definition for every engine.

The engines' own resize operators round positions in float32 each in their own way.
"""

import math

import numpy as np

BICUBIC = -0.5  # Keys' parameter, as Pillow has it


def bilinear(side: int, target: int) -> np.ndarray:
    """Return the matrix (target, side), float32, that takes a line of `side` pixels to one of `target`.

    Bilinear, half-pixel centres, edges repeated, no antialiasing: what PyTorch calls interpolate(mode="bilinear",
    align_corners=False).
    """
    position = ((np.arange(target) + 0.5) * side / target - 0.5).clip(0, side - 1)
    low = np.floor(position).astype(int)
    weight = position - low
    matrix = np.zeros((target, side))
    rows = np.arange(target)
    matrix[rows, low] += 1 - weight
    matrix[rows, np.minimum(low + 1, side - 1)] += weight
    return matrix.astype(np.float32)


def bicubic(side: int, target: int) -> np.ndarray:
    """Return the matrix (target, side), float32, of a bicubic filter (Keys, 1981) that is widened where it shrinks.

    This is Pillow's resize(BICUBIC) without its rounding to 8 bits between and after the two directions: where the line
    becomes shorter, the filter covers as many pixels as fall together, and at the edges it is cut and scaled to sum 1.
    """
    scale = max(1.0, side / target)
    matrix = np.zeros((target, side))
    for row in range(target):
        centre = (row + 0.5) * side / target
        first = max(0, math.floor(centre - 2 * scale + 0.5))
        last = min(side, math.floor(centre + 2 * scale + 0.5))
        weights = _keys((np.arange(first, last) + 0.5 - centre) / scale)
        matrix[row, first:last] = weights / weights.sum()
    return matrix.astype(np.float32)


def _keys(x: np.ndarray) -> np.ndarray:
    """Return Keys' cubic kernel: a piecewise polynomial on [-2, 2], 1 at 0 and 0 at the other whole numbers."""
    x, a = np.abs(x), BICUBIC
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
