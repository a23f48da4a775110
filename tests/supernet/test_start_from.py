"""A supernet without a student: from its teacher's channels, an original's too, or from scratch."""

import json

import numpy as np
import pytest
from helpers.stages import STANDING_STILL, nothing_changes, refusal
from helpers.support import SIZE, TINY_SPACE, make_checkpoint, succeed

from ganc.engines.eager import EagerEngine
from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.models.generator import Generator

NARROW = "/".join(["6,4"] * 8)


@pytest.fixture
def supernet(tiny_data, tmp_path):
    """Return what trains a supernet that stands still, from the teacher's channels."""

    def run(teacher, *options, space=TINY_SPACE, out="out"):
        if not hasattr(teacher, "parts"):
            write_checkpoint(tmp_path / "teacher", teacher)
            teacher = tmp_path / "teacher"
        arguments = ("--teacher", teacher, "--data", tiny_data, "--space", space, *STANDING_STILL)
        said = succeed("ganc-supernet", *arguments, "--start-from", "teacher", *options, "-o", tmp_path / out)
        return said.stderr, read_checkpoint(tmp_path / out)

    return run


def images_of(state):
    source = np.random.default_rng(0).uniform(-1, 1, (2, 3, SIZE, SIZE)).astype(np.float32)
    return EagerEngine(Generator.from_state(state))(source)


def test_of_a_mobile_teacher_the_largest_is_the_teacher_with_its_channels_in_order(supernet):
    teacher = make_checkpoint("replace", 8, seed=3)
    said, made = supernet(teacher, "--importance", "reads", "--refit", "4")
    np.testing.assert_allclose(images_of(made.generator), images_of(teacher.generator), atol=1e-4)
    assert made.generator.tensors["stages.0.conv.weight"].tolist() != (
        teacher.generator.tensors["stages.0.conv.weight"].tolist()
    )
    assert "refitted" not in said  # there is nothing to make up for
    assert said.count("there is nothing to refit") == 1
    assert (made.training["start_from"], made.sources) == ("teacher", {"teacher": teacher.digest})
    assert made.networks["discriminator"].spec == teacher.networks["discriminator"].spec


@pytest.mark.parametrize("space", [TINY_SPACE, NARROW], ids=["as wide", "narrower"])
def test_an_originals_blocks_are_refitted(supernet, space):
    teacher = make_checkpoint("replace", 8, seed=5, block="resnet")
    said, made = supernet(teacher, "--refit", "6", space=space)
    assert made.generator.spec.block == "mobile"
    assert "generator: refitted on 6 images" in said
    before, after = made.training["refit"]["l1"]["generator"]
    assert after < before
    assert ("original" in made.training["refit"]["l1"]) == (space == NARROW)


def test_an_imported_teacher_of_one_direction_does_too(supernet, tmp_path):
    teacher = make_checkpoint("import", 8, seed=5, block="resnet", dropout=0.5)
    _, made = supernet(teacher)
    assert made.generator.spec.dropout == 0
    assert {"generator", "discriminator", "adaptors"} >= made.networks.keys()


def test_the_recipe_says_what_it_starts_from(tiny_data, teacher_file, tmp_path):
    common = ("--teacher", teacher_file, "--data", tiny_data, "--space", TINY_SPACE, *STANDING_STILL)
    for recipe, fact in (("imitate", "teacher"), ("published", None)):
        succeed("ganc-supernet", *common, "--recipe", recipe, "--refit", "0", "-o", tmp_path / recipe)
        assert read_checkpoint(tmp_path / recipe).training.get("start_from") == fact
    settings = json.loads((tmp_path / "imitate.run" / "settings.json").read_text())
    assert (settings["start_from"], settings["importance"]) == ("teacher", "reads")


def test_a_student_or_a_checkpoint_to_go_on_from_counts_more_than_what_was_not_typed(
    tiny_data, tmp_path, monkeypatch, teacher_file, student_file, supernet_file
):
    monkeypatch.setenv("GANC_SUPERNET_START_FROM", "teacher")
    monkeypatch.setenv("GANC_SUPERNET_REFIT", "4")
    common = ("--teacher", teacher_file, "--data", tiny_data, "--space", TINY_SPACE, *STANDING_STILL)
    for options in (("--student", student_file), ("--init-from", supernet_file)):
        out = tmp_path / options[0].strip("-")
        said, made = succeed("ganc-supernet", *common, *options, "-o", out).stderr, read_checkpoint(out)
        assert "start_from" not in made.training
        assert "refitted" not in said
        np.testing.assert_array_equal(
            made.generator.tensors["stages.0.conv.weight"],
            read_checkpoint(options[1]).generator.tensors["stages.0.conv.weight"],
        )


def test_a_wider_supernet_than_the_teacher_is_one_line(tiny_data, teacher_file, tmp_path):
    common = ("--teacher", teacher_file, "--data", tiny_data, *STANDING_STILL, "--start-from", "teacher")
    with nothing_changes(tmp_path):
        said = refusal("ganc-supernet", *common, "--space", "channels-32", "-o", tmp_path / "out")
    assert said.startswith(f"{teacher_file}: ")
    for part in ("32_32", "8_8", "--space", "--start-from scratch"):
        assert part in said


def test_named_spaces_of_64_fit_an_original_of_64(tiny_data, tmp_path, supernet):
    teacher = make_checkpoint("import", 64, seed=1, block="resnet")
    for space in ("channels-64-cyclegan", "channels-64-pix2pix"):
        _, made = supernet(teacher, "--sampling", "weighted", space=space, out=space)
        assert made.training["space"] == space
        assert made.generator.spec.widths == (64,) * 8
