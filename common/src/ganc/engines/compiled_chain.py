"""Layers in training whose passes an engine for graphs runs: a pass forward, the one back, and their link to Paddle."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from types import MappingProxyType
from typing import Any

import numpy as np

from ganc.engines.adapter import CompiledGraph
from ganc.engines.compile import compile_graph
from ganc.onnx_graphs.passes import Chain, Shape, forward_graph, training_graphs
from ganc.system.runtime import Tensor, paddle

Part = tuple[slice, ...]  # the leading places of a tensor
Parts = Mapping[str, Part]  # by the tensor's name


@dataclass(frozen=True)
class _Compiled:
    """A pass as compiled graphs; without gradients there is no backward one.

    Attributes:
        weights: the tensors that `forward` takes behind the images.
        inputs, kept: what `backward` takes, see TrainingGraphs.
    """

    weights: tuple[str, ...]
    forward: CompiledGraph
    backward: CompiledGraph | None = None
    inputs: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """A compiled graph to the gradient at some of a pass's images; the attributes are those of TrainingGraphs."""

    backward: CompiledGraph
    inputs: tuple[str, ...]
    kept: tuple[str, ...]


class CompiledChain:
    """Runs layers with Paddle's tensors, which are given by name.

    It compiles graphs for each shape of input and each set of gradients that is wanted.
    """

    def __init__(self, tensors: Mapping[str, Any], chain: Chain, engine: str):
        self._parameters, self._chain, self._engine = tensors, chain, engine
        self._compiled: dict[tuple, _Compiled] = {}
        self._parts: dict[Shape, _Part] = {}

    def __call__(self, x: Tensor, parts: Parts) -> list:
        """Map images (n, c, h, w) to the chain's outputs, with the tensors that have `parts` set to 0 elsewhere."""
        return self.run(x, parts)[0]

    def run(self, x: Tensor, parts: Parts = MappingProxyType({})) -> tuple[list, dict[str, np.ndarray]]:
        """As a call, and return what the pass back will take too, until it was run; nothing where there is none."""
        recorded = paddle.is_grad_enabled()
        learns = recorded and any(not one.stop_gradient for one in self._parameters.values())
        wanted = recorded and not x.stop_gradient
        compiled = self._compile(tuple(x.shape), learns, wanted)
        tensors = [self._parameters[name] for name in compiled.weights]
        narrow = [None, *map(parts.get, compiled.weights)]
        if compiled.backward is None:
            return [tensor_of(one) for one in compiled.forward.run(arrays_of([x, *tensors], narrow))], {}
        kept: dict[str, np.ndarray] = {}
        flags = (wanted, *[learns] * len(tensors))
        return [*_Pass.apply(compiled, kept, flags, narrow, x, *tensors)], kept

    def run_part(self, kept: Mapping[str, np.ndarray], output: Tensor, x: Tensor, part: slice) -> Tensor:
        """Return an output of a pass that has run, with its gradient at some of that pass's images.

        Args:
            kept: what `run` gave.
            output: what the pass made of these images, without gradients.
            x: these images again, (n, c, h, w).
            part: their places among the pass's images.
        """
        shape = tuple(x.shape)
        if shape not in self._parts:
            made = training_graphs(self._chain, shape, learns=False, wanted=True)
            self._parts[shape] = _Part(compile_graph(made.backward, self._engine), made.inputs, made.kept)
        return _LaterPass.apply(self._parts[shape], kept, part, output, x)

    def _compile(self, shape: Shape, learns: bool, wanted: bool) -> _Compiled:
        key = (shape, learns, wanted)
        if key not in self._compiled:
            if learns or wanted:
                made = training_graphs(self._chain, shape, learns=learns, wanted=wanted)
                forward, backward = (compile_graph(one, self._engine) for one in (made.forward.graph, made.backward))
                self._compiled[key] = _Compiled(made.forward.weights, forward, backward, made.inputs, made.kept)
            else:
                plain = forward_graph(self._chain, shape)
                self._compiled[key] = _Compiled(plain.weights, compile_graph(plain.graph, self._engine))
        return self._compiled[key]


def arrays_of(tensors: Sequence, parts: Iterable[Part | None] = repeat(None)) -> list[np.ndarray]:
    """Return tensors as arrays, with zeros outside their parts.

    Where all of a tensor is wanted and Paddle lends its memory (from Paddle 3 on), it is not copied.
    """
    arrays = (np.from_dlpack(one.detach()) if hasattr(one, "__dlpack__") else one.numpy() for one in tensors)
    return [_only(array, part) for array, part in zip(arrays, parts, strict=False)]


def _only(array: np.ndarray, part: Part | None) -> np.ndarray:
    if part is None:
        return array
    out = np.zeros_like(array)
    out[part] = array[part]
    return out


def tensor_of(array: np.ndarray) -> Tensor:
    """Return an array that nobody else has as a tensor in the same memory."""
    return paddle.utils.dlpack.from_dlpack(array.__dlpack__())


class _Pass(paddle.autograd.PyLayer):
    """The link to Paddle's gradients. Weights are read in place: they must not change before the pass back."""

    @staticmethod
    def forward(
        ctx: Any,
        compiled: _Compiled,
        kept: dict[str, np.ndarray],
        flags: Sequence[bool],
        parts: Sequence[Part | None],
        *tensors: Tensor,
    ) -> tuple:
        """Return the chain's outputs; fill `kept` with what the pass back takes.

        Args:
            flags: of which tensors gradients are wanted.
            parts: what of the tensors is used.
        """
        given = arrays_of(tensors, parts)
        found, ctx.release = compiled.forward.hold(given)
        ctx.compiled, ctx.flags, ctx.parts, ctx.kept = compiled, flags, parts, kept
        kept.update(zip(("images", *compiled.weights), given, strict=True))
        outputs = len(found) - len(compiled.kept)
        kept.update(zip(compiled.kept, found[outputs:], strict=True))
        return tuple(tensor_of(one.copy()) for one in found[:outputs])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple:
        given = ctx.kept | _numbered("kept", map(ctx.kept.get, ctx.compiled.kept))
        given |= _numbered("gradient", arrays_of(gradients))
        found = iter(ctx.compiled.backward.run([given[name] for name in ctx.compiled.inputs]))
        ctx.kept.clear()
        ctx.release()
        wanted = zip(ctx.flags, ctx.parts, strict=True)
        return tuple(tensor_of(_only(next(found), part)) if flag else None for flag, part in wanted)


class _LaterPass(paddle.autograd.PyLayer):
    """The gradient at some images of a pass that has run."""

    @staticmethod
    def forward(
        ctx: Any, graph: _Part, kept: Mapping[str, np.ndarray], part: slice, output: Tensor, x: Tensor
    ) -> Tensor:
        """Return the output as it is."""
        ctx.graph, ctx.kept, ctx.part = graph, kept, part
        return output.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple:
        if not ctx.kept:
            raise RuntimeError("the pass back of all images has run already: what it kept is gone")
        graph, kept = ctx.graph, ctx.kept
        parts = {"images": kept["images"][ctx.part]} | _numbered("kept", (kept[name][ctx.part] for name in graph.kept))
        given = {**kept, **parts, **_numbered("gradient", arrays_of([gradient]))}
        return None, tensor_of(graph.backward.run([given[name] for name in graph.inputs])[0])


def _numbered(name: str, arrays: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{name}_{number}": array for number, array in enumerate(arrays)}
