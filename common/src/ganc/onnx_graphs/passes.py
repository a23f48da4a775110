"""The graphs of a network's passes in training: forward, and backward."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ganc.models.convolutions import NetworkState
from ganc.models.layers import Layers
from ganc.onnx_graphs.builder import GraphBuilder
from ganc.onnx_graphs.generator import write_entrance, write_segment
from ganc.onnx_graphs.gradients import GradientWriter, Pullback, Value

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Chain:
    """Layers in segments that run one after another.

    Attributes:
        outputs: the places of the segments whose outputs are given, rising; the last segment is among them.
        constants: the tensors that never change, by name; graphs have them inside.
        heads: by place, layers that an output goes through before it is given; the next segment does not see them.
    """

    segments: tuple[Layers, ...]
    outputs: tuple[int, ...]
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)
    heads: Mapping[int, Layers] = field(default_factory=dict)


@dataclass(frozen=True)
class ForwardGraph:
    """A graph from images and the tensors of `weights`, in order, to the chain's outputs and to what is kept."""

    graph: bytes
    weights: tuple[str, ...]


@dataclass(frozen=True)
class TrainingGraphs:
    """A pass forward and the one back.

    Attributes:
        forward: behind the chain's outputs it gives what the pass back takes, `kept_0` and so on.
        backward: a graph to the gradients of the images, if they are wanted, and of the tensors in the order of
            `forward.weights`.
        inputs: of `backward`, in order: some of `images`, the tensors, `gradient_0` and so on at the chain's outputs,
            and what was kept.
        kept: what `kept_0` and so on are called in the forward graph; passes of the same chain agree in these names.
    """

    forward: ForwardGraph
    backward: bytes
    inputs: tuple[str, ...]
    kept: tuple[str, ...]


def forward_graph(chain: Chain, shape: Shape) -> ForwardGraph:
    """Return the graph that maps images of `shape`, (n, c, h, w), to the chain's outputs; it keeps nothing."""
    return _Walk(chain, shape, learns=False, wanted=False).forward()


def training_graphs(chain: Chain, shape: Shape, *, learns: bool, wanted: bool) -> TrainingGraphs:
    """Return the graphs of a pass with gradients.

    Args:
        shape: of the images, (n, c, h, w).
        learns: whether the gradients of the tensors are wanted.
        wanted: whether the gradient of the images is wanted.
    """
    walk = _Walk(chain, shape, learns=learns, wanted=wanted)
    backward, inputs = walk.backward()  # first: it says what the forward graph has to keep
    return TrainingGraphs(walk.forward(), backward, inputs, walk.kept)


def constant_graph(state: NetworkState, shape: Shape) -> bytes:
    """Return the graph of a generator whose tensors do not change: images of `shape` to its taps and its images."""
    builder = GraphBuilder("teacher")
    x = write_entrance(builder, builder.input("images", np.float32, shape))
    segments = state.spec.shape.segments
    outputs = []
    for segment in range(segments):
        x = write_segment(builder, x, state, segment)
        if segment in (*state.spec.shape.taps, segments - 1):
            outputs.append(x)
    for number, name in enumerate(outputs):
        builder.output(name, f"output_{number}", np.float32, ["n", f"c{number}", f"h{number}", f"w{number}"])
    return builder.serialised()


class _Walk:
    """A chain, written as a forward graph; `backward` then writes the other one."""

    def __init__(self, chain: Chain, shape: Shape, *, learns: bool, wanted: bool):
        self._wanted = wanted
        self._forward = GraphBuilder("forward")
        self._writer = GradientWriter(self._forward, shape[0], learns=learns, constants=chain.constants)
        self._outputs: dict[int, Value] = {}
        self._pullbacks: list[Pullback] = []
        self._heads: dict[int, Pullback] = {}
        self._images = x = Value(self._forward.input("images", np.float32, shape), *shape[1:])
        for place, layers in enumerate(chain.segments):
            x, pullback = self._writer.write(layers, x, wanted or (learns and place > 0))
            self._pullbacks.append(pullback)
            if place in chain.outputs:
                head = chain.heads.get(place, ())
                self._outputs[place], self._heads[place] = self._writer.write(head, x, wanted or learns)

    def backward(self) -> tuple[bytes, tuple[str, ...]]:
        """Return the graph of the gradients and its inputs."""
        writer, count = self._writer, self._writer.images
        builder = GraphBuilder("backward")
        writer.turn(builder, self._images)
        given = {
            place: builder.input(f"gradient_{number}", np.float32, value.shape(count))
            for number, (place, value) in enumerate(self._outputs.items())
        }
        gradient = ""
        for place, pullback in reversed([*enumerate(self._pullbacks)]):
            if place in given:
                back = self._heads[place](given[place])
                gradient = builder.node("Add", gradient, back) if gradient else back
            gradient = pullback(gradient)
        found: list[tuple[str, Sequence[int]]] = [(gradient, self._images.shape(count))] if self._wanted else []
        if writer.learns:
            found += [(writer.gradients[name], size) for name, size in writer.weights.items()]
        return _finished(builder, found), builder.inputs

    @property
    def kept(self) -> tuple[str, ...]:
        """What the backward graph takes of the forward graph, by its names there."""
        return tuple(value.name for value in self._writer.kept)

    def forward(self) -> ForwardGraph:
        """Return the graph of the outputs, and of what the gradients take of it."""
        values = [*self._outputs.values(), *self._writer.kept]
        graph = _finished(self._forward, ((value.name, value.shape(self._writer.images)) for value in values))
        return ForwardGraph(graph, tuple(self._writer.weights))


def _finished(builder: GraphBuilder, results: Iterable[tuple[str, Sequence[int]]]) -> bytes:
    """Return the graph with these values as its outputs; one may be given twice."""
    for number, (name, shape) in enumerate(results):
        builder.output(builder.node("Identity", name), f"output_{number}", np.float32, shape)
    return builder.serialised()
