"""A feature set that needs no weights from elsewhere: a fixed network of random filters."""

import hashlib
import json
from functools import cached_property

import numpy as np

from ganc.metrics.feature_set import check_images


class UntrainedFeatures:
    """A fixed network of random weights; it is not Inception and its distance is not FID.

    Images are scaled to [-1, 1] and go through convolutions (kernel 4, stride 2, padding 1, no bias), each followed
    by ReLU. The features are the mean response of every filter of every layer over all positions, and the mean colour.
    Random filters respond to edges of some directions, scales and colours, so that their mean responses tell textures
    apart. The kernels of the first layer have zero mean: else the brightness of meadow and sky, which differs more from
    image to image than coats do, drowns the texture. Mean colour is measured on its own, with a weight that keeps
    it below the texture. The weights are He-scaled draws of numpy's frozen RandomState, the same for every version of
    numpy and Paddle.

    Args:
        name: the feature set's own name.
        seed: of the weights.
        channels: how many filters each layer has.
        scale: factor of the responses; it only makes the distances handy numbers.
        colour_scale: factor of the mean colour.
    """

    smallest_side = 16
    batch = 8

    def __init__(self, name: str, *, seed: int, channels: tuple[int, ...], scale: float, colour_scale: float):
        self.name = name
        self.seed = seed
        self.channels = channels
        self.scale = scale
        self.colour_scale = colour_scale
        self.dimensions = sum(channels) + 3

    @cached_property
    def weights(self) -> list[np.ndarray]:
        """The kernels of each convolution, (out, in, 4, 4) float32."""
        state = np.random.RandomState(self.seed)
        kernels: list[np.ndarray] = []
        for fan_in, fan_out in zip((3, *self.channels), self.channels, strict=False):
            draws = state.standard_normal((fan_out, fan_in, 4, 4))
            if not kernels:
                draws -= draws.mean(axis=(2, 3), keepdims=True)
            kernels.append((draws * np.sqrt(2 / (16 * fan_in))).astype(np.float32))
        return kernels

    @cached_property
    def digest(self) -> str:
        """Digest of name, architecture and weights."""
        architecture = {
            "convolution": "kernel 4, stride 2, padding 1, relu",
            "features": "mean response of each filter, mean colour",
            "scale": self.scale,
            "colour_scale": self.colour_scale,
        }
        content = hashlib.sha256(json.dumps([self.name, architecture], sort_keys=True).encode())
        for kernel in self.weights:
            content.update(str(kernel.shape).encode())
            content.update(np.ascontiguousarray(kernel, "<f4").tobytes())
        return content.hexdigest()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the features (n, d), float64, of images (n, h, w, 3), uint8, of at least 16x16.

        Raises:
            StatisticsError: the images are of another type, shape or size.
        """
        from ganc.system.runtime import paddle  # the set is named and its digest compared without Paddle

        functional = paddle.nn.functional
        check_images(images, self.smallest_side)
        scaled = images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - np.float32(1)
        responses = []
        with paddle.no_grad():
            planes = paddle.to_tensor(scaled)
            for kernel in self.weights:
                planes = functional.relu(functional.conv2d(planes, paddle.to_tensor(kernel), stride=2, padding=1))
                responses.append(planes.numpy().mean(axis=(2, 3), dtype=np.float64))
        colour = scaled.mean(axis=(2, 3), dtype=np.float64)
        return np.concatenate([*(self.scale * part for part in responses), self.colour_scale * colour], axis=1)
