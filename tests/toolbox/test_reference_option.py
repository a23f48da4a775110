"""What statistics are of: `--reference` and files of others, and what other programs' files do not say."""

import json

import numpy as np
import pytest
from helpers.agreement import nearly
from helpers.stages import json_of, refusal
from helpers.support import SIZE, TINY_TRAINING, UNTRAINED, UNTRAINED_SET, succeed

import ganc
from ganc.metrics import read_statistics

PARTS = {"train+test": 10, "train": 6, "test": 4}  # images of the tiny set


@pytest.fixture(scope="module")
def files(tiny_data, tmp_path_factory):
    """Statistics of each part of the tiny set's target images. Read them only."""
    folder = tmp_path_factory.mktemp("statistics")
    for part in PARTS:
        which = () if part == "train+test" else ("--reference", part)  # which is what ganc stats makes without
        succeed("ganc", "stats", "--data", tiny_data, *UNTRAINED_SET, "--size", SIZE, *which, "-o", folder / part)
    return {part: folder / part for part in PARTS}


@pytest.fixture(scope="module")
def foreign(files, tmp_path_factory):
    """Files of the same numbers as pytorch-fid and clean-fid write them. Read them only."""
    folder, made = tmp_path_factory.mktemp("foreign"), read_statistics(files["test"], None)
    np.savez(folder / "fid.npz", mu=made.mu, sigma=made.sigma)
    np.savez(folder / "real_kid.npz", feats=made.features)
    return [folder / "fid.npz", folder / "real_kid.npz"]


@pytest.mark.parametrize("part", PARTS)
def test_the_reference_s_images_are_chosen_and_recorded(part, tiny_data, teacher_file, files):
    common = ("--data", tiny_data, *UNTRAINED_SET)
    statistics = read_statistics(files[part], None)
    assert statistics.images == PARTS[part]
    (row,) = json_of("ganc", "evaluate", teacher_file, *common, "--reference", part)
    assert row["statistics"] == statistics.digest
    assert row["target_images"] == statistics.images
    assert row.get("reference", "train+test") == part
    told = json.loads(succeed("ganc", "inspect", files[part], "--json").stdout)
    assert told.get("reference", "train+test") == part


@pytest.mark.parametrize("part", PARTS)
def test_a_file_is_taken_for_what_it_is_of_and_for_nothing_else(part, tiny_data, teacher_file, files):
    evaluate = ("ganc", "evaluate", teacher_file, "--data", tiny_data, "--stats", files[part])
    (row,) = json_of(*evaluate)
    assert row.get("reference", "train+test") == part
    assert json_of(*evaluate, "--reference", part) == nearly([row])
    for other in PARTS.keys() - {part}:
        said = refusal(*evaluate, "--reference", other)
        assert said.startswith(f"{files[part]}: is of the {part} images, --reference {other} wants others")
        with pytest.raises(ganc.GancError, match=f"--reference {other}".replace("+", "[+]")):
            ganc.evaluate(teacher_file, tiny_data, statistics=files[part], reference=other)


@pytest.mark.parametrize("part", PARTS)
def test_a_foreign_file_does_not_say_which_images_it_is_of(part, tiny_data, teacher_file, foreign):
    for file in foreign:
        evaluate = ("ganc", "evaluate", teacher_file, "--data", tiny_data, *UNTRAINED_SET, "--stats", file)
        (row,) = json_of(*evaluate)
        assert row["verified"] is False
        said = refusal(*evaluate, "--reference", part)
        assert said == f"{file}: does not say which images it is of; leave --reference {part} out"


def test_tables_mark_what_is_not_verified(tiny_data, teacher_file, supernet_file, files, foreign, tmp_path):
    head, line = f"{UNTRAINED}, unverified", f"do not say their feature set; that it is {UNTRAINED}"
    of_data, data = (*UNTRAINED_SET, "--stats", foreign[0]), ("--data", tiny_data)
    space = "/".join(["8"] * 8)
    commands = [
        ("ganc", "evaluate", tiny_data / "testA", foreign[0], *UNTRAINED_SET),
        ("ganc", "evaluate", teacher_file, *data, *of_data),
        ("ganc-export", "--checkpoint", teacher_file, "--format", "onnx", "-o", tmp_path / "dist", *data, *of_data),
        ("ganc-search", "--supernet", supernet_file, "--space", space, "-o", tmp_path / "search.h5", *data, *of_data),
    ]
    for command in commands:
        said = succeed(*command).stdout
        assert head in said
        assert line in said
    assert head in (tmp_path / "dist" / "README.md").read_text()
    assert "unverified" not in succeed("ganc", "evaluate", tiny_data / "testA", files["test"]).stdout


def test_all_commands_that_measure_refuse_other_images(tiny_data, teacher_file, supernet_file, files, tmp_path):
    of_others = ("--data", tiny_data, "--stats", files["test"], "--reference", "train+test")
    space = "/".join(["8"] * 8)
    stages = [
        ("ganc-search", "--supernet", supernet_file, "--space", space, "-o", tmp_path / "search.h5"),
        ("ganc-export", "--checkpoint", teacher_file, "--format", "onnx", "-o", tmp_path / "dist"),
        ("ganc-distill", "--teacher", teacher_file, "--width", 8, *TINY_TRAINING, "-o", tmp_path / "student"),
    ]
    for stage in stages:
        assert refusal(*stage, *of_others).startswith(f"{files['test']}: is of the test images, --reference train+test")


def test_where_no_metric_is_measured_no_reference_is_taken(tiny_data, teacher_file, tmp_path):
    export = ("ganc-export", "--checkpoint", teacher_file, "-o", tmp_path / "dist")
    assert "--reference: of a metric; name the images with --data" in refusal(*export, "--reference", "test", status=2)
    folders = (tiny_data / "testA", tiny_data / "testB")
    for part in PARTS:
        assert "--reference" in refusal("ganc", "evaluate", *folders, "--reference", part, status=2)
        with pytest.raises(ganc.GancError, match="reference"):
            ganc.evaluate(*folders, reference=part)
