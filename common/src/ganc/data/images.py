"""Images in: any common file to upright 8 bits, to floats in [-1, 1], and back to 8 bits."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from ganc.base.errors import DataError, StatisticsError
from ganc.base.reading import one_line
from ganc.data.levels import Levels, StoredValues
from ganc.data.side_by_side import Half

Size = tuple[int, int]  # width, height

# Only these readers are tried: some others of Pillow's run external programs on the file.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM") + (
    ("AVIF",) if "avif" in features.modules and features.check("avif") else ()
)
CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}  # what images of so many channels are; 4 with opacity last
MOST_PIXELS = 89_478_485  # of one image, as Pillow has it; decoding takes up to 12 bytes a pixel
MOST_PIXELS_IN_TILES = 2 * MOST_PIXELS
BYTES = Levels(0, 255)
WORDS = Levels(0, 65535)

_ORIENTATION = 0x0112
# ImageOps.exif_transpose has these too, but fails where another EXIF tag cannot be written again.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)


def load_rgb(path: Path) -> np.ndarray:
    """Return an image file as upright RGB, uint8 (height, width, 3); as `load_image`."""
    return load_image(path)


def load_image(
    path: Path, channels: int = 3, levels: Levels | None = None, most_pixels: int = MOST_PIXELS
) -> np.ndarray:
    """Return an image file upright, as uint8 (height, width, channels).

    Greyscale, CMYK, palette and 1-bit images become what `channels` says; the camera's rotation (EXIF) is applied. Of
    an animation it is the first frame. Transparent images are laid on white, but with 4 channels, where the fourth is
    opacity and the colours are as stored. 16-bit greyscale is scaled to 8 bits.

    Args:
        channels: 1 (grey), 3 (RGB) or 4 (RGB and opacity).
        levels: the stored values that become black and white; None takes what 8 or 16 bits can hold.
        most_pixels: larger images are refused.

    Raises:
        DataError: no such file, not an image, truncated or corrupt, unreasonably large, of values whose range is
            unknown (floating-point, negative, 32 bits) where no levels are given, or of 16-bit colours where some are.
    """
    with _opened(path, most_pixels) as image:
        return _array(path, image, channels, levels)


def pillow_array(
    image: Image.Image, channels: int = 3, levels: Levels | None = None, most_pixels: int = MOST_PIXELS
) -> np.ndarray:
    """Return an image of Pillow as `load_image` returns that of a file: upright, uint8 (height, width, channels).

    Raises:
        DataError: as `load_image`.
    """
    name = getattr(image, "filename", None) or "the image"
    with _reported(name, most_pixels):
        if image.width * image.height > most_pixels:
            raise Image.DecompressionBombError
        return _array(name, image, channels, levels)


def load_with_opacity(
    path: Path, channels: int, levels: Levels | None = None, most_pixels: int = MOST_PIXELS
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return an image's colours, uint8 (h, w, channels), and its opacity, uint8 (h, w); None where all of it is opaque.

    The colours are as stored, not laid on white; what cannot be seen at all is white. Raises DataError as `load_image`.
    """
    image = load_image(path, 4, levels, most_pixels)
    colours, opacity = image[..., :3], image[..., 3]
    if (opacity == 255).all():
        return load_image(path, channels, levels, most_pixels), None
    seen = np.where(opacity[..., None] == 0, np.uint8(255), colours)
    if channels == 1:
        seen = np.asarray(Image.fromarray(seen).convert("L"))[..., None]
    return seen, np.ascontiguousarray(opacity)


def read_size(path: Path) -> Size:
    """Return the width and height of an image file as it comes out upright; only its header is read. Raises DataError.

    The size counts as `load_image` gives it, so that no file is decoded twice.
    """
    with _opened(path, MOST_PIXELS) as image:
        return image.size[::-1] if _orientation(image) in _SIDEWAYS else image.size


def is_image(path: Path) -> bool:
    """Whether a file's content begins as one of `FORMATS` does, whatever its suffix."""
    try:
        with _opened(path, MOST_PIXELS):
            return True
    except DataError as error:
        cause = error.__cause__  # the reader of an image that is too large or may not be read reports it
        return isinstance(cause, OSError | Image.DecompressionBombError | Image.DecompressionBombWarning)


def stored_values(path: Path, half: Half | None = None) -> StoredValues:
    """Return what an image file holds, or a half of it.

    Raises:
        DataError: it cannot be read, has no halves, or holds a value that is no number.
    """
    with _opened(path, MOST_PIXELS) as file:
        frames = getattr(file, "n_frames", 1)
        file.load()
        image = half.of(path, _upright(file, file)) if half else file
        if _is_deep(image):
            values = np.asarray(image)
            _require_numbers(path, values)
            low, high = float(values.min()), float(values.max())
            known = image.mode != "F" and low >= 0 and high <= WORDS.high
            return StoredValues(low, high, WORDS if known else None, low == high, frames)
        colours = _with_opacity(image) if _is_transparent(image) else image.convert("RGB")
        lows, highs = zip(*(band.getextrema() for band in colours.split()[:3]), strict=True)
        return StoredValues(min(lows), max(highs), BYTES, lows == highs, frames)


# What `resize` does, for the record: the filter changes every metric.
RESIZE_FILTER = "bicubic antialiased"


def resize(image: np.ndarray, size: Size) -> np.ndarray:
    """Return a uint8 (h, w, channels) image resized (bicubic, with antialiasing) to `size` = (width, height)."""
    if (image.shape[1], image.shape[0]) == tuple(size):
        return image
    resized = np.asarray(to_pillow(image).resize(size, Image.Resampling.BICUBIC))
    return resized.reshape(*resized.shape[:2], image.shape[2])


def to_pillow(image: np.ndarray) -> Image.Image:
    """Return a uint8 (h, w, 1, 3 or 4) array as an image of Pillow."""
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def to_rgb(images: np.ndarray) -> np.ndarray:
    """Return uint8 images (…, 1, 3 or 4) as (…, 3): grey repeated, transparent ones laid on white."""
    channels = images.shape[-1]
    if channels == 4:
        opacity = images[..., 3:].astype(np.uint16)
        return ((images[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
    return np.repeat(images, 3, axis=-1) if channels == 1 else images


def to_float(image: np.ndarray) -> np.ndarray:
    """Return a uint8 (h, w, channels) image as float32 (channels, h, w) in [-1, 1].

    The values are v / 127.5 - 1 to within a rounding error, chosen so that `to_uint8` gives back the same image.
    """
    return _LEVELS[np.ascontiguousarray(image.transpose(2, 0, 1))]


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Return float images in [-1, 1] as 8-bit images: clipped, scaled to [0, 255] and truncated, in float32.

    Every 8-bit image of ganc (translate, evaluate, exports, strips) comes from here, so that their metrics agree.

    Args:
        images: float (n, channels, h, w) or (channels, h, w).

    Returns:
        uint8 (n, h, w, channels) or (h, w, channels).

    Raises:
        StatisticsError: a value is not a number; a silent 0 would hide a generator that has diverged.
    """
    values = np.asarray(images, dtype=np.float32)
    if np.isnan(values).any():
        raise StatisticsError(
            f"{np.isnan(values).sum()} of {values.size} pixel values are not numbers: the generator has diverged;"
            " train it again with a lower learning rate or from an earlier checkpoint"
        )
    return np.ascontiguousarray(np.moveaxis(_scale(values).astype(np.uint8), -3, -1))


def _scale(values: np.ndarray) -> np.ndarray:
    one = np.float32(1)
    return (np.clip(values, -one, one) + one) / np.float32(2) * np.float32(255)


def _level_table() -> np.ndarray:
    """Return the 256 values of `to_float`: truncation would take some of v / 127.5 - 1 one level down."""
    levels = np.arange(256, dtype=np.float32) / np.float32(127.5) - np.float32(1)
    while (low := _scale(levels) < np.arange(256)).any():
        levels[low] = np.nextafter(levels[low], np.float32(2))
    return levels


_LEVELS = _level_table()


@contextlib.contextmanager
def _opened(path: Path, most_pixels: int) -> Iterator[Image.Image]:
    """Open an image file; whatever Pillow raises, here or in the block, becomes a DataError that names the file."""
    # The file is opened here, since Pillow leaves one open whose first bytes cannot be read.
    with _reported(path, most_pixels), open(path, "rb") as file:
        with warnings.catch_warnings() if most_pixels > MOST_PIXELS else contextlib.nullcontext():
            if most_pixels > MOST_PIXELS:
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file, formats=FORMATS)
        with image:
            if image.width * image.height > most_pixels:
                raise Image.DecompressionBombError
            yield image


@contextlib.contextmanager
def _reported(path: Path | str, most_pixels: int) -> Iterator[None]:
    """Let whatever Pillow raises in the block become a DataError that names the image."""
    try:
        yield
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(f"{path}: is corrupt or not an image (expected one of {', '.join(FORMATS)})") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, most_pixels) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({one_line(error.strerror or error)})") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on corrupt data
        raise DataError(f"{path}: is corrupt ({type(error).__name__}: {one_line(error)})") from error


# As an error it becomes one line about the file; as a warning it would be two more on the terminal.
warnings.simplefilter("error", Image.DecompressionBombWarning)


def _array(path: Path | str, image: Image.Image, channels: int, levels: Levels | None) -> np.ndarray:
    """Return an image that is open, upright, as uint8 (h, w, channels)."""
    if levels is not None and _has_deep_colours(image):
        raise DataError(
            f"{path}: has 16-bit colours, of which only the upper 8 bits are read, so that levels ({levels}) cannot"
            " be applied; save it as 8-bit colours or 16-bit greyscale"
        )
    image.load()
    upright = _upright(_converted(path, image, channels, levels), image)
    return np.asarray(upright).reshape(upright.height, upright.width, channels)


def _converted(path: Path | str, image: Image.Image, channels: int, levels: Levels | None) -> Image.Image:
    mode = CHANNELS[channels]
    if _is_deep(image):
        grey = Image.fromarray(_deep_to_bytes(path, image, levels))
        return grey.convert(mode)
    if not _is_transparent(image):
        return _levelled(image.convert("RGB"), levels).convert(mode)
    coloured = _levelled(_with_opacity(image), levels)
    if channels == 4:
        return coloured
    return Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured).convert("RGB").convert(mode)


def _is_deep(image: Image.Image) -> bool:
    """Whether an image is greyscale of more than 8 bits."""
    return image.mode == "F" or image.mode.startswith("I")


def _has_deep_colours(image: Image.Image) -> bool:
    """Whether an image that is not loaded yet has colours of more than 8 bits."""
    return not _is_deep(image) and any(";16" in str(part) for tile in getattr(image, "tile", ()) for part in tile)


def _is_transparent(image: Image.Image) -> bool:
    return "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa")


def _with_opacity(image: Image.Image) -> Image.Image:
    # Pillow has no direct way from La to RGBA.
    return image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")


def _deep_to_bytes(path: Path | str, image: Image.Image, levels: Levels | None) -> np.ndarray:
    values = np.asarray(image)
    _require_numbers(path, values)
    if levels is None:
        low, high = values.min(), values.max()
        if image.mode == "F" or low < 0 or high > WORDS.high:
            kind = "floating-point values" if image.mode == "F" else "whole values"
            raise DataError(
                f"{path}: holds {kind} from {low:g} to {high:g}; say which become black and white with --levels"
                " MIN:MAX, or save it with 8 or 16 bits a channel"
            )
        levels = WORDS
    return levels.to_bytes(values)


def _require_numbers(path: Path | str, values: np.ndarray) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DataError(f"{path}: holds values that are not finite numbers; save it without them")


def _levelled(image: Image.Image, levels: Levels | None) -> Image.Image:
    """Map the colours of an RGB or RGBA image."""
    if levels in (None, BYTES):
        return image
    table = levels.to_bytes(np.arange(256, dtype=np.uint8)).tolist()
    return image.point(table * 3 + (list(range(256)) if image.mode == "RGBA" else []))


def _upright(image: Image.Image, original: Image.Image) -> Image.Image:
    orientation = _orientation(original)
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a broken EXIF block does not make the image unreadable
        return 1


def _too_large(path: Path | str, most_pixels: int) -> DataError:
    advice = "scale it down first" + (", or translate it with --tile" if most_pixels == MOST_PIXELS else "")
    return DataError(f"{path}: claims more than {most_pixels / 1e6:.0f} million pixels; {advice}")
