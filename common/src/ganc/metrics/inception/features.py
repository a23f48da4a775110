"""The feature set inception-v3-fid, computed by the fastest engine that the machine has."""

import importlib.util
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from ganc.base.errors import MissingDependencyError, SpecError
from ganc.engines.compile import installed_runtimes
from ganc.metrics.feature_set import check_pictures
from ganc.metrics.inception.architecture import DIMENSIONS
from ganc.metrics.inception.weights import NAME, InceptionWeights, find_weights

PADDLE, PADDLE_INFERENCE = "paddle", "paddle-inference"

# Pictures of one request: enough to read the weights from memory seldom, few enough to keep what is between two layers
# in the processor's cache (docs/metric.md has the numbers).
_CHUNK = 4

Run = Callable[[np.ndarray], np.ndarray]


class InceptionFeatures:
    """Features of Inception-v3, FID variant: the mean of its last block over all positions, always in float32.

    Pictures of any size are resized to 299x299 inside (`ganc.metrics.inception.resize`).

    Args:
        weights: of the network.
        engine: one of `engines()`; None takes Paddle where a GPU is selected, else the fastest that is installed.
    """

    name = NAME
    dimensions = DIMENSIONS
    smallest_side = 16
    batch = 16

    def __init__(self, weights: InceptionWeights, engine: str | None = None):
        if engine is not None and engine not in engines():
            raise SpecError(f"engine '{engine}': expected one of {', '.join(engines())}")
        self.weights = weights
        self._wanted = engine
        self._runs: dict[tuple[str, tuple[int, ...]], Run] = {}  # by engine and the size that it was made for

    @cached_property
    def digest(self) -> str:
        """Digest of preprocessing, architecture and weights."""
        return self.weights.digest

    @property
    def engine(self) -> str:
        """What computes the features, given the device that is selected now."""
        return self._wanted or _fastest()

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Return the features (n, 2048), float32, of pictures (n, h, w, 3), uint8, of at least 16x16.

        Raises:
            StatisticsError: the pictures are of another type, shape or size.
            MissingDependencyError: the engine that was asked for is not installed.
        """
        check_pictures(pictures, self.smallest_side)
        engine = self.engine
        size = () if engine in (PADDLE, PADDLE_INFERENCE) else (pictures.shape[2], pictures.shape[1])
        if (engine, size) not in self._runs:
            self._runs[engine, size] = _prepared(self.weights, engine, size)
        return self._runs[engine, size](pictures)


def _prepared(weights: InceptionWeights, engine: str, size: tuple[int, ...]) -> Run:
    if engine not in (PADDLE, PADDLE_INFERENCE):
        return _StreamedRun(weights, engine, size)
    from ganc.metrics.inception.network import EagerRun, InferenceRun

    return EagerRun(weights) if engine == PADDLE else InferenceRun(weights)


class _StreamedRun:
    """The ONNX graph for pictures of one size, on several chunks of them at a time."""

    def __init__(self, weights: InceptionWeights, runtime: str, size: tuple[int, int]):
        if not importlib.util.find_spec("onnx"):
            raise MissingDependencyError("onnx is not installed: install ganc-common[onnx] or ganc-common[openvino]")
        from ganc.engines.streams import stream_graph
        from ganc.metrics.inception.graph import feature_graph

        self._run = stream_graph(feature_graph(weights, size), runtime)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        chunk = max(1, min(_CHUNK, -(-len(pictures) // self._run.streams)))
        return np.concatenate(self._run([pictures[i : i + chunk] for i in range(0, len(pictures), chunk)]))


def engines() -> tuple[str, ...]:
    """Return the names of the engines that can compute the features here."""
    runtimes = installed_runtimes() if importlib.util.find_spec("onnx") else ()
    return (*runtimes, PADDLE_INFERENCE, PADDLE)


def inception_features(file: Path | None = None) -> InceptionFeatures:
    """Return the feature set with the weights of a ganc file, of the default one if None.

    Raises:
        StatisticsError: there is no such file; the message says how to get it.
        FileFormatError: it is damaged or something else.
    """
    return InceptionFeatures(find_weights(file))


def _fastest() -> str:
    from ganc.system.runtime import paddle

    return engines()[0] if paddle.get_device() == "cpu" else PADDLE
