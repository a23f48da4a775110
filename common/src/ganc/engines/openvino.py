"""Running a graph in OpenVINO."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from ganc.base.errors import FileFormatError, SpecError
from ganc.base.reading import one_line
from ganc.engines.adapter import GraphAdapter
from ganc.system.runtime import engine_threads

PRECISIONS = ("f32", "bf16")  # what it can be told to compute in
# Its CPU plugin keeps what it prepared for a layer and an image size, the most recently used ones. By itself it keeps
# 5,000, hundreds of MiB for a folder of images of many sizes (benchmarks/image_sizes.py).
KEPT_PREPARATIONS = {"CPU_RUNTIME_CACHE_CAPACITY": 512}
CAPABILITIES = {"bf16": "BF16"}  # what a processor must have for that, in OpenVINO's words


class OpenVinoGraph:
    """A graph on the CPU, ONNX or OpenVINO's own format."""

    engine = "openvino"

    def __init__(self, graph: bytes | Path, precision: str = "f32", threads: int | None = None):
        settings = {"INFERENCE_NUM_THREADS": threads or engine_threads(), "PERFORMANCE_HINT": "LATENCY"}
        self._compiled = compiled_model(graph, precision, settings)
        self._free = [self._compiled.create_infer_request()]  # those whose outputs nobody needs any more

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Run the graph on an array of its input's type and shape."""
        return self.run([array])[0]

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run a graph of several inputs and outputs; both are in the graph's order."""
        outputs, release = self.hold(arrays)
        copies = [output.copy() for output in outputs]
        release()
        return copies

    def hold(self, arrays: Sequence[np.ndarray]) -> tuple[list[np.ndarray], Callable[[], None]]:
        """As `run`, without a copy: the outputs are valid until the function that comes with them is called."""
        if len(arrays) != len(self._compiled.inputs):  # OpenVINO would take empty ones for those that are missing
            raise ValueError(f"the graph has {len(self._compiled.inputs)} inputs, given are {len(arrays)}")
        request = self._free.pop() if self._free else self._compiled.create_infer_request()
        feeds = [np.ascontiguousarray(array) for array in arrays]
        results = request.infer(feeds, share_inputs=True, share_outputs=True)
        return [results[place] for place in range(len(results))], lambda: self._free.append(request)


class OpenVinoStreams:
    """A graph on the CPU with OpenVINO's own queue of requests."""

    engine = "openvino"

    def __init__(self, graph: bytes, precision: str, streams: int, threads: int):
        self.streams = streams
        settings = {"INFERENCE_NUM_THREADS": streams * threads, "NUM_STREAMS": streams}
        self._queue = openvino.AsyncInferQueue(compiled_model(graph, precision, settings), streams)

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the graph's output of each array, in order."""
        results: list = [None] * len(arrays)

        def take(request: Any, place: int) -> None:
            results[place] = request.get_output_tensor().data.copy()

        self._queue.set_callback(take)
        for place, array in enumerate(arrays):
            self._queue.start_async([np.ascontiguousarray(array)], place)
        self._queue.wait_all()
        return results


class OpenVinoAdapter(GraphAdapter):
    """Makes OpenVINO run networks and graphs."""

    def require_processor(self, precision: str) -> None:
        """Raise SpecError for bf16 on a processor without it, where OpenVINO would silently compute in f32."""
        needed = CAPABILITIES.get(precision)
        if needed and needed not in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise SpecError(f"this processor has no {precision} instructions that OpenVINO uses")

    def compile(self, graph: bytes | Path, precision: str, threads: int | None) -> OpenVinoGraph:
        """Return a compiled graph, as `ganc.engines.compile.compile_graph` says."""
        return OpenVinoGraph(graph, precision, threads)

    def stream(self, graph: bytes, precision: str, streams: int, threads: int) -> OpenVinoStreams:
        """Return a graph of several streams, as `ganc.engines.compile.stream_graph` says."""
        return OpenVinoStreams(graph, precision, streams, threads)


def compiled_model(graph: bytes | Path, precision: str, settings: Mapping[str, object]) -> openvino.CompiledModel:
    """Return a graph compiled for the CPU with these settings of OpenVINO's, in just this precision.

    Raises:
        SpecError: OpenVINO cannot be told to compute in the precision.
        FileFormatError: it cannot read the graph.
    """
    if precision not in PRECISIONS:
        raise SpecError(f"precision '{precision}': OpenVINO is told to compute in {' or '.join(PRECISIONS)}")
    try:
        model = _core().read_model(graph if isinstance(graph, bytes) else str(graph))
        told = {"INFERENCE_PRECISION_HINT": precision, **KEPT_PREPARATIONS, **settings}
        return _core().compile_model(model, "CPU", told)
    except RuntimeError as error:
        name = "the graph" if isinstance(graph, bytes) else graph
        raise FileFormatError(f"{name}: OpenVINO cannot load it ({one_line(error)})") from error


@cache
def _core() -> openvino.Core:
    return openvino.Core()
