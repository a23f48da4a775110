"""`ganc translate` of folders and lists of images: which outputs they get, what is passed over and what is refused."""

import os

import numpy as np
import pytest
from helpers.images import save_random_image
from helpers.stages import listing, nothing_changes, refusal
from helpers.support import invoke, succeed
from PIL import Image

from ganc.base.rng import keyed_generator
from ganc.data import load_rgb


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
            ((model, horses, "-o", source), "a.png"),
            ((model, horses, "-o", model), "finetune.safetensors"),
            ((model, horses, "-o", chain.search), "several images"),
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


def test_images_in_an_output_folder_inside_are_not_lost(model, tmp_path):
    horses = tmp_path / "horses"
    out = horses / "sub"
    for name in ("a.png", "sub/a.png", "sub/b.png", "other/c.png"):
        save_random_image(horses / name)
    with nothing_changes(tmp_path):
        said = refusal("ganc", "translate", model, horses, "-o", out, "--recursive")
        assert said.count(str(out / "a.png")) == 1
        assert "--existing" in said
    (out / "a.png").rename(out / "mine.png")
    kept = {name: (out / name).read_bytes() for name in ("b.png", "mine.png")}
    command = ("ganc", "translate", model, horses, "-o", out, "--recursive")
    said = succeed(*command).stdout
    assert "2 images in" in said
    assert "2 in the output folder (sub/b.png, …)" in said
    assert {name: (out / name).read_bytes() for name in kept} == kept
    assert "2 already there" in succeed(*command, "--existing", "skip").stdout


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
