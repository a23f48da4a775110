"""Paired images: side-by-side files, aligned folders, lists of both; partners, sizes, equal crops."""

import numpy as np
import pytest
from helpers.paired_images import pixels, write_aligned, write_side_by_side
from PIL import Image

from ganc.base.errors import DataError
from ganc.base.resizing import Resize
from ganc.data import EvaluationSet, PairedSet, Reading, has_subset, read_images, read_pairs, split_search, to_uint8

SIZE = (30, 20)


def paired(root, subset="trainA", reading=None, **changes) -> PairedSet:
    options = {"load_size": SIZE, "crop_size": (16, 12), "seed": 3, "cache_bytes": 10**9} | changes
    return PairedSet(*read_pairs(root, subset, reading, reading), **options)


@pytest.fixture(params=[write_side_by_side, write_aligned], ids=["side by side", "aligned"])
def root(request, tmp_path):
    return request.param(tmp_path / "data", SIZE)


def test_both_domains_have_their_images_in_every_layout(root):
    for kind, count in (("train", 6), ("test", 4)):
        for letter in "AB":
            images = read_images(root, f"{kind}{letter}")
            assert has_subset(root, f"{kind}{letter}")
            assert len(images) == count
            for number, path in enumerate(images.paths):
                a = pixels(kind, number, SIZE)
                np.testing.assert_array_equal(images.reading.load(path), a if letter == "A" else 255 - a)
                assert images.reading.size(path) == SIZE
    assert read_images(root, "trainA").fingerprint != read_images(root, "trainB").fingerprint
    np.testing.assert_array_equal(
        to_uint8(EvaluationSet(read_images(root, "testB"), SIZE)[2]), 255 - pixels("test", 2, SIZE)
    )


@pytest.mark.parametrize("subset", ["trainA", "trainB"])
@pytest.mark.parametrize("resize", [Resize.BOTH, Resize.NONE])
def test_partners_are_cropped_and_mirrored_alike(root, subset, resize):
    """B is the negative of A, so that a sample's sum is white everywhere."""
    dataset = paired(root, subset, Reading(resize=resize))
    places = set()
    for index in range(len(dataset)):
        for epoch in range(4):
            source, target = (to_uint8(image).astype(int) for image in dataset.sample(epoch, index))
            np.testing.assert_array_equal(source + target, np.full((12, 16, 3), 255))
            places.add(source.tobytes())
    assert len(dataset) == 6
    assert len(places) > 12  # crops and flips do differ


def test_an_epoch_has_each_pair_once_in_random_order(root):
    whole = paired(root, crop_size=SIZE, flip=False)
    seen = [to_uint8(whole.sample(1, index)[0]).tobytes() for index in range(6)]
    ordered = [pixels("train", number, SIZE).tobytes() for number in range(6)]
    assert sorted(seen) == sorted(ordered)
    assert seen != ordered
    listed = paired(root, crop_size=SIZE, flip=False, shuffle=False)
    assert [to_uint8(listed.sample(1, index)[0]).tobytes() for index in range(6)] == ordered


def test_lists_choose_and_order_pairs(root):
    if (root / "train").is_dir():
        (root / "train.txt").write_text("4.png\ntrain/1.png\n")
    else:
        (root / "trainA.txt").write_text("trainA/4.png\n1.png\n")
        (root / "trainB.txt").write_text("1.bmp\ntrainB/4.bmp\n")
    for subset in ("trainA", "trainB"):
        sources, targets = read_pairs(root, subset)
        for number, source, target in zip((4, 1), sources.paths, targets.paths, strict=False):
            found = [sources.reading.load(source), targets.reading.load(target)]
            own = pixels("train", number, SIZE)
            expected = {"trainA": [own, 255 - own], "trainB": [255 - own, own]}[subset]
            if subset == "trainA" or (root / "train").is_dir():
                np.testing.assert_array_equal(found, expected)
        assert {path.stem for path in sources.paths} == {"4", "1"}
        assert [path.stem for path in sources.paths] == [path.stem for path in targets.paths]


def test_lists_without_a_common_name_pair_their_lines(tmp_path):
    root = write_aligned(tmp_path / "data", SIZE)
    for number in range(6):
        (root / "trainB" / f"{number}.bmp").rename(root / "trainB" / f"label{9 - number}.bmp")
    (root / "trainA.txt").write_text("3.png\n5.png\n0.png\n")
    (root / "trainB.txt").write_text("label6.bmp\nlabel4.bmp\nlabel9.bmp\n")
    sources, targets = read_pairs(root, "trainA")
    assert targets.names == ("trainB/label6.bmp", "trainB/label4.bmp", "trainB/label9.bmp")
    for source, target in zip(sources.paths, targets.paths, strict=True):
        np.testing.assert_array_equal(sources.reading.load(source), 255 - targets.reading.load(target))
    (root / "trainB.txt").write_text("label6.bmp\nlabel4.bmp\n")
    with pytest.raises(DataError, match=r"trainA\.txt: names 3 images and trainB\.txt 2"):
        read_pairs(root, "trainA")


@pytest.mark.parametrize("subset", ["trainA", "trainB"])
@pytest.mark.parametrize("gone", ["trainA/2.png", "trainB/4.bmp"])
def test_a_missing_partner_is_named_whichever_side_it_is_on(tmp_path, subset, gone):
    root = write_aligned(tmp_path / "data", SIZE)
    (root / gone).unlink()
    alone = gone.replace("trainA", "trainX").replace("trainB", "trainA").replace("trainX", "trainB")
    alone = alone.replace("png", "X").replace("bmp", "png").replace("X", "bmp")
    with pytest.raises(DataError, match=f"{alone}: has no partner in {gone[:6]}"):
        read_pairs(root, subset)


def test_two_images_of_one_name_have_no_certain_partner(tmp_path):
    root = write_aligned(tmp_path / "data", SIZE)
    (root / "trainB" / "1.png").write_bytes((root / "trainB" / "1.bmp").read_bytes())
    with pytest.raises(DataError, match=r"trainB/1\.png: has the same name as trainB/1\.bmp"):
        read_pairs(root, "trainA")


def test_partners_of_different_sizes_are_named(tmp_path):
    root = write_aligned(tmp_path / "data", SIZE)
    Image.new("RGB", (31, 20)).save(root / "trainB" / "3.bmp")
    with pytest.raises(DataError, match=r"trainA/3\.png: is 30x20, and its partner .*trainB/3\.bmp 31x20"):
        paired(root)


def test_an_odd_width_has_no_halves(tmp_path):
    root = write_side_by_side(tmp_path / "data", SIZE)
    Image.new("RGB", (61, 20)).save(root / "train" / "5.png")
    with pytest.raises(DataError, match=r"train/5\.png: is 61x20, and an odd width has no halves"):
        paired(root)


def test_a_folder_with_single_domains_is_never_read_side_by_side(tmp_path):
    """A folder train beside trainA is another program's."""
    root = write_side_by_side(write_aligned(tmp_path / "data", SIZE), SIZE)
    assert read_images(root, "trainA").names[0] == "trainA/0.png"
    for letter in "AB":
        (root / f"test{letter}").rename(root / f"other{letter}")
    assert not has_subset(root, "testA")
    with pytest.raises(DataError, match="neither a folder testA nor a list"):
        read_images(root, "testA")


@pytest.mark.parametrize("letter", ["A", "B"])
def test_a_split_sets_pairs_aside(root, letter):
    side_by_side = (root / "train").is_dir()
    done = split_search(root, 2, letter=letter, paired=True)
    assert (done.search, done.train) == (2, 4)
    for source in ("A", "B"):
        searched, partners = read_pairs(root, f"search{source}")
        trained, others = read_pairs(root, f"train{source}")
        assert [path.stem for path in searched.paths] == [path.stem for path in partners.paths]
        assert [path.stem for path in trained.paths] == [path.stem for path in others.paths]
        assert sorted(path.stem for path in searched.paths + trained.paths) == list("012345")
    written = {path.name for path in root.glob("*.txt")}
    ends = [""] if side_by_side else ["A", "B"]
    assert written == {f"{kind}{end}.txt" for kind in ("train", "search") for end in ends}
    assert split_search(root, 2, letter=letter, paired=True).already_done


@pytest.mark.parametrize("killed_after", [1, 2, 3])
@pytest.mark.parametrize("by_line", [False, True], ids=["names", "lines"])
def test_a_split_of_pairs_that_was_killed_between_two_files_is_finished(tmp_path, killed_after, by_line):
    root = write_aligned(tmp_path / "data", SIZE)
    if by_line:
        for number in range(6):
            (root / "trainB" / f"{number}.bmp").rename(root / "trainB" / f"label{number}.bmp")
        for letter in "AB":
            names = sorted(path.name for path in (root / f"train{letter}").iterdir())
            (root / f"train{letter}.txt").write_text("".join(f"{name}\n" for name in names))
    before = {path.name: path.read_text() for path in root.glob("*.txt")}
    split_search(root, 2, paired=True)
    whole = {path.name: path.read_text() for path in root.glob("*.txt")}
    for name in ("searchA.txt", "searchB.txt", "trainA.txt", "trainB.txt")[killed_after:]:
        if name in before:
            (root / name).write_text(before[name])
        else:
            (root / name).unlink()
    sources, targets = read_pairs(root, "trainA")
    assert [path.stem for path in sources.paths] == [path.stem.removeprefix("label") for path in targets.paths]
    assert len(sources) == 4
    split_search(root, 2, paired=True)
    assert {path.name: path.read_text() for path in root.glob("*.txt")} == whole


def test_a_split_of_one_domain_leaves_the_pairs_of_both_out_of_training(tmp_path):
    root = write_aligned(tmp_path / "data", SIZE)
    split_search(root, 2)
    split_search(root, 1, seed=3, letter="B")
    aside = {path.stem for kind in ("searchA", "searchB") for path in read_images(root, kind).paths}
    for subset in ("trainA", "trainB"):
        sources, targets = read_pairs(root, subset)
        assert [path.stem for path in sources.paths] == [path.stem for path in targets.paths]
        assert {path.stem for path in sources.paths} == set("012345") - aside
    assert [path.stem for path in read_pairs(root, "searchA")[1].paths] == [
        path.stem for path in read_images(root, "searchA").paths
    ]
