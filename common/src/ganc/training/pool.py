"""The pool of generated images that steadies a discriminator (Shrivastava et al., arXiv 1612.07828, section 2.3)."""

from collections.abc import Mapping

import numpy as np

from ganc.base.rng import keyed_generator


class ImagePool:
    """Keeps up to `size` generated images and hands out newer and older ones in equal parts."""

    def __init__(self, size: int, seed: int, stream: str):
        self.size, self.seed, self.stream = size, seed, stream
        self.images: list[np.ndarray] = []

    def exchange(self, images: np.ndarray, step: int) -> np.ndarray:
        """Return as many images as `images` (n, c, h, w) has: each itself, or an older one that it then replaces."""
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
        return np.stack(out)

    def state(self) -> dict[str, np.ndarray]:
        """Return the pool's images, (n, c, h, w), as its only array; an empty one where there are none yet."""
        return {"": np.stack(self.images) if self.images else np.zeros((0,), np.float32)}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` gave."""
        self.images = list(state[""])
