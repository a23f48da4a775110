"""Running an ONNX graph in ONNX Runtime."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from ganc.base.errors import FileFormatError, SpecError
from ganc.base.reading import one_line
from ganc.engines.adapter import GraphAdapter
from ganc.system.runtime import engine_threads


class OnnxRuntimeGraph:
    """A graph on the CPU. Its precision is that of the graph's own tensors."""

    engine = "onnxruntime"

    def __init__(self, graph: bytes | Path, precision: str = "f32", threads: int | None = None):
        if precision != "f32":
            raise SpecError(f"ONNX Runtime computes in the precision of the graph, not in {precision} by itself")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or engine_threads()
        options.log_severity_level = 4  # what goes wrong is raised
        source = graph if isinstance(graph, bytes) else str(graph)
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no common base but Exception
            name = "the graph" if isinstance(graph, bytes) else graph
            raise FileFormatError(f"{name}: ONNX Runtime cannot load it ({one_line(error)})") from error
        self._inputs = [one.name for one in self._session.get_inputs()]

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Run the graph on an array of its input's type and shape."""
        return self.run([array])[0]

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run a graph of several inputs and outputs; both are in the graph's order."""
        if len(arrays) != len(self._inputs):
            raise ValueError(f"the graph has {len(self._inputs)} inputs, given are {len(arrays)}")
        feeds = (np.ascontiguousarray(array) for array in arrays)
        return self._session.run(None, dict(zip(self._inputs, feeds, strict=True)))

    def hold(self, arrays: Sequence[np.ndarray]) -> tuple[list[np.ndarray], Callable[[], None]]:
        """As `run`: the session makes new outputs each time."""
        return self.run(arrays), lambda: None


class OnnxRuntimeAdapter(GraphAdapter):
    """Makes ONNX Runtime run networks and graphs."""

    def compile(self, graph: bytes | Path, precision: str, threads: int | None) -> OnnxRuntimeGraph:
        """Return a compiled graph, as `ganc.engines.compile.compile_graph` says."""
        return OnnxRuntimeGraph(graph, precision, threads)
