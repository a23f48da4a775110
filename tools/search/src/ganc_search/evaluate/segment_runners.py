"""Running single stages of a supernet, so that sub-networks can share the stages that they have in common.

An activation is whatever an engine keeps between two stages: arrays, or a tensor on the device. A stage is called with
its input's activation and returns its own.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np

from ganc.base.engine_table import REFERENCE, engine_row, fastest_engine, graph_engines
from ganc.base.errors import SpecError
from ganc.base.extras import require
from ganc.engines.adapter import StreamedGraph
from ganc.engines.compile import stream_graph
from ganc.models.convolutions import NetworkState
from ganc.models.generator import Generator
from ganc.models.layers import Layers
from ganc.models.spec import Widths
from ganc.system.runtime import engine_threads, paddle

AUTO = "auto"
ENGINES = (*graph_engines(), REFERENCE)  # those that run segments
Stage = Callable[[Any], Any]


class StageRunner(Protocol):
    """The stages of one supernet on one engine.

    Attributes:
        name: the engine's.
        pictures_at_once: the batch that suits the engine best.
        pictures_in_flight: how many of them a stage works on at the same moment at most.
        working_memory: bytes that a stage takes for each of these, as a multiple of its largest convolution's input and
            output; measured at 256x256 on the widest stages of channels-32, and rounded up.
        keeps_memory: whether a stage keeps these bytes for its next call.
        most: how many stages it keeps ready; may be set.
    """

    name: str
    pictures_at_once: int
    pictures_in_flight: int
    working_memory: float
    keeps_memory: bool
    most: int

    def load(self, images: np.ndarray) -> Any:
        """Return the activation of float32 pictures (n, 3, h, w) in [-1, 1]."""

    def prepare(self, places: Iterable[tuple[int, Widths]]) -> None:
        """Make some stages of some sub-networks ready at once, which is faster than one by one."""

    def stage(self, stage: int, widths: Widths) -> Stage:
        """Return one stage of the sub-network of these widths, ready to run."""

    def pictures(self, activation: Any) -> np.ndarray:
        """Return the last stage's activation as float32 (n, 3, h, w)."""


class GraphStages:
    """Stages as ONNX graphs, each compiled once by an engine for the CPU.

    A stage depends on its own width and that of its input alone, so that a space of thousands of sub-networks has some
    dozen graphs. Each thread runs a picture of its own, which keeps activations in the processor's cache, and does not
    wait for the others inside a stage; so values do not depend on the number of threads either.

    Args:
        state: the supernet's generator.
        engine: one of `ganc.base.engine_table.graph_engines()`.
        most: keep so many graphs; the one that was not asked for the longest goes first.

    Raises:
        MissingDependencyError: the engine, or the onnx package, is not installed.
    """

    working_memory = 4.0
    keeps_memory = True

    def __init__(self, state: NetworkState, engine: str, most: int = 1000):
        from ganc.onnx_graphs import generator as graphs

        self.name = engine
        self.most = most
        self.pictures_in_flight = engine_threads()
        self.pictures_at_once = 2 * self.pictures_in_flight
        self._state, self._write = state, graphs.segment_graph
        self._compiled: OrderedDict[Layers, StreamedGraph] = OrderedDict()

    def load(self, images: np.ndarray) -> list[np.ndarray]:
        """Return the pictures one by one."""
        return [images[index : index + 1] for index in range(len(images))]

    def prepare(self, places: Iterable[tuple[int, Widths]]) -> None:
        """Compile those graphs that are not yet there, one a thread."""
        needed = {self._key(*place): place for place in places}
        missing = {key: place for key, place in needed.items() if key not in self._compiled}
        for key in needed.keys() - missing.keys():
            self._compiled.move_to_end(key)
        self._let_go(self.most - len(missing))  # before others are made: both at once would exceed the memory
        if missing:
            with ThreadPoolExecutor(self.pictures_in_flight) as pool:
                graphs = pool.map(lambda place: self._graph(*place), missing.values())
                self._compiled.update(zip(missing, graphs, strict=True))

    def stage(self, stage: int, widths: Widths) -> Stage:
        """Return the stage's graph, compiled now if it was not prepared."""
        key = self._key(stage, widths)
        if key not in self._compiled:
            self._compiled[key] = self._graph(stage, widths)
        self._compiled.move_to_end(key)
        self._let_go(self.most)
        return self._compiled[key]

    def _let_go(self, most: int) -> None:
        while len(self._compiled) > max(most, 0):
            self._compiled.popitem(last=False)

    def _key(self, stage: int, widths: Widths) -> Layers:
        return self._state.spec.narrowed(widths).segments[stage]

    def _graph(self, stage: int, widths: Widths) -> StreamedGraph:
        state = self._state.leading(self._state.spec.narrowed(widths))
        return stream_graph(self._write(state, stage), self.name)

    def pictures(self, activation: list[np.ndarray]) -> np.ndarray:
        """Return the pictures together."""
        return np.concatenate(activation)


class EagerStages:
    """Stages of Paddle's own generator, sliced when they are called; activations stay on the device."""

    name = REFERENCE
    pictures_at_once = pictures_in_flight = 8
    working_memory = 4.0
    keeps_memory = False
    most = 0  # there is nothing to keep: the weights are sliced in each call

    def __init__(self, state: NetworkState):
        self._generator = Generator.from_state(state)
        self._generator.eval()

    def load(self, images: np.ndarray) -> Any:
        """Return the pictures as a tensor, clipped as the generator's entrance does."""
        return paddle.clip(paddle.to_tensor(images), -1.0, 1.0)

    def prepare(self, places: Iterable[tuple[int, Widths]]) -> None:
        """There is nothing to prepare."""

    def stage(self, stage: int, widths: Widths) -> Stage:
        """Return a call of the stage of the sub-network of these widths."""
        segment = self._generator.segments(widths)[stage]

        def run(activation):
            with paddle.no_grad():
                return segment(activation)

        return run

    def pictures(self, activation: Any) -> np.ndarray:
        """Return the tensor's values."""
        return activation.numpy()


def stage_runner(state: NetworkState, engine: str = AUTO) -> StageRunner:
    """Return the stages of a generator on an engine.

    Args:
        engine: one of `ENGINES`, or auto: the fastest that is installed on a CPU, Paddle on a GPU.

    Raises:
        MissingDependencyError: the engine is not installed.
        SpecError: no such engine, or it runs no segments, or not on this device.
    """
    on_gpu = not paddle.get_device().startswith("cpu")
    if engine == AUTO:
        engine = fastest_engine(ENGINES, on_gpu)
    if engine == REFERENCE:
        return EagerStages(state)
    if engine_row(engine).name not in ENGINES:
        raise SpecError(f"engine '{engine}' runs whole networks only, expected one of {', '.join(ENGINES)}")
    require(*engine_row(engine).packages)
    if on_gpu:
        raise SpecError(f"engine '{engine}' runs on the CPU: add --device cpu, or use --engine {REFERENCE}")
    return GraphStages(state, engine)
