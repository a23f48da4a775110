"""`ganc translate` of single images: sizes, formats, opacity, levels and tiles."""

import numpy as np
import pytest
from helpers.checkpoint_files import rewritten
from helpers.images import assert_same_pixels, save_random_image, translated_by_hand
from helpers.stages import nothing_changes, refusal
from helpers.support import make_checkpoint, succeed
from PIL import Image

from ganc.base.rng import keyed_generator
from ganc.data import load_rgb, resize
from ganc.data.images import load_image
from ganc.data.levels import Levels
from ganc.files.checkpoint import write_checkpoint


def model_of(folder, channels=(3, 3), **training):
    """Return the file of an untrained checkpoint that takes and gives so many channels."""
    path = folder / f"model-{channels[0]}-{channels[1]}.safetensors"
    spec = {"in_channels": channels[0], "out_channels": channels[1]}
    write_checkpoint(path, make_checkpoint("distill", 4, training=training, **spec))
    return path


@pytest.mark.paddle26
def test_translate_an_image(chain, tmp_path):
    source = save_random_image(tmp_path / "horse.png", (32, 24))
    said = succeed("ganc", "translate", chain.finetune, source, "-o", tmp_path / "zebra.png")
    assert said.stdout == f"1 image in {tmp_path / 'zebra.png'}\n"
    assert_same_pixels(load_rgb(tmp_path / "zebra.png"), translated_by_hand(chain.finetune, load_rgb(source)))


@pytest.mark.parametrize("size", [(30, 22), (33, 47), (5, 3), (1, 1), (64, 2)])
@pytest.mark.parametrize("model", ["finetune", "export"])
def test_translate_keeps_sizes_that_are_no_multiples_of_4(chain, tmp_path, model, size):
    source = save_random_image(tmp_path / "horse.png", size)
    succeed("ganc", "translate", getattr(chain, model), source, "-o", tmp_path / "zebra.png")
    made = load_rgb(tmp_path / "zebra.png")
    assert made.shape == (size[1], size[0], 3)


def test_translate_continues_an_image_by_reflection(chain, tmp_path):
    source = save_random_image(tmp_path / "horse.png", (30, 22))
    succeed("ganc", "translate", chain.finetune, source, "-o", tmp_path / "zebra.png")
    continued = np.pad(load_rgb(source), [(0, 2), (0, 2), (0, 0)], mode="reflect")
    expected = translated_by_hand(chain.finetune, continued)[:22, :30]
    assert_same_pixels(load_rgb(tmp_path / "zebra.png"), expected)


def test_a_size_of_one_number_is_the_shorter_side_and_keeps_the_aspect(chain, tmp_path):
    source = save_random_image(tmp_path / "horse.png", (50, 40))
    for asked, size in (("32x24", (32, 24)), ("32", (40, 32)), ("32x32", (32, 32))):
        succeed("ganc", "translate", chain.finetune, source, "--size", asked, "-o", tmp_path / "zebra.png")
        expected = translated_by_hand(chain.finetune, resize(load_rgb(source), size))
        assert_same_pixels(load_rgb(tmp_path / "zebra.png"), expected)


def test_translate_with_a_sub_network_and_in_the_other_direction(chain, tmp_path):
    source = save_random_image(tmp_path / "horse.png")
    made = {}
    for name, arguments in {
        "whole": (chain.supernet,),
        "sub-network": (chain.supernet, "--config", "4_4_8_4_8_8_8_4"),
        "forward": (chain.replace,),
        "back": (chain.replace, "--direction", "BtoA"),
    }.items():
        model, *options = arguments
        succeed("ganc", "translate", model, source, *options, "-o", tmp_path / f"{name}.png")
        made[name] = (tmp_path / f"{name}.png").read_bytes()
    assert len(set(made.values())) == 4


def test_a_generator_that_diverged_is_told_from_one_that_paints_black(tmp_path):
    write_checkpoint(tmp_path / "model", make_checkpoint("distill", 4))
    rewritten(tmp_path / "model", tensors={"generator.stages.7.output.bias": np.full(3, np.nan, np.float32)})
    source = save_random_image(tmp_path / "horse.png")
    with nothing_changes(tmp_path):
        said = refusal("ganc", "translate", tmp_path / "model", source, "-o", tmp_path / "zebra.png")
    assert "not finite" in said


# Formats, opacity, levels, channels.


def test_formats_and_quality(model, tmp_path):
    source = save_random_image(tmp_path / "in" / "a.png", (64, 64))
    sizes = {}
    for kind, quality in (("png", None), ("jpg", 95), ("jpg", 30), ("webp", 95), ("webp", 30)):
        out = tmp_path / f"{kind}{quality}"
        options = ("--quality", quality) if quality else ()
        succeed("ganc", "translate", model, tmp_path / "in", "-o", out, "--format", kind, *options)
        with Image.open(out / f"a.{kind}") as made:
            assert made.format == {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[kind]
        sizes[kind, quality] = (out / f"a.{kind}").stat().st_size
    assert sizes["jpg", 30] < sizes["jpg", 95]
    assert sizes["webp", 30] < sizes["webp", 95]
    out = tmp_path / "b.png"
    assert "--format" in refusal("ganc", "translate", model, source, "-o", out, "--format", "jpg")
    assert "--quality" in refusal("ganc", "translate", model, source, "-o", out, "--quality", 50, status=2)
    assert "101" in refusal("ganc", "translate", model, source, "-o", out, "--quality", 101, status=2)


def test_opacity_is_laid_on_white_or_kept(model, tmp_path):
    pixels = keyed_generator(0, "opacity").integers(0, 256, (16, 24, 4), dtype=np.uint8)
    pixels[:8, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    succeed("ganc", "translate", model, tmp_path / "a.png", "-o", tmp_path / "white.png")
    white = translated_by_hand(model, load_rgb(tmp_path / "a.png"))
    assert_same_pixels(load_rgb(tmp_path / "white.png"), white)
    succeed("ganc", "translate", model, tmp_path / "a.png", "-o", tmp_path / "kept.png", "--alpha", "keep")
    with Image.open(tmp_path / "kept.png") as made:
        assert made.mode == "RGBA"
        kept = np.asarray(made)
    np.testing.assert_array_equal(kept[..., 3], pixels[..., 3])
    shown = np.where(pixels[..., 3:] == 0, np.uint8(255), pixels[..., :3])
    assert_same_pixels(kept[..., :3], translated_by_hand(model, shown))
    out = tmp_path / "kept.jpg"
    assert "opacity" in refusal("ganc", "translate", model, tmp_path / "a.png", "-o", out, "--alpha", "keep")
    opaque = save_random_image(tmp_path / "opaque.png")
    succeed("ganc", "translate", model, opaque, "-o", tmp_path / "opaque-out.png", "--alpha", "keep")
    with Image.open(tmp_path / "opaque-out.png") as made:
        assert made.mode == "RGB"


def ramp(path, low, high):
    """Write 12-bit values as 16-bit greyscale."""
    Image.fromarray(np.linspace(low, high, 16 * 24).reshape(16, 24).astype(np.uint16)).save(path)
    return path


def test_levels_are_the_model_s_own_unless_others_are_named(tmp_path):
    (tmp_path / "in").mkdir()
    ramp(tmp_path / "in" / "a.png", 0, 2000)
    ramp(tmp_path / "in" / "b.png", 1000, 4095)
    taught = model_of(tmp_path, levels={"A": [0, 4095], "B": [-1000, 1000]})
    plain = model_of(tmp_path, (3, 1))
    for model, options, levels in (
        (taught, (), Levels(0, 4095)),
        (taught, ("--levels", "500:1500"), Levels(500, 1500)),
        (taught, ("--levels", "500:1500,7:8"), Levels(500, 1500)),
        (taught, ("--levels", "auto"), Levels(0, 4095)),
        (plain, (), None),
    ):
        succeed("ganc", "translate", model, tmp_path / "in", "-o", tmp_path / "out", "--existing", "replace", *options)
        for name in ("a.png", "b.png"):
            shown = load_image(tmp_path / "in" / name, levels=levels)
            made = load_image(tmp_path / "out" / name, 1 if model == plain else 3)
            assert_same_pixels(made, translated_by_hand(model, shown))
    for wrong in ("5", "9:1", "a:b", "1:nan", "0:1,2:3,4:5", "1_0:20"):
        said = refusal("ganc", "translate", plain, tmp_path / "in", "-o", tmp_path / "x", "--levels", wrong, status=2)
        assert "--levels" in said


@pytest.mark.parametrize("channels", [(1, 1), (1, 3), (3, 1), (4, 4), (4, 3)])
def test_generators_of_other_channels(tmp_path, channels):
    model = model_of(tmp_path, channels)
    source = tmp_path / "a.png"
    Image.fromarray(keyed_generator(0, "rgba").integers(0, 256, (16, 24, 4), dtype=np.uint8)).save(source)
    succeed("ganc", "translate", model, source, "-o", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as made:
        assert made.mode == {1: "L", 3: "RGB", 4: "RGBA"}[channels[1]]
    expected = translated_by_hand(model, load_image(source, channels[0]))
    assert_same_pixels(load_image(tmp_path / "out.png", channels[1]), expected)
    succeed("ganc", "translate", model, source, "-o", tmp_path / "out.jpg")


# Tiles.


def test_tiles_are_what_each_makes_alone_where_they_do_not_overlap(model, tmp_path):
    source = save_random_image(tmp_path / "a.png", (64, 64))
    succeed("ganc", "translate", model, source, "-o", tmp_path / "b.png", "--tile", 32, "--overlap", 0)
    made, pixels = load_rgb(tmp_path / "b.png"), load_rgb(source)
    assert_same_pixels(made[:32, :32], translated_by_hand(model, pixels[:32, :32]))
    assert_same_pixels(made[:32, 32:], translated_by_hand(model, pixels[:32, 32:]))


def test_an_image_that_fits_a_tile_is_translated_whole(model, tmp_path):
    source = save_random_image(tmp_path / "a.png", (30, 22))
    for name, options in (("whole", ()), ("tiled", ("--tile", 64))):
        succeed("ganc", "translate", model, source, "-o", tmp_path / f"{name}.png", *options)
    assert_same_pixels(load_rgb(tmp_path / "whole.png"), load_rgb(tmp_path / "tiled.png"))
    succeed("ganc", "translate", model, source, "-o", tmp_path / "small.png", "--tile", 20)
    wide = ("--tile", 32, "--overlap", 17)
    assert "overlap" in refusal("ganc", "translate", model, source, "-o", tmp_path / "x.png", *wide, status=2)
