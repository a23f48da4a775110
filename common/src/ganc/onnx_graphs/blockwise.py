"""A convolution written another way: equal in what it computes, faster in the engines."""

import numpy as np

# Of the vectors that engines compute output channels in, this many floats wide; three channels leave most of one idle.
VECTOR = 16
BLOCK = 2


def fits_a_vector(out_channels: int) -> bool:
    """Whether the pixels of a block of 2x2 fit into the output channels of one vector."""
    return out_channels * BLOCK**2 <= VECTOR


def blockwise(weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the convolution that computes a block of 2x2 pixels at once, as channels, for a step of 2 pixels.

    Each pixel's kernel is part of a larger one, shifted to its place. Three output channels become twelve: 64/49
    of the products for a 7x7 kernel, but in a quarter of the vectors.

    Args:
        weight: (o, i, k, k).
        bias: (o,).

    Returns:
        (4 o, i, k + 1, k + 1) and (4 o,), in the order of channels that DepthToSpace (mode CRD) expects.
    """
    outs, ins, kernel, _ = weight.shape
    size = kernel + BLOCK - 1
    wide = np.zeros((outs, BLOCK, BLOCK, ins, size, size), weight.dtype)
    for row in range(BLOCK):
        for column in range(BLOCK):
            wide[:, row, column, :, row : row + kernel, column : column + kernel] = weight
    return wide.reshape(outs * BLOCK**2, ins, size, size), np.repeat(bias, BLOCK**2)
