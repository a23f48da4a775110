"""Feature sets: a name, a digest, and pictures to an (n, d) array.

A metric is only comparable within one feature set, so its name and digest are written wherever a value of it is.
"""

import hashlib
import json
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from ganc.errors import StatisticsError

DEFAULT_FEATURE_SET = "untrained-conv3-v1"


class FeatureSet(Protocol):
    """What the metric is computed on.

    Attributes:
        name: the metric's name in every file and table.
        digest: of architecture and weights.
        dimensions: d, the length of one picture's features.
        batch: how many pictures a call should have at least, to be fast.
    """

    name: str
    digest: str
    dimensions: int
    batch: int

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Return the features (n, d), float, of pictures (n, h, w, 3), uint8 RGB."""
        ...


class UntrainedFeatures:
    """A fixed network of random weights; it is not Inception and its distance is not FID.

    Pictures are scaled to [-1, 1] and go through convolutions (kernel 4, stride 2, padding 1, no bias), each followed
    by ReLU. The features are the mean response of every filter of every layer over all positions, and the mean colour.
    Random filters respond to edges of some directions, scales and colours, so that their mean responses tell textures
    apart. The kernels of the first layer have zero mean: else the brightness of meadow and sky, which differs more from
    picture to picture than coats do, drowns the texture. Mean colour is measured on its own, with a weight that keeps
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
        kernels = []
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

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Return the features (n, d), float64, of pictures (n, h, w, 3), uint8, of at least 16x16.

        Raises:
            StatisticsError: the pictures are of another type, shape or size.
        """
        from ganc.runtime import paddle

        functional = paddle.nn.functional
        check_pictures(pictures, self.smallest_side)
        scaled = pictures.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - np.float32(1)
        responses = []
        with paddle.no_grad():
            planes = paddle.to_tensor(scaled)
            for kernel in self.weights:
                planes = functional.relu(functional.conv2d(planes, paddle.to_tensor(kernel), stride=2, padding=1))
                responses.append(planes.numpy().mean(axis=(2, 3), dtype=np.float64))
        colour = scaled.mean(axis=(2, 3), dtype=np.float64)
        return np.concatenate([*(self.scale * part for part in responses), self.colour_scale * colour], axis=1)


def feature_set(name: str = DEFAULT_FEATURE_SET) -> FeatureSet:
    """Return the feature set of this name.

    Args:
        name: a known name, or a file of weights as `ganc import inception` writes it (PATH.safetensors). The default
            does not depend on what is on the machine, so that equal commands give equal metrics.

    Raises:
        StatisticsError: the name is not known (the known ones are listed), or its weights are not on this machine.
        FileFormatError: the weights are damaged or something else.
    """
    if name in _FEATURE_SETS:
        return _FEATURE_SETS[name]()
    if name.endswith(".safetensors"):
        return _inception(Path(name))
    raise StatisticsError(
        f"feature set (={name!r}) is not known; use one of {', '.join(sorted(_FEATURE_SETS))}, or a file that ganc "
        "import inception wrote"
    )


@cache
def _untrained_conv3_v1() -> UntrainedFeatures:
    return UntrainedFeatures("untrained-conv3-v1", seed=1706, channels=(16, 16, 32), scale=10.0, colour_scale=2.0)


def _inception(file: Path | None = None) -> FeatureSet:
    from ganc.metrics.inception.features import inception_features

    return inception_features(file)


_FEATURE_SETS: dict[str, Callable[[], FeatureSet]] = {
    "inception-v3-fid": _inception,
    "untrained-conv3-v1": _untrained_conv3_v1,
}


def check_pictures(pictures: np.ndarray, smallest_side: int) -> None:
    """Raise StatisticsError unless the pictures are (n, h, w, 3) of uint8 and large enough."""
    shape = pictures.shape
    if pictures.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or min(shape[1:3]) < smallest_side:
        raise StatisticsError(
            f"pictures have shape {shape} of {pictures.dtype}, expected (n, h, w, 3) of uint8, at least "
            f"{smallest_side}x{smallest_side}"
        )
