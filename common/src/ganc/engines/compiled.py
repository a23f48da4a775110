"""Networks in training whose passes an engine for graphs runs; they are called as in Paddle and have gradients.

A sub-network runs as the whole network with the tensors of the other channels set to 0: an instance norm of zeros is 0,
so that these channels add nothing, and one graph does for all sub-networks.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from ganc.engines.adapter import CompiledGraph
from ganc.engines.compile import compile_graph
from ganc.models.convolutions import NetworkState, tensor_shapes
from ganc.models.discriminator import Discriminator
from ganc.models.family import Widths
from ganc.models.generator import Generator
from ganc.models.network import Network
from ganc.onnx_graphs.passes import Chain, PassGraph, Shape, backward_graph, constant_graph, forward_graph
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
        self._masks: dict[Widths, Mapping[str, paddle.Tensor]] = {}

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


def _leading_ones(shape: Shape, ones: Shape) -> np.ndarray:
    mask = np.zeros(shape, np.float32)
    mask[tuple(slice(size) for size in ones)] = 1.0
    return mask


class _CompiledChain:
    """Runs a network's layers; compiles a graph for each shape of input and each set of gradients that is wanted."""

    def __init__(self, network: Network, chain: Chain, engine: str):
        self._parameters = dict(network.named_parameters())
        self._chain, self._engine = chain, engine
        self._compiled: dict[tuple, tuple[PassGraph, CompiledGraph]] = {}

    def __call__(self, x, masks: Mapping) -> list:
        """Map images (n, c, h, w) to the chain's outputs.

        Args:
            masks: what tensors are multiplied by, by name.
        """
        weights = self._forward(tuple(x.shape))[0].weights
        tensors = [self._parameters[name] for name in weights]
        learns = any(not tensor.stop_gradient for tensor in tensors)
        tensors = [
            tensor * masks[name] if name in masks else tensor for name, tensor in zip(weights, tensors, strict=True)
        ]
        if not paddle.is_grad_enabled():
            return [paddle.to_tensor(one) for one in self.forward(_arrays([x, *tensors]))]
        return [*_Pass.apply(self, learns, not x.stop_gradient, x, *tensors)]

    def forward(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run the forward pass of images and tensors."""
        return self._forward(arrays[0].shape)[1].run(arrays)

    def backward(self, arrays: Sequence[np.ndarray], learns: bool, wanted: bool) -> list[np.ndarray]:
        """Run the backward pass of images, tensors and gradients at the outputs."""
        shape = arrays[0].shape
        make = partial(backward_graph, self._chain, shape, learns=learns, wanted=wanted)
        return self._compile((shape, learns, wanted), make)[1].run(arrays)

    def _forward(self, shape: Shape) -> tuple[PassGraph, CompiledGraph]:
        return self._compile((shape,), partial(forward_graph, self._chain, shape))

    def _compile(self, key: tuple, make: Callable[[], PassGraph]) -> tuple[PassGraph, CompiledGraph]:
        if key not in self._compiled:
            made = make()
            self._compiled[key] = made, compile_graph(made.graph, self._engine)
        return self._compiled[key]


def _arrays(tensors: Sequence) -> list[np.ndarray]:
    return [tensor.numpy() for tensor in tensors]


class _Pass(paddle.autograd.PyLayer):
    """The link to Paddle's gradients."""

    @staticmethod
    def forward(ctx, chain: _CompiledChain, learns: bool, wanted: bool, *tensors):
        ctx.chain, ctx.learns, ctx.wanted = chain, learns, wanted
        ctx.arrays = _arrays(tensors)
        return tuple(paddle.to_tensor(one) for one in chain.forward(ctx.arrays))

    @staticmethod
    def backward(ctx, *gradients):
        found = iter(ctx.chain.backward([*ctx.arrays, *_arrays(gradients)], ctx.learns, ctx.wanted))
        flags = [ctx.wanted, *[ctx.learns] * (len(ctx.arrays) - 1)]
        return tuple(paddle.to_tensor(next(found)) if flag else None for flag in flags)
