"""Labelled grids of images: what a training run and a report show."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganc.data.images import resize, to_rgb


def strip(rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str]) -> np.ndarray:
    """Return a labelled grid of images: one row a sample, one column a label (such as input, teacher, student).

    Args:
        rows: equally long rows of uint8 (h, w, channels) images; small ones are enlarged by a whole factor.
        labels: the name of each column.

    Returns:
        uint8 (height, width, 3).

    Raises:
        ValueError: no rows, or a row that has not one image a label.
    """
    if not rows or any(len(row) != len(labels) for row in rows) or not labels:
        raise ValueError(f"each row (={[len(row) for row in rows]}) needs one image a label (={len(labels)})")
    width, height = (max(image.shape[axis] for row in rows for image in row) for axis in (1, 0))
    factor = max(1, -(-160 // max(width, height)))
    width, height = factor * width, factor * height
    gap = max(4, width // 32)
    head = gap + max(16, min(28, width // 8))
    canvas = Image.new(
        "RGB", (gap + len(labels) * (width + gap), head + len(rows) * (height + gap)), color=(250, 250, 248)
    )
    pen, font = ImageDraw.Draw(canvas), _label_font(labels, width, head - gap)
    for column, label in enumerate(labels):
        middle = (gap + column * (width + gap) + width / 2, head / 2)
        pen.text(middle, _shortened(label, font, width), font=font, fill=(40, 40, 40), anchor="mm")
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            tile = Image.fromarray(to_rgb(resize(image, (image.shape[1] * factor, image.shape[0] * factor))))
            left = gap + column * (width + gap) + (width - tile.width) // 2
            canvas.paste(tile, (left, head + row * (height + gap) + (height - tile.height) // 2))
    return np.asarray(canvas)


def _label_font(labels: Sequence[str], width: int, largest: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the largest font, of at least 10 pixels, in which every label fits its column."""
    for size in range(largest, 10, -1):
        font = ImageFont.load_default(size=size)
        if max(font.getlength(label) for label in labels) <= width:
            return font
    return ImageFont.load_default(size=10)


def _shortened(label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    while len(label) > 1 and font.getlength(label) > width:
        label = label.removesuffix("…")[:-1] + "…"
    return label
