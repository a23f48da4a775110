"""Running single segments of a supernet, so that sub-networks can share the segments that they have in common.

An activation is whatever an engine keeps between two segments: arrays, or a tensor on the device. A segment is called
with its input's activation and returns its own.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ganc.base.engine_table import REFERENCE, engines_of_parts, fastest_engine
from ganc.engines.adapter import StreamedGraph
from ganc.engines.compile import stream_graph
from ganc.engines.parts import require_engine_of_parts
from ganc.models.convolutions import NetworkState
from ganc.models.family import Family, Widths
from ganc.models.generator import Generator
from ganc.system.runtime import engine_threads, paddle
from ganc_search.settings import AUTO

Segment = Callable[[Any], Any]


def segment_key(family: Family, segment: int, widths: Widths) -> tuple[int, int, int]:
    """Return what tells different segments apart: the place, the width of the input and the own width."""
    return segment, widths[family.input_segment(segment)], widths[segment]


class GraphSegments:
    """Segments as ONNX graphs, each compiled once by an engine for the CPU.

    Each thread runs an image of its own, which keeps activations in the processor's cache, and does not wait for the
    others inside a segment; so values do not depend on the number of threads either.

    Args:
        state: the supernet's generator.
        engine: one of `ganc.base.engine_table.graph_engines()`.
        most: keep so many graphs, or those of one sub-network if they are more; the one that was not asked for the
            longest goes first. A graph keeps the memory that it works in.

    Attributes:
        name: the engine's. images_at_once: the batch that suits it best.

    Raises:
        MissingDependencyError: the engine, or the onnx package, is not installed.
    """

    def __init__(self, state: NetworkState, engine: str, most: int = 64):
        from ganc.onnx_graphs import generator as graphs  # needs onnx, which a search in Paddle does without

        self.name, self._state, self._write = engine, state, graphs.segment_graph
        self._family = state.spec.shape
        self._most = max(most, self._family.segments)
        self._threads = engine_threads()
        self.images_at_once = 2 * self._threads
        self._compiled: OrderedDict[tuple, StreamedGraph] = OrderedDict()

    def fits(self, group: Sequence[Widths]) -> bool:
        """Whether the different segments of some sub-networks are few enough to be ready together."""
        places = range(self._family.segments)
        return len({segment_key(self._family, place, widths) for widths in group for place in places}) <= self._most

    def load(self, images: np.ndarray) -> list[np.ndarray]:
        """Return the activation of float32 images (n, c, h, w) in [-1, 1]."""
        return [images[index : index + 1] for index in range(len(images))]

    def prepare(self, places: Iterable[tuple[int, Widths]]) -> None:
        """Make some segments of some sub-networks ready at once, which is faster than one by one."""
        needed = {segment_key(self._family, *place): place for place in places}
        missing = {key: place for key, place in needed.items() if key not in self._compiled}
        for key in needed.keys() - missing.keys():
            self._compiled.move_to_end(key)
        while len(self._compiled) > max(0, self._most - len(missing)):  # before others are made: both would be too many
            self._compiled.popitem(last=False)
        if missing:
            with ThreadPoolExecutor(self._threads) as pool:
                self._compiled.update(zip(missing, pool.map(self._graph, missing.values()), strict=True))

    def segment(self, segment: int, widths: Widths) -> StreamedGraph:
        """Return one segment of the sub-network of these widths, ready to run."""
        self.prepare([(segment, widths)])
        return self._compiled[segment_key(self._family, segment, widths)]

    def images(self, activation: list[np.ndarray]) -> np.ndarray:
        """Return the last segment's activation as float32 (n, c, h, w)."""
        return np.concatenate(activation)

    def _graph(self, place: tuple[int, Widths]) -> StreamedGraph:
        segment, widths = place
        return stream_graph(self._write(self._state.leading(self._state.spec.narrowed(widths)), segment), self.name)


class EagerSegments:
    """Segments of Paddle's own generator, sliced when a segment is called, so that none needs memory of its own."""

    name = REFERENCE
    images_at_once = 8

    def __init__(self, state: NetworkState):
        self._generator = Generator.from_state(state)
        self._generator.eval()

    def fits(self, group: Sequence[Widths]) -> bool:
        return True

    def load(self, images: np.ndarray) -> Any:
        return paddle.clip(paddle.to_tensor(images), -1.0, 1.0)  # as the generator's entrance does

    def prepare(self, places: Iterable[tuple[int, Widths]]) -> None:
        pass

    def segment(self, segment: int, widths: Widths) -> Segment:
        layers = self._generator.segments(widths)[segment]

        def run(activation: Any) -> Any:
            with paddle.no_grad():
                return layers(activation)

        return run

    def images(self, activation: Any) -> np.ndarray:
        return activation.numpy()


Segments = GraphSegments | EagerSegments


def segments_on(state: NetworkState, engine: str = AUTO, most: int = 64) -> Segments:
    """Return the segments of a generator on an engine.

    Args:
        engine: one of `engines_of_parts()`, or auto: the fastest that is installed on a CPU, Paddle on a GPU.

    Raises:
        GancError: as of `require_engine_of_parts`.
    """
    if engine == AUTO:
        engine = fastest_engine(engines_of_parts(), paddle.get_device() != "cpu")
    require_engine_of_parts(engine)
    return EagerSegments(state) if engine == REFERENCE else GraphSegments(state, engine, most)
