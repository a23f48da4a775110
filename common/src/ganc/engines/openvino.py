"""Running a graph in OpenVINO."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import openvino

from ganc.base.errors import FileFormatError, SpecError
from ganc.system.runtime import engine_threads

PRECISIONS = {"f32": "f32", "f16": "f16", "bf16": "bf16", "int8": "f32"}  # quantised nodes are in the graph itself


class OpenVinoGraph:
    """A graph of one input and one output on the CPU, ONNX or OpenVINO's own format."""

    runtime = "openvino"

    def __init__(self, graph: bytes | Path, precision: str = "f32", threads: int | None = None):
        settings = {"INFERENCE_NUM_THREADS": threads or engine_threads(), "PERFORMANCE_HINT": "LATENCY"}
        self._request = compiled_model(graph, precision, settings).create_infer_request()
        self.precision = precision

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Run the graph on an array of its input's type and shape."""
        results = self._request.infer([np.ascontiguousarray(array)], share_inputs=True, share_outputs=True)
        return results[0].copy()


def compiled_model(graph: bytes | Path, precision: str, settings: Mapping[str, object]) -> openvino.CompiledModel:
    """Return a graph compiled for the CPU with these settings of OpenVINO's, in just this precision.

    Raises:
        SpecError: OpenVINO does not have the precision.
        FileFormatError: it cannot read the graph.
    """
    if precision not in PRECISIONS:
        raise SpecError(f"precision '{precision}': OpenVINO has {', '.join(PRECISIONS)}")
    try:
        model = _core().read_model(graph if isinstance(graph, bytes) else str(graph))
        return _core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": PRECISIONS[precision], **settings})
    except RuntimeError as error:
        name = "the graph" if isinstance(graph, bytes) else graph
        raise FileFormatError(f"{name}: OpenVINO cannot load it ({' '.join(str(error).split())})") from error


def capabilities() -> tuple[str, ...]:
    """Return what the processor computes in at full speed, in OpenVINO's words: "FP32", "BF16", "INT8"."""
    return tuple(_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


@cache
def _core() -> openvino.Core:
    return openvino.Core()
