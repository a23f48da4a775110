"""The pool of generated pictures that steadies a discriminator (Shrivastava et al., arXiv 1612.07828, section 2.3)."""

import numpy as np

from ganc.base.rng import keyed_generator


class ImagePool:
    """Keeps up to `size` generated pictures and hands out newer and older ones in equal parts."""

    def __init__(self, size: int, seed: int, stream: str):
        self.size, self.seed, self.stream = size, seed, stream
        self.pictures: list[np.ndarray] = []

    def exchange(self, images: np.ndarray, step: int) -> np.ndarray:
        """Return as many pictures as `images` (n, c, h, w) has: each itself, or an older one that it then replaces."""
        if not self.size:
            return images
        draws = keyed_generator(self.seed, self.stream, step)
        out = []
        for image in images:
            if len(self.pictures) < self.size:
                self.pictures.append(image)
            elif draws.random() < 0.5:
                slot = int(draws.integers(self.size))
                self.pictures[slot], image = image, self.pictures[slot]
            out.append(image)
        return np.stack(out)

    def state(self) -> np.ndarray:
        """Return the pool's pictures, (n, c, h, w); an empty array where there are none yet."""
        return np.stack(self.pictures) if self.pictures else np.zeros((0,), np.float32)

    def load(self, pictures: np.ndarray) -> None:
        """Take over what `state` gave."""
        self.pictures = list(pictures)
