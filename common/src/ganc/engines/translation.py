"""Translating picture files with any engine."""

from pathlib import Path

import numpy as np

from ganc.base.errors import DataError
from ganc.data import load_rgb, resize, save_image, to_float, to_uint8
from ganc.data.lists import IMAGE_SUFFIXES
from ganc.engines import Engine


def translate_image(engine: Engine, picture: np.ndarray) -> np.ndarray:
    """Translate one uint8 picture (h, w, 3) of any size and return one of the same size.

    Where the engine needs multiples of some number, the picture is continued by reflection and cut back afterwards; so
    is one so small that the generator's own padding by reflection would have too little to reflect.
    """
    height, width = picture.shape[:2]
    multiple = engine.size_multiple
    padding = [(0, max(-side % multiple, 2 * multiple - side)) for side in (height, width)] + [(0, 0)]
    padded = np.pad(picture, padding, mode="reflect" if min(height, width) > multiple else "edge")
    return to_uint8(engine(to_float(padded)[None])[0])[:height, :width]


def translate_files(engine: Engine, source: Path, output: Path, size: tuple[int, int] | None = None) -> int:
    """Translate a picture file, or all picture files of a folder, and return how many were written.

    Args:
        output: a .png or .jpg file for a file, a folder for a folder; there the names stay, as .png.
        size: (width, height) to resize each picture to first; None leaves it.

    Raises:
        DataError: there is no picture, or some cannot be read; the others are written all the same.
    """
    if source.is_dir():
        return _translate_folder(engine, source, output, size)
    if not source.is_file():
        raise DataError(f"{source}: no such picture or folder")
    if output.is_dir():
        output = output / f"{source.stem}.png"
    if output.exists() and output.samefile(source):
        raise DataError(f"{output}: is the picture to translate itself; write to another file")
    _translate_file(engine, source, output, size)
    return 1


def _translate_folder(engine: Engine, folder: Path, output: Path, size: tuple[int, int] | None) -> int:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())
    if not files:
        raise DataError(f"{folder}: holds no pictures ({', '.join(IMAGE_SUFFIXES)})")
    if output.is_file():
        raise DataError(f"{output}: is a file, but the pictures of a folder go into a folder")
    if output.exists() and output.samefile(folder):
        raise DataError(f"{output}: holds the pictures to translate; write to another folder")
    names = [file.stem for file in files]
    failed = []
    for file in files:
        unique = file.stem if names.count(file.stem) == 1 else file.name
        try:
            _translate_file(engine, file, output / f"{unique}.png", size)
        except DataError as error:
            failed.append(error)
    if failed:
        raise DataError(f"{folder}: {len(failed)} of {len(files)} pictures could not be translated: {failed[0]}")
    return len(files)


def _translate_file(engine: Engine, source: Path, output: Path, size: tuple[int, int] | None) -> None:
    picture = load_rgb(source)
    save_image(output, translate_image(engine, resize(picture, size) if size else picture))
