"""`ganc data check` and `split`, `ganc stats` and `evaluate` on paired images."""

import re

import numpy as np
import pytest
from helpers.paired_images import write_aligned, write_side_by_side
from helpers.stages import json_of, nothing_changes, refusal
from helpers.support import UNTRAINED_SET, invoke, succeed
from PIL import Image

from ganc.metrics.statistics import read_statistics


@pytest.fixture
def aligned(tmp_path):
    return write_aligned(tmp_path / "aligned")


@pytest.fixture
def side_by_side(tmp_path):
    return write_side_by_side(tmp_path / "beside")


def problems_of(folder, *options) -> list[str]:
    result = invoke("ganc", "data", "check", folder, *options)
    assert result.exit_code in (0, 1)
    return [line for line in result.stdout.splitlines() if re.match(r"(train|test|search)[AB]?: ", line)]


def test_check_counts_what_a_set_has(side_by_side, aligned):
    for options in ((), ("--task", "pix2pix")):
        said = succeed("ganc", "data", "check", side_by_side, "--minimum", 32, *options)
        assert said.stdout.splitlines()[0].split() == ["folder", "train", "test"]
        assert said.stdout.splitlines()[2].split() == [str(side_by_side), "6", "4"]
        assert problems_of(aligned, *options) == []


def test_check_names_every_side_by_side_file_that_has_no_halves(side_by_side):
    Image.new("RGB", (63, 32)).save(side_by_side / "train" / "1.png")
    Image.new("RGB", (40, 32)).save(side_by_side / "test" / "0.png")
    (side_by_side / "val").mkdir()
    (side_by_side / "test" / "2.png").write_bytes((side_by_side / "train" / "2.png").read_bytes())
    said = invoke("ganc", "data", "check", side_by_side, "--minimum", 32).stdout
    assert re.search(r"^train: .*1\.png: is 63x32, and an odd width has no halves", said, re.M)
    assert re.search(r"^test: .*0\.png: each half is 20x32, smaller than 32x32", said, re.M)
    assert re.search(r"^test: .*2\.png: is also trained on, as train/2\.png", said, re.M)
    assert re.search(r"^note: val: ", said, re.M)
    assert len(problems_of(side_by_side, "--minimum", 32)) == 3


def test_check_names_every_image_without_a_partner_of_its_size(aligned):
    (aligned / "trainA" / "0.png").unlink()
    (aligned / "testB" / "3.bmp").unlink()
    Image.new("RGB", (32, 30)).save(aligned / "trainB" / "5.bmp")
    assert problems_of(aligned) == []
    found = problems_of(aligned, "--task", "pix2pix")
    assert len(found) == 3
    for words in (
        r"trainA: .*trainB/0\.bmp: has no partner in trainA",
        r"trainA: .*trainA/5\.png: is 32x32, and its partner .*trainB/5\.bmp 32x30",
        r"testA: .*testA/3\.png: has no partner in testB",
    ):
        assert any(re.match(words, line) for line in found), found


def test_check_of_pairs_says_once_what_cannot_be_read_and_no_harm_in_absent_test_images(aligned):
    for image in (aligned / "testB").iterdir():
        image.unlink()
    (aligned / "testB").rmdir()
    assert problems_of(aligned, "--task", "pix2pix") == []
    for image in (aligned / "trainB").iterdir():
        image.unlink()
    assert len(problems_of(aligned, "--task", "pix2pix")) == 1


def test_split_says_which_lists_it_wrote(side_by_side, aligned):
    said = succeed("ganc", "data", "split", side_by_side, "--search", 2).stdout
    assert f"{side_by_side}: 2 images set aside in search.txt, 4 left" in said
    said = succeed("ganc", "data", "split", aligned, "--search", 2, "--task", "pix2pix").stdout
    assert f"{aligned}: 2 images set aside in searchA.txt and searchB.txt, 4 left" in said
    for folder in (side_by_side, aligned):
        assert problems_of(folder, "--task", "pix2pix") == []
        with nothing_changes(folder):
            said = refusal("ganc", "data", "split", folder, "--search", 3, "--task", "pix2pix")
            assert re.search(r"search.?\.txt: already sets 2 images aside, not 3", said)
    (aligned / "trainB" / "0.bmp").unlink()
    for name in aligned.glob("*.txt"):
        name.unlink()
    with nothing_changes(aligned):
        said = refusal("ganc", "data", "split", aligned, "--search", 2, "--task", "pix2pix")
        assert re.search(r"trainA/0\.png: has no partner in trainB", said)


def test_statistics_and_folders_of_either_layout_agree(side_by_side, aligned, tmp_path):
    for letter in "AB":
        made = [tmp_path / f"{folder.name}{letter}.npz" for folder in (side_by_side, aligned)]
        for folder, path in zip((side_by_side, aligned), made, strict=True):
            succeed("ganc", "stats", "--data", folder, "--domain", letter, *UNTRAINED_SET, "--size", 32, "-o", path)
        one, other = (read_statistics(path, None).mu for path in made)
        np.testing.assert_allclose(one, other, rtol=1e-5)  # of float32: two runs may round differently
    assert json_of("ganc", "evaluate", aligned / "testA", made[0])["images"] == 4
