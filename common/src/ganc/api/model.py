"""A generator from any file, ready to translate."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from PIL import Image

from ganc.api.images import PathLike, Picture, Size, pixels
from ganc.base.direction import Direction
from ganc.base.errors import FileFormatError, SettingError
from ganc.base.image_files import LARGEST_SIDE
from ganc.base.reading import read_start
from ganc.data.images import to_pillow
from ganc.engines import loading
from ganc.engines.tiles import OVERLAP, Tiling
from ganc.engines.translation import Translation, translate_pixels
from ganc.files import kinds
from ganc.importers import import_checkpoint
from ganc.importers.files import is_network_file
from ganc.models.families import numbers_of_any_family
from ganc.models.family import Widths
from ganc.models.spec import GeneratorSpec

EXPECTED = "a checkpoint, a folder that ganc-export wrote, or a .pth, .pdparams or .safetensors of another program"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a generator costs.

    Attributes:
        macs, device_macs: multiply-accumulates of one image of `size`, as published tables count them and as a device
            computes.
        params: parameters.
        bytes: what it takes on the disk: the file, or the exported model's files.
        size: (width, height) in pixels.
    """

    macs: int
    device_macs: int
    params: int
    bytes: int
    size: Size


class Model:
    """A generator that is ready to run; `ganc.load` makes it.

    Attributes:
        opened: the library's own object.
    """

    def __init__(self, opened: loading.Model):
        self.opened = opened

    @property
    def path(self) -> Path:
        """The file or folder that it is from."""
        return self.opened.path

    @property
    def spec(self) -> GeneratorSpec:
        """Its architecture: family, widths, blocks, channels."""
        return self.opened.spec

    @property
    def direction(self) -> str:
        """Which way it translates: "AtoB" or "BtoA"."""
        return self.opened.direction.value

    @property
    def image_size(self) -> Size:
        """The (width, height) in pixels that it was trained on; it takes others too."""
        return self.opened.image_size

    @property
    def engine(self) -> str:
        """The name of the engine that it runs in."""
        return self.opened.engine.name

    def __repr__(self) -> str:
        widths = "_".join(map(str, self.spec.widths))
        return f"<ganc.Model {self.path}: {widths}, {self.direction}, in {self.engine}>"

    def profile(self, size: int | Size | None = None) -> Profile:
        """Return what it costs for one image of `size`; None is the size that it was trained on.

        Raises:
            SpecError: images of the size do not fit it.
        """
        size = both_sides(size, self.image_size)
        self.spec.require_size(*size)
        costs = self.spec.costs(size)
        return Profile(
            macs=costs.macs, device_macs=costs.device_macs, params=costs.params, bytes=self.opened.bytes, size=size
        )

    @overload
    def translate(
        self, images: np.ndarray, *, size: int | Size | None = ..., tile: int | None = ..., overlap: int | None = ...
    ) -> np.ndarray: ...
    @overload  # a text is a sequence of texts, too
    def translate(  # type: ignore[overload-overlap]
        self,
        images: Image.Image | PathLike,
        *,
        size: int | Size | None = ...,
        tile: int | None = ...,
        overlap: int | None = ...,
    ) -> Image.Image: ...
    @overload
    def translate(
        self,
        images: list[np.ndarray] | tuple[np.ndarray, ...],
        *,
        size: int | Size | None = ...,
        tile: int | None = ...,
        overlap: int | None = ...,
    ) -> list[np.ndarray]: ...
    @overload
    def translate(
        self,
        images: Sequence[Image.Image | PathLike],
        *,
        size: int | Size | None = ...,
        tile: int | None = ...,
        overlap: int | None = ...,
    ) -> list[Image.Image]: ...
    def translate(
        self,
        images: Picture | Sequence[Picture],
        *,
        size: int | Size | None = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> object:
        """Return the translation of an image, or a list of those of several: the bytes of `ganc translate`.

        Args:
            images: a path, an image of Pillow, or an array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) of uint8, or of
                floats from 0 to 1, which are rounded to 8 bits; or a list or tuple of such. Of any size: the result has
                the same. They become grey, RGB, or RGB with opacity, as the generator takes them.
            size: resize first: one number is the shorter side and keeps the aspect, (width, height) is exact.
            tile: translate larger images in tiles of so many pixels a side, so that memory follows the tile.
            overlap: pixels that neighbouring tiles share; None is 32, or half of a small tile.

        Returns:
            Of an array an array, uint8 (h, w, c); of a path or an image of Pillow an image of Pillow.

        Raises:
            DataError: an image cannot be read, is no such array, or a tile does not fit the generator.
            SettingError: the overlap does not fit the tile.
        """
        how = self._translation(size, tile, overlap)
        if isinstance(images, list | tuple):
            return [self._translated(one, how) for one in images]
        one: Any = images  # what is no list is one, or is refused
        return self._translated(one, how)

    def _translation(self, size: int | Size | None, tile: int | None, overlap: int | None) -> Translation:
        if overlap is not None and tile is None:
            raise SettingError("overlap: is that of tiles; give tile too")
        tiling = None
        if tile is not None:
            if not all(isinstance(one, int) and one >= 0 for one in (tile, overlap or 0)):
                raise SettingError(f"tile (={tile!r}), overlap (={overlap!r}): expected pixels")
            tiling = Tiling(tile, min(OVERLAP, tile // 2) if overlap is None else overlap)
        return Translation(
            reading=self.opened.readings.source(self.opened.direction),
            size=None if size is None else both_sides(size, self.image_size),
            keep_aspect=isinstance(size, int),
            tiling=tiling,
        )

    def _translated(self, image: Picture, how: Translation) -> np.ndarray | Image.Image:
        made = translate_pixels(self.opened.engine, pixels(image, how.reading, how.most_pixels), None, how)
        return made if isinstance(image, np.ndarray) else to_pillow(made)


def both_sides(size: int | Size | None, otherwise: Size) -> Size:
    """Return (width, height) of a size that may be one number for both. Raises SettingError where it is none."""
    sides = otherwise if size is None else size if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2 or any(not isinstance(side, int) or not 0 < side <= LARGEST_SIDE for side in sides):
        raise SettingError(f"size (={size!r}): expected pixels, or (width, height) in pixels")
    return sides[0], sides[1]


def load(
    path: PathLike,
    *,
    direction: str | None = None,
    widths: str | int | Sequence[int] | None = None,
    engine: str | None = None,
    precision: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    key: str | None = None,
) -> Model:
    """Open a checkpoint, an exported folder or one graph in it, or another program's generator.

    Args:
        path: another program's is a .pth of the CycleGAN/pix2pix or GAN Compression code, a .pdparams of PaddleGAN, or
            a .safetensors with tensors of these names. No code that a file holds is run.
        direction: "AtoB" or "BtoA"; None is the model's own, AtoB of another program's.
        widths: a sub-network of a checkpoint's generator, such as "16_16_32_16_32_32_16_16".
        engine: "openvino", "onnxruntime", "paddle-inference" or "paddle"; None runs a checkpoint in Paddle and an
            exported folder in what is fastest here.
        precision: "f32", "f16", "bf16" or "int8"; None is the one nearest to the checkpoint.
        device: of Paddle's engines, and of all that Paddle does in this process: "auto", "cpu", "gpu" or "gpu:N".
        threads: of the engine on a CPU; None takes all cores, or what OMP_NUM_THREADS says. Those of Paddle's engines
            are the whole process's.
        key: which of several networks in another program's file, such as "state_dict.g_A2B".

    Raises:
        FileFormatError: the file is none of these, or damaged.
        SpecError: direction, widths, engine or precision do not fit it.
        MissingDependencyError: the engine is not installed.
    """
    path, way = Path(path), None if direction is None else Direction(direction)
    how = loading.Running(engine, precision, device, threads)
    if not path.is_dir():
        _require_known(path)
    if not path.is_dir() and is_network_file(path):
        checkpoint = import_checkpoint({"generator": path}, direction=way or Direction.A_TO_B, key=key)
        return Model(loading.checkpoint_model(checkpoint, path, None, _widths(widths), how))
    if key is not None:
        raise SettingError(f"key (={key!r}): is of another program's file, which {path} is not")
    return Model(loading.open_model(path, way, _widths(widths), engine, precision, device, threads))


def _require_known(path: Path) -> None:
    """Raise FileFormatError where a file begins as none that holds a generator."""
    kind = kinds.kind_of(read_start(path, EXPECTED, 512))
    if kind in (None, kinds.HDF5) and kinds.looks_like(path) is None:
        raise FileFormatError(f"{path}: begins as no file that holds a generator; expected {EXPECTED}")


def opened(model: Model | PathLike) -> loading.Model:
    """Return the library's object of a model, or of what a path names."""
    return (model if isinstance(model, Model) else load(model)).opened


def _widths(widths: str | int | Sequence[int] | None) -> Widths | None:
    if widths is None:
        return None
    if isinstance(widths, str | os.PathLike):
        return numbers_of_any_family(str(widths))
    numbers = (widths,) if isinstance(widths, int) else tuple(widths)
    if not numbers:
        raise SettingError("widths (=()): expected some; None takes the whole generator")
    return numbers
