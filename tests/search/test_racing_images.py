"""A race needs images for a step on a part of them: without, it is refused, and with what it says it is taken."""

import re

import pytest
from helpers.stages import SPACE, nothing_changes, refusal
from helpers.support import SIZE, UNTRAINED, UNTRAINED_SET, succeed

import ganc
import ganc_search
from ganc.demo.dataset import write_demo_set
from ganc.results.hdf5 import read_results
from ganc_search.strategies.racing import Racing

RACED = ("--samples", 3, "--racing", "--racing-keep", 0.5)


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """Return a folder with so many test images."""

    def made(images):
        if images not in folders:
            folders[images] = tmp_path_factory.mktemp("data") / f"{images}"
            write_demo_set(folders[images], train=2, test=images, size=SIZE)
        return folders[images]

    folders = {}
    return made


@pytest.fixture
def files(supernet_file, folder_of):
    def named(images, batch):
        data = ("--data", folder_of(images), "--batch-size", batch)
        return ("--supernet", supernet_file, *data, "--space", SPACE, *UNTRAINED_SET, "--device", "cpu")

    return named


@pytest.mark.parametrize(
    ("images", "batch", "said"),
    [
        (24, 32, "24 images in batches of 32 have no part to begin with: take a --batch-size from 8 to 23, or leave"),
        (40, 64, "take a --batch-size from 8 to 39, or leave --racing out"),
        (9, 9, "take a --batch-size from 8 to 8, or leave --racing out"),
        (10, 1, "10 images in batches of 1 have no part to begin with: take a --batch-size from 8 to 9, or leave"),
        (8, 8, "8 images in batches of 8 have no part to begin with: add images, at least 9, or leave --racing out"),
        (4, 8, "add images, at least 9, or leave --racing out"),
    ],
)
def test_a_race_without_a_step_on_a_part_of_the_images_is_refused(files, tmp_path, images, batch, said):
    arguments = (*files(images, batch), *RACED)
    with nothing_changes(tmp_path):
        for options in (("-o", tmp_path / "search.h5"), ("--dry-run",)):
            message = refusal("ganc-search", *arguments, *options)
            assert message.startswith("--racing: ")
            assert said in message


@pytest.mark.parametrize(("images", "batch"), [(24, 32), (9, 9), (10, 1)])
def test_with_the_batch_sizes_that_it_names_it_is_raced(files, tmp_path, images, batch):
    said = refusal("ganc-search", *files(images, batch), *RACED, "-o", tmp_path / "search.h5")
    bounds = [int(number) for number in re.search(r"--batch-size from (\d+) to (\d+)", said).groups()]
    for size in {*bounds}:
        out = tmp_path / f"{size}.h5"
        succeed("ganc-search", *files(images, size), *RACED, "-o", out)
        seen = {row.images for row in read_results(out)}
        assert {*Racing().rungs(images, size)} >= seen
        assert min(seen) < max(seen) == images


def test_every_batch_size_from_eight_to_less_than_all_races_and_no_larger_one():
    for images in range(2, 200):
        able = {batch for batch in range(1, 2 * images) if len(Racing().rungs(images, batch)) > 1}
        assert {batch for batch in able if batch >= 8} == {*range(8, images)}


def test_the_function_refuses_it_too_before_anything_is_measured(supernet_file, folder_of, tmp_path):
    options = {"supernet": supernet_file, "data": folder_of(8), "feature_set": UNTRAINED, "device": "cpu"}
    with nothing_changes(tmp_path), pytest.raises(ganc.GancError, match="at least 9"):
        ganc_search.find_subnets(**options, racing=True, racing_features="efficientnet-lite0", output=tmp_path / "a.h5")
