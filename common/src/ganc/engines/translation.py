"""Translating image files with any engine."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ganc.base.errors import DataError
from ganc.base.image_files import QUALITY
from ganc.data import Reading, resize, save_image, to_float, to_rgb, to_uint8
from ganc.data.images import MOST_PIXELS, MOST_PIXELS_IN_TILES, Size, load_image, load_with_opacity
from ganc.data.outputs import Pair
from ganc.data.reading import covering
from ganc.data.saving import written_format
from ganc.engines import Engine
from ganc.engines.tiles import Tiling, continued, translate_in_tiles


@dataclass(frozen=True, kw_only=True)
class Translation:
    """How image files are translated.

    Attributes:
        reading: how they become arrays: channels and levels.
        size: (width, height) to resize to first; None leaves the size.
        keep_aspect: take `size` as the least width and height, of which one is reached.
        tiling: translate in tiles; None translates images whole.
        keep_opacity: give the results the opacity of their images; else what is transparent is laid on white.
        quality: of JPEG and WebP files.
    """

    reading: Reading = field(default_factory=Reading)
    size: Size | None = None
    keep_aspect: bool = False
    tiling: Tiling | None = None
    keep_opacity: bool = False
    quality: int = QUALITY

    @property
    def most_pixels(self) -> int:
        """How large an image may be."""
        return MOST_PIXELS_IN_TILES if self.tiling else MOST_PIXELS


def translate_image(engine: Engine, image: np.ndarray, tiling: Tiling | None = None) -> np.ndarray:
    """Translate one uint8 image (h, w, c) of any size and return one of the same size.

    Where the engine needs multiples of some number, the image is continued by reflection and cut back afterwards; so is
    one so small that the generator's own padding by reflection would have too little to reflect.
    """
    height, width = image.shape[:2]
    if tiling is not None and max(height, width) > tiling.tile:
        return translate_in_tiles(engine, image, tiling)
    return to_uint8(engine(to_float(continued(image, engine.size_multiple))[None])[0])[:height, :width]


def translate_file(engine: Engine, pair: Pair, how: Translation) -> None:
    """Translate one file into another.

    Raises:
        DataError: it cannot be read, or not be written in that format.
        WriteError: the result cannot be written.
    """
    if how.keep_opacity and written_format(pair.output) == "JPEG":
        raise DataError(f"{pair.output}: JPEG holds no opacity; write .png or .webp")
    # What was read is gone by then: of a large image, saving takes as much again.
    save_image(pair.output, translate_path(engine, pair.source, how), how.quality)


def translate_path(engine: Engine, path: Path, how: Translation) -> np.ndarray:
    """Return a file's translation, uint8 (h, w, channels). Raises DataError where it cannot be read."""
    channels, levels = how.reading.channels, how.reading.levels
    if how.keep_opacity and channels != 4:  # a generator of 4 channels makes its own
        return translate_pixels(engine, *load_with_opacity(path, channels, levels, how.most_pixels), how)
    return translate_pixels(engine, load_image(path, channels, levels, how.most_pixels), None, how)


def translate_pixels(engine: Engine, image: np.ndarray, opacity: np.ndarray | None, how: Translation) -> np.ndarray:
    """Return the translation of an image, uint8 (h, w, channels), and of the size that is wanted.

    Args:
        image: uint8 (h, w, c) with the reading's channels. opacity: uint8 (h, w), which the result is given; or None.
    """
    if how.size is not None:
        own = (image.shape[1], image.shape[0])
        size = covering(own, how.size) if how.keep_aspect else how.size
        if size[0] * size[1] > how.most_pixels:
            most = f"{how.most_pixels / 1e6:.0f} million pixels"
            raise DataError(f"size (={size[0]}x{size[1]}): an image of more than {most}; choose a smaller size")
        image = resize(image, size)
        opacity = None if opacity is None else resize(opacity[..., None], size)[..., 0]
    made = translate_image(engine, image, how.tiling)
    return made if opacity is None else np.dstack([to_rgb(made), opacity])


def translate_files(
    engine: Engine, pairs: tuple[Pair, ...], how: Translation
) -> Iterator[tuple[Pair, DataError | None]]:
    """Translate files in order; yield each when it is done, with the reason where it could not be translated."""
    for pair in pairs:
        try:
            translate_file(engine, pair, how)
        except DataError as error:
            yield pair, error
        else:
            yield pair, None
