"""Networks in training whose passes an engine for graphs runs; they are called as in Paddle and have gradients.

A sub-network runs as the whole network with the tensors of the other channels set to 0: an instance norm of zeros is 0,
so that these channels add nothing, and one graph does for all sub-networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganc.engines.adapter import CompiledGraph
from ganc.engines.compile import compile_graph
from ganc.models.convolutions import NetworkState, tensor_shapes
from ganc.models.discriminator import Discriminator
from ganc.models.family import Widths
from ganc.models.generator import Generator
from ganc.models.layers import Layers
from ganc.models.network import Network
from ganc.onnx_graphs.passes import Chain, Shape, constant_graph, forward_graph, training_graphs
from ganc.system.runtime import paddle


class CompiledTeacher:
    """A generator whose tensors never change, in an engine for graphs; it gives images and taps without gradients."""

    def __init__(self, state: NetworkState, engine: str):
        self._state, self._engine = state, engine
        self._compiled: dict[Shape, CompiledGraph] = {}

    def __call__(self, x) -> tuple:
        """Translate images (n, c, h, w); see Generator."""
        shape = tuple(x.shape)
        if shape not in self._compiled:
            self._state.spec.require_size(shape[3], shape[2])
            self._compiled[shape] = compile_graph(constant_graph(self._state, shape), self._engine)
        *taps, made = map(paddle.to_tensor, self._compiled[shape].run([x.numpy()]))
        return made, taps


class CompiledGenerator:
    """A generator's passes in an engine for graphs; called as the generator is, whose tensors it uses."""

    def __init__(self, generator: Generator, engine: str):
        spec = generator.spec
        self.spec = spec
        last = spec.shape.segments - 1
        self._plain = _CompiledChain(generator, Chain(spec.segments, (last,)), engine)
        self._tapped = _CompiledChain(generator, Chain(spec.segments, (*spec.shape.taps, last)), engine)
        self._masks: dict[Widths, Mapping[str, Any]] = {}

    def __call__(self, x, widths: Widths | None = None, return_taps: bool = False):
        """Translate images, with gradients; see Generator."""
        self.spec.require_size(x.shape[3], x.shape[2])
        x = paddle.clip(x, -1.0, 1.0)
        if not return_taps:
            return self._plain(x, self._mask(widths))[0]
        *taps, made = self._tapped(x, self._mask(widths))
        if widths is not None:
            channels = self.spec.narrowed(widths).tap_channels
            taps = [tap[:, :count] for tap, count in zip(taps, channels, strict=True)]
        return made, taps

    def _mask(self, widths: Widths | None) -> Mapping:
        """Return ones where a sub-network's tensors have values, zeros elsewhere, by tensor; none for the whole."""
        if widths is None or tuple(widths) == self.spec.widths:
            return {}
        key = tuple(widths)
        if key not in self._masks:
            whole, narrow = tensor_shapes(self.spec), tensor_shapes(self.spec.narrowed(key))
            self._masks[key] = {
                name: paddle.to_tensor(_leading_ones(whole[name], narrow[name]))
                for name in whole
                if whole[name] != narrow[name]
            }
        return self._masks[key]


class CompiledDiscriminator:
    """A discriminator's passes in an engine for graphs; called as the discriminator is, whose tensors it uses."""

    def __init__(self, discriminator: Discriminator, engine: str):
        self._chain = _CompiledChain(discriminator, Chain((discriminator.spec.layers,), (0,)), engine)

    def __call__(self, x):
        """Judge images, with gradients; see Discriminator."""
        return self._chain(x, {})[0]


class CompiledDepths:
    """A network that never changes, in an engine for graphs; called as it is, gives what each section makes."""

    def __init__(self, network: Network, sections: Sequence[Layers], engine: str):
        chain = Chain(tuple(sections), tuple(range(len(sections))), network.state().tensors)
        self._chain = _CompiledChain(network, chain, engine)

    def __call__(self, x) -> list:
        """Return each section's output of planes (n, c, h, w), with gradients at the planes."""
        return self._chain(x, {})


def _leading_ones(shape: Shape, ones: Shape) -> np.ndarray:
    mask = np.zeros(shape, np.float32)
    mask[tuple(slice(size) for size in ones)] = 1.0
    return mask


@dataclass(frozen=True)
class _Compiled:
    """A pass as compiled graphs; without gradients there is no backward one.

    Attributes:
        weights: the tensors that `forward` takes behind the images.
        inputs: what `backward` takes, see TrainingGraphs.
    """

    weights: tuple[str, ...]
    forward: CompiledGraph
    backward: CompiledGraph | None = None
    inputs: tuple[str, ...] = ()


class _CompiledChain:
    """Runs a network's layers; compiles graphs for each shape of input and each set of gradients that is wanted."""

    def __init__(self, network: Network, chain: Chain, engine: str):
        self._parameters = dict(network.named_parameters())
        self._chain, self._engine = chain, engine
        self._compiled: dict[tuple, _Compiled] = {}

    def __call__(self, x, masks: Mapping) -> list:
        """Map images (n, c, h, w) to the chain's outputs.

        Args:
            masks: what tensors are multiplied by, by name.
        """
        recorded = paddle.is_grad_enabled()
        learns = recorded and any(not one.stop_gradient for one in self._parameters.values())
        wanted = recorded and not x.stop_gradient
        compiled = self._compile(tuple(x.shape), learns, wanted)
        tensors = [self._masked(name, masks) for name in compiled.weights]
        count = len(self._chain.outputs)
        if compiled.backward is None:
            return [paddle.to_tensor(one) for one in compiled.forward.run(_arrays([x, *tensors]))]
        return [*_Pass.apply(compiled, count, (wanted, *[learns] * len(tensors)), x, *tensors)]

    def _masked(self, name: str, masks: Mapping):
        tensor = self._parameters[name]
        return tensor * masks[name] if name in masks else tensor

    def _compile(self, shape: Shape, learns: bool, wanted: bool) -> _Compiled:
        key = (shape, learns, wanted)
        if key not in self._compiled:
            if learns or wanted:
                made = training_graphs(self._chain, shape, learns=learns, wanted=wanted)
                forward, backward = (compile_graph(one, self._engine) for one in (made.forward.graph, made.backward))
                self._compiled[key] = _Compiled(made.forward.weights, forward, backward, made.inputs)
            else:
                plain = forward_graph(self._chain, shape)
                self._compiled[key] = _Compiled(plain.weights, compile_graph(plain.graph, self._engine))
        return self._compiled[key]


def _arrays(tensors: Sequence) -> list[np.ndarray]:
    return [tensor.numpy() for tensor in tensors]


class _Pass(paddle.autograd.PyLayer):
    """The link to Paddle's gradients."""

    @staticmethod
    def forward(ctx, compiled: _Compiled, count: int, flags: Sequence[bool], *tensors):
        """Return the chain's `count` outputs; `flags` say of which tensors gradients are wanted."""
        given = _arrays(tensors)
        found, ctx.release = compiled.forward.hold(given)
        ctx.compiled, ctx.flags = compiled, flags
        ctx.given = dict(zip(("images", *compiled.weights), given, strict=True)) | _numbered("kept", found[count:])
        return tuple(paddle.to_tensor(one) for one in found[:count])

    @staticmethod
    def backward(ctx, *gradients):
        given = ctx.given | _numbered("gradient", _arrays(gradients))
        found = iter(ctx.compiled.backward.run([given[name] for name in ctx.compiled.inputs]))
        ctx.release()
        return tuple(paddle.to_tensor(next(found)) if flag else None for flag in ctx.flags)


def _numbered(name: str, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{name}_{number}": array for number, array in enumerate(arrays)}
