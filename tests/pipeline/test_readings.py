"""Levels, resizing, evaluation size and channels, from training through export to translation, by the commands."""

import json
import re

import numpy as np
import pytest
from helpers.agreement import nearly
from helpers.stages import STANDING_STILL, json_of, refusal
from helpers.support import SIZE, UNTRAINED_SET, make_checkpoint, succeed
from PIL import Image

from ganc.base.rng import keyed_generator
from ganc.data.images import load_image
from ganc.data.levels import Levels
from ganc.files.checkpoint import read_checkpoint, write_checkpoint

SMALL = ("--width", 4, "--n-blocks", 3, "--discriminator-width", 4)


@pytest.fixture(scope="session")
def scans(tmp_path_factory):
    """12-bit greyscale in 16-bit files, wider than high; no value of A is above 4000, none of B below 1000."""
    folder = tmp_path_factory.mktemp("scans")
    for subset, count in (("trainA", 4), ("trainB", 4), ("testA", 3), ("testB", 3)):
        (folder / subset).mkdir()
        low, high = (0, 4000) if subset.endswith("A") else (1000, 4095)
        for number in range(count):
            draw = keyed_generator(0, subset, number)
            values = draw.integers(low, high + 1, (40, 56)).astype(np.uint16)
            values[0, :2] = low, high
            Image.fromarray(values).save(folder / subset / f"{number}.png")
    return folder


def test_levels_go_from_training_to_translation(scans, tmp_path):
    teacher, student, dist = tmp_path / "t.safetensors", tmp_path / "s.safetensors", tmp_path / "dist"
    succeed("ganc-replace", "--data", scans, *SMALL, *STANDING_STILL, "--levels", "auto", "-o", teacher)
    levels = {"A": [0, 4000], "B": [1000, 4095]}
    assert read_checkpoint(teacher).training["levels"] == levels
    distill = ("ganc-distill", "--teacher", teacher, "--data", scans, "--width", 4, *STANDING_STILL)
    succeed(*distill, "-o", student)
    trained = read_checkpoint(student)
    assert trained.training["levels"] == levels
    assert trained.training["metric"]["resize"].endswith("levels 0:4000")
    said = refusal(*distill, "--levels", "0:9", "-o", tmp_path / "x.safetensors")
    assert "--levels" in said
    assert "0:4000" in said

    succeed(
        "ganc-export",
        "--checkpoint",
        student,
        "--data",
        scans,
        *UNTRAINED_SET,
        "--format",
        "onnx",
        "--device",
        "cpu",
        "-o",
        dist,
    )
    assert json.loads((dist / "model.json").read_text())["levels"] == levels
    source = scans / "testA" / "0.png"
    for model, out in ((student, "a.png"), (dist, "b.png")):
        succeed("ganc", "translate", model, source, "-o", tmp_path / out)
        (row,) = json_of("ganc", "evaluate", model, "--data", scans, *UNTRAINED_SET)
        assert row["value"] == pytest.approx(trained.training["metric"]["value"], rel=1e-2)
    succeed("ganc", "translate", student, source, "--levels", "0:4000", "-o", tmp_path / "c.png")
    succeed("ganc", "translate", student, source, "--levels", "0:65535", "-o", tmp_path / "d.png")
    made = {name: load_image(tmp_path / f"{name}.png") for name in "abcd"}
    np.testing.assert_array_equal(made["a"], made["c"])
    assert np.abs(made["a"].astype(int) - made["b"]).max() <= 1
    assert np.abs(made["a"].astype(int) - made["d"]).mean() > 1
    assert load_image(source, levels=Levels(0, 4000)).std() > 60


@pytest.mark.parametrize(("resize", "words"), [("shorter", "aspect kept"), ("none", "without resizing")])
def test_the_aspect_can_be_kept_and_evaluation_has_a_size_of_its_own(scans, tmp_path, resize, words):
    out, stats = tmp_path / "a.safetensors", tmp_path / "real.npz"
    options = ("--data", scans, *SMALL, *STANDING_STILL, "--levels", "0:4095", "--resize", resize, "--eval-size", 40)
    succeed("ganc-replace", *options, "-o", out)
    trained = read_checkpoint(out).training
    assert trained["image_size"] == [40, 40]
    assert trained["resize"] == resize
    assert words in trained["metric"]["resize"]
    (row,) = json_of("ganc", "evaluate", out, "--data", scans, *UNTRAINED_SET)
    assert row["value"] == pytest.approx(trained["metric"]["value"], rel=1e-3)
    wrong = ("ganc", "stats", "--data", scans, *UNTRAINED_SET, "--size", 40, "--levels", "0:4095")
    succeed(*wrong, "-o", stats)
    assert words in refusal("ganc", "evaluate", out, "--data", scans, *UNTRAINED_SET, "--stats", stats)
    succeed(*wrong, "--resize", resize, "-o", stats)
    assert json_of("ganc", "evaluate", out, "--data", scans, *UNTRAINED_SET, "--stats", stats) == nearly([row])


def test_images_too_small_to_crop_are_named_before_training(scans, tmp_path):
    options = ("--data", scans, *SMALL, *STANDING_STILL, "--resize", "none", "--crop-size", 48, "--load-size", 48)
    said = refusal("ganc-replace", *options, "-o", tmp_path / "a.safetensors")
    assert re.search("trainA/0.png.*56x40.*48x48", said)
    out = ("-o", tmp_path / "a.safetensors")
    assert "30x30" in refusal("ganc-replace", *options[:2], *SMALL, *STANDING_STILL, "--eval-size", 30, *out)
    for option, value in (("--levels", "9"), ("--resize", "no"), ("--eval-size", "x")):
        said = refusal("ganc-replace", "--data", scans, *STANDING_STILL, option, value, *out, status=2)
        assert re.search(f"{option.lstrip('-')}.*'{value}'", said), said


@pytest.mark.parametrize("channels", [(1, 1), (1, 3), (3, 1), (4, 4)])
def test_generators_of_other_channels_go_through_all_stages(tiny_data, tmp_path, channels):
    teacher, student, dist = tmp_path / "t.safetensors", tmp_path / "s.safetensors", tmp_path / "dist"
    checkpoint = make_checkpoint("distill", 8, in_channels=channels[0], out_channels=channels[1])
    networks = {"generator": checkpoint.generator}
    write_checkpoint(teacher, type(checkpoint)(**{**vars(checkpoint), "networks": networks}))
    (row,) = json_of("ganc", "evaluate", teacher, "--data", tiny_data, *UNTRAINED_SET, "--time")
    assert np.isfinite(row["value"])
    distill = ("--teacher", teacher, "--data", tiny_data, "--width", 4, "--discriminator-width", 4, *STANDING_STILL)
    succeed("ganc-distill", *distill, "-o", student)
    spec = read_checkpoint(student).generator.spec
    assert (spec.in_channels, spec.out_channels) == channels
    exporting = ("--data", tiny_data, *UNTRAINED_SET, "--format", "onnx", "--format", "paddle", "--device", "cpu")
    succeed("ganc-export", "--checkpoint", student, *exporting, "-o", dist)
    succeed("ganc", "translate", dist, tiny_data / "testA", "-o", tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 4
    with Image.open(tmp_path / "out" / "00000.png") as made:
        assert (made.size, len(made.getbands())) == ((SIZE, SIZE), channels[1])
