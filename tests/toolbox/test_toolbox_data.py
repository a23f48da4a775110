"""`ganc data demo`, `check` and `split` through the command."""

import re
import shutil

import numpy as np
import pytest
from helpers.stages import listing, nothing_changes, refusal
from helpers.support import fail, invoke, succeed
from PIL import Image

from ganc.data import load_rgb, read_images


@pytest.fixture
def own(tiny_data, tmp_path):
    """A copy of the tiny set that a test may change."""
    return shutil.copytree(tiny_data, tmp_path / "own")


def test_demo_draws_the_same_images_for_the_same_seed(tmp_path):
    for name, seed in (("one", 5), ("again", 5), ("other", 6)):
        said = succeed(
            "ganc", "data", "demo", tmp_path / name, "--train", 2, "--test", 1, "--size", "48x32", "--seed", seed
        )
    assert said.stdout.splitlines()[2].split() == [str(tmp_path / "other"), "2", "2", "1", "1"]
    one, again, other = (listing(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    images = [name for name in one if name.endswith(".png")]
    assert len(images) == 6
    assert not [name for name in images if one[name] == other[name]]
    assert len({one[name] for name in images}) == 6
    assert load_rgb(tmp_path / "one" / "trainA" / "00000.png").shape == (32, 48, 3)


def test_demo_draws_outlines_beside_the_animals_that_they_are_the_outlines_of(tmp_path):
    how = ("--paired", "--train", 2, "--test", 2, "--size", "48x32")
    said = succeed("ganc", "data", "demo", tmp_path / "one", *how)
    assert said.stdout.splitlines()[2].split() == [str(tmp_path / "one"), "2", "2"]
    succeed("ganc", "data", "demo", tmp_path / "again", *how)
    assert listing(tmp_path / "one") == listing(tmp_path / "again")
    files = [tmp_path / "one" / kind / f"0000{place}.png" for kind in ("train", "test") for place in (0, 1)]
    pairs = [np.hsplit(load_rgb(file).astype(float), 2) for file in files]
    assert pairs[0][0].shape == (32, 48, 3)
    for outlines, scene in pairs:
        assert np.median(outlines) == 255 > np.median(scene)  # paper, and a meadow
    # Lines are where the scene has edges: they fit their own scene better than any other one.
    edges = [np.abs(np.diff(scene, axis=1)).sum(-1) for _, scene in pairs]
    lines = [np.abs(np.diff(outlines, axis=1)).sum(-1) for outlines, _ in pairs]
    fits = np.array([[np.corrcoef(line.ravel(), edge.ravel())[0, 1] for edge in edges] for line in lines])
    assert fits.argmax(1).tolist() == [0, 1, 2, 3]


def test_demo_replaces_its_own_folder_and_no_other(tmp_path):
    succeed("ganc", "data", "demo", tmp_path / "set", "--train", 3, "--test", 1, "--size", 16)
    succeed("ganc", "data", "demo", tmp_path / "set", "--train", 1, "--test", 1, "--size", 16)
    assert len(read_images(tmp_path / "set", "trainA")) == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with nothing_changes(tmp_path):
        said = refusal("ganc", "data", "demo", tmp_path / "mine")
        assert str(tmp_path / "mine") in said
        assert "letter.txt" in refusal("ganc", "data", "demo", tmp_path / "mine" / "letter.txt", status=2)
        assert "16x16" in refusal("ganc", "data", "demo", tmp_path / "new", "--size", 8)
        assert "'--train'" in refusal("ganc", "data", "demo", tmp_path / "new", "--train", 0, status=2)
        assert "'12a'" in refusal("ganc", "data", "demo", tmp_path / "new", "--size", "12a", status=2)


@pytest.mark.parametrize("name", ["trainA/mine.png", "searchA.txt", "trainA/00006.png", "sub/notes", "train.txt"])
def test_demo_does_not_replace_what_was_put_into_its_folder(own, name):
    (own / name).parent.mkdir(exist_ok=True)
    (own / name).write_text("mine")
    how = ("--train", 1, "--test", 1, "--size", 16)
    with nothing_changes(own):
        assert f"holds {name}" in refusal("ganc", "data", "demo", own, *how)
    (own / name).unlink()
    settings = (own / "demo.json").read_text()
    (own / "demo.json").write_text("{}")
    with nothing_changes(own):
        assert "demo.json" in refusal("ganc", "data", "demo", own, *how)
    (own / "demo.json").write_text(settings)
    succeed("ganc", "data", "demo", own, *how)


def test_check_passes_a_good_folder(tiny_data):
    said = succeed("ganc", "data", "check", tiny_data, "--minimum", 32)
    assert said.stdout.splitlines()[2].split() == [str(tiny_data), "6", "6", "4", "4"]


def test_check_reports_everything_at_once(own):
    (own / "trainA" / "00001.png").write_bytes(b"no image")
    (own / "trainB" / "00002.png").unlink()
    Image.new("RGB", (20, 40)).save(own / "testA" / "00000.png")
    (own / "testB.txt").write_text("")
    result = invoke("ganc", "data", "check", own, "--minimum", 32)
    assert result.exit_code == 1
    problems = [line for line in result.stdout.splitlines() if not line.startswith("note: ")]
    assert len(problems) == 4
    for subset, words in (
        ("trainA", "00001.png"),
        ("trainB", "trainB/00002.png"),
        ("testA", "20x40"),
        ("testB", "testB.txt"),
    ):
        assert [line for line in problems if line.startswith(f"{subset}: ") and words in line], words
    assert f"{own}: 4 problems" in result.stderr


def test_check_refuses_what_is_no_folder(tmp_path, teacher_file):
    assert str(tmp_path / "nowhere") in fail("ganc", "data", "check", tmp_path / "nowhere")
    assert str(teacher_file) in refusal("ganc", "data", "check", teacher_file, status=2)


def test_split_sets_images_aside_once(own):
    before = read_images(own, "trainA").names
    said = succeed("ganc", "data", "split", own, "--search", 2)
    assert f"{own}: 2 images set aside in searchA.txt, 4 left" in said.stdout
    search, train = read_images(own, "searchA").names, read_images(own, "trainA").names
    assert len(search) == 2
    assert sorted(search + train) == sorted(before)
    assert set((own / "trainA.txt").read_text().split()) == set(train)
    with nothing_changes(own):
        said = succeed("ganc", "data", "split", own, "--search", 2)
        assert "2 images already set aside in searchA.txt, 4 left" in said.stdout
        assert "searchA.txt" in refusal("ganc", "data", "split", own, "--search", 3)
    succeed("ganc", "data", "check", own)


def test_split_by_seed_and_domain(tiny_data, tmp_path):
    chosen = {}
    for name, options in {"a": (), "b": ("--seed", 1), "c": ("--seed", 2), "d": ()}.items():
        folder = shutil.copytree(tiny_data, tmp_path / name)
        succeed("ganc", "data", "split", folder, "--search", 3, "--domain", "B", *options)
        chosen[name] = read_images(folder, "searchB").names
        assert not (folder / "searchA.txt").exists()
    assert chosen["a"] == chosen["d"]
    assert len(set(chosen.values())) > 1


def test_split_refuses_more_than_there_are(own, tmp_path):
    with nothing_changes(own):
        said = refusal("ganc", "data", "split", own, "--search", 6)
        assert re.search(r"\(=6\).*5.*trainA has 6", said)
        assert "'--search'" in refusal("ganc", "data", "split", own, status=2)
    assert str(tmp_path / "nowhere") in refusal("ganc", "data", "split", tmp_path / "nowhere", "--search", 1)
