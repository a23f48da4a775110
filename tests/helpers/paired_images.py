"""Small sets of paired images, whose B is the negative of A, in the layouts that ganc reads."""

from pathlib import Path

import numpy as np
from PIL import Image

from ganc.base.rng import keyed_generator

SUBSETS = {"train": 6, "test": 4}


def pixels(kind: str, number: int, size: tuple[int, int]) -> np.ndarray:
    """Return the image of A, uint8 (h, w, 3), of random colours."""
    return keyed_generator(0, f"paired/{kind}", number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def write_side_by_side(root: Path, size: tuple[int, int] = (32, 32), subsets=SUBSETS) -> Path:
    """Write train/ and test/, each file with A in its left half and B in its right one."""
    for kind, count in subsets.items():
        (root / kind).mkdir(parents=True)
        for number in range(count):
            image = pixels(kind, number, size)
            Image.fromarray(np.hstack([image, 255 - image])).save(root / kind / f"{number}.png")
    return root


def write_aligned(root: Path, size: tuple[int, int] = (32, 32), subsets=SUBSETS) -> Path:
    """Write trainA/, trainB/ and so on: partners have one name, and other endings."""
    for kind, count in subsets.items():
        for letter in "AB":
            (root / f"{kind}{letter}").mkdir(parents=True)
        for number in range(count):
            image = pixels(kind, number, size)
            Image.fromarray(image).save(root / f"{kind}A" / f"{number}.png")
            Image.fromarray(255 - image).save(root / f"{kind}B" / f"{number}.bmp")
    return root
