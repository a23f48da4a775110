"""Pictures inside the page: made small enough that all of them together fit."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from ganc.base.errors import DataError
from ganc.data.images import load_rgb

BUDGET = 1_700_000  # bytes of all pictures together, before they are written as text, which adds a third
LARGEST = 2400  # pixels of a side
# What is tried one after the other until a picture fits: how much of its size stays, and the quality of WebP.
ATTEMPTS = ((1.0, 86), (1.0, 74), (0.75, 74), (0.5, 70), (0.35, 60), (0.2, 50))


@dataclass(frozen=True)
class Picture:
    """A picture as the page holds it: its address with all of its content, and its size in pixels."""

    address: Markup
    width: int
    height: int


def embed(paths: Sequence[Path]) -> list[Picture | DataError]:
    """Return each file as a picture of the page, or why it cannot be shown; all together keep to BUDGET.

    A picture may have what those before it left, in equal parts.
    """
    pictures: list[Picture | DataError] = []
    left = BUDGET
    for number, path in enumerate(paths):
        try:
            picture, size = _encoded(path, left // (len(paths) - number))
        except DataError as error:
            pictures.append(error)
            continue
        left -= size
        pictures.append(picture)
    return pictures


def _encoded(path: Path, most: int) -> tuple[Picture, int]:
    """Return a file as a picture of at most so many bytes, and how many it has. Raises DataError."""
    image = Image.fromarray(load_rgb(path))
    scale = min(1.0, LARGEST / max(image.size))
    for part, quality in ATTEMPTS:
        width, height = (max(1, round(side * scale * part)) for side in image.size)
        made = io.BytesIO()
        (image if (width, height) == image.size else image.resize((width, height), Image.Resampling.LANCZOS)).save(
            made, format="WEBP", quality=quality, method=4
        )
        if len(made.getvalue()) <= most:
            data = base64.b64encode(made.getvalue()).decode()
            return Picture(Markup(f"data:image/webp;base64,{data}"), width, height), len(made.getvalue())
    raise DataError(f"{path}: is too large to be shown beside the others")
