"""What runs the passes of networks in training: Paddle, or an engine for graphs on a CPU."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ganc.base.engine_table import REFERENCE
from ganc.models.discriminator import Adaptors, Discriminator
from ganc.models.family import Widths
from ganc.models.generator import Generator
from ganc.models.layers import Layers
from ganc.models.network import Network, frozen
from ganc.system.runtime import Tensor, paddle

# The compiled passes are imported where they are asked for: they need the onnx package, which Paddle's do without.


def passes_of(network: Generator | Discriminator, engine: str) -> Callable:
    """Return what runs a network's passes: called as the network is, with its tensors as they are at each call.

    That is the network itself in Paddle, and where a layer has no gradient elsewhere (`gradients.differentiable`).
    """
    if not _compiles(network, engine):
        return network
    from ganc.engines.compiled import CompiledDiscriminator, CompiledGenerator

    compiled = CompiledGenerator if isinstance(network, Generator) else CompiledDiscriminator
    return compiled(network, engine)


def _compiles(network: Generator | Discriminator, engine: str) -> bool:
    if engine == REFERENCE:
        return False
    from ganc.onnx_graphs.gradients import differentiable

    layers = network.spec.segments if isinstance(network, Generator) else (network.spec.layers,)
    return all(differentiable(segment) for segment in layers)


def adapted_passes_of(generator: Generator, adaptors: Adaptors | None, engine: str) -> Callable:
    """Return what takes images and a sub-network's widths to its images, and its taps as the adaptors map them.

    The widths may be None: the whole generator. Without adaptors there are no taps.
    """
    if adaptors is None:
        plain = passes_of(generator, engine)
        return lambda x, widths: (plain(x, widths), [])
    if _compiles(generator, engine):
        from ganc.engines.compiled import CompiledGenerator

        return CompiledGenerator(generator, engine, adaptors).adapted

    def adapted(x: Tensor, widths: Widths | None) -> tuple:
        made, taps = generator(x, widths, return_taps=True)
        return made, adaptors(taps)

    return adapted


def judging_of(discriminator: Discriminator, engine: str) -> Callable:
    """Return what judges as many real as made images, (n, c, h, w) each, as a step does that trains both sides at once.

    It gives three batches of scores: of the real and the made images, with gradients at the discriminator's tensors
    alone, and of the made ones again, with gradients at these images alone.
    """
    if _compiles(discriminator, engine):
        from ganc.engines.compiled import CompiledDiscriminator

        return CompiledDiscriminator(discriminator, engine).judge

    def judge(real: Tensor, made: Tensor) -> tuple:
        with frozen(discriminator):
            persuaded = discriminator(made)
        real_scores, made_scores = paddle.split(discriminator(paddle.concat([real, made.detach()])), 2)
        return real_scores, made_scores, persuaded

    return judge


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
