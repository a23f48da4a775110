"""Images that a training step takes."""

import pytest
from helpers.support import SIZE

from ganc.data import read_images
from ganc.data.sets import EvaluationSet


@pytest.fixture(scope="module")
def batch(tiny_data):
    """Two images of each domain, float32 (2, 3, 32, 32)."""
    return tuple(
        next(iter(EvaluationSet(read_images(tiny_data, f"train{letter}"), (SIZE, SIZE)).batches(2))) for letter in "AB"
    )
