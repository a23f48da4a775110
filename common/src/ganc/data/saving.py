"""Saving images: 8-bit arrays to PNG, JPEG and WebP files."""

from pathlib import Path

import numpy as np

from ganc.base.atomic import replacing
from ganc.base.errors import DataError
from ganc.base.image_files import QUALITY
from ganc.data.images import to_pillow, to_rgb

# The formats that are written, by suffix.
WRITTEN = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_LARGEST_SIDES = {"JPEG": 65_500, "WEBP": 16_383}


def save_image(path: Path, image: np.ndarray, quality: int = QUALITY) -> None:
    """Write a uint8 (h, w, 1, 3 or 4) image as PNG, JPEG or WebP, by the suffix of `path`, in one step.

    Args:
        quality: of JPEG and WebP, 1 to 100. JPEG holds no opacity: what is transparent is laid on white.

    Raises:
        DataError: another suffix, or an image too large for the format.
        WriteError: the file cannot be written.
    """
    kind = written_format(path)
    most = _LARGEST_SIDES.get(kind, 2**31 - 1)
    if max(image.shape[:2]) > most:
        raise DataError(
            f"{path}: {image.shape[1]}x{image.shape[0]} is more than the {most} pixels a side that {kind} can hold;"
            " write .png"
        )
    options = {"JPEG": {"quality": quality, "subsampling": 0}, "WEBP": {"quality": quality}}.get(kind, {})
    if kind == "JPEG" and image.shape[2] == 4:
        image = to_rgb(image)
    with replacing(Path(path), one_of_many=True) as temporary:
        to_pillow(image).save(temporary, format=kind, **options)


def written_format(path: Path) -> str:
    """Return the format that `save_image` writes for a path's suffix. Raises DataError where there is none."""
    kind = WRITTEN.get(Path(path).suffix.lower())
    if kind is None:
        raise DataError(f"{path}: images are written as {', '.join(WRITTEN)}; choose one of these suffixes")
    return kind
