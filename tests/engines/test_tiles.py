"""Tiles: their shares add up, and what is done to each pixel alone comes out as of the whole image."""

import itertools
import tracemalloc

import numpy as np
import pytest

from ganc.base.errors import DataError, SettingError
from ganc.base.rng import keyed_generator
from ganc.engines.tiles import Tiling, spans, translate_in_tiles
from ganc.engines.translation import translate_image


class Negative:
    """An engine without neighbourhood: each value changes its sign; it remembers what it was shown."""

    name, size_multiple = "negative", 4

    def __init__(self):
        self.shapes = set()

    def __call__(self, images):
        self.shapes.add(images.shape)
        return -images


def random_image(height, width, channels=3):
    return keyed_generator(0, "tiles").integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("length", [1, 31, 32, 33, 60, 61, 64, 100, 1000, 1001])
@pytest.mark.parametrize("overlap", [0, 4, 16])
def test_shares_add_up_to_one_and_tiles_overlap_as_asked(length, overlap):
    found = spans(length, Tiling(32, overlap), 4)
    total = np.zeros(length)
    for span in found:
        assert span.start % 4 == 0
        assert (span.shares > 0).all()
        assert len(span.shares) <= 32
        total[span.start : span.end] += span.shares
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert found[0].start == 0
    for one, other in itertools.pairwise(found):
        assert one.end - other.start >= overlap - 4


@pytest.mark.parametrize("shape", [(100, 75), (33, 200), (20, 90), (64, 64), (65, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_done_to_each_pixel_alone_does_not_show_tiles(shape, channels):
    image, engine = random_image(*shape, channels), Negative()
    made = translate_image(engine, image, Tiling(32, 8))
    assert made.dtype == np.uint8
    assert made.shape == image.shape
    assert np.abs(made.astype(int) - (255 - image)).max() <= 1
    assert max(max(found[2:]) for found in engine.shapes) <= 32


def test_memory_follows_the_tile():
    image = np.zeros((2048, 2048, 3), np.uint8)
    tracemalloc.start()
    translate_in_tiles(Negative(), image, Tiling(128, 16))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * image.nbytes  # whole, floats alone are four times as much


def test_tiles_that_do_not_fit_are_refused():
    for tile, overlap in ((32, 17), (32, -1)):
        with pytest.raises(SettingError, match="overlap"):
            Tiling(tile, overlap)
    with pytest.raises(DataError, match="30"):
        translate_in_tiles(Negative(), random_image(99, 99), Tiling(30, 4))
