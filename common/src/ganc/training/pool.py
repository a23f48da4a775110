"""The pool of generated images that steadies a discriminator (Shrivastava et al., arXiv 1612.07828, section 2.3).

Its images are tensors and stay on the device: a step on a GPU must not wait for the host.
"""

from collections.abc import Mapping

import numpy as np

from ganc.base.rng import keyed_generator
from ganc.system.runtime import Tensor, paddle


class ImagePool:
    """Keeps up to `size` generated images and hands out newer and older ones in equal parts."""

    def __init__(self, size: int, seed: int, stream: str):
        self.size, self.seed, self.stream = size, seed, stream
        self.images: list[Tensor] = []  # (c, h, w) each

    def exchange(self, images: Tensor, step: int) -> Tensor:
        """Return as many images as there are: each itself, or an older one that it then replaces.

        Args:
            images: a float32 tensor (n, c, h, w) without gradients.
        """
        if not self.size:
            return images
        draws = keyed_generator(self.seed, self.stream, step)
        out = []
        for image in images:
            if len(self.images) < self.size:
                self.images.append(image)
            elif draws.random() < 0.5:
                slot = int(draws.integers(self.size))
                self.images[slot], image = image, self.images[slot]
            out.append(image)
        return paddle.stack(out)

    def state(self) -> dict[str, np.ndarray]:
        """Return the pool's images, (n, c, h, w), as its only array; an empty one where there are none yet."""
        return {"": np.stack([image.numpy() for image in self.images]) if self.images else np.zeros((0,), np.float32)}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` gave."""
        self.images = [paddle.to_tensor(image) for image in state[""]]
