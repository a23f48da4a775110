"""Margins that continue images by reflection, and the gradient at what they show, as ONNX nodes."""

from itertools import pairwise

import numpy as np

from ganc.onnx_graphs.builder import GraphBuilder

# Columns of so few pixels are folded by a product with a matrix, longer ones by slices: measured in OpenVINO.
LARGEST_PRODUCT = 64


def mirrored(builder: GraphBuilder, x: str, margin: int) -> str:
    """Add `margin` lines on each side of images (n, c, h, w) that continue them by reflection."""
    return builder.node("Pad", x, builder.integers((0, 0, margin, margin) * 2), mode="reflect")


def folded(builder: GraphBuilder, dy: str, size: tuple[int, int], margin: int) -> str:
    """Add the gradient at images of `size` (height, width), given `dy` at what `mirrored` made of them.

    The margins are added to the pixels that they show.
    """
    for axis, lines in zip((2, 3), size, strict=True):
        if lines <= 2 * (margin + 1) or (axis == 3 and lines <= LARGEST_PRODUCT):
            dy = _folded_by_product(builder, dy, axis, _reflection(lines, margin))
        else:
            dy = _folded_by_slices(builder, dy, axis, lines, margin)
    return dy


def _folded_by_product(builder: GraphBuilder, dy: str, axis: int, matrix: np.ndarray) -> str:
    if axis == 3:
        return builder.node("MatMul", dy, builder.constant(matrix))
    return builder.node("MatMul", builder.constant(np.ascontiguousarray(matrix.T)), dy)


def _folded_by_slices(builder: GraphBuilder, dy: str, axis: int, lines: int, margin: int) -> str:
    last = lines + 2 * margin - 1
    before = builder.reverse(dy, (axis,), (margin - 1,))
    behind = builder.reverse(dy, (axis,), (last,), (last - margin,))
    places = (margin, margin + 1, 2 * margin + 1, lines - 1, lines + margin - 1, lines + margin)
    parts = [builder.slice(dy, (axis,), (start,), (end,)) for start, end in pairwise(places)]
    parts[1] = builder.node("Add", parts[1], before)
    parts[3] = builder.node("Add", parts[3], behind)
    return builder.node("Concat", *parts, axis=axis)


def _reflection(size: int, margin: int) -> np.ndarray:
    """The matrix (size + 2 margin, size) whose product continues a column of numbers by reflection."""
    return np.eye(size, dtype=np.float32)[np.pad(np.arange(size), margin, mode="reflect")]
