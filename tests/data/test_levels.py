"""Stored values that become black and white: given or measured, of every kind of greyscale and of 8-bit colours."""

import struct

import numpy as np
import pytest
from PIL import Image

from ganc.base.direction import Direction
from ganc.base.errors import DataError
from ganc.data import Reading, Readings, read_images
from ganc.data.images import load_image, load_rgb, stored_values
from ganc.data.levels import AUTO, Levels, levels_from_json, levels_to_json, parse_levels
from ganc.data.measure import domain_levels, measured_levels
from ganc.data.reading import covering
from ganc.data.side_by_side import Half


def grey(path, values):
    Image.fromarray(np.asarray(values)).save(path)
    return path


def signed_tiff(path, values):
    """Write 16-bit signed greyscale as a TIFF, which Pillow does not write."""
    values = np.asarray(values, "<i2")
    tags = [(256, values.shape[1]), (257, values.shape[0]), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1)]
    tags += [(279, values.nbytes), (339, 2)]
    entries = b"".join(struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in tags)
    head = b"II*\0" + struct.pack("<I", 8 + values.nbytes)
    path.write_bytes(head + values.tobytes() + struct.pack("<H", len(tags)) + entries + bytes(4))
    return path


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_12_bit_values_use_the_whole_range(tmp_path, suffix):
    values = np.array([[0, 1000, 2047, 4095, 5000]], np.uint16)
    path = grey(tmp_path / f"a.{suffix}", values)
    expected = np.rint(np.clip(values / 4095, 0, 1) * 255)
    for channels in (1, 3, 4):
        found = load_image(path, channels, Levels(0, 4095))
        assert found.shape == (1, 5, channels)
        np.testing.assert_array_equal(found[..., 0], expected)
    assert load_rgb(path).max() == 19  # without levels: nearly black
    assert stored_values(path).high == 5000


def test_signed_and_floating_point_values_need_levels(tmp_path):
    paths = [
        signed_tiff(tmp_path / "signed.tif", [[-1024, 0, 3071]]),
        grey(tmp_path / "long.tif", np.array([[-1024, 0, 3071]], np.int32)),
        grey(tmp_path / "float.tif", np.array([[-1024, 0, 3071]], np.float32)),
    ]
    for path in paths:
        with pytest.raises(DataError, match=r"-1024 to 3071.*--levels"):
            load_rgb(path)
        assert load_image(path, 1, Levels(-1024, 3071)).ravel().tolist() == [0, 64, 255]
        assert stored_values(path).full is None
    assert measured_levels(paths) == Levels(-1024, 3071)


def test_values_that_are_no_numbers_are_refused(tmp_path):
    path = grey(tmp_path / "nan.tif", np.array([[0, np.nan]], np.float32))
    with pytest.raises(DataError, match="not finite"):
        load_image(path, 1, Levels(0, 1))


def test_levels_map_8_bit_images_too_and_leave_opacity(tmp_path):
    rgba = np.array([[[0, 9, 18, 200], [4, 18, 200, 90]]], np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    found = load_image(tmp_path / "a.png", 4, Levels(0, 18))
    assert found.tolist() == [[[0, 128, 255, 200], [57, 255, 255, 90]]]
    np.testing.assert_array_equal(load_image(tmp_path / "a.png", 4, Levels(0, 255)), rgba)


def test_16_bit_colours_cannot_be_mapped(tmp_path):
    path = tmp_path / "deep.ppm"
    path.write_bytes(b"P6 2 1 65535\n" + np.arange(6, dtype=">u2").tobytes())
    if not load_rgb(path).any():  # Pillow reads the upper bytes
        png = _deep_png(tmp_path / "deep.png")
        with pytest.raises(DataError, match="16-bit colours"):
            load_image(png, 3, Levels(0, 4095))


def _deep_png(path):
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header, rows = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0), b"\0" + np.arange(6, dtype=">u2").tobytes()
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


@pytest.mark.parametrize("text", ["", "5", "5:", ":5", "9:1", "1:1", "a:b", "0:inf", "0:nan", "1_0:20", "0:1,2:3,4:5"])
def test_levels_that_say_nothing_are_refused(text):
    with pytest.raises(DataError, match="levels"):
        parse_levels(text)


def test_levels_in_words_and_in_files():
    assert parse_levels("Auto") == AUTO
    assert parse_levels("0:4095") == (Levels(0, 4095), Levels(0, 4095))
    assert parse_levels("-1024:3071, 0:0.5") == (Levels(-1024, 3071), Levels(0, 0.5))
    by_domain = {"A": Levels(-1024, 3071), "B": Levels(0, 0.5)}
    assert levels_to_json(by_domain) == {"A": [-1024, 3071], "B": [0, 0.5]}
    assert levels_from_json(levels_to_json(by_domain)) == by_domain
    for damaged in ([1], {"A": 1}, {"A": [1]}, {"A": [2, 1]}, {"A": ["x", "y"]}):
        with pytest.raises(DataError, match="levels"):
            levels_from_json(damaged)


def test_automatic_levels_are_those_of_a_folder_not_of_an_image(tmp_path):
    for letter, values in (("A", ((0, 900), (50, 4095))), ("B", ((7, 8), (9, 200)))):
        (tmp_path / f"train{letter}").mkdir()
        for number, pair in enumerate(values):
            grey(tmp_path / f"train{letter}" / f"{number}.png", np.array([pair], np.uint16))
    assert domain_levels(AUTO, tmp_path) == {"A": Levels(0, 4095), "B": Levels(7, 200)}
    grey(tmp_path / "flat.png", np.full((3, 3), 5, np.uint16))
    with pytest.raises(DataError, match="--levels"):
        measured_levels([tmp_path / "flat.png"])


def test_automatic_levels_of_images_side_by_side_are_those_of_each_half(tmp_path):
    (tmp_path / "train").mkdir()
    for number, values in enumerate(([[5, 4095, 8, 9]], [[0, 900, 7, 200]])):
        grey(tmp_path / "train" / f"{number}.png", np.array(values, np.uint16))
    assert domain_levels(AUTO, tmp_path) == {"A": Levels(0, 4095), "B": Levels(7, 200)}
    exif = Image.Exif()
    exif[0x0112] = 6  # upright after a quarter turn clockwise: what is below comes to the left
    lying = Image.fromarray(np.array([[20], [250]], np.uint8))
    lying.save(tmp_path / "train" / "turned.png", exif=exif)
    assert stored_values(tmp_path / "train" / "turned.png", Half.LEFT).low == 250
    assert stored_values(tmp_path / "train" / "turned.png", Half.RIGHT).high == 20
    assert stored_values(tmp_path / "train" / "turned.png").low == 20
    grey(tmp_path / "train" / "odd.png", np.zeros((1, 3), np.uint8))
    with pytest.raises(DataError, match=r"odd.png: is 3x1, and an odd width"):
        domain_levels(AUTO, tmp_path)


def test_a_reading_is_part_of_what_the_files_are_known_by(tmp_path):
    (tmp_path / "trainA").mkdir()
    grey(tmp_path / "trainA" / "a.png", np.array([[5, 900]], np.uint16))
    plain = read_images(tmp_path, "trainA")
    readings = (Reading(levels=Levels(0, 4095)), Reading(channels=1), Reading(levels=Levels(0, 9)))
    lists = [plain, *(read_images(tmp_path, "trainA", reading) for reading in readings)]
    assert len({one.fingerprint for one in lists}) == 4
    assert len({one.reading.preparation for one in lists}) == 4
    with pytest.raises(DataError, match="read differently"):
        lists[0] + lists[1]
    assert lists[0].reading.preparation == "bicubic antialiased"


def test_readings_are_recorded_by_domain_and_turn_with_the_direction():
    readings = Readings((3, 1), {"A": Levels(0, 9), "B": Levels(1, 2)}, "shorter")
    assert Readings.recorded(readings.facts, (3, 1)) == readings
    assert readings.source(Direction.A_TO_B) == Reading(3, Levels(0, 9), "shorter")
    assert readings.target(Direction.A_TO_B) == Reading(1, Levels(1, 2), "shorter")
    assert readings.source(Direction.B_TO_A).levels == Levels(1, 2)
    assert Readings().facts == {}
    with pytest.raises(DataError, match="resize"):
        Readings.recorded({"resize": "sideways"}, (3, 3)).source(Direction.A_TO_B)


@pytest.mark.parametrize(
    ("own", "wanted", "size"),
    [((200, 100), (50, 50), (100, 50)), ((100, 200), (50, 50), (50, 100)), ((30, 30), (60, 40), (60, 60)),
     ((333, 100), (10, 10), (33, 10)), ((1, 1000), (8, 8), (8, 8000))],
)  # fmt: skip
def test_covering_keeps_the_aspect_and_reaches_the_size_once(own, wanted, size):
    assert covering(own, wanted) == size


def test_shorter_and_none_keep_the_aspect_and_cut_the_centre(tmp_path):
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    path = tmp_path / "a.png"
    for resize, size in (("none", (20, 20)), ("shorter", (20, 20)), ("shorter", (40, 40))):
        found = Reading(resize=resize).load_fitted(path, size)
        assert found.shape == (size[1], size[0], 3)
        assert found[:, 2:-2].min() > 240
    assert Reading().load_fitted(path, (20, 20))[:, :5].max() < 30
    with pytest.raises(DataError, match=r"60x20.*24x24"):
        Reading(resize="none").load_fitted(path, (24, 24))
