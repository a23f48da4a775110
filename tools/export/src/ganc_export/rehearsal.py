"""What an export would take on this machine, from one translation. Nothing is written."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganc.engines.eager import EagerEngine
from ganc.files.card import Variant
from ganc.files.checkpoint import Checkpoint
from ganc.metrics.evaluation import evaluation_images
from ganc.models.generator import Generator
from ganc.system.memory import peak_bytes
from ganc_export.variants import require_possible

RANDOM_IMAGES = 3  # that each variant is compared on besides those of a folder


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """The estimate of an export: how many variants are verified on how many images, and the seconds of a translation.

    Attributes:
        peak_bytes: the most memory that the process had so far.
    """

    variants: int
    images: int
    image_seconds: float
    peak_bytes: int

    @property
    def seconds(self) -> float:
        """How long verifying takes, if a variant is no slower than the checkpoint."""
        return (self.variants + 1) * self.images * self.image_seconds


def rehearse(checkpoint: Checkpoint, data: Path | None, variants: Sequence[Variant]) -> Rehearsal:
    """Return the estimate of an export of a standalone checkpoint.

    Raises:
        GancError: a variant cannot be written here, or there are no images.
    """
    require_possible(variants)
    images = RANDOM_IMAGES
    if data:
        reading = checkpoint.readings.source(checkpoint.direction)
        images += len(evaluation_images(data, checkpoint.direction.source, reading=reading)[0])
    engine, (width, height) = EagerEngine(Generator.from_state(checkpoint.generator)), checkpoint.image_size
    image = np.zeros((1, checkpoint.generator.spec.in_channels, height, width), np.float32)
    engine(image)  # the first call prepares
    start = time.perf_counter()
    engine(image)
    return Rehearsal(
        variants=len(variants), images=images, image_seconds=time.perf_counter() - start, peak_bytes=peak_bytes()
    )
