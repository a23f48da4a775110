"""Images in and out: every mode and rotation, broken files, 8 bits and floats, strips."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ganc.base.atomic import WriteError
from ganc.base.errors import DataError, StatisticsError
from ganc.data import load_rgb, resize, save_image, strip, to_float, to_rgb, to_uint8
from ganc.data.images import FORMATS, load_image, read_size

RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4) * 21
COLOURS = np.stack([RAMP, RAMP[::-1], 255 - RAMP], axis=-1)


def grey(levels: np.ndarray) -> np.ndarray:
    return np.repeat(levels[..., None], 3, axis=2)


def loaded(tmp_path, image: Image.Image, suffix: str = "png", **options) -> np.ndarray:
    path = tmp_path / f"image.{suffix}"
    image.save(path, **options)
    pixels = load_rgb(path)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (image.height, image.width, 3)
    return pixels


def test_rgb_and_greyscale(tmp_path):
    assert np.array_equal(loaded(tmp_path, Image.fromarray(COLOURS)), COLOURS)
    assert np.array_equal(loaded(tmp_path, Image.fromarray(RAMP)), grey(RAMP))
    assert np.array_equal(loaded(tmp_path, Image.fromarray(COLOURS), "webp", lossless=True), COLOURS)
    bits = Image.fromarray(RAMP > 100)
    assert bits.mode == "1"
    assert np.array_equal(loaded(tmp_path, bits), grey(np.where(RAMP > 100, 255, 0).astype(np.uint8)))


def test_cmyk_jpeg(tmp_path):
    # Cyan, magenta, yellow and black inks over 8x8 blocks; plain subtractive mixing is the reference.
    inks = np.zeros((8, 32, 4), dtype=np.uint8)
    for block in range(4):
        inks[:, 8 * block : 8 * block + 8, block] = 200
    image = Image.merge("CMYK", [Image.fromarray(np.ascontiguousarray(inks[..., ink])) for ink in range(4)])
    pixels = loaded(tmp_path, image, "jpg")
    expected = 255 - np.minimum(inks[..., :3].astype(int) + inks[..., 3:], 255)
    assert np.abs(pixels - expected).max() <= 12


def test_palette_with_and_without_transparency(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]])
    assert np.array_equal(loaded(tmp_path, image), colours)
    colours[0, 1] = 255
    assert np.array_equal(loaded(tmp_path, image, transparency=1), colours)
    assert np.array_equal(loaded(tmp_path, image, "gif", transparency=1), colours)
    half = loaded(tmp_path, image, transparency=bytes((255, 0, 128)))
    assert np.array_equal(half[0, :2], colours[0, :2])
    assert np.abs(half[0, 2].astype(int) - (127, 127, 255)).max() <= 1


def test_transparent_images_are_laid_on_white(tmp_path):
    alpha = np.array([[0, 64, 128, 255]] * 3, dtype=np.uint8)
    part = alpha[..., None] / 255
    expected = COLOURS * part + 255 * (1 - part)
    pixels = loaded(tmp_path, Image.fromarray(np.dstack([COLOURS, alpha])))
    assert np.abs(pixels - expected).max() <= 1
    pixels = loaded(tmp_path, Image.fromarray(np.dstack([RAMP, alpha])))
    assert np.abs(pixels - (grey(RAMP) * part + 255 * (1 - part))).max() <= 1


def test_colour_keyed_transparency(tmp_path):
    pixels = loaded(tmp_path, Image.fromarray(RAMP), transparency=21)
    assert (pixels[RAMP == 21] == 255).all()
    assert np.array_equal(pixels[RAMP != 21], grey(RAMP)[RAMP != 21])
    pixels = loaded(tmp_path, Image.fromarray(COLOURS), transparency=tuple(int(v) for v in COLOURS[1, 1]))
    assert (pixels[1, 1] == 255).all()


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_16_bit_greyscale_is_scaled_not_clipped(tmp_path, suffix):
    levels = np.array([[0, 128, 129, 257, 25700, 40000, 65534, 65535]], dtype=np.uint16)
    pixels = loaded(tmp_path, Image.fromarray(levels), suffix)
    assert np.array_equal(pixels, grey(np.round(levels / 257).astype(np.uint8)))


def test_16_bit_greyscale_of_the_other_byte_order(tmp_path):
    path = tmp_path / "big.tif"
    levels = np.array([[0, 25700, 65535]], dtype=">u2")
    entries = [(256, 3), (257, 1), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 6)]
    tags = b"".join(struct.pack(">HHII", tag, 4, 1, value) for tag, value in entries)
    path.write_bytes(
        b"MM\0*" + struct.pack(">I", 14) + levels.tobytes() + struct.pack(">H", len(entries)) + tags + bytes(4)
    )
    assert np.array_equal(load_rgb(path)[0, :, 0], [0, 100, 255])


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def test_16_bit_rgb_png(tmp_path):
    path = tmp_path / "deep.png"
    values = np.array([[0, 25700, 65535], [257, 514, 51400]], dtype=">u2")
    path.write_bytes(png(2, 1, 16, 2, b"\0" + values.tobytes()))
    assert np.abs(load_rgb(path)[0].astype(int) - values / 257).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_images_come_out_upright(tmp_path, suffix, orientation):
    """The stored image is the upright one, transformed as the EXIF standard says for each orientation."""
    upright = np.zeros((16, 32, 3), dtype=np.uint8)
    upright[:8, :8] = 255
    upright[8:, 24:, 0] = 255
    transposed = upright.transpose(1, 0, 2)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: transposed,
        6: transposed[::-1],
        7: transposed[::-1, ::-1],
        8: transposed[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"image.{suffix}"
    options = {"quality": 100, "subsampling": 0} if suffix == "jpg" else {}
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, **options)
    pixels = load_rgb(path)
    assert pixels.shape == upright.shape
    assert np.abs(pixels.astype(int) - upright).max() <= 8


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_broken_exif_block_does_not_hide_the_image(tmp_path):
    pixels = loaded(tmp_path, Image.new("RGB", (8, 8), (9, 9, 9)), "jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01")
    assert pixels.max() <= 12


def test_a_tag_that_cannot_be_written_again_does_not_turn_the_image(tmp_path):
    """A width of -5 as a tag, which ImageOps.exif_transpose fails on; the orientation beside it counts all the same."""
    entries = [(0x0100, 9, struct.pack(">i", -5)), (0x0112, 3, struct.pack(">HH", 6, 0))]
    tags = b"".join(struct.pack(">HHI", tag, kind, 1) + value for tag, kind, value in entries)
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, len(entries)) + tags + bytes(4)
    Image.new("RGB", (16, 8), (9, 9, 9)).save(tmp_path / "a.jpg", exif=exif)
    assert load_rgb(tmp_path / "a.jpg").shape == (16, 8, 3)
    assert read_size(tmp_path / "a.jpg") == (8, 16)


def test_grey_and_opacity(tmp_path):
    rgba = np.dstack([COLOURS, np.array([[0, 64, 128, 255]] * 3, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    np.testing.assert_array_equal(load_image(tmp_path / "a.png", 4), rgba)
    luma = load_rgb(tmp_path / "a.png") @ np.array([0.299, 0.587, 0.114])
    assert np.abs(load_image(tmp_path / "a.png", 1)[..., 0] - luma).max() <= 1
    on_white = to_rgb(load_image(tmp_path / "a.png", 4))
    assert np.abs(on_white.astype(int) - load_rgb(tmp_path / "a.png")).max() <= 1
    for channels in (1, 3, 4):
        pixels = rgba[..., :channels]
        for suffix in ("png", "webp"):
            save_image(tmp_path / f"b.{suffix}", pixels, quality=100)
        np.testing.assert_array_equal(load_image(tmp_path / "b.png", channels), pixels)
        assert load_image(tmp_path / "b.webp", channels).shape == pixels.shape
        assert np.array_equal(to_uint8(to_float(pixels)), pixels)
        assert resize(pixels, (8, 6)).shape == (6, 8, channels)


@pytest.mark.skipif("AVIF" not in FORMATS, reason="this Pillow reads no AVIF")
def test_avif(tmp_path):
    pixels = loaded(tmp_path, Image.new("RGB", (16, 8), (200, 100, 50)), "avif")
    assert np.abs(pixels.astype(int) - (200, 100, 50)).max() <= 6


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an image"),
        (b"plain text", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (png(8, 8, 8, 2, bytes(200))[:-30], "cannot be read|corrupt"),
        (png(8, 8, 8, 2, bytes(20)), "cannot be read|corrupt"),
        (png(8, 8, 8, 2, bytes(200)).replace(b"IDAT", b"IDAX"), "cannot be read|corrupt"),
        (png(10_000, 10_000, 8, 2, b""), "89 million pixels"),
        (png(60_000, 60_000, 1, 0, b""), "89 million pixels"),
    ],
    ids=["empty", "text", "EPS", "truncated", "too few rows", "bad chunk", "large", "bomb"],
)
def test_broken_files_are_refused_in_one_line(tmp_path, content, reason):
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        load_rgb(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_truncated_jpeg_is_refused(tmp_path):
    path = tmp_path / "cut.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(DataError, match=r"cut\.jpg: .*truncated"):
        load_rgb(path)


def test_missing_files_folders_and_unknown_ranges_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"gone\.png: .*No such file"):
        load_rgb(tmp_path / "gone.png")
    with pytest.raises(DataError, match=str(tmp_path)):
        load_rgb(tmp_path)
    Image.fromarray(np.ones((2, 2), dtype=np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(DataError, match=r"float\.tif"):
        load_rgb(tmp_path / "float.tif")
    Image.fromarray(np.full((2, 2), 70_000, dtype=np.int32)).save(tmp_path / "long.tif")
    with pytest.raises(DataError, match=r"long\.tif.*70000"):
        load_rgb(tmp_path / "long.tif")


def test_resize_takes_width_and_height(tmp_path):
    pixels = np.full((6, 10, 3), 77, dtype=np.uint8)
    assert resize(pixels, (20, 8)).shape == (8, 20, 3)
    assert (resize(pixels, (20, 8)) == 77).all()
    assert np.array_equal(resize(COLOURS, (4, 3)), COLOURS)


def test_floats_are_in_minus_one_to_one_and_go_back_unchanged():
    levels = grey(np.arange(256, dtype=np.uint8).reshape(16, 16))
    values = to_float(levels)
    assert values.shape == (3, 16, 16)
    assert values.dtype == np.float32
    assert values.min() == -1
    assert values.max() == 1
    assert np.abs(values[0].ravel() - (np.arange(256) / 127.5 - 1)).max() < 1.2e-7
    assert np.array_equal(to_uint8(values), levels)
    assert to_float(COLOURS)[2, 1, 3] == pytest.approx(COLOURS[1, 3, 2] / 127.5 - 1, abs=1e-6)


def test_to_uint8_clips_and_truncates():
    row = np.array([-np.inf, -3, -1, -0.999, 0, 0.0077, 0.999, 1, 7, np.inf], dtype=np.float64)
    images = np.broadcast_to(row, (2, 3, 1, 10))
    made = to_uint8(images)
    assert made.shape == (2, 1, 10, 3)
    assert made.dtype == np.uint8
    assert made[1, 0, :, 2].tolist() == [0, 0, 0, 0, 127, 128, 254, 255, 255, 255]
    assert np.array_equal(to_uint8(images[0]), made[0])


def test_to_uint8_refuses_what_is_not_a_number():
    images = np.zeros((1, 3, 2, 2), dtype=np.float32)
    images[0, 1, 0, 0] = np.nan
    with pytest.raises(StatisticsError, match="1 of 12"):
        to_uint8(images)


def test_saving_follows_the_suffix_and_leaves_nothing_behind(tmp_path):
    save_image(tmp_path / "new" / "a.PNG", COLOURS)
    assert np.array_equal(load_rgb(tmp_path / "new" / "a.PNG"), COLOURS)
    save_image(tmp_path / "a.jpg", np.full((8, 8, 3), 90, dtype=np.uint8))
    assert np.abs(load_rgb(tmp_path / "a.jpg").astype(int) - 90).max() <= 3
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.format == "JPEG"
    with pytest.raises(DataError, match=r"a\.bmp"):
        save_image(tmp_path / "a.bmp", COLOURS)
    with pytest.raises(WriteError, match=r"a\.png"):
        save_image(tmp_path / "a.jpg" / "a.png", COLOURS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "new"]


def test_a_strip_holds_every_image_in_its_column():
    rng = np.random.default_rng(0)
    flat = [[np.full((64, 64, 3), rng.integers(256, size=3), dtype=np.uint8) for _ in range(3)] for _ in range(2)]
    grid = strip(flat, ["input", "teacher", "a student with a name far too long for its column"])
    assert grid.dtype == np.uint8
    for row, images in enumerate(flat):
        for column, pixels in enumerate(images):
            found = np.argwhere((grid == pixels[0, 0]).all(axis=-1))
            assert len(found) >= 128 * 128
            top, left = found.min(axis=0)
            assert top // (grid.shape[0] // 2) == row
            assert left // (grid.shape[1] // 3) == column
    labels = grid[: grid.shape[0] // 10]
    assert (labels < 128).any()


def test_a_strip_takes_images_of_several_sizes_and_refuses_a_ragged_grid():
    images = [np.zeros((64, 64, 3), dtype=np.uint8), np.zeros((256, 128, 3), dtype=np.uint8)]
    assert strip([images], ["small", "large"]).shape[0] > 256
    with pytest.raises(ValueError, match="one image a label"):
        strip([images, images[:1]], ["small", "large"])
    with pytest.raises(ValueError, match="one image a label"):
        strip([], ["input"])
