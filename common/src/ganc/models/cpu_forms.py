"""Other forms of padding and convolution that give the same values and are faster in Paddle on a CPU.

They are chosen when a layer is called, never stored: parameters and exported graphs stay plain, and a GPU runs the
plain forms. `benchmarks/generator.py` measures what they bring.
"""

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from ganc.models.convolutions import Convolution
from ganc.system.runtime import Tensor, paddle

functional = paddle.nn.functional

# Beyond these sizes the plain operators are as fast: measured at 16 to 256 channels.
LARGEST_PADDED_SIDE = 128
LARGEST_POINTWISE_AREA = 1024

_enabled = True


@contextlib.contextmanager
def plain_forms() -> Iterator[None]:
    """Within the block run everything in its plain form (for benchmarks and tests)."""
    global _enabled
    before, _enabled = _enabled, False
    try:
        yield
    finally:
        _enabled = before


def apply_here() -> bool:
    """Whether the forms of this module are to be used: on a CPU, and not while a graph is traced for export."""
    return _enabled and paddle.in_dynamic_mode() and paddle.get_device() == "cpu"


def reflect(x: Tensor, margin: int) -> Tensor:
    """Pad (n, c, h, w) by reflection on all sides.

    On a CPU Paddle's operator walks over single numbers; two products with matrices of zeros and ones move the same
    numbers many times faster where the image is small.
    """
    height, width = x.shape[2:]
    if not apply_here() or max(height, width) > LARGEST_PADDED_SIDE:
        return functional.pad(x, [margin] * 4, mode="reflect")
    rows, columns = (_reflection(side, margin, x.dtype) for side in (height, width))
    return paddle.matmul(paddle.matmul(rows, x), columns, transpose_y=True)


@lru_cache(maxsize=64)
def _reflection(size: int, margin: int, dtype: Any) -> Tensor:
    """The matrix (size + 2 margin, size) whose product continues a column of numbers by reflection."""
    places = np.pad(np.arange(size), margin, mode="reflect")
    return paddle.to_tensor(np.eye(size)[places], dtype)


def prefers_matrix_product(plan: Convolution, x: Tensor) -> bool:
    """Whether a 1x1 convolution over a small image is better one product over the batch than one an image."""
    return _is_pointwise(plan) and x.shape[2] * x.shape[3] <= LARGEST_POINTWISE_AREA and apply_here()


def _is_pointwise(plan: Convolution) -> bool:
    return plan.kernel == (1, 1) and plan.stride == 1 and plan.padding == (0, 0) and not plan.depthwise


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A 1x1 convolution as a matrix product; weight (out, in, 1, 1), bias (out,) or None."""
    count, channels, height, width = x.shape
    product = paddle.matmul(weight.reshape([-1, channels]), x.reshape([count, channels, height * width]))
    out = product.reshape([count, -1, height, width])
    return out if bias is None else out + bias.reshape([1, -1, 1, 1])


def prefers_transposed(plan: Convolution) -> bool:
    """Whether unfolding a convolution's input, as Paddle does, costs more than folding its output back."""
    wasteful = min(plan.kernel) >= 5 and plan.out_channels < plan.in_channels and plan.stride == 1
    return wasteful and apply_here()


def transposed(x: Tensor, weight: Tensor, bias: Tensor | None, plan: Convolution) -> Tensor:
    """A convolution as a transposed one: kernel flipped, its first two axes swapped, padding kernel - 1.

    x is (n, in, h, w), weight (out, in, vertical, horizontal), bias (out,) or None.
    """
    margins = [kernel - 1 - padding for kernel, padding in zip(plan.kernel, plan.padding, strict=True)]
    flipped = paddle.flip(weight, axis=[2, 3]).transpose([1, 0, 2, 3])
    return functional.conv2d_transpose(x, flipped, bias, 1, margins)
