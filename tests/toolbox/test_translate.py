"""`ganc translate` through the command: sizes, folders, names, formats, opacity, levels and tiles."""

import os

import numpy as np
import pytest
from helpers.images import save_random_image, translated_by_hand
from helpers.stages import listing, nothing_changes, refusal
from helpers.support import invoke, make_checkpoint, succeed
from PIL import Image

from ganc.base.rng import keyed_generator
from ganc.data import load_rgb, resize
from ganc.data.images import load_image
from ganc.data.levels import Levels
from ganc.files.checkpoint import write_checkpoint


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """An untrained checkpoint of the smallest width. Read it only."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    write_checkpoint(path, make_checkpoint("distill", 4))
    return path


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
    np.testing.assert_array_equal(
        load_rgb(tmp_path / "zebra.png"), translated_by_hand(chain.finetune, load_rgb(source))
    )


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
    np.testing.assert_array_equal(load_rgb(tmp_path / "zebra.png"), expected)


def test_a_size_of_one_number_is_the_shorter_side_and_keeps_the_aspect(chain, tmp_path):
    source = save_random_image(tmp_path / "horse.png", (50, 40))
    for asked, size in (("32x24", (32, 24)), ("32", (40, 32)), ("32x32", (32, 32))):
        succeed("ganc", "translate", chain.finetune, source, "--size", asked, "-o", tmp_path / "zebra.png")
        expected = translated_by_hand(chain.finetune, resize(load_rgb(source), size))
        np.testing.assert_array_equal(load_rgb(tmp_path / "zebra.png"), expected)


def test_translate_with_a_sub_network_and_in_the_other_direction(chain, tmp_path):
    source = save_random_image(tmp_path / "horse.png")
    made = {}
    for name, arguments in {
        "whole": (chain.supernet,),
        "sub-network": (chain.supernet, "--config", "4_4_8_4_4_8_8_4"),
        "forward": (chain.replace,),
        "back": (chain.replace, "--direction", "BtoA"),
    }.items():
        model, *options = arguments
        succeed("ganc", "translate", model, source, *options, "-o", tmp_path / f"{name}.png")
        made[name] = (tmp_path / f"{name}.png").read_bytes()
    assert len(set(made.values())) == 4


@pytest.fixture
def horses(tmp_path):
    """A folder of images of several kinds, two of which have one name, and something that is none."""
    folder = tmp_path / "horses"
    folder.mkdir()
    save_random_image(folder / "a.png")
    save_random_image(folder / "b.jpg", (40, 24))
    save_random_image(folder / "c.png", mode="L")
    save_random_image(folder / "c.bmp")
    save_random_image(folder / "Größe 馬.gif", mode="P")
    (folder / "notes.txt").write_text("not an image")
    return folder


def test_translate_a_folder(chain, horses, tmp_path):
    out = tmp_path / "zebras"
    with nothing_changes(horses):
        said = succeed("ganc", "translate", chain.export, horses, "-o", out)
    assert said.stdout == f"5 images in {out}; passed over: 1 not an image (notes.txt)\n"
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["a.png", "b.png", "c.png.png", "c.bmp.png", "Größe 馬.png"]
    )
    for path in out.iterdir():
        assert load_rgb(path).shape == ((24, 40, 3) if path.name == "b.png" else (22, 30, 3))


@pytest.mark.paddle26
def test_an_unreadable_image_does_not_keep_the_others_from_being_translated(chain, horses, tmp_path):
    (horses / "broken.png").write_bytes((horses / "a.png").read_bytes()[:80])
    result = invoke("ganc", "translate", chain.finetune, horses, "-o", tmp_path / "zebras")
    assert result.exit_code == 1
    assert "1 of 6 images" in result.stderr
    assert str(horses / "broken.png") in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert len(list((tmp_path / "zebras").iterdir())) == 5
    assert not (tmp_path / "zebras" / "broken.png").exists()


def test_translate_writes_jpeg_and_into_a_folder_that_is_there(chain, tmp_path):
    source = save_random_image(tmp_path / "horse.jpeg")
    succeed("ganc", "translate", chain.finetune, source, "-o", tmp_path / "zebra.jpg")
    with Image.open(tmp_path / "zebra.jpg") as made:
        assert (made.format, made.size) == ("JPEG", (30, 22))
    (tmp_path / "zebras").mkdir()
    succeed("ganc", "translate", chain.finetune, source, "-o", tmp_path / "zebras")
    assert listing(tmp_path / "zebras").keys() == {"horse.png"}


def test_translate_does_not_write_over_what_it_reads(chain, horses, tmp_path):
    with nothing_changes(tmp_path):
        said = refusal("ganc", "translate", chain.finetune, horses, "-o", horses)
        assert f"{horses}: " in said
        for out in (horses / "a.png", horses / ".." / "horses" / "a.png", horses):
            said = refusal("ganc", "translate", chain.finetune, horses / "a.png", "-o", out)
            assert "a.png" in said


def test_translate_refuses_what_does_not_serve(chain, horses, tmp_path):
    (tmp_path / "empty").mkdir()
    model, source = chain.finetune, horses / "a.png"
    with nothing_changes(tmp_path):
        for arguments, named in (
            ((model, tmp_path / "nowhere", "-o", tmp_path / "x.png"), "nowhere"),
            ((model, source, "-o", tmp_path / "x.gif"), "x.gif"),
            ((model, horses / "notes.txt", "-o", tmp_path / "x.png"), "notes.txt"),
            ((model, tmp_path / "empty", "-o", tmp_path / "x"), "empty: holds no images"),
            ((model, horses, "-o", source), "several images"),
            ((model, source, "-o", source / "x.png"), "a.png/x.png"),
            (
                (chain.export, source, "--config", "4", "-o", tmp_path / "x.png"),
                "no sub-networks",
            ),
            ((chain.export, source, "--direction", "BtoA", "-o", tmp_path / "x.png"), "AtoB"),
            ((chain.search, source, "-o", tmp_path / "x.png"), "search.h5"),
            ((tmp_path / "absent", source, "-o", tmp_path / "x.png"), "absent"),
        ):
            assert named in refusal("ganc", "translate", *arguments)
        assert "'IMAGES'" in refusal("ganc", "translate", model, "-o", tmp_path / "x.png", status=2)


def test_a_generator_that_diverged_is_told_from_one_that_paints_black(tmp_path):
    checkpoint = make_checkpoint("distill", 4)
    checkpoint.generator.tensors["stages.7.output.bias"][0] = np.nan
    write_checkpoint(tmp_path / "diverged", checkpoint)
    source = save_random_image(tmp_path / "horse.png")
    with nothing_changes(tmp_path):
        said = refusal("ganc", "translate", tmp_path / "diverged", source, "-o", tmp_path / "zebra.png")
    assert "diverged" in said


# Nothing lost: no two images to one file, none over an input, none over a file that is there.


def test_every_image_has_an_output_of_its_own(model, tmp_path):
    (tmp_path / "in").mkdir()
    names = ("x.png", "x.jpg", "x.png.jpg", "X.bmp", "y", "y.png", "é.png", "e\u0301.jpg")
    for name in names:
        pixels = keyed_generator(0, name).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / name, "PNG")
    said = succeed("ganc", "translate", model, tmp_path / "in", "-o", tmp_path / "out")
    assert said.stdout.startswith("8 images in ")
    made = [path.name for path in (tmp_path / "out").iterdir()]
    assert len(made) == 8
    assert len({name.casefold() for name in made}) == 8


def test_folders_in_the_folder_keep_their_names_if_asked(model, tmp_path):
    horses, out = tmp_path / "horses", tmp_path / "horses" / "out"
    for name in ("a.png", "sub/a.png", "sub/deep/b.png", ".hidden/c.png"):
        save_random_image(horses / name)
    (horses / "sub" / "loop").symlink_to(horses / "sub")
    said = succeed("ganc", "translate", model, horses, "-o", tmp_path / "flat")
    assert "1 image in" in said.stdout
    assert "1 folder (sub)" in said.stdout
    for existing in ("fail", "replace"):  # the second time the first one's outputs lie in the folder too
        said = succeed("ganc", "translate", model, horses, "-o", out, "--recursive", "--existing", existing)
        assert "3 images in" in said.stdout
    assert [name for name in listing(out) if name.endswith(".png")] == ["a.png", "sub/a.png", "sub/deep/b.png"]


def test_what_is_there_is_replaced_or_kept_as_told(model, tmp_path):
    horses, out = tmp_path / "horses", tmp_path / "out"
    for name in ("a.png", "b.png"):
        save_random_image(horses / name)
    out.mkdir()
    (out / "a.png").write_bytes(b"mine")
    with nothing_changes(tmp_path):
        said = refusal("ganc", "translate", model, horses, "-o", out, "--existing", "fail")
        assert "a.png" in said
    said = succeed("ganc", "translate", model, horses, "-o", out, "--existing", "skip")
    assert "1 image in" in said.stdout
    assert "1 already there (a.png)" in said.stdout
    assert (out / "a.png").read_bytes() == b"mine"
    succeed("ganc", "translate", model, horses, "-o", out)
    assert load_rgb(out / "a.png").shape == (22, 30, 3)


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symbolic", "hard"])
def test_an_output_that_is_an_input_by_a_link_is_refused(model, tmp_path, link):
    save_random_image(tmp_path / "horses" / "a.png")
    (tmp_path / "out").mkdir()
    link(tmp_path / "horses" / "a.png", tmp_path / "out" / "a.png")
    with nothing_changes(tmp_path):
        for source in (tmp_path / "horses", tmp_path / "horses" / "a.png"):
            said = refusal("ganc", "translate", model, source, "-o", tmp_path / "out", "--existing", "replace")
            assert "a.png" in said


# Nothing silent: what is no image by its name, and what is none at all.


def test_the_content_decides_and_the_last_line_says_what_was_passed_over(model, tmp_path):
    horses = tmp_path / "horses"
    for name in ("a.jfif", "b.jpe", "noext", "wrong.png"):
        (horses / "x").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9), (5, 50, 99)).save(horses / name, "JPEG")
    (horses / "._a.png").write_bytes(b"\0\5\x16\7")
    (horses / "Thumbs.db").write_bytes(b"x")
    (horses / "gone.png").symlink_to(tmp_path / "nowhere.png")
    said = succeed("ganc", "translate", model, horses, "-o", tmp_path / "out").stdout.splitlines()[-1]
    assert said.startswith("4 images in ")
    for part in ("1 hidden", "1 not an image (Thumbs.db)", "1 link to nothing (gone.png)", "1 folder (x)"):
        assert part in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "noext.png", "wrong.png"]


def test_each_failure_is_named(model, tmp_path):
    save_random_image(tmp_path / "in" / "a.png")
    for name in ("b.png", "c.png"):
        (tmp_path / "in" / name).write_bytes(b"broken")
    result = invoke("ganc", "translate", model, tmp_path / "in", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "c.png" in result.stderr.splitlines()[0]
    assert "2 of 3 images" in result.stderr.splitlines()[-1]
    assert listing(tmp_path / "out").keys() == {"a.png"}


def test_a_list_of_files_comes_from_standard_input(model, tmp_path):
    files = [save_random_image(tmp_path / "in" / name) for name in ("frame10.png", "frame9.png", "sub/frame9.png")]
    out = tmp_path / "out"
    lines = "\r\n".join(map(str, [*files, files[0]])).encode()
    said = succeed("ganc", "translate", model, "-", "-o", out, stdin=lines + b"\n\n")
    assert said.stdout == f"3 images in {out}; passed over: 1 named again ({files[0]})\n"
    assert [n for n in listing(out) if n.endswith(".png")] == ["frame10.png", "frame9.png", "sub/frame9.png"]
    null = b"\0".join(str(path).encode() for path in files[:2]) + b"\0"
    succeed("ganc", "translate", model, "-", "-o", tmp_path / "other", stdin=null)
    assert listing(tmp_path / "other").keys() == {"frame10.png", "frame9.png"}
    assert "no file" in refusal("ganc", "translate", model, "-", "-o", out, stdin=b"\n")
    assert "/nowhere.png" in refusal("ganc", "translate", model, "-", "-o", tmp_path / "x", stdin=b"/nowhere.png")


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
    np.testing.assert_array_equal(load_rgb(tmp_path / "white.png"), white)
    succeed("ganc", "translate", model, tmp_path / "a.png", "-o", tmp_path / "kept.png", "--alpha", "keep")
    with Image.open(tmp_path / "kept.png") as made:
        assert made.mode == "RGBA"
        kept = np.asarray(made)
    np.testing.assert_array_equal(kept[..., 3], pixels[..., 3])
    shown = np.where(pixels[..., 3:] == 0, np.uint8(255), pixels[..., :3])
    np.testing.assert_array_equal(kept[..., :3], translated_by_hand(model, shown))
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
            np.testing.assert_array_equal(made, translated_by_hand(model, shown))
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
    np.testing.assert_array_equal(load_image(tmp_path / "out.png", channels[1]), expected)
    succeed("ganc", "translate", model, source, "-o", tmp_path / "out.jpg")


# Tiles.


def test_tiles_are_what_each_makes_alone_where_they_do_not_overlap(model, tmp_path):
    source = save_random_image(tmp_path / "a.png", (64, 64))
    succeed("ganc", "translate", model, source, "-o", tmp_path / "b.png", "--tile", 32, "--overlap", 0)
    made, pixels = load_rgb(tmp_path / "b.png"), load_rgb(source)
    np.testing.assert_array_equal(made[:32, :32], translated_by_hand(model, pixels[:32, :32]))
    np.testing.assert_array_equal(made[:32, 32:], translated_by_hand(model, pixels[:32, 32:]))


def test_an_image_that_fits_a_tile_is_translated_whole(model, tmp_path):
    source = save_random_image(tmp_path / "a.png", (30, 22))
    for name, options in (("whole", ()), ("tiled", ("--tile", 64))):
        succeed("ganc", "translate", model, source, "-o", tmp_path / f"{name}.png", *options)
    assert (tmp_path / "whole.png").read_bytes() == (tmp_path / "tiled.png").read_bytes()
    succeed("ganc", "translate", model, source, "-o", tmp_path / "small.png", "--tile", 20)
    wide = ("--tile", 32, "--overlap", 17)
    assert "overlap" in refusal("ganc", "translate", model, source, "-o", tmp_path / "x.png", *wide, status=2)
