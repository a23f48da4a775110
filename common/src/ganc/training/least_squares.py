"""Least squares in closed form: normal equations that are summed part by part, and the rows that a convolution makes.

The sums are float64 and their size does not depend on how many images were added. Nothing here needs Paddle.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ganc.models.convolutions import Convolution

# Of the mean square of the inputs: enough for inputs that repeat each other, too little to be seen in the outputs.
RIDGE = 1e-7


class NormalEquations:
    """Find W, the minimum of |X W - Y|^2 + ridge |W - start|^2, for X (…, n, inputs) and Y (…, n, outputs).

    What inputs do not decide, such as the share of two equal ones, stays as `start` has it.

    Args:
        shape: (…, inputs, outputs) of W; the leading axes are problems of their own.
    """

    def __init__(self, *shape: int):
        *problems, inputs, outputs = shape
        self._gram = np.zeros((*problems, inputs, inputs))
        self._moment = np.zeros((*problems, inputs, outputs))

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        """Add rows of X and Y."""
        x = x.astype(np.float64)
        self._gram += x.swapaxes(-1, -2) @ x
        self._moment += x.swapaxes(-1, -2) @ y.astype(np.float64)

    @property
    def gram(self) -> np.ndarray:
        """The sum of X^T X, (…, inputs, inputs)."""
        return self._gram

    def solve(self, start: np.ndarray) -> np.ndarray:
        """Return W, float64 (…, inputs, outputs); `start` itself where X is 0."""
        inputs = self._gram.shape[-1]
        ridge = RIDGE * np.trace(self._gram, axis1=-2, axis2=-1)[..., None, None] / inputs
        ridge = np.where(ridge > 0, ridge, 1.0)
        rest = self._moment - self._gram @ start
        return start + np.linalg.solve(self._gram + ridge * np.eye(inputs), rest)


@dataclass(frozen=True)
class Positions:
    """Places in an image, as two arrays (count,) of whole numbers."""

    rows: np.ndarray
    columns: np.ndarray

    @staticmethod
    def drawn(height: int, width: int, most: int, draws: np.random.Generator) -> "Positions":
        """Return all places of an image, or `most` of them."""
        count = height * width
        chosen = np.arange(count) if count <= most else np.sort(draws.choice(count, most, replace=False))
        return Positions(chosen // width, chosen % width)

    def of(self, images: np.ndarray) -> np.ndarray:
        """Return the values there: (n, c, h, w) to (n, count, c)."""
        return images[:, :, self.rows, self.columns].transpose(0, 2, 1)


def patches(x: np.ndarray, plan: Convolution, at: Positions) -> np.ndarray:
    """Return what a convolution multiplies with its kernel at places of its output.

    Args:
        x: its input, (n, in, h, w).

    Returns:
        (n, count, in, taps), the taps in the order of the kernel's numbers.
    """
    vertical, horizontal = plan.kernel
    taps = np.divmod(np.arange(vertical * horizontal), horizontal)
    if plan.transposed:
        return _spread(x, plan, at, taps)
    if plan.reflect:
        x = np.pad(x, ((0, 0), (0, 0), (plan.reflect,) * 2, (plan.reflect,) * 2), mode="reflect")
    top, bottom, left, right = plan.sides
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    rows, columns = (place[:, None] * plan.stride + tap for place, tap in zip((at.rows, at.columns), taps, strict=True))
    return x[:, :, rows, columns].transpose(0, 2, 1, 3)


def _spread(x: np.ndarray, plan: Convolution, at: Positions, taps: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The same for a transposed convolution: a tap whose input lies between two pixels, or outside, sees 0."""
    sources: list[np.ndarray] = []
    seen: Any = True  # an array from the first round on
    for place, tap, padding, size in zip((at.rows, at.columns), taps, plan.padding, x.shape[2:], strict=True):
        source, between = np.divmod(place[:, None] + padding - tap, plan.stride)
        seen = seen & (between == 0) & (source >= 0) & (source < size)
        sources.append(source.clip(0, size - 1))
    return (x[:, :, sources[0], sources[1]] * seen.astype(x.dtype)).transpose(0, 2, 1, 3)


def as_matrix(weight: np.ndarray, plan: Convolution) -> np.ndarray:
    """Return a convolution's weight as float64 (in * taps, out), in the order of `patches`."""
    axes = (0, 2, 3, 1) if plan.transposed else (1, 2, 3, 0)
    return weight.transpose(axes).reshape(-1, plan.out_channels).astype(np.float64)


def as_weight(matrix: np.ndarray, plan: Convolution) -> np.ndarray:
    """Return the weight, float32, that a matrix of `as_matrix` stands for."""
    cube = matrix.reshape(plan.in_channels, *plan.kernel, plan.out_channels)
    return np.ascontiguousarray(cube.transpose((0, 3, 1, 2) if plan.transposed else (3, 0, 1, 2)), dtype=np.float32)


def rank_one_kernels(weight: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Return one kernel a channel that replaces what an ordinary convolution does with that channel best.

    Of channel c the convolution makes W_c p of a patch p. The closest matrix of rank one, in the mean square over
    patches with sum(p p^T) = G_c, is u v^T with v = G_c^(-1/2) times the first right singular vector of W_c G_c^(1/2)
    (Eckart and Young, 1936, in the norm of G_c). A pointwise convolution stands for u, so v comes without its scale.

    Args:
        weight: (out, in, vertical, horizontal).
        gram: (in, taps, taps).

    Returns:
        float64 (in, taps), of length 1 each.
    """
    kernels = weight.astype(np.float64).reshape(*weight.shape[:2], -1).transpose(1, 0, 2)
    values, vectors = np.linalg.eigh(gram)
    floor = np.maximum(values[:, -1:] * RIDGE, np.finfo(np.float64).tiny)
    roots = np.sqrt(np.maximum(values, floor))[:, None, :]
    root, inverse = ((vectors * scale) @ vectors.swapaxes(1, 2) for scale in (roots, 1 / roots))
    first = np.linalg.svd(kernels @ root, full_matrices=False)[2][:, 0, :]
    found = np.einsum("cij,cj->ci", inverse, first)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    largest = np.take_along_axis(found, np.abs(found).argmax(axis=1)[:, None], axis=1)
    return found * np.sign(largest)
