"""Distances between what a student makes and what its teacher made. Images are (n, c, h, w) in [-1, 1].

Each returns a tensor of shape (), 0 where both are equal.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ganc.system.runtime import Tensor, paddle

functional = paddle.nn.functional

Relations = tuple[Tensor, Tensor]  # distances and angles

# SSIM: Wang et al., IEEE TIP 13 (2004), section III-B and III-C.
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SSIM_C1, SSIM_C2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2  # L, the range of the values, is 2

WAVELET_LEVELS = 3

STRIPS, PATCHES = 32, 8  # strips of an image either way; patches along each side
ANGLE_WEIGHT = 2.0
SMALLEST_SQUARE = 1e-6  # of a distance between parts: below an eighth of an 8-bit level nothing is told apart


def feature_loss(adapted: Sequence[Tensor], taps: Sequence[Tensor]) -> Tensor:
    """Return the mean squared error of a student's adapted taps to its teacher's, (n, c, h, w) each, summed over taps.

    GAN Compression, arXiv 2003.08936, equation 2.
    """
    return sum(functional.mse_loss(student, teacher) for student, teacher in zip(adapted, taps, strict=True))


def structural_dissimilarity(made: Tensor, wanted: Tensor) -> Tensor:
    """Return 1 - SSIM, over all windows that lie within the images (OMGD, arXiv 2108.06908, section 3).

    It is what 8-bit images have: luminance is that of values from 0 to L, where black is 0. The window is Gaussian;
    images must have at least SSIM_WINDOW pixels a side.
    """
    mean, mean_wanted = _blurred(made), _blurred(wanted)
    variance = _blurred(made * made) - mean * mean
    variance_wanted = _blurred(wanted * wanted) - mean_wanted * mean_wanted
    covariance = _blurred(made * wanted) - mean * mean_wanted
    light, light_wanted = mean + 1, mean_wanted + 1  # variances are the same from any zero, and exacter from mid grey
    luminance = (2 * light * light_wanted + SSIM_C1) / (light * light + light_wanted * light_wanted + SSIM_C1)
    structure = (2 * covariance + SSIM_C2) / (variance + variance_wanted + SSIM_C2)
    return 1.0 - paddle.mean(luminance * structure)


def _blurred(images: Tensor) -> Tensor:
    """Return (n, c, h - 10, w - 10): as a product with two matrices, which is fast on every device."""
    vertical, horizontal = (paddle.to_tensor(_window_matrix(side)) for side in images.shape[2:])
    return paddle.matmul(paddle.matmul(vertical, images), horizontal, transpose_y=True)


@lru_cache(maxsize=16)
def _window_matrix(side: int) -> np.ndarray:
    """Return the matrix (side - 10, side), float32, that takes a line of pixels to its means under the window."""
    window = np.exp(-((np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2) ** 2) / (2 * SSIM_SIGMA**2))
    matrix = np.zeros((side - SSIM_WINDOW + 1, side))
    for row in range(len(matrix)):
        matrix[row, row : row + SSIM_WINDOW] = window / window.sum()
    return matrix.astype(np.float32)


def wavelet_distance(made: Tensor, wanted: Tensor) -> Tensor:
    """Return the L1 distance of the high bands of a Haar transform, a mean for each level, summed over three levels.

    Wavelet knowledge distillation, arXiv 2203.06321 (CVPR 2022), section 3: the low band is left out. The transform is
    linear, so that the difference is transformed. Images must have at least 2^3 pixels a side.
    """
    low, total = made - wanted, 0.0
    for _ in range(WAVELET_LEVELS):
        low, high = _haar(low)
        total = total + paddle.mean(paddle.abs(high))
    return total


def _haar(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the low band (n, c, h/2, w/2) and the three high ones (n, c, 3, h/2, w/2); an odd last line is dropped."""
    height, width = (side // 2 * 2 for side in images.shape[2:])
    channels = images.shape[1]
    quads = functional.pixel_unshuffle(images[:, :, :height, :width], 2)
    quads = quads.reshape([-1, channels, 4, height // 2, width // 2])
    top_left, top_right, bottom_left, bottom_right = paddle.unbind(quads, axis=2)
    top, bottom = top_left + top_right, bottom_left + bottom_right
    left, right = top_left + bottom_left, top_right + bottom_right
    diagonal = top_left - top_right - bottom_left + bottom_right
    return (top + bottom) / 2, paddle.stack([left - right, top - bottom, diagonal], axis=2) / 2


def relations(images: Tensor) -> list[Relations]:
    """Return how the parts of each image lie to each other: distances (n, k, k) and cosines (n, k, k, k) of angles.

    Content relationship distillation, arXiv 2212.11091, section 3: the parts are strips of rows, strips of columns, and
    patches. Distances are divided by their mean; an angle has its vertex at the part that its first place names.
    """
    return [_relations(parts) for parts in (_strips(images, 2), _strips(images, 3), _patches(images))]


def relation_distance(made: list[Relations], wanted: list[Relations]) -> Tensor:
    """Return the Huber distance of relations: of distances, and twice that of angles, summed over the kinds of parts.

    As in relational knowledge distillation, arXiv 1904.05068, equations 5 to 8.
    """
    total = 0.0
    for (distances, angles), (wanted_distances, wanted_angles) in zip(made, wanted, strict=True):
        total = total + functional.smooth_l1_loss(distances, wanted_distances)
        total = total + ANGLE_WEIGHT * functional.smooth_l1_loss(angles, wanted_angles)
    return total


def _strips(images: Tensor, axis: int) -> Tensor:
    """Return (n, STRIPS, values): strips of equal thickness across an axis; lines that are left over are dropped."""
    count = min(STRIPS, images.shape[axis])
    whole = images.shape[axis] // count * count
    order = [0, axis, 1, 5 - axis]
    return paddle.slice(images, [axis], [0], [whole]).transpose(order).reshape([images.shape[0], count, -1])


def _patches(images: Tensor) -> Tensor:
    """Return (n, PATCHES^2, values): a grid of patches; lines that are left over are dropped."""
    n, channels, *sides = images.shape
    height, width = (side // PATCHES for side in sides)
    grid = images[:, :, : PATCHES * height, : PATCHES * width]
    grid = grid.reshape([n, channels, PATCHES, height, PATCHES, width]).transpose([0, 2, 4, 1, 3, 5])
    return grid.reshape([n, PATCHES**2, -1])


def _relations(parts: Tensor) -> Relations:
    """Return normalised distances (n, k, k) and cosines (n, k, k, k) of parts (n, k, values)."""
    n, count, values = parts.shape
    parts = parts - paddle.mean(parts, axis=1, keepdim=True)  # distances stay; products lose fewer digits
    products = paddle.matmul(parts, parts, transpose_y=True) / values
    squares = paddle.diagonal(products, axis1=1, axis2=2)
    apart = squares.unsqueeze(2) + squares.unsqueeze(1) - 2 * products
    others = 1.0 - paddle.eye(count)
    lengths = paddle.sqrt(paddle.clip(apart, min=SMALLEST_SQUARE))
    mean = paddle.sum(lengths * others, axis=[1, 2], keepdim=True) / (count * (count - 1))
    # (x_i - x_j) · (x_k - x_j) for vertex j: products of all with all, (n, j, i, k).
    dots = products.unsqueeze(1) - products.unsqueeze(3) - products.unsqueeze(2) + squares.reshape([n, count, 1, 1])
    return lengths * others / mean, dots / (lengths.unsqueeze(3) * lengths.unsqueeze(2))
