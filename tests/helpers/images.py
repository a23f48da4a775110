"""Images of random colours, and what a checkpoint makes of one without the commands."""

from pathlib import Path

import numpy as np
from PIL import Image

from ganc.base.rng import keyed_generator
from ganc.data import to_float, to_uint8
from ganc.files.checkpoint import read_checkpoint
from ganc.models.generator import Generator
from ganc.system.runtime import paddle


def save_random_image(path: Path, size: tuple[int, int] = (30, 22), mode: str = "RGB") -> Path:
    """Write an image of random colours, width and height as given; the file's name decides the colours."""
    pixels = keyed_generator(0, path.name).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def translated_by_hand(generator_file: Path, pixels: np.ndarray) -> np.ndarray:
    """Return what a checkpoint makes of a uint8 image (h, w, c) whose sides are multiples of 4."""
    generator = Generator.from_state(read_checkpoint(generator_file).generator)
    generator.eval()
    with paddle.no_grad():
        return to_uint8(generator(paddle.to_tensor(to_float(pixels)[None])).numpy())[0]


def assert_same_pixels(made: np.ndarray, expected: np.ndarray) -> None:
    """Assert that two uint8 translations are one, up to values that fell to either side of a half."""
    assert (made.shape, made.dtype) == (expected.shape, expected.dtype) == (expected.shape, np.uint8)
    assert np.abs(made.astype(int) - expected).max() <= 1
