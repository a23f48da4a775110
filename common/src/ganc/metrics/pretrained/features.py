"""Features of a pretrained network, computed by the fastest engine that the machine has, in float32 unless named so."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial

import numpy as np

from ganc.base.digests import tensors_digest
from ganc.base.engine_table import engine_row, fastest_engine, graph_engines, usable_engines
from ganc.base.errors import SpecError
from ganc.metrics.feature_set import check_images
from ganc.metrics.pretrained.network import FeatureNetwork

# Images of one request: enough to read the weights from memory seldom, few enough to keep what is between two layers
# in the processor's cache (docs/metric.md has the numbers).
_CHUNK = 4
_IN_BF16 = "openvino"  # what computes in bf16
_KEPT_SIZES = 8  # of images, for which graphs are kept: a folder may hold images of any number of sizes

Run = Callable[[np.ndarray], np.ndarray]


class NetworkFeatures:
    """A feature set: images of any size are resized inside, and the features are the network's output.

    Args:
        network: what is computed.
        engine: one of `engines()`; None takes Paddle where a GPU is selected, else the fastest that is installed.
        precision: bf16 makes a feature set of its own, whose values compare with no other's; OpenVINO computes it.

    Raises:
        SpecError: there is no such engine, or this processor has no bf16 instructions.
        MissingDependencyError: OpenVINO is not installed, and bf16 asked for.
    """

    smallest_side = 16
    batch = 16

    def __init__(self, network: FeatureNetwork, engine: str | None = None, precision: str = "f32"):
        if engine is not None and engine not in engines():
            raise SpecError(f"engine '{engine}': expected one of {', '.join(engines())}")
        self.network = network
        self.name, self.digest, self.dimensions = network.name, network.digest, network.dimensions
        if precision != "f32":
            engine, self.name = _IN_BF16, f"{network.name}-{precision}"
            self.digest = tensors_digest([self.name, network.digest], {})
            _require_precision(precision)
        self._wanted = engine
        self._run_of = lru_cache(maxsize=_KEPT_SIZES)(partial(_prepared, network, precision))

    @property
    def engine(self) -> str:
        """What computes the features, given the device that is selected now."""
        return self._wanted or _fastest()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the features (n, dimensions), float32, of images (n, h, w, 3), uint8, of at least 16x16.

        Raises:
            StatisticsError: the images are of another type, shape or size.
            MissingDependencyError: the engine that was asked for is not installed.
        """
        check_images(images, self.smallest_side)
        engine = self.engine
        size = (images.shape[2], images.shape[1]) if engine_row(engine).graphs else ()
        return self._run_of(engine, size)(images)


def _require_precision(precision: str) -> None:
    from ganc.engines.compile import adapter_of

    adapter_of(_IN_BF16).require_processor(precision)


def _prepared(network: FeatureNetwork, precision: str, engine: str, size: tuple[int, ...]) -> Run:
    if not engine_row(engine).graphs:
        return _WITHOUT_GRAPHS[engine](network)
    width, height = size
    return _StreamedRun(network, engine, (width, height), precision)


# Paddle and onnx are imported by the engines that need them: the features are computed without either too.
def _paddle_inference(network: FeatureNetwork) -> Run:
    from ganc.metrics.pretrained.paddle_runs import InferenceRun

    return InferenceRun(network)


def _paddle(network: FeatureNetwork) -> Run:
    from ganc.metrics.pretrained.paddle_runs import EagerRun

    return EagerRun(network)


_WITHOUT_GRAPHS: Mapping[str, Callable[[FeatureNetwork], Run]] = {
    "paddle-inference": _paddle_inference,
    "paddle": _paddle,
}


class _StreamedRun:
    """The ONNX graph for images of one size, on several chunks of them at a time."""

    def __init__(self, network: FeatureNetwork, engine: str, size: tuple[int, int], precision: str):
        from ganc.engines.compile import stream_graph
        from ganc.metrics.pretrained.graph import feature_graph

        self._run = stream_graph(feature_graph(network, size), engine, precision)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        chunk = max(1, min(_CHUNK, -(-len(images) // self._run.streams)))
        return np.concatenate(self._run([images[i : i + chunk] for i in range(0, len(images), chunk)]))


def engines() -> tuple[str, ...]:
    """Return the names of the engines that can compute the features here."""
    return usable_engines(_possible())


def _possible() -> tuple[str, ...]:
    return (*graph_engines(), *_WITHOUT_GRAPHS)


def _fastest() -> str:
    from ganc.system.runtime import paddle

    return fastest_engine(_possible(), on_gpu=paddle.get_device() != "cpu")
