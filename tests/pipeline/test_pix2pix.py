"""pix2pix through all six stages: the commands read the task from the checkpoints."""

import json

import numpy as np
import pytest
from helpers.images import translated_by_hand
from helpers.paired_images import write_aligned, write_side_by_side
from helpers.stages import NETWORKS, SPACE, TRAINING, json_of
from helpers.support import UNTRAINED_SET, succeed
from PIL import Image

from ganc.data import load_rgb
from ganc.files.checkpoint import read_checkpoint
from ganc.models.spec import DiscriminatorSpec
from ganc.models.task import PIX2PIX


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory):
    return write_side_by_side(tmp_path_factory.mktemp("paired") / "data")


@pytest.fixture(scope="module")
def teacher(side_by_side, tmp_path_factory):
    out = tmp_path_factory.mktemp("teacher") / "replace.safetensors"
    succeed("ganc-replace", "--task", "pix2pix", "--data", side_by_side, *NETWORKS, *TRAINING, "-o", out)
    return out


def losses_of(out) -> dict:
    log = out.with_name(f"{out.name}.run") / "log.jsonl"
    return json.loads(log.read_text().splitlines()[-1])["losses"]


def test_a_side_by_side_set_goes_through_all_stages(side_by_side, teacher, tmp_path):
    data = ("--data", side_by_side)
    student, supernet, tuned, rows = (tmp_path / name for name in ("student", "supernet", "tuned", "rows.h5"))
    succeed("ganc-distill", "--teacher", teacher, *data, "--width", 8, *TRAINING, "-o", student)
    both = ("--teacher", teacher, "--student", student)
    succeed("ganc-supernet", *both, *data, "--space", SPACE, *TRAINING, "-o", supernet)
    measured = (*UNTRAINED_SET, "--device", "cpu")
    succeed("ganc-search", "--supernet", supernet, *data, "--samples", 2, *measured, "-o", rows)
    succeed(
        *("ganc-finetune", "--supernet", supernet, "--teacher", teacher, *data, "--results", rows),
        *(*TRAINING, "-o", tuned),
    )
    succeed("ganc-export", "--checkpoint", tuned, *data, *measured, "--format", "onnx", "-o", tmp_path / "export")
    for path, stage in ((teacher, "replace"), (student, "distill"), (supernet, "supernet"), (tuned, "finetune")):
        made = read_checkpoint(path)
        assert (made.stage, made.task) == (stage, PIX2PIX)
        assert made.networks["discriminator"].spec == DiscriminatorSpec(width=8, in_channels=6)
        assert "generator_b" not in made.networks
    for path in (student, supernet, tuned):
        assert set(losses_of(path)) == {"gan", "reconstruction", "feature", "discriminator"}
    assert set(losses_of(teacher)) == {"gan", "reconstruction", "discriminator"}
    (tmp_path / "in").mkdir()
    image = load_rgb(side_by_side / "test" / "0.png")[:, :32]
    Image.fromarray(image).save(tmp_path / "in" / "0.png")
    succeed("ganc", "translate", tmp_path / "export", tmp_path / "in", "-o", tmp_path / "made")
    own = translated_by_hand(tmp_path / "export" / "generator.safetensors", image).astype(int)
    assert np.abs(load_rgb(tmp_path / "made" / "0.png") - own).max() <= 1
    assert [row["images"] for row in json_of("ganc", "evaluate", tuned, *data, *measured)] == [4]


def test_layouts_of_the_same_pairs_train_the_same_networks(side_by_side, teacher, tmp_path):
    aligned, out = write_aligned(tmp_path / "data"), tmp_path / "aligned"
    succeed("ganc-replace", "--task", "pix2pix", "--data", aligned, *NETWORKS, *TRAINING, "-o", out)
    one, other = (read_checkpoint(path).networks for path in (out, teacher))
    for name in ("generator", "discriminator"):
        for key, tensor in one[name].tensors.items():
            np.testing.assert_array_equal(tensor, other[name].tensors[key])


def test_the_other_direction_makes_left_halves_of_right_ones(side_by_side, tmp_path):
    """With the swapped files it is the first direction."""
    swapped = tmp_path / "swapped"
    for path in sorted(side_by_side.glob("*/*.png")):
        whole = load_rgb(path)
        (swapped / path.parent.name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.hstack([whole[:, 32:], whole[:, :32]])).save(swapped / path.parent.name / path.name)
    made = {}
    for folder, way in ((side_by_side, "BtoA"), (swapped, "AtoB")):
        out = tmp_path / way
        succeed(
            *("ganc-replace", "--task", "pix2pix", "--data", folder, "--direction", way, *NETWORKS, *TRAINING),
            *("-o", out),
        )
        made[way] = read_checkpoint(out)
    assert made["BtoA"].training["metric"]["subset"] == "testB"
    for key, tensor in made["BtoA"].generator.tensors.items():
        np.testing.assert_array_equal(tensor, made["AtoB"].generator.tensors[key])
