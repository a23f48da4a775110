"""Compiling ONNX graphs with the runtimes that are installed, fastest on a CPU first."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from ganc.base.errors import MissingDependencyError, SpecError


class CompiledGraph(Protocol):
    """A graph of one input and one output, ready to run."""

    runtime: str
    precision: str

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Run the graph; the result is the caller's own."""


def compile_graph(
    graph: bytes | Path, runtime: str, precision: str = "f32", threads: int | None = None
) -> CompiledGraph:
    """Return a graph compiled by a runtime for the CPU.

    Args:
        graph: a serialised ONNX model, or the file of one (for openvino also its own format).
        runtime: one of `installed_runtimes()`.
        precision: what to compute in; f32 is meant literally, no runtime goes below it by itself.
        threads: None takes this process' share of the cores.

    Raises:
        MissingDependencyError: the runtime is not installed.
        SpecError: no such runtime, or it cannot compute in that precision.
        FileFormatError: the runtime cannot read the graph.
    """
    if runtime not in _RUNTIMES:
        raise SpecError(f"runtime '{runtime}': expected one of {', '.join(_RUNTIMES)}")
    return _RUNTIMES[runtime]()(graph, precision, threads)


def installed_runtimes() -> tuple[str, ...]:
    """Return the names of the runtimes that are installed, the one that is fastest on a CPU first."""
    return tuple(name for name in _RUNTIMES if importlib.util.find_spec(name))


def _openvino() -> Callable[..., CompiledGraph]:
    _require("openvino", "OpenVINO")
    from ganc.engines.openvino import OpenVinoGraph

    return OpenVinoGraph


def _onnxruntime() -> Callable[..., CompiledGraph]:
    _require("onnxruntime", "ONNX Runtime", extra="onnx")
    from ganc.engines.onnxruntime import OnnxRuntimeGraph

    return OnnxRuntimeGraph


# Loaders instead of classes: a runtime is imported when it is asked for.
_RUNTIMES: dict[str, Callable[[], Callable[..., CompiledGraph]]] = {
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
}


def _require(module: str, name: str, extra: str | None = None) -> None:
    if not importlib.util.find_spec(module):
        raise MissingDependencyError(f"{name} is not installed: install ganc-common[{extra or module}]")
