"""Whole data folders: checking one, setting search images aside, and the synthetic demo set."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganc.base.atomic import WriteError
from ganc.base.errors import DataError
from ganc.base.rng import keyed_generator
from ganc.data import (
    Finding,
    SearchSplit,
    check_folder,
    count_images,
    load_rgb,
    read_images,
    split_search,
)
from ganc.data.levels import Levels
from ganc.demo.dataset import write_demo_set
from ganc.demo.scene import draw_scene

REAL = Path(__file__).parents[3] / "shared" / "data" / "horse2zebra"
real_images = pytest.mark.skipif(not REAL.is_dir(), reason="needs the images of ../shared/data/horse2zebra")


@pytest.fixture
def root(tmp_path):
    """A sound data folder: 8 training and 2 test images a domain, no lists."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "set"
    for subset, count in (("trainA", 8), ("trainB", 8), ("testA", 2), ("testB", 2)):
        (folder / subset).mkdir(parents=True)
        for number in range(count):
            noise = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / subset / f"{number}.png")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_sound_folder_has_no_problems(root):
    assert check_folder(root, (16, 12)) == []
    assert count_images(root) == {"trainA": 8, "trainB": 8, "testA": 2, "testB": 2}


def test_everything_wrong_is_reported_at_once(root):
    (root / "trainA" / "1.png").write_bytes(b"no image")
    Image.new("RGB", (16, 11)).save(root / "trainA" / "2.png")
    (root / "trainB.txt").write_text("trainB/0.png\nnone.png\n../set/trainB/1.png\n0.png\n", encoding="utf-8")
    shutil.rmtree(root / "testA")
    (root / "testB.txt").write_text("\n", encoding="utf-8")
    (root / "searchA.txt").write_text("trainA/gone.png\ntrainA/3.png\n", encoding="utf-8")
    findings = check_folder(root, (16, 12))
    notes = {finding.subset: finding.what for finding in findings if not finding.problem}
    assert "of one colour" in notes["trainA"]
    assert "7" in notes["trainB"]
    assert notes["testA"]
    assert "2" in notes["testB"]
    found = [(finding.subset, finding.file, finding.what) for finding in findings if finding.problem]
    assert [(subset, file.relative_to(root).as_posix()) for subset, file, _ in found] == [
        ("trainA", "trainA/1.png"),
        ("trainA", "trainA/2.png"),
        ("trainB", "trainB.txt"),
        ("trainB", "trainB.txt"),
        ("trainB", "trainB.txt"),
        ("testB", "testB.txt"),
        ("searchA", "searchA.txt"),
    ]
    named = [
        ("corrupt",),
        ("16x11", "16x12"),
        ("line 2", "none.png"),
        ("line 3", "outside"),
        ("line 4", "trainB/0.png", "line 1"),
        ("empty",),
        ("line 1", "trainA/gone.png"),
    ]
    for (_, _, what), words in zip(found, named, strict=True):
        assert all(word in what for word in words), what
    assert count_images(root) == {"trainA": None, "trainB": None, "testA": None, "testB": None, "searchA": None}


def test_a_test_image_that_is_also_trained_on_is_a_problem(root):
    shutil.copy(root / "trainA" / "5.png", root / "testA" / "other name.png")
    (problem,) = check_folder(root)
    assert problem == Finding("testA", root / "testA" / "other name.png", problem.what)
    assert "trainA/5.png" in problem.what
    assert "testA" in str(problem)


def problems_and_notes(root, **options) -> tuple[list[str], list[str]]:
    findings = check_folder(root, **options)
    return tuple([str(one) for one in findings if one.problem is problem] for problem in (True, False))


def test_what_lies_beside_the_images_is_reported(root, tmp_path):
    (root / "trainA" / "sub").mkdir()
    shutil.copy(root / "trainA" / "0.png", root / "trainA" / "sub" / "x.png")
    (root / "trainA" / "empty").mkdir()
    (root / "trainA" / "gone.png").symlink_to(tmp_path / "nowhere")
    (root / "trainA" / "._0.png").write_bytes(b"x")
    (root / "trainA" / "notes.txt").write_text("hello")
    (root / "valB").mkdir()
    shutil.copy(root / "trainB" / "0.png", root / "valB" / "x.png")
    problems, notes = problems_and_notes(root)
    assert len(problems) == 2
    assert "gone.png" in problems[0]
    assert "link" in problems[0]
    assert "sub" in problems[1]
    assert "1 image," in problems[1]
    said = "\n".join(notes)
    for name in ("empty", "._0.png", "notes.txt", "valB"):
        assert name in said
    assert all(note.startswith("note: ") for note in notes)


def test_the_content_decides_what_an_image_is(root):
    for name in ("noext", "a.jfif", "b.jpe", "c.dat"):
        noise = np.random.default_rng(len(name)).integers(0, 256, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(noise + len(name)).save(root / "trainA" / name, "JPEG")
    assert count_images(root)["trainA"] == 12
    assert check_folder(root) == []


def test_training_needs_no_test_images(root):
    for subset in ("testA", "testB"):
        shutil.rmtree(root / subset)
    problems, notes = problems_and_notes(root)
    assert problems == []
    assert [note.split(": ")[1] for note in notes] == ["testA", "testB"]


def test_values_that_use_a_small_part_of_their_range_are_reported(root):
    for number in range(8):
        values = np.linspace(0, 500 * (number + 1), 16 * 12).reshape(12, 16).astype(np.uint16)
        Image.fromarray(values).save(root / "trainA" / f"{number}.png")
    (problem,), _ = problems_and_notes(root)
    assert "0:4000" in problem
    assert "--levels" in problem
    assert problems_and_notes(root, levels={"A": Levels(0, 4000)}) == ([], [])
    problems, (note,) = problems_and_notes(root, levels={"A": Levels(0, 3000)})
    assert problems == []
    assert "trainA" in note
    Image.fromarray(np.full((12, 16), -5, np.int32)).save(root / "trainA" / "0.tif")
    problems, _ = problems_and_notes(root)
    assert any("0.tif" in problem and "-5" in problem for problem in problems)


def test_images_of_one_colour_and_of_several_frames_are_noted(root):
    Image.new("RGB", (16, 12), "red").save(root / "trainB" / "0.png")
    frames = [Image.effect_noise((16, 12), 90 + 40 * number).convert("RGB") for number in range(3)]
    frames[0].save(root / "testB" / "a.gif", save_all=True, append_images=frames[1:])
    problems, notes = problems_and_notes(root)
    assert problems == []
    assert "trainB/0.png" in notes[0]
    assert "one colour" in notes[0]
    assert "testB/a.gif" in notes[1]
    assert "frames" in notes[1]


def test_checking_what_is_no_folder(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        check_folder(tmp_path / "nowhere")


@real_images
def test_the_real_images_are_sound():
    assert check_folder(REAL, (256, 256)) == []


@pytest.mark.parametrize("form", ["folder", "from the root", "bare"])
def test_a_split_moves_images_from_training_to_search(root, form):
    names = [f"{number}.png" for number in range(8)]
    prefix = "" if form == "bare" else "trainA/"
    if form != "folder":
        (root / "trainA.txt").write_text("".join(f"{prefix}{name}\r\n" for name in names), encoding="utf-8")
    assert split_search(root, 3, seed=1) == SearchSplit(search=3, train=5, already_done=False)
    train, search = read_images(root, "trainA"), read_images(root, "searchA")
    assert len(search) == 3
    assert sorted(train.names + search.names) == [f"trainA/{name}" for name in names]
    assert list(train.names) == sorted(train.names)
    kept = (root / "trainA.txt").read_text(encoding="utf-8").splitlines()
    assert kept == [f"{prefix}{name.removeprefix('trainA/')}" for name in train.names]
    assert check_folder(root) == []
    assert count_images(root)["trainA"] == 5
    assert count_images(root)["searchA"] == 3


def test_the_seed_decides_what_is_set_aside(root, tmp_path):
    def chosen(seed, letter="A"):
        copy = shutil.copytree(root, tmp_path / "copy")
        split_search(copy, 3, seed, letter)
        names = read_images(copy, f"search{letter}").names
        shutil.rmtree(copy)
        return names

    assert chosen(0) == chosen(0)
    assert len({chosen(seed) for seed in range(6)}) > 2
    assert all(name.startswith("trainB/") for name in chosen(0, "B"))


def test_an_interrupted_split_loses_nothing_and_is_finished_by_the_next(root, tmp_path):
    whole = shutil.copytree(root, tmp_path / "whole")
    split_search(whole, 3)
    shutil.copy(whole / "searchA.txt", root / "searchA.txt")  # as if killed before trainA.txt was written
    assert read_images(root, "trainA").names == read_images(whole, "trainA").names
    assert check_folder(root) == []
    assert split_search(root, 3, seed=5) == SearchSplit(search=3, train=5, already_done=True)
    assert content(root) == content(whole)
    assert split_search(root, 3) == SearchSplit(search=3, train=5, already_done=True)
    assert content(root) == content(whole)


@pytest.mark.parametrize("count", [0, -1, 8, 9])
def test_a_split_leaves_something_on_both_sides(root, count):
    before = content(root)
    with pytest.raises(DataError, match=rf"count.*{count}.*7.*trainA"):
        split_search(root, count)
    assert content(root) == before


def test_another_count_is_refused_and_says_how_to_start_over(root):
    split_search(root, 3)
    before = content(root)
    with pytest.raises(DataError, match=r"searchA\.txt.*3.*4.*delete"):
        split_search(root, 4)
    assert content(root) == before


@pytest.mark.parametrize("name", [b"%d\nx.png", b"%d\r\nx.png", b"%d\xff.png"], ids=["LF", "CRLF", "not UTF-8"])
def test_a_name_that_no_list_can_hold_is_refused(root, name):
    for number in range(8):
        try:
            (root / "trainA" / f"{number}.png").rename(root / "trainA" / os.fsdecode(name % number))
        except OSError:
            pytest.skip("this file system takes no such name")
    assert len(read_images(root, "trainA").fingerprint) == 64
    with pytest.raises(DataError, match="rename"):
        split_search(root, 3)
    assert not (root / "searchA.txt").exists()


def test_a_demo_set_is_a_complete_data_folder(tmp_path):
    made = write_demo_set(tmp_path / "demo", train=3, test=2, size=(40, 32), seed=1)
    assert {subset: len(images) for subset, images in made.items()} == count_images(tmp_path / "demo")
    assert count_images(tmp_path / "demo") == {"trainA": 3, "trainB": 3, "testA": 2, "testB": 2}
    assert check_folder(tmp_path / "demo", (40, 32)) == []
    assert load_rgb(made["trainB"].paths[0]).shape == (32, 40, 3)
    for subset, images in made.items():
        lines = (tmp_path / "demo" / f"{subset}.txt").read_text(encoding="utf-8").splitlines()
        assert tuple(lines) == images.names
    settings = json.loads((tmp_path / "demo" / "demo.json").read_text(encoding="utf-8"))
    assert settings == {"format": "ganc-demo-set", "version": 1, "train": 3, "test": 2, "size": [40, 32], "seed": 1}


def test_the_demo_set_is_decided_by_its_seed(tmp_path):
    for name, seed, train in (("one", 0, 3), ("two", 0, 3), ("other", 1, 3), ("longer", 0, 4)):
        write_demo_set(tmp_path / name, train=train, test=1, size=32, seed=seed)
    one = content(tmp_path / "one")
    assert one == content(tmp_path / "two")
    other, longer = content(tmp_path / "other"), content(tmp_path / "longer")
    images = [name for name in one if name.endswith(".png")]
    assert all(one[name] != other[name] for name in images)
    assert all(one[name] == longer[name] for name in images)
    assert len({one[name] for name in images}) == len(images)


def test_the_domains_differ_in_the_coat(tmp_path):
    """Stripes put strong light-dark edges into B; the sky above the animals is alike in both."""
    made = write_demo_set(tmp_path / "demo", train=30, test=1, size=64)
    greys = {
        letter: np.stack([load_rgb(path) for path in made[f"train{letter}"].paths]).mean(axis=-1) for letter in "AB"
    }
    edges = {letter: np.abs(np.diff(grey[:, 26:56], axis=2)).mean() for letter, grey in greys.items()}
    assert edges["B"] > 1.5 * edges["A"]
    assert abs(greys["A"][:, :6].mean() - greys["B"][:, :6].mean()) < 15
    assert np.percentile(greys["B"][:, 26:56], 97) > np.percentile(greys["A"][:, 26:56], 97) + 20


def test_a_scene_with_other_coats_keeps_all_but_the_animals(tmp_path):
    write_demo_set(tmp_path / "demo", train=1, test=2, size=64)
    plain = np.asarray(Image.open(tmp_path / "demo" / "testA" / "00001.png"), dtype=int)
    draws = [keyed_generator(seed, stream, 1) for seed, stream in ((0, "demo.testA"), (0, "stripes"))]
    striped = np.asarray(draw_scene(draws[0], (64, 64), striped=False, stripes=draws[1]), dtype=int)
    changed = np.abs(striped - plain).max(axis=-1) > 8
    assert 0.05 < changed.mean() < 0.5
    assert not changed[:8].any()  # the sky
    assert (striped[changed].max(axis=-1) > 180).mean() > 0.2  # light between the stripes


def test_a_demo_set_replaces_a_demo_set_and_nothing_else(tmp_path, root):
    write_demo_set(tmp_path / "demo", train=2, test=1, size=16)
    write_demo_set(tmp_path / "demo", train=1, test=1, size=16, seed=2)
    assert count_images(tmp_path / "demo")["trainA"] == 1
    before = content(root)
    with pytest.raises(WriteError, match=str(root)):
        write_demo_set(root, train=1, test=1, size=16)
    assert content(root) == before
    (tmp_path / "empty").mkdir()
    write_demo_set(tmp_path / "empty", train=1, test=1, size=16)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "empty", "set"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"train": 0}, "train"), ({"test": -1}, "test"), ({"size": (64, 15)}, "size.*64x15")],
)
def test_a_demo_set_of_nothing_is_refused(tmp_path, arguments, named):
    with pytest.raises(DataError, match=named):
        write_demo_set(tmp_path / "demo", **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [(16, 16), (200, 40), (40, 200), (130, 130)])
def test_demo_images_of_any_shape(tmp_path, size):
    made = write_demo_set(tmp_path / "demo", train=4, test=4, size=size)
    assert all(load_rgb(path).shape == (size[1], size[0], 3) for images in made.values() for path in images.paths)
