"""Comparing an exported variant with the checkpoint: on which images, how far it is, how far it may be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ganc.base.engine_table import PRECISIONS
from ganc.base.errors import ExportError
from ganc.base.resizing import Resize
from ganc.base.rng import keyed_generator
from ganc.data import EvaluationSet, to_float, to_uint8
from ganc.data.layout import ImageFormat
from ganc.engines import Engine
from ganc.files.checkpoint import Checkpoint
from ganc.metrics.evaluation import evaluation_images

LARGEST_DIFFERENCE = 1e-4  # of an exact precision (f32), in values from -1 to 1
LARGEST_MEAN = 0.1  # of the other precisions: beyond that it is another image
MOST_OTHER_BYTES = 0.01  # of an exact precision with bytes: the share of values that may be truncated to the next level


@dataclass(frozen=True)
class Difference:
    """How far a variant's images are from the checkpoint's.

    Attributes:
        largest, mean: of the absolute differences of values in [-1, 1]; where a variant gives bytes, of its bytes to
            the bytes of the checkpoint's images, on the same scale.
        other_bytes: the share of 8-bit values that differ.
    """

    largest: float
    mean: float
    other_bytes: float


def difference(reference: Engine, variant: Engine, batches: Sequence[np.ndarray], of_bytes: bool) -> Difference:
    """Return how far `variant` is from `reference`, both called with float32 images (n, c, h, w)."""
    distances, changed = [], []
    for images in batches:
        wanted, found = reference(images), variant(images)
        if not (np.isfinite(wanted).all() and np.isfinite(found).all()):
            return Difference(float("nan"), float("nan"), 1.0)
        wanted_bytes, found_bytes = (to_uint8(values).astype(np.int16) for values in (wanted, found))
        changed.append((wanted_bytes != found_bytes).ravel())
        apart = np.abs(wanted_bytes - found_bytes) / 127.5 if of_bytes else np.abs(wanted - found)
        distances.append(apart.ravel())
    apart = np.concatenate(distances)
    return Difference(float(apart.max()), float(apart.mean(dtype=np.float64)), float(np.concatenate(changed).mean()))


def is_close(found: Difference, precision: str, layout: ImageFormat) -> bool:
    """Whether a variant is near enough to the checkpoint.

    f32 has to be equal but for rounding: 1e-4 in any value, or, where bytes come out, one level in 1 % of the values.
    The others are as far as they are, which is reported; a mean of 0.1 is no longer the same image.
    """
    if not PRECISIONS[precision].exact:
        return found.mean <= LARGEST_MEAN
    if layout.bytes:
        return found.largest <= 1.5 / 127.5 and found.other_bytes <= MOST_OTHER_BYTES
    return found.largest < LARGEST_DIFFERENCE


def require_close(found: Difference, precision: str, layout: ImageFormat, name: str) -> None:
    """Raise ExportError unless `is_close`; `name` is the variant's, for the message."""
    if is_close(found, precision, layout):
        return
    if not PRECISIONS[precision].exact:
        said = f"by {found.mean:.2g} on average, at most {LARGEST_MEAN:g} was expected"
    elif layout.bytes:
        said = (
            f"in {found.other_bytes:.2%} of the bytes, by up to {found.largest * 127.5:.0f}; "
            f"at most {MOST_OTHER_BYTES:.0%} and 1 were expected"
        )
    else:
        said = f"by {found.largest:.2g}, less than {LARGEST_DIFFERENCE:g} was expected"
    raise ExportError(f"{name}: the exported model differs from the checkpoint {said}; nothing was written")


def compared_images(checkpoint: Checkpoint, size: tuple[int, int], data: Path | None) -> Iterator[np.ndarray]:
    """Yield float32 images (n, c, h, w) to compare on: two batch sizes at two image sizes, from `data` where given."""
    width, height = size
    for batch, (wide, high) in ((1, (width, height)), (2, (width + 4, height + 8))):
        if data is None:
            draws = keyed_generator(0, "export/pictures", batch)
            channels = checkpoint.generator.spec.in_channels
            random = draws.integers(0, 256, (batch, high, wide, channels), dtype=np.uint8)
            yield np.stack([to_float(image) for image in random])
        else:
            # Resized, as images need not be as large as is compared.
            reading = replace(checkpoint.readings.source(checkpoint.direction), resize=Resize.BOTH)
            images, _ = evaluation_images(data, checkpoint.direction.source, reading=reading)
            shown = EvaluationSet(images, (wide, high))
            yield np.stack([shown[index % len(shown)] for index in range(batch)])
