"""What a program has images as: paths, images of Pillow, arrays."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeGuard

import numpy as np
from PIL import Image

from ganc.base.errors import DataError
from ganc.data import Reading
from ganc.data.images import CHANNELS, MOST_PIXELS, load_image, pillow_array, to_pillow
from ganc.data.lists import has_subset
from ganc.data.scan import scan_folder
from ganc.data.side_by_side import LETTERS

PathLike = str | os.PathLike[str]
Picture = Image.Image | np.ndarray | PathLike
Size = tuple[int, int]  # width, height


def pixels(image: Picture, reading: Reading, most_pixels: int = MOST_PIXELS) -> np.ndarray:
    """Return an image as uint8 (h, w, channels), with the channels and levels of the reading.

    Args:
        image: a path, an image of Pillow, or an array as of `ganc.Model.translate`.

    Raises:
        DataError: it cannot be read, or is no such array.
    """
    if isinstance(image, str | os.PathLike):
        return load_image(Path(image), reading.channels, reading.levels, most_pixels)
    if isinstance(image, np.ndarray):
        image = to_pillow(_bytes(image))
    if not isinstance(image, Image.Image):
        raise DataError(
            f"an image (a {type(image).__name__}): expected a path, an image of Pillow, or an array of numpy"
        )
    if 0 in image.size:
        raise DataError(f"an image of {image.width}x{image.height}: has no pixels")
    return pillow_array(image, reading.channels, reading.levels, most_pixels)


def _bytes(array: np.ndarray) -> np.ndarray:
    """Return an array of an image as uint8 (h, w, 1, 3 or 4). Raises DataError where it is none."""
    shape = array.shape
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in CHANNELS or not array.size:
        known = ", ".join(f"(h, w, {count})" for count in CHANNELS)
        more = "; several images are a list of them" if array.ndim == 4 else ""
        raise DataError(f"an array of shape {shape}: expected (h, w), {known}{more}")
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f":
        raise DataError(f"an array of {array.dtype}: expected uint8, or floats from 0 to 1")
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 1):  # of NaN too
        raise DataError(f"an array of floats from {low:g} to {high:g}: expected values from 0 to 1")
    return np.rint(array.astype(np.float64) * 255).astype(np.uint8)


def pictures(images: PathLike | Sequence[Picture]) -> list[Picture]:
    """Return the images of a list, or those that lie in a folder. Raises DataError where there are none."""
    if isinstance(images, str | os.PathLike):
        folder = Path(images)
        found: list[Picture] = [folder] if folder.is_file() else []
        if folder.is_dir():
            found = [folder / name for name in scan_folder(folder).images]
    else:
        found = list(images)
    if not found:
        raise DataError(f"{images}: holds no images; expected a folder of images, or a list of them")
    return found


def is_data_folder(images: object) -> TypeGuard[PathLike]:
    """Whether this is a folder of two domains: trainA, testB and so on."""
    if not isinstance(images, str | os.PathLike) or not Path(images).is_dir():
        return False
    return any(has_subset(Path(images), f"{part}{letter}") for part in ("train", "test") for letter in LETTERS)
