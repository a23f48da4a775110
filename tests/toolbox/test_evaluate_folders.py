"""`ganc evaluate DIR DIR` and `DIR statistics.npz`: against numpy's formulas and pytorch-fid's network and files."""

import numpy as np
import pytest
from helpers.stages import json_of, refusal
from helpers.support import SIZE, UNTRAINED, UNTRAINED_SET, succeed
from PIL import Image

from ganc.base.rng import keyed_generator
from ganc.data import load_rgb
from ganc.metrics import feature_set, read_statistics


def written(folder, count, sizes, seed):
    """Write images of several sizes and return the folder."""
    folder.mkdir()
    draws = keyed_generator(seed, "folders")
    for place in range(count):
        width, height = sizes[place % len(sizes)]
        image = draws.integers(0, 256, (height, width, 3)).astype(np.uint8)
        Image.fromarray(image // (1 + seed)).save(folder / f"{place}.png")
    return folder


@pytest.fixture
def folders(tmp_path):
    return written(tmp_path / "made", 5, [(32, 32), (48, 40)], 0), written(tmp_path / "real", 7, [(40, 32)], 1)


def features_of(folder, size=None):
    images = [Image.fromarray(load_rgb(path)) for path in sorted(folder.iterdir())]
    images = [image.resize(size, Image.Resampling.BICUBIC) if size else image for image in images]
    return np.concatenate([feature_set(UNTRAINED)(np.asarray(image)[None]) for image in images])


def frechet(first, second):
    """The distance by the nuclear norm: tr sqrt(S1 S2) is the sum of the singular values of C1 C2^T."""
    centred = [(part - part.mean(axis=0)) / np.sqrt(len(part) - 1) for part in (first, second)]
    cross = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    return np.sum((first.mean(axis=0) - second.mean(axis=0)) ** 2) + sum(np.sum(c**2) for c in centred) - 2 * cross


def kernel(first, second):
    (n, d), m = first.shape, len(second)
    own, others, across = ((x @ y.T / d + 1) ** 3 for x, y in ((first, first), (second, second), (first, second)))
    return (
        (own.sum() - np.trace(own)) / (n * (n - 1))
        + (others.sum() - np.trace(others)) / (m * (m - 1))
        - 2 * across.mean()
    )


@pytest.mark.parametrize("size", [None, (32, 48)])
def test_two_folders_have_the_distance_of_their_images(folders, size):
    options = ("--size", "x".join(map(str, size))) if size else ()
    row = json_of("ganc", "evaluate", *folders, *UNTRAINED_SET, *options)
    made, real = (features_of(folder, size) for folder in folders)
    assert row["value"] == pytest.approx(frechet(made, real), rel=1e-4)
    assert row["kernel"] == pytest.approx(kernel(made, real), rel=1e-4)
    assert (row["images"], row["target_images"], row["metric"]) == (5, 7, UNTRAINED)
    said = succeed("ganc", "evaluate", *folders, *UNTRAINED_SET, *options).stdout.splitlines()
    assert said[0].split() == ["folder", "target", UNTRAINED, "kernel", "distance", "images", "of"]
    assert f"{row['value']:.3f}" in said[2]


def test_a_file_of_statistics_says_feature_set_and_size(tiny_data, folders, tmp_path):
    stats = tmp_path / "real.npz"
    succeed("ganc", "stats", "--data", tiny_data, *UNTRAINED_SET, "--size", SIZE, "-o", stats)
    statistics = read_statistics(stats, None)
    row = json_of("ganc", "evaluate", folders[0], stats)
    made = features_of(folders[0], (SIZE, SIZE))
    assert row["kernel"] == pytest.approx(kernel(made, statistics.features.astype(np.float64)), rel=1e-3)
    assert (row["metric"], row["target_images"], row["size"], row["verified"]) == (UNTRAINED, 10, [SIZE, SIZE], True)
    said = refusal("ganc", "evaluate", folders[0], stats, "--size", 48)
    assert said.endswith("made from images of 32x32, here they are 48x48; make it again with ganc stats --size 48")
    assert refusal("ganc", "evaluate", folders[0], stats, "--size", "48x64").endswith("ganc stats --size 48x64")


def test_a_folder_of_too_few_images_is_told_and_a_data_sets_own_folders_are_named(folders, tiny_data, tmp_path):
    one = written(tmp_path / "one", 1, [(32, 32)], 0)
    said = refusal("ganc", "evaluate", one, folders[1], *UNTRAINED_SET)
    assert said == f"{one}: holds 1 image, a metric needs at least 2"
    said = refusal("ganc", "evaluate", folders[0], tiny_data, *UNTRAINED_SET)
    assert said.startswith(f"{tiny_data}: holds 0 images, ")
    assert str(tiny_data / "testB") in said
    assert f"--data {tiny_data}" in said


def test_the_files_of_other_programs_are_taken_with_a_named_feature_set(folders, tmp_path):
    made, real = (features_of(folder) for folder in folders)
    np.savez(tmp_path / "fid.npz", mu=real.mean(axis=0), sigma=np.cov(real, rowvar=False))
    np.savez_compressed(tmp_path / "real_clean_custom_na_kid.npz", feats=real)
    for name in ("fid.npz", "real_clean_custom_na_kid.npz"):
        assert "--feature-set" in refusal("ganc", "evaluate", folders[0], tmp_path / name)
        row = json_of("ganc", "evaluate", folders[0], tmp_path / name, *UNTRAINED_SET)
        assert row["value"] == pytest.approx(frechet(made, real), rel=1e-4)
        assert row["verified"] is False
    assert row["kernel"] == pytest.approx(kernel(made, real), rel=1e-4)
    assert row["target_images"] == 7


def test_a_file_whose_sigma_is_no_covariance_is_refused(folders, tmp_path):
    real = features_of(folders[1])
    count = real.shape[1]
    for sigma, said in (
        (-np.eye(count), "no negative variance"),
        (keyed_generator(0, "sigma").random((count, count)), "symmetric"),
    ):
        np.savez(tmp_path / "no.npz", mu=real.mean(axis=0), sigma=sigma)
        refused = refusal("ganc", "evaluate", folders[0], tmp_path / "no.npz", *UNTRAINED_SET)
        assert said in refused
        assert "no.npz: its sigma is no covariance" in refused
        assert "make the statistics again" in refused


def test_the_kernel_distance_by_subsets_is_on_request(folders):
    row = json_of("ganc", "evaluate", *folders, *UNTRAINED_SET, "--kid-subsets", 40, "--kid-subset-size", 4)
    found = row["kernel_subsets"]
    assert (found["subsets"], found["size"]) == (40, 4)
    assert found["mean"] == pytest.approx(row["kernel"], abs=4 * found["deviation"] / np.sqrt(40))
    said = succeed("ganc", "evaluate", *folders, *UNTRAINED_SET, "--kid-subsets", 40, "--kid-subset-size", 4).stdout
    assert said.splitlines()[0].count("by subsets: mean, deviation of one") == 1
    assert "(40 of 4)" in said
    assert said.count("±") == 1  # of the kernel distance: the deviation of one subset is no standard error


def test_one_subset_of_all_images_has_no_deviation(folders, tmp_path):
    """All draws are then equal; what differs is the order of a sum."""
    same = written(tmp_path / "same", 5, [(40, 32)], 2)
    asked = ("ganc", "evaluate", folders[0], same, *UNTRAINED_SET, "--kid-subsets", 7)
    row = json_of(*asked)
    assert row["kernel_subsets"] == {
        "mean": pytest.approx(row["kernel"], rel=1e-9),
        "deviation": 0,
        "subsets": 7,
        "size": 5,
    }
    assert f"{row['kernel']:.4f} (one subset holds all 5 images)" in succeed(*asked).stdout
    larger = json_of("ganc", "evaluate", *folders, *UNTRAINED_SET, "--kid-subsets", 7)["kernel_subsets"]
    assert larger["deviation"] > 0  # of the larger set, each draw takes another part


def test_what_is_not_there_is_named(folders, teacher_file, tmp_path):
    absent = tmp_path / "nosuch"
    for models in ((absent, folders[1]), (absent,), (teacher_file, absent)):
        assert refusal("ganc", "evaluate", *models) == f"{absent}: no such folder or file"


def test_images_that_are_too_small_are_named(folders, tiny_data, teacher_file, tmp_path):
    small = written(tmp_path / "small", 2, [(24, 24), (8, 12)], 0)
    for pair in ((small, folders[1]), (folders[0], small)):
        said = refusal("ganc", "evaluate", *pair, *UNTRAINED_SET)
        assert said.startswith(f"{small / '1.png'}: images of 8x12 are too small for {UNTRAINED}, which needs 16x16")
    assert json_of("ganc", "evaluate", small, folders[1], *UNTRAINED_SET, "--size", 16)["size"] == [16, 16]
    too_small = f"images of 8x8 are too small for {UNTRAINED}"
    named = refusal("ganc", "evaluate", *folders, *UNTRAINED_SET, "--size", 8)
    assert named.startswith("--size: ")
    assert too_small in named
    data = ("--data", tiny_data, *UNTRAINED_SET, "--size", 8)
    for command in (("evaluate", teacher_file), ("stats", "-o", tmp_path / "real.npz")):
        said = refusal("ganc", *command, *data)
        assert said.startswith("--size")
        assert too_small in said


def test_what_does_not_go_together_is_refused(folders, teacher_file, tmp_path):
    evaluate = ("ganc", "evaluate")
    assert "--data" in refusal(*evaluate, folders[0], status=2)
    assert "--data" in refusal(*evaluate, teacher_file, folders[0], status=2)
    assert "--stats" in refusal(*evaluate, *folders, "--stats", tmp_path / "x.npz", status=2)
    assert "--reference" in refusal(*evaluate, *folders, "--reference", "test", status=2)
    assert str(tmp_path / "nowhere") in refusal(*evaluate, folders[0], tmp_path / "nowhere", *UNTRAINED_SET)
    (tmp_path / "empty").mkdir()
    assert str(tmp_path / "empty") in refusal(*evaluate, tmp_path / "empty", folders[1], *UNTRAINED_SET)
    np.savez(tmp_path / "narrow_kid.npz", feats=np.ones((4, 5)))
    assert "narrow_kid.npz" in refusal(*evaluate, folders[0], tmp_path / "narrow_kid.npz", *UNTRAINED_SET)
    assert "mu" in refusal(*evaluate, folders[0], written_npz(tmp_path / "other.npz"), *UNTRAINED_SET)


def written_npz(path):
    np.savez(path, something=np.ones(3))
    return path
