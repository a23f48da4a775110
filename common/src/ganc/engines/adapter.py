"""What an adapter of an engine offers: all run networks, most run exported variants, some compile graphs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ganc.base.engine_table import PRECISIONS
from ganc.base.errors import SpecError
from ganc.data.layout import FLOATS, ImageFormat
from ganc.engines import Engine
from ganc.engines.streams import ThreadedStreams
from ganc.files.card import Variant
from ganc.models.convolutions import NetworkState


class Adapter(ABC):
    """What makes one engine run networks."""

    def require_processor(self, precision: str) -> None:  # noqa: B027 - most engines are told no precision
        """Raise SpecError where this processor cannot compute in a precision that the engine is told."""

    @abstractmethod
    def of_network(self, state: NetworkState, precision: str) -> Engine:
        """Return the engine with a network, in a precision of the row's `of_checkpoints`."""

    def of_variant(self, folder: Path, variant: Variant, layout: ImageFormat, size_multiple: int) -> Engine:
        """Return the engine with a variant of an exported folder.

        Raises:
            SpecError: it runs no exported models.
            FileFormatError: it cannot read the files.
        """
        raise SpecError(f"{folder / variant.name}: the engine runs checkpoints only")


class CompiledGraph(Protocol):
    """A graph that is ready to run; results are the caller's own."""

    engine: str

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Run a graph of one input and one output."""

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run a graph of several inputs and outputs; both are in the graph's order."""

    def hold(self, arrays: Sequence[np.ndarray]) -> tuple[list[np.ndarray], Callable[[], None]]:
        """As `run`, without a copy: the outputs are valid until the function that comes with them is called."""


class StreamedGraph(Protocol):
    """A graph of one input and one output that takes many inputs at once.

    Attributes:
        streams: how many inputs it works on at a time.
    """

    engine: str
    streams: int

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the graph's output of each array, in order; the results are the caller's own."""


class GraphEngine:
    """A whole generator as a compiled graph; images go in and out in the graph's own format."""

    def __init__(self, graph: CompiledGraph, layout: ImageFormat, size_multiple: int):
        self.name, self.size_multiple = graph.engine, size_multiple
        self._graph, self._layout = graph, layout

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Translate float32 images (n, c, h, w) in [-1, 1]."""
        return self._layout.images(self._graph(self._layout.feed(images)))


class GraphAdapter(Adapter):
    """The adapter of an engine that compiles ONNX graphs for the CPU; such an engine must have `compile` alone."""

    @abstractmethod
    def compile(self, graph: bytes | Path, precision: str, threads: int | None) -> CompiledGraph:
        """Return a compiled graph, as `ganc.engines.compile.compile_graph` says."""

    def stream(self, graph: bytes, precision: str, streams: int, threads: int) -> StreamedGraph:
        """Return a graph of several streams, as `ganc.engines.compile.stream_graph` says."""
        return ThreadedStreams(self.compile(graph, precision, threads), streams)

    def of_network(self, state: NetworkState, precision: str) -> GraphEngine:
        """Compile the network's graph."""
        from ganc.onnx_graphs.generator import generator_graph  # needs onnx, which exported models run without

        graph = generator_graph(state, dtype=np.float16 if precision == "f16" else np.float32)
        return GraphEngine(self.compile(graph, _told(precision), None), FLOATS, state.spec.shape.size_multiple)

    def of_variant(self, folder: Path, variant: Variant, layout: ImageFormat, size_multiple: int) -> GraphEngine:
        """Compile the variant's graph."""
        return GraphEngine(self.compile(folder / variant.path, _told(variant.precision), None), layout, size_multiple)


def _told(precision: str) -> str:
    return precision if PRECISIONS[precision].told else "f32"
