"""A generator run by Paddle eagerly, whole or as one of its sub-networks."""

import numpy as np

from ganc.base.engine_table import REFERENCE
from ganc.engines.adapter import Adapter
from ganc.models.convolutions import NetworkState
from ganc.models.family import Widths
from ganc.models.generator import Generator
from ganc.models.network import ElasticConvolution
from ganc.system.runtime import Tensor, paddle, set_threads

ROUNDING = 2.0**-24  # the largest relative error of a number that is rounded to float32


class EagerEngine:
    """Runs a generator in evaluation mode and without gradients; the generator's own mode stays as it was."""

    name = REFERENCE

    def __init__(self, generator: Generator, widths: Widths | None = None, dtype: str = "float32"):
        self.generator, self.widths, self._dtype = generator, widths, dtype
        self.size_multiple = generator.spec.shape.size_multiple

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Translate images (n, c, h, w) in [-1, 1]; SpecError where the size does not fit."""
        training = self.generator.training
        self.generator.eval()
        try:
            with paddle.no_grad():
                return self.generator(paddle.to_tensor(images, self._dtype), self.widths).numpy()
        finally:
            if training:
                self.generator.train()


def exact_engine(state: NetworkState) -> EagerEngine:
    """Return a network that computes and answers in float64: what the rounding of float32 is measured against."""
    generator = Generator.from_state(state)
    generator.to(dtype="float64")
    return EagerEngine(generator, dtype="float64")


def rounded_engine(state: NetworkState, draw: np.random.Generator) -> EagerEngine:
    """Return a network that computes in float64 and rounds what goes into and comes out of each convolution.

    To what is as near as float32 is, as drawn: every call answers otherwise, as one implementation of the network in
    float32 differs from another. An implementation may add up exactly by chance, as on an image of one colour; the
    spread of these answers does not depend on that.
    """
    engine = exact_engine(state)

    def rounded(x: Tensor) -> Tensor:
        return x * paddle.to_tensor(1 + ROUNDING * draw.uniform(-1, 1, tuple(x.shape)))

    for layer in engine.generator.sublayers():
        if isinstance(layer, ElasticConvolution):
            layer.register_forward_pre_hook(lambda _, given: (rounded(given[0]), *given[1:]))
            layer.register_forward_post_hook(lambda _, given, made: rounded(made))
    return engine


class EagerAdapter(Adapter):
    """Makes Paddle run networks eagerly."""

    def of_network(self, state: NetworkState, precision: str, threads: int | None = None) -> EagerEngine:
        """Return the network as a generator of Paddle's; threads are those of all that Paddle runs in the process."""
        if threads:
            set_threads(threads)
        return EagerEngine(Generator.from_state(state))
