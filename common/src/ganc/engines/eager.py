"""A generator run by Paddle as it stands, whole or as one of its sub-networks."""

import numpy as np

from ganc.models.generator import Generator
from ganc.models.spec import Widths
from ganc.system.runtime import paddle


class EagerEngine:
    """Runs a generator in evaluation mode and without gradients; the generator's own mode stays as it was."""

    name = "paddle-eager"

    def __init__(self, generator: Generator, widths: Widths | None = None):
        self.generator, self.widths = generator, widths
        self.size_multiple = generator.spec.shape.size_multiple

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Translate float32 pictures (n, 3, h, w) in [-1, 1]; SpecError where the size does not fit."""
        training = self.generator.training
        self.generator.eval()
        try:
            with paddle.no_grad():
                return self.generator(paddle.to_tensor(images), self.widths).numpy()
        finally:
            if training:
                self.generator.train()
