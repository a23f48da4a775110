"""Running one ONNX graph on many inputs at once, by default with as many streams as threads, each of one thread.

Threads that share one input wait for each other after every layer; streams never do. For work that comes in many equal
pieces, such as the features of pictures, that is the faster way (docs/metric.md has the numbers).
"""

import importlib.util
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from ganc.engines.compile import compile_graph
from ganc.system.runtime import engine_threads


class StreamedGraph(Protocol):
    """A graph of one input and one output that takes many inputs at once.

    Attributes:
        runtime: what runs it.
        streams: how many inputs are worked on at a time.
    """

    runtime: str
    streams: int

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the graph's output of each array, in order; the results are the caller's own."""
        ...


def stream_graph(
    graph: bytes, runtime: str, precision: str = "f32", streams: int | None = None, threads: int = 1
) -> StreamedGraph:
    """Return a graph compiled by a runtime for the CPU, which all streams share.

    Args:
        graph: a serialised ONNX model.
        runtime: one of `ganc.engines.compile.installed_runtimes()`.
        precision: as of `compile_graph`.
        streams: None takes this process' share of the cores.
        threads: of each stream.

    Raises:
        MissingDependencyError, SpecError, FileFormatError: as of `compile_graph`.
    """
    make: Callable[..., StreamedGraph] = _ThreadedStreams
    if runtime == "openvino" and importlib.util.find_spec("openvino"):
        make = _OpenVinoStreams
    return make(graph, runtime, precision, streams or max(1, engine_threads() // threads), threads)


class _ThreadedStreams:
    """One Python thread a stream; the runtime lets go of Python's lock while it computes."""

    def __init__(self, graph: bytes, runtime: str, precision: str, streams: int, threads: int):
        self.runtime, self.streams = runtime, streams
        self._run = compile_graph(graph, runtime, precision, threads)
        self._pool = ThreadPoolExecutor(streams, thread_name_prefix="ganc-stream")

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(self._pool.map(self._run, arrays))


class _OpenVinoStreams:
    """OpenVINO's own queue of requests."""

    def __init__(self, graph: bytes, runtime: str, precision: str, streams: int, threads: int):
        import openvino

        from ganc.engines.openvino import compiled_model

        self.runtime, self.streams = runtime, streams
        settings = {"INFERENCE_NUM_THREADS": streams * threads, "NUM_STREAMS": streams}
        self._queue = openvino.AsyncInferQueue(compiled_model(graph, precision, settings), streams)

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        results: list = [None] * len(arrays)

        def take(request, place: int) -> None:
            results[place] = request.get_output_tensor().data.copy()

        self._queue.set_callback(take)
        for place, array in enumerate(arrays):
            self._queue.start_async([np.ascontiguousarray(array)], place)
        self._queue.wait_all()
        return results
