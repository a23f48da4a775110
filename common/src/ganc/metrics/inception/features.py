"""The feature set inception-v3-fid, computed by the fastest engine that the machine has."""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from ganc.base.engine_table import engine_row, fastest_engine, graph_engines, usable_engines
from ganc.base.errors import SpecError
from ganc.metrics.feature_set import check_pictures
from ganc.metrics.inception.architecture import DIMENSIONS
from ganc.metrics.inception.weights import NAME, InceptionWeights, find_weights

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
        size = (pictures.shape[2], pictures.shape[1]) if engine_row(engine).graphs else ()
        if (engine, size) not in self._runs:
            self._runs[engine, size] = _prepared(self.weights, engine, size)
        return self._runs[engine, size](pictures)


def _prepared(weights: InceptionWeights, engine: str, size: tuple[int, ...]) -> Run:
    return _StreamedRun(weights, engine, size) if engine_row(engine).graphs else _WITHOUT_GRAPHS[engine](weights)


def _paddle_inference(weights: InceptionWeights) -> Run:
    from ganc.metrics.inception.network import InferenceRun

    return InferenceRun(weights)


def _paddle(weights: InceptionWeights) -> Run:
    from ganc.metrics.inception.network import EagerRun

    return EagerRun(weights)


_WITHOUT_GRAPHS: Mapping[str, Callable[[InceptionWeights], Run]] = {
    "paddle-inference": _paddle_inference,
    "paddle": _paddle,
}


class _StreamedRun:
    """The ONNX graph for pictures of one size, on several chunks of them at a time."""

    def __init__(self, weights: InceptionWeights, engine: str, size: tuple[int, int]):
        from ganc.engines.compile import stream_graph
        from ganc.metrics.inception.graph import feature_graph

        self._run = stream_graph(feature_graph(weights, size), engine)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        chunk = max(1, min(_CHUNK, -(-len(pictures) // self._run.streams)))
        return np.concatenate(self._run([pictures[i : i + chunk] for i in range(0, len(pictures), chunk)]))


def engines() -> tuple[str, ...]:
    """Return the names of the engines that can compute the features here."""
    return usable_engines(_possible())


def inception_features(file: Path | None = None) -> InceptionFeatures:
    """Return the feature set with the weights of a ganc file, of the default one if None.

    Raises:
        StatisticsError: there is no such file; the message says how to get it.
        FileFormatError: it is damaged or something else.
    """
    return InceptionFeatures(find_weights(file))


def _possible() -> tuple[str, ...]:
    return (*graph_engines(), *_WITHOUT_GRAPHS)


def _fastest() -> str:
    from ganc.system.runtime import paddle

    return fastest_engine(_possible(), on_gpu=paddle.get_device() != "cpu")
