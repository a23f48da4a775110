"""What an adapter of an engine offers: all run networks, most run exported variants, some compile graphs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ganc.base.engine_table import PRECISIONS
from ganc.base.errors import FileFormatError, GancError, SpecError
from ganc.base.reading import one_line
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
    def of_network(self, state: NetworkState, precision: str, threads: int | None = None) -> Engine:
        """Return the engine with a network, in a precision of the row's `of_checkpoints`.

        Args:
            threads: None takes this process's share of the cores.
        """

    def of_variant(
        self, folder: Path, variant: Variant, layout: ImageFormat, size_multiple: int, threads: int | None = None
    ) -> Engine:
        """Return the engine with a variant of an exported folder; `threads` as of `of_network`.

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
    """A whole generator as a compiled graph; images go in and out in the graph's own format.

    Args:
        source: what the graph is from, for messages.
    """

    def __init__(self, graph: CompiledGraph, layout: ImageFormat, size_multiple: int, source: object = "the graph"):
        self.name, self.size_multiple = graph.engine, size_multiple
        self._graph, self._layout, self._source = graph, layout, source

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Translate float32 images (n, c, h, w) in [-1, 1]. Raises FileFormatError where the graph is none for that."""
        return translated(self._graph, self._layout, images, f"{self._source}: {self.name}")


def translated(run: Callable, layout: ImageFormat, images: np.ndarray, subject: str) -> np.ndarray:
    """Return what a model makes of float32 images (n, c, h, w) in [-1, 1].

    Args:
        run: the model, on arrays of the layout.
        subject: the file and the engine, for messages.

    Raises:
        FileFormatError: the model takes other inputs, or gives something else than as many images.
    """
    try:
        made = run(layout.feed(images))
    except (GancError, MemoryError):
        raise
    except Exception as error:  # each engine has exceptions of its own
        raise FileFormatError(f"{subject} cannot run it on images ({one_line(error)[:300]})") from error
    if made.ndim != 4 or len(made) != len(images):
        raise FileFormatError(
            f"{subject} gives an array of shape {made.shape} for {len(images)} images, expected as many images; "
            "export the model again"
        )
    return layout.images(made)


class GraphAdapter(Adapter):
    """The adapter of an engine that compiles ONNX graphs for the CPU; such an engine must have `compile` alone."""

    @abstractmethod
    def compile(self, graph: bytes | Path, precision: str, threads: int | None) -> CompiledGraph:
        """Return a compiled graph, as `ganc.engines.compile.compile_graph` says."""

    def stream(self, graph: bytes, precision: str, streams: int, threads: int) -> StreamedGraph:
        """Return a graph of several streams, as `ganc.engines.compile.stream_graph` says."""
        return ThreadedStreams(self.compile(graph, precision, threads), streams)

    def of_network(self, state: NetworkState, precision: str, threads: int | None = None) -> GraphEngine:
        """Compile the network's graph."""
        from ganc.onnx_graphs.generator import generator_graph  # needs onnx, which exported models run without

        graph = generator_graph(state, dtype=np.float16 if precision == "f16" else np.float32)
        return GraphEngine(self.compile(graph, _told(precision), threads), FLOATS, state.spec.shape.size_multiple)

    def of_variant(
        self, folder: Path, variant: Variant, layout: ImageFormat, size_multiple: int, threads: int | None = None
    ) -> GraphEngine:
        """Compile the variant's graph."""
        path = folder / variant.path
        return GraphEngine(self.compile(path, _told(variant.precision), threads), layout, size_multiple, path)


def _told(precision: str) -> str:
    return precision if PRECISIONS[precision].told else "f32"
