"""Translating a large image in tiles that overlap and are blended, so that memory follows the tile and not the image.

A generator's instance norms see one tile at a time: each tile is normalised by its own mean and deviation, so the
result is not that of the whole image (docs/translate.md has the differences).
"""

from dataclasses import dataclass

import numpy as np

from ganc.base.errors import DataError, SettingError
from ganc.data import to_float, to_uint8
from ganc.engines import Engine

OVERLAP = 32  # pixels; docs/translate.md has the seams that it leaves


@dataclass(frozen=True)
class Tiling:
    """How an image is cut.

    Attributes:
        tile: the side of a tile in pixels.
        overlap: how many pixels neighbours have in common at least, but for rounding.
    """

    tile: int
    overlap: int

    def __post_init__(self) -> None:
        if not 0 <= 2 * self.overlap <= self.tile:
            raise SettingError(f"overlap (={self.overlap}) must be in 0 … {self.tile // 2}, half of the tile")


@dataclass(frozen=True)
class Span:
    """One tile's place along an axis, and its share of each pixel there: the shares of all spans add up to 1."""

    start: int
    shares: np.ndarray

    @property
    def end(self) -> int:
        return self.start + len(self.shares)


def translate_in_tiles(engine: Engine, image: np.ndarray, tiling: Tiling) -> np.ndarray:
    """Translate a uint8 image (h, w, c) and return one of its size; rows of tiles are finished one after another.

    Raises:
        DataError: the tile is not a multiple of what the engine takes.
    """
    multiple = engine.size_multiple
    if tiling.tile % multiple:
        raise DataError(f"tile (={tiling.tile}) must be a multiple of {multiple}")
    height, width = image.shape[:2]
    rows, columns = (spans(length, tiling, multiple) for length in (height, width))
    result, carried = np.empty(0, np.uint8), None
    for number, row in enumerate(rows):
        band = _translated_row(engine, image, row, columns)
        if carried is not None:
            band[: len(carried)] += carried
        finished = (rows[number + 1].start if number + 1 < len(rows) else height) - row.start
        if not len(result):
            result = np.empty((height, width, band.shape[2]), np.uint8)
        result[row.start : row.start + finished] = to_uint8(np.moveaxis(band[:finished], -1, 0))
        carried = band[finished:].copy()
    return result


def spans(length: int, tiling: Tiling, multiple: int) -> list[Span]:
    """Return the tiles along an axis: evenly spaced, each start a multiple of `multiple`, only the last one shorter."""
    if length <= tiling.tile:
        return [Span(0, np.ones(length, np.float32))]
    count = -(-(length - tiling.overlap) // (tiling.tile - tiling.overlap))
    last = -(-(length - tiling.tile) // multiple) * multiple
    starts = [last * place // (count - 1) // multiple * multiple for place in range(count)]
    ends = [min(start + tiling.tile, length) for start in starts]
    ramps = []
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        inner = np.arange(start, end) + 0.5
        ramp = np.ones(end - start)
        if place and ends[place - 1] > start:
            ramp = np.minimum(ramp, (inner - start) / (ends[place - 1] - start))
        if place + 1 < count and starts[place + 1] < end:
            ramp = np.minimum(ramp, (end - inner) / (end - starts[place + 1]))
        ramps.append(ramp)
    total = np.zeros(length)
    for start, end, ramp in zip(starts, ends, ramps, strict=True):
        total[start:end] += ramp
    return [
        Span(start, (ramp / total[start:end]).astype(np.float32))
        for start, end, ramp in zip(starts, ends, ramps, strict=True)
    ]


def continued(image: np.ndarray, multiple: int) -> np.ndarray:
    """Return a uint8 image (h, w, c) that an engine takes: its sides are multiples, and at least two of them.

    It is continued by reflection; where it is so small that there is too little to reflect, by its edge.
    """
    sides = image.shape[:2]
    padding = [(0, max(-side % multiple, 2 * multiple - side)) for side in sides] + [(0, 0)]
    return np.pad(image, padding, mode="reflect" if min(sides) > multiple else "edge")


def _translated_row(engine: Engine, image: np.ndarray, row: Span, columns: list[Span]) -> np.ndarray:
    """Return one row of tiles blended along its length, float32 (h, w, c), weighted by the row's shares."""
    band = None
    for column in columns:
        part = image[row.start : row.end, column.start : column.end]
        made = np.moveaxis(engine(to_float(continued(part, engine.size_multiple))[None])[0], 0, -1)
        made = made[: part.shape[0], : part.shape[1]]
        if band is None:
            band = np.zeros((part.shape[0], image.shape[1], made.shape[2]), np.float32)
        band[:, column.start : column.end] += made * column.shares[:, None]
    band *= row.shares[:, None, None]
    return band
