"""The graphs of a network's passes in training: forward, and backward.

The backward graph computes the forward pass again, so that nothing is kept between the two.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    """

    segments: tuple[Layers, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class PassGraph:
    """The graph of a pass: its inputs are images, the tensors of `weights` in order, and gradients at the outputs."""

    graph: bytes
    weights: tuple[str, ...]


def forward_graph(chain: Chain, shape: Shape) -> PassGraph:
    """Return the graph that maps images of `shape`, (n, c, h, w), to the chain's outputs."""
    walk = _Walk(chain, shape, learns=False, wanted=False)
    return walk.finished((value.name, value.shape(shape[0])) for value in walk.outputs.values())


def backward_graph(chain: Chain, shape: Shape, *, learns: bool, wanted: bool) -> PassGraph:
    """Return the graph that takes gradients at the chain's outputs to those of the images and of the tensors.

    Args:
        learns: whether the gradients of the tensors are wanted; they come in the order of `weights`.
        wanted: whether the gradient of the images is wanted; it comes first.
    """
    walk = _Walk(chain, shape, learns=learns, wanted=wanted)
    images = walk.pull()
    found = [(images, shape)] if wanted else []
    if learns:
        found += [(walk.writer.gradients[name], size) for name, size in walk.writer.weights.items()]
    return walk.finished(found)


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
    """A chain, written; `outputs` are its values by place."""

    def __init__(self, chain: Chain, shape: Shape, *, learns: bool, wanted: bool):
        self.builder = GraphBuilder("pass")
        self.writer = GradientWriter(self.builder, shape[0], learns)
        self.outputs: dict[int, Value] = {}
        self._pullbacks: list[Pullback] = []
        x = Value(self.builder.input("images", np.float32, shape), *shape[1:])
        for place, layers in enumerate(chain.segments):
            x, pullback = self.writer.write(layers, x, wanted or (learns and place > 0))
            self._pullbacks.append(pullback)
            if place in chain.outputs:
                self.outputs[place] = x

    def pull(self) -> str:
        """Add an input for the gradient at each output, and the pullbacks; return the gradient of the images."""
        given = {
            place: self.builder.input(f"gradient_{place}", np.float32, value.shape(self.writer.images))
            for place, value in self.outputs.items()
        }
        gradient = ""
        for place, pullback in reversed([*enumerate(self._pullbacks)]):
            if place in given:
                gradient = self.builder.node("Add", gradient, given[place]) if gradient else given[place]
            gradient = pullback(gradient)
        return gradient

    def finished(self, results: Iterable[tuple[str, Sequence[int]]]) -> PassGraph:
        """Return the graph with these values as its outputs."""
        for number, (name, shape) in enumerate(results):
            self.builder.output(name, f"output_{number}", np.float32, shape)
        return PassGraph(self.builder.serialised(), tuple(self.writer.weights))
