"""From an engine's name to its adapter: the one place that knows every adapter."""

from collections.abc import Callable, Mapping
from pathlib import Path

from ganc.base.engine_table import engine_row, graph_engines
from ganc.base.errors import SpecError
from ganc.base.extras import require
from ganc.engines.adapter import Adapter, CompiledGraph, GraphAdapter, StreamedGraph
from ganc.system.runtime import engine_threads


def adapter_of(engine: str) -> Adapter:
    """Return an engine's adapter.

    Raises:
        SpecError: there is no such engine.
        MissingDependencyError: it is not installed.
    """
    require(engine_row(engine).package)
    return ADAPTERS[engine]()


def compile_graph(
    graph: bytes | Path, engine: str, precision: str = "f32", threads: int | None = None
) -> CompiledGraph:
    """Return a graph that an engine compiled for the CPU.

    Args:
        graph: a serialised ONNX model, or the file of one (for openvino also its own format).
        engine: one of `ganc.base.engine_table.graph_engines()`.
        precision: what to compute in; f32 is meant literally, no engine goes below it by itself.
        threads: None takes this process's share of the cores.

    Raises:
        MissingDependencyError: the engine is not installed.
        SpecError: there is no such engine, it compiles no graphs, or it cannot be told to compute in that precision.
        FileFormatError: the engine cannot read the graph.
    """
    return _graph_adapter(engine).compile(graph, precision, threads)


def stream_graph(
    graph: bytes, engine: str, precision: str = "f32", streams: int | None = None, threads: int = 1
) -> StreamedGraph:
    """Return a graph that an engine compiled for the CPU, which all streams share.

    Args:
        graph, engine, precision: as of `compile_graph`; it raises the same.
        streams: None takes this process's share of the cores.
        threads: of each stream.
    """
    return _graph_adapter(engine).stream(graph, precision, streams or max(1, engine_threads() // threads), threads)


def _graph_adapter(engine: str) -> GraphAdapter:
    adapter = adapter_of(engine)
    if not isinstance(adapter, GraphAdapter):
        raise SpecError(f"engine '{engine}' compiles no graphs, expected one of {', '.join(graph_engines())}")
    return adapter


# Functions instead of classes: an engine is imported when it is asked for.
def _openvino() -> Adapter:
    from ganc.engines.openvino import OpenVinoAdapter

    return OpenVinoAdapter()


def _onnxruntime() -> Adapter:
    from ganc.engines.onnxruntime import OnnxRuntimeAdapter

    return OnnxRuntimeAdapter()


def _paddle_inference() -> Adapter:
    from ganc.engines.inference import InferenceAdapter

    return InferenceAdapter()


def _paddle() -> Adapter:
    from ganc.engines.eager import EagerAdapter

    return EagerAdapter()


ADAPTERS: Mapping[str, Callable[[], Adapter]] = {
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
    "paddle-inference": _paddle_inference,
    "paddle": _paddle,
}
