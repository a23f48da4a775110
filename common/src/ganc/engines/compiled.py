"""Networks in training whose passes an engine for graphs runs; they are called as in Paddle and have gradients.

A sub-network runs as the whole network with the tensors of the other channels set to 0: an instance norm of zeros is 0,
so that these channels add nothing, and one graph does for all sub-networks.
"""

from collections.abc import Sequence
from typing import Any

from ganc.engines.adapter import CompiledGraph
from ganc.engines.compile import compile_graph
from ganc.engines.compiled_chain import CompiledChain, Parts, arrays_of, tensor_of
from ganc.models.convolutions import NetworkState, tensor_shapes
from ganc.models.discriminator import Adaptors, Discriminator
from ganc.models.family import Widths
from ganc.models.generator import Generator
from ganc.models.layers import Layers
from ganc.models.network import Network
from ganc.onnx_graphs.passes import Chain, Shape, constant_graph
from ganc.system.runtime import Tensor, paddle


class CompiledTeacher:
    """A generator whose tensors never change, in an engine for graphs; it gives images and taps without gradients."""

    def __init__(self, state: NetworkState, engine: str):
        self._state, self._engine = state, engine
        self._compiled: dict[Shape, CompiledGraph] = {}

    def __call__(self, x: Tensor) -> tuple:
        """Translate images (n, c, h, w); see Generator."""
        shape = tuple(x.shape)
        if shape not in self._compiled:
            self._state.spec.require_size(shape[3], shape[2])
            self._compiled[shape] = compile_graph(constant_graph(self._state, shape), self._engine)
        *taps, made = map(tensor_of, self._compiled[shape].run(arrays_of([x])))
        return made, taps


class CompiledGenerator:
    """A generator's passes in an engine for graphs; called as the generator is, whose tensors it uses.

    With adaptors, `adapted` gives the taps as these map them.
    """

    def __init__(self, generator: Generator, engine: str, adaptors: Adaptors | None = None):
        spec = generator.spec
        self.spec = spec
        last, taps = spec.shape.segments - 1, spec.shape.taps
        tensors = dict(generator.named_parameters())
        self._plain = CompiledChain(tensors, Chain(spec.segments, (last,)), engine)
        self._tapped = CompiledChain(tensors, Chain(spec.segments, (*taps, last)), engine)
        if adaptors is not None:
            heads = {place: (plan,) for place, plan in zip(taps, adaptors.spec.convolutions(), strict=True)}
            chain = Chain(spec.segments, (*taps, last), heads=heads)
            self._adapted = CompiledChain(tensors | dict(adaptors.named_parameters()), chain, engine)
        self._narrowed: dict[Widths, Parts] = {}

    def __call__(self, x: Tensor, widths: Widths | None = None, return_taps: bool = False) -> Any:
        """Translate images, with gradients; see Generator."""
        self.spec.require_size(x.shape[3], x.shape[2])
        x = paddle.clip(x, -1.0, 1.0)
        if not return_taps:
            return self._plain(x, self._parts_of(widths))[0]
        *taps, made = self._tapped(x, self._parts_of(widths))
        if widths is not None:
            channels = self.spec.narrowed(widths).tap_channels
            taps = [tap[:, :count] for tap, count in zip(taps, channels, strict=True)]
        return made, taps

    def adapted(self, x: Tensor, widths: Widths | None = None) -> tuple:
        """Return the images, and the taps through the adaptors: those of a sub-network have zeros behind its own."""
        self.spec.require_size(x.shape[3], x.shape[2])
        *taps, made = self._adapted(paddle.clip(x, -1.0, 1.0), self._parts_of(widths))
        return made, taps

    def _parts_of(self, widths: Widths | None) -> Parts:
        """Return where a sub-network's tensors have values, of those that have others too; nothing for the whole."""
        if widths is None or tuple(widths) == self.spec.widths:
            return {}
        key = tuple(widths)
        if key not in self._narrowed:
            whole, narrow = tensor_shapes(self.spec), tensor_shapes(self.spec.narrowed(key))
            differ = (name for name in whole if whole[name] != narrow[name])
            self._narrowed[key] = {name: tuple(map(slice, narrow[name])) for name in differ}
        return self._narrowed[key]


class CompiledDiscriminator:
    """A discriminator's passes in an engine for graphs; called as the discriminator is, whose tensors it uses."""

    def __init__(self, discriminator: Discriminator, engine: str):
        tensors = dict(discriminator.named_parameters())
        self._chain = CompiledChain(tensors, Chain((discriminator.spec.layers,), (0,)), engine)

    def __call__(self, x: Tensor) -> Tensor:
        """Judge images, with gradients; see Discriminator."""
        return self._chain(x, {})[0]

    def judge(self, real: Tensor, made: Tensor) -> tuple:
        """Judge real and made images as `ganc.engines.passes.judging_of` says; both have (n, c, h, w).

        One pass forward does for all. The gradient at the made images has to be computed before the other one.
        """
        count = real.shape[0]
        both, ran = self._chain.run(paddle.concat([real, made.detach()]))
        real_scores, made_scores = paddle.split(both[0], 2)
        return real_scores, made_scores, self._chain.run_part(ran, made_scores.detach(), made, slice(count, 2 * count))


class CompiledDepths:
    """A network that never changes, in an engine for graphs; called as it is, gives what each section makes."""

    def __init__(self, network: Network, sections: Sequence[Layers], engine: str):
        chain = Chain(tuple(sections), tuple(range(len(sections))), network.state().tensors)
        self._chain = CompiledChain(dict(network.named_parameters()), chain, engine)

    def __call__(self, x: Tensor) -> list:
        """Return each section's output of planes (n, c, h, w), with gradients at the planes."""
        return self._chain(x, {})
