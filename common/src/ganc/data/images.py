"""Pictures in and out: any common file to upright 8-bit RGB, to floats in [-1, 1], back to 8 bits; sample strips."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganc.base.atomic import replacing
from ganc.base.errors import DataError, StatisticsError

Size = tuple[int, int]  # width, height

# As an error it becomes one line about the file; as a warning it would be two more on the terminal.
warnings.simplefilter("error", Image.DecompressionBombWarning)

# Only these readers are tried: some others of Pillow's run external programs on the file.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SAVE_OPTIONS = {
    ".png": {"format": "PNG"},
    ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
}


def load_rgb(path: Path) -> np.ndarray:
    """Return a picture file as upright RGB, uint8 (height, width, 3).

    Greyscale, CMYK, palette and 1-bit pictures become RGB; transparent ones are laid on white; 16-bit greyscale is
    scaled to 8 bits; the camera's rotation (EXIF) is applied. Of an animation it is the first frame.

    Raises:
        DataError: no such file, not a picture, truncated or corrupt, unreasonably large, or of floating-point or 32-bit
            values, whose range is unknown.
    """
    path = Path(path)
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_pixels(path, image)
            image.load()
            return np.asarray(_upright(_to_rgb(path, image), image))
    except DataError:
        raise
    except Image.UnidentifiedImageError:
        raise DataError(f"{path}: is corrupt or not a picture (expected one of {', '.join(FORMATS)})") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(path) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({_one_line(error.strerror or error)})") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on corrupt data
        raise DataError(f"{path}: is corrupt ({type(error).__name__}: {_one_line(error)})") from error


# What `resize` does, for the record: the filter changes every metric.
RESIZE_FILTER = "bicubic antialiased"


def resize(picture: np.ndarray, size: Size) -> np.ndarray:
    """Return a uint8 (h, w, 3) picture resized (bicubic, with antialiasing) to `size` = (width, height)."""
    if (picture.shape[1], picture.shape[0]) == tuple(size):
        return picture
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def to_float(picture: np.ndarray) -> np.ndarray:
    """Return a uint8 (h, w, 3) picture as float32 (3, h, w) in [-1, 1].

    The values are v / 127.5 - 1 to within a rounding error, chosen so that `to_uint8` gives back the same picture.
    """
    return _LEVELS[np.ascontiguousarray(picture.transpose(2, 0, 1))]


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Return float images in [-1, 1] as 8-bit pictures: clipped, scaled to [0, 255] and truncated, in float32.

    Every 8-bit picture of ganc (translate, evaluate, exports, strips) comes from here, so that their metrics agree.

    Args:
        images: float (n, 3, h, w) or (3, h, w).

    Returns:
        uint8 (n, h, w, 3) or (h, w, 3).

    Raises:
        StatisticsError: a value is not a number; a silent 0 would hide a generator that has diverged.
    """
    values = np.asarray(images, dtype=np.float32)
    if np.isnan(values).any():
        raise StatisticsError(
            f"{np.isnan(values).sum()} of {values.size} pixel values are not numbers: the generator has diverged;"
            " train it again with a lower learning rate or from an earlier checkpoint"
        )
    pictures = _scale(values).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(pictures, -3, -1))


def save_image(path: Path, picture: np.ndarray) -> None:
    """Write a uint8 (h, w, 3) picture as PNG or JPEG (quality 95), by the suffix of `path`, in one step.

    Raises:
        DataError: another suffix.
        WriteError: the file cannot be written.
    """
    options = _SAVE_OPTIONS.get(Path(path).suffix.lower())
    if options is None:
        raise DataError(f"{path}: pictures are written as .png, .jpg or .jpeg; choose one of these suffixes")
    with replacing(Path(path)) as temporary:
        Image.fromarray(picture).save(temporary, **options)


def strip(rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str]) -> np.ndarray:
    """Return a labelled grid of pictures: one row a sample, one column a label (such as input, teacher, student).

    Args:
        rows: equally long rows of uint8 (h, w, 3) pictures; small ones are enlarged by a whole factor.
        labels: the name of each column.

    Returns:
        uint8 (height, width, 3).

    Raises:
        ValueError: no rows, or a row that has not one picture a label.
    """
    if not rows or any(len(row) != len(labels) for row in rows) or not labels:
        raise ValueError(f"each row (={[len(row) for row in rows]}) needs one picture a label (={len(labels)})")
    width, height = (max(picture.shape[axis] for row in rows for picture in row) for axis in (1, 0))
    factor = max(1, -(-160 // max(width, height)))
    width, height = factor * width, factor * height
    gap = max(4, width // 32)
    head = gap + max(16, min(28, width // 8))
    canvas = Image.new(
        "RGB", (gap + len(labels) * (width + gap), head + len(rows) * (height + gap)), color=(250, 250, 248)
    )
    pen, font = ImageDraw.Draw(canvas), _label_font(labels, width, head - gap)
    for column, label in enumerate(labels):
        middle = (gap + column * (width + gap) + width / 2, head / 2)
        pen.text(middle, _shortened(label, font, width), font=font, fill=(40, 40, 40), anchor="mm")
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            tile = Image.fromarray(resize(picture, (picture.shape[1] * factor, picture.shape[0] * factor)))
            left = gap + column * (width + gap) + (width - tile.width) // 2
            canvas.paste(tile, (left, head + row * (height + gap) + (height - tile.height) // 2))
    return np.asarray(canvas)


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


def _to_rgb(path: Path, image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise DataError(f"{path}: holds floating-point values of unknown range; save it with 8 or 16 bits a channel")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise DataError(f"{path}: holds 32-bit values; save it with 8 or 16 bits a channel")
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        # Pillow has no direct way from La to RGBA.
        picture = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return image.convert("RGB")


def _upright(picture: Image.Image, original: Image.Image) -> Image.Image:
    try:
        orientation = original.getexif().get(_ORIENTATION, 1)
    except Exception:  # a broken EXIF block does not make the picture unreadable
        orientation = 1
    return picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture


def _check_pixels(path: Path, image: Image.Image) -> None:
    if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise _too_large(path)


def _too_large(path: Path) -> DataError:
    return DataError(f"{path}: claims more than {Image.MAX_IMAGE_PIXELS / 1e6:.0f} million pixels; scale it down first")


def _one_line(error: object) -> str:
    return " ".join(str(error).split())


def _label_font(labels: Sequence[str], width: int, largest: int) -> ImageFont.FreeTypeFont:
    """Return the largest font, of at least 10 pixels, in which every label fits its column."""
    for size in range(largest, 10, -1):
        font = ImageFont.load_default(size=size)
        if max(font.getlength(label) for label in labels) <= width:
            return font
    return ImageFont.load_default(size=10)


def _shortened(label: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    while len(label) > 1 and font.getlength(label) > width:
        label = label.removesuffix("…")[:-1] + "…"
    return label
