"""The networks once more, in numpy alone and written from their description: what the tests compare with.

Nothing of ganc is used. Arrays are float64; images are (n, c, h, w); `tensors` are a network's tensors by name.
"""

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Tensors = Mapping[str, np.ndarray]


def reflected(x, rows: int):
    return np.pad(x, ((0, 0), (0, 0), (rows, rows), (rows, rows)), mode="reflect")


def instance_norm(x):
    return (x - x.mean((2, 3), keepdims=True)) / np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)


def relu(x):
    return np.maximum(x, 0)


def convolution(x, tensors: Tensors, name: str, stride: int = 1, padding: int = 0):
    """Convolve with weight (out, in, k, k), or (c, 1, k, k) for one filter a channel."""
    weight, bias = np.float64(tensors[f"{name}.weight"]), np.float64(tensors[f"{name}.bias"])
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(x, weight.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    if weight.shape[1] == 1 and x.shape[1] > 1:
        out = np.einsum("nchwij,cij->nchw", windows, weight[:, 0])
    else:
        out = np.einsum("nchwij,ocij->nohw", windows, weight, optimize=True)
    return out + bias[:, None, None]


def upsampled(x, tensors: Tensors, name: str):
    """Transposed convolution, kernel 3, stride 2, padding 1, output padding 1: each pixel scatters its kernel."""
    weight, bias = np.float64(tensors[f"{name}.weight"]), np.float64(tensors[f"{name}.bias"])
    n, _, height, width = x.shape
    out = np.zeros((n, weight.shape[1], 2 * height + 2, 2 * width + 2))
    for row in range(3):
        for column in range(3):
            scattered = np.einsum("nchw,co->nohw", x, weight[:, :, row, column])
            out[:, :, row : row + 2 * height : 2, column : column + 2 * width : 2] += scattered
    return out[:, :, 1 : 2 * height + 1, 1 : 2 * width + 1] + bias[:, None, None]


def half_block(x, tensors: Tensors, name: str, block: str):
    if block == "resnet":
        return convolution(reflected(x, 1), tensors, f"{name}.conv")
    x = instance_norm(convolution(reflected(x, 1), tensors, f"{name}.depthwise"))
    return convolution(x, tensors, f"{name}.pointwise")


def generator(x, tensors: Tensors, block: str, n_blocks: int):
    """Return the image and the taps: the outputs of segments 2, 3, 4 and 5."""
    x = np.clip(np.float64(x), -1, 1)
    x = relu(instance_norm(convolution(reflected(x, 3), tensors, "stages.0.conv")))
    x = relu(instance_norm(convolution(x, tensors, "stages.1.conv", stride=2, padding=1)))
    x = relu(instance_norm(convolution(x, tensors, "stages.2.conv", stride=2, padding=1)))
    taps = [x]
    for segment in (3, 4, 5):
        for number in range(n_blocks // 3):
            name = f"stages.{segment}.blocks.{number}"
            inner = relu(instance_norm(half_block(x, tensors, f"{name}.first", block)))
            x = x + instance_norm(half_block(inner, tensors, f"{name}.second", block))
        taps.append(x)
    x = relu(instance_norm(upsampled(x, tensors, "stages.6.conv")))
    x = relu(instance_norm(upsampled(x, tensors, "stages.7.conv")))
    return np.tanh(convolution(reflected(x, 3), tensors, "stages.7.output")), taps


def discriminator(x, tensors: Tensors, n_layers: int):
    """Return the patches' scores of a PatchGAN with `n_layers` strided convolutions."""
    for number in range(n_layers + 2):
        x = convolution(x, tensors, f"convs.{number}", stride=2 if number < n_layers else 1, padding=1)
        if number <= n_layers:
            x = x if number == 0 else instance_norm(x)
            x = np.where(x > 0, x, 0.2 * x)
    return x
