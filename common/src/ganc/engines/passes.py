"""What runs the passes of networks in training: Paddle, or an engine for graphs on a CPU."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ganc.base.engine_table import REFERENCE
from ganc.models.discriminator import Discriminator
from ganc.models.generator import Generator
from ganc.models.layers import Layers
from ganc.models.network import Network

# The compiled passes are imported where they are asked for: they need the onnx package, which Paddle's do without.


def passes_of(network: Generator | Discriminator, engine: str) -> Callable:
    """Return what runs a network's passes: called as the network is, with its tensors as they are at each call.

    That is the network itself in Paddle, and where a layer has no gradient elsewhere (`gradients.differentiable`).
    """
    if engine == REFERENCE:
        return network
    from ganc.engines.compiled import CompiledDiscriminator, CompiledGenerator
    from ganc.onnx_graphs.gradients import differentiable

    layers = network.spec.segments if isinstance(network, Generator) else (network.spec.layers,)
    if not all(differentiable(segment) for segment in layers):
        return network
    compiled = CompiledGenerator if isinstance(network, Generator) else CompiledDiscriminator
    return compiled(network, engine)


def depths_of(network: Network, sections: Sequence[Layers], engine: str) -> Callable:
    """Return what runs a network that never changes, and gives the output of each of its sections of layers.

    The network itself does so in Paddle.
    """
    if engine == REFERENCE:
        return network
    from ganc.engines.compiled import CompiledDepths

    return CompiledDepths(network, sections, engine)


def teacher_of(generator: Generator, engine: str) -> Callable:
    """Return what takes sources to images and taps without gradients; the generator must not change."""
    if engine == REFERENCE:
        run: Any = generator
        return partial(run, return_taps=True)
    from ganc.engines.compiled import CompiledTeacher

    return CompiledTeacher(generator.state(), engine)
