"""ganc-export through its command: what it writes equals what it was given, and nothing else is touched."""

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.cards import change_card
from helpers.images import save_random_image
from helpers.stages import listing, nothing_changes, refusal
from helpers.support import SIZE, UNTRAINED_SET, assert_equal_states, make_checkpoint, succeed
from PIL import Image

from ganc.base.rng import keyed_generator
from ganc.engines.loading import open_model
from ganc.files.card import read_card
from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.models.family import format_widths
from ganc.models.spec import GeneratorSpec
from ganc_export.cli import main
from ganc_export.settings import ExportSettings


@pytest.fixture
def out(tmp_path):
    return tmp_path / "dist"


@pytest.mark.paddle26
@pytest.mark.parametrize(
    "spec", [{}, {"block": "resnet"}, {"widths": (4, 8, 6, 2, 8, 4, 3, 5)}], ids=["mobile", "resnet", "mixed widths"]
)
def test_the_exported_model_does_what_the_checkpoint_does(out, tmp_path, spec):
    checkpoint = make_checkpoint("replace", 8, seed=2, **spec)
    write_checkpoint(tmp_path / "checkpoint", checkpoint)
    said = succeed("ganc-export", "--checkpoint", tmp_path / "checkpoint", "-o", out)
    alone, exported, original = (
        open_model(out / "generator.safetensors"),
        open_model(out),
        open_model(tmp_path / "checkpoint"),
    )
    for shape in ((1, 3, 24, 52), (3, 3, 64, 32)):
        images = keyed_generator(0, "pictures", *shape[1:]).uniform(-1, 1, shape).astype(np.float32)
        wanted = original.engine(images)
        np.testing.assert_allclose(alone.engine(images), wanted, atol=1e-5)
        assert np.abs(exported.engine(images) - wanted).max() < 1e-4
        assert wanted.std() > 0.1
    assert str(out / "paddle") in said.stdout
    model_bytes = sum(path.stat().st_size for path in (out / "paddle").iterdir())
    assert f"{model_bytes:,}" in said.stdout


def test_the_current_folder_becomes_the_exported_one(chain, teacher_file, out, tmp_path):
    out.mkdir()
    with contextlib.chdir(out):
        for source in (teacher_file, chain.finetune):
            said = succeed("ganc-export", "--checkpoint", source, "--format", "onnx", "-o", ".")
            assert "onnx/generator.onnx" in said.stdout
            assert open_model(Path(".")).engine is not None
            names = sorted(path.name for path in Path(".").iterdir())
            assert names == ["README.md", "generator.safetensors", "model.json", "onnx"]
    made = read_checkpoint(out / "generator.safetensors")
    assert made.sources["checkpoint"] == read_checkpoint(chain.finetune).digest
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.paddle26
def test_both_translate_an_image_alike(chain, tmp_path):
    source = save_random_image(tmp_path / "image.png", (45, 30))
    images = []
    for name, model in (("checkpoint", chain.finetune), ("exported", chain.export)):
        succeed("ganc", "translate", model, source, "-o", tmp_path / f"{name}.png")
        images.append(np.asarray(Image.open(tmp_path / f"{name}.png")).astype(int))
    assert images[0].shape == (30, 45, 3)
    assert np.abs(images[0] - images[1]).max() <= 1
    assert images[0].std() > 1


def test_the_standalone_checkpoint_has_the_generator_only(chain):
    source, alone = read_checkpoint(chain.finetune), read_checkpoint(chain.export / "generator.safetensors")
    assert set(alone.networks) == {"generator"}
    assert_equal_states(alone.generator, source.generator)
    assert (alone.stage, alone.direction, alone.task) == ("export", source.direction, source.task)
    assert alone.sources == {"checkpoint": source.digest}
    assert alone.training == {name: source.training[name] for name in ("image_size", "metric")}
    assert chain.export.joinpath("generator.safetensors").stat().st_size < 0.5 * chain.finetune.stat().st_size


@pytest.mark.paddle26
def test_the_card_says_what_the_model_is(chain):
    card = read_card(chain.export)
    alone = read_checkpoint(chain.export / "generator.safetensors")
    assert (card["format"], card["version"], card["direction"]) == ("ganc-model", 3, "AtoB")
    assert card["digest"] == alone.digest
    assert card["sources"] == {"checkpoint": read_checkpoint(chain.finetune).digest}
    assert GeneratorSpec(**card["generator"]) == alone.generator.spec
    assert card["costs"] == vars(alone.generator.spec.costs((SIZE, SIZE)))
    assert card["metric"] == alone.training["metric"]
    assert card["input"]["layout"] == "NCHW"
    assert 0 <= card["verified"]["largest_difference"] < 1e-4
    assert card["verified"]["batch_height_width"] == [[1, SIZE, SIZE], [2, SIZE + 8, SIZE + 4]]
    text = (chain.export / "model.json").read_text()
    assert str(Path.cwd()) not in text
    assert str(chain.folder) not in text


def test_dropout_is_no_part_of_an_exported_generator(out, tmp_path):
    write_checkpoint(tmp_path / "checkpoint", make_checkpoint("replace", 8, dropout=0.5))
    succeed("ganc-export", "--checkpoint", tmp_path / "checkpoint", "-o", out)
    assert read_checkpoint(out / "generator.safetensors").generator.spec.dropout == 0
    assert read_card(out)["generator"]["dropout"] == 0


@pytest.mark.paddle26
def test_a_sub_network_of_a_supernet(chain, out):
    widths = (4, 8, 8, 4, 8, 4, 8, 4)
    said = succeed("ganc-export", "--supernet", chain.supernet, "--config", format_widths(widths), "-o", out)
    supernet, alone = read_checkpoint(chain.supernet), read_checkpoint(out / "generator.safetensors")
    assert_equal_states(alone.generator, supernet.generator.leading(supernet.generator.spec.narrowed(widths)))
    assert alone.sources == {"supernet": supernet.digest}
    assert "metric" not in alone.training  # it was the whole supernet's
    assert format_widths(widths) in said.stderr


def test_a_sub_network_selected_from_results(chain, out):
    options = ("--results", chain.search, "--max-macs", "4.5M")
    succeed("ganc-export", "--supernet", chain.supernet, *options, "-o", out)
    assert read_card(out)["generator"]["widths"] == list(read_checkpoint(chain.finetune).generator.spec.widths)


def test_the_other_direction_of_a_teacher_has_no_metric(chain, out):
    succeed("ganc-export", "--checkpoint", chain.replace, "--direction", "BtoA", "-o", out)
    source, alone = read_checkpoint(chain.replace), read_checkpoint(out / "generator.safetensors")
    assert_equal_states(alone.generator, source.networks["generator_b"])
    assert alone.direction == read_card(out)["direction"] == "BtoA"
    assert read_card(out)["metric"] is None  # what was measured is the other generator
    assert alone.sources == {"checkpoint": source.digest}


def test_it_verifies_on_images_of_one_s_own(chain, out):
    succeed("ganc-export", "--checkpoint", chain.finetune, "--data", chain.data, *UNTRAINED_SET, "-o", out)
    assert read_card(out)["verified"]["largest_difference"] < 1e-4


def test_a_folder_of_its_own_is_written_again_and_a_foreign_one_is_not(chain, out, tmp_path):
    succeed("ganc-export", "--checkpoint", chain.finetune, "-o", out)
    succeed("ganc-export", "--checkpoint", chain.distill, "-o", out)
    assert read_card(out)["sources"] == {"checkpoint": read_checkpoint(chain.distill).digest}
    assert listing(out).keys() == listing(chain.export).keys()
    assert {path.name for path in tmp_path.iterdir()} == {"dist"}

    foreign = tmp_path / "letters"
    foreign.mkdir()
    (foreign / "model.txt").write_text("mine")
    with nothing_changes(tmp_path):
        said = refusal("ganc-export", "--checkpoint", chain.finetune, "-o", foreign)
    assert str(foreign) in said


@pytest.mark.parametrize("name", ["my-notes.txt", "paddle/mine.png", "charts/mine.png", "paddle/.mine"])
def test_what_was_put_into_a_folder_of_its_own_is_not_lost(chain, out, tmp_path, name):
    shutil.copytree(chain.export, out)
    (out / ".DS_Store").touch()
    succeed("ganc-export", "--checkpoint", chain.finetune, "-o", out)
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("mine")
    with nothing_changes(tmp_path):
        said = refusal("ganc-export", "--checkpoint", chain.finetune, "-o", out)
    assert f"{out}: holds {name}" in said
    (out / name).unlink()
    (out / "model.json").write_text("{}")  # a damaged card says nothing of what was written
    succeed("ganc-export", "--checkpoint", chain.finetune, "-o", out)


def test_a_model_that_differs_is_not_written(out, tmp_path):
    """Images that are not numbers make both models useless; the check must not take them for equal."""
    checkpoint = make_checkpoint("replace", 8)
    weight = checkpoint.generator.tensors["stages.7.output.weight"]
    weight[...] = np.where(np.arange(weight.size).reshape(weight.shape) % 2, 3e38, -3e38)  # inf - inf in the sums
    write_checkpoint(tmp_path / "checkpoint", checkpoint)
    with nothing_changes(tmp_path):
        said = refusal("ganc-export", "--checkpoint", tmp_path / "checkpoint", "-o", out)
    assert "not finite" in said


@pytest.mark.parametrize(
    ("options", "status", "named"),
    [
        ((), 2, "--checkpoint"),
        (("--checkpoint", "{finetune}", "--supernet", "{supernet}"), 2, "--supernet"),
        (("--supernet", "{supernet}"), 2, "--config or --results"),
        (("--checkpoint", "{finetune}", "--max-macs", "1M"), 2, "--results"),
        (("--checkpoint", "{finetune}", "--format", "other"), 2, "'other'"),
        (("--checkpoint", "{finetune}", "--format", "paddle", "--precision", "bf16"), 2, "paddle has no bf16"),
        (("--checkpoint", "{finetune}", "--feature-set", "any"), 2, "name the images with --data"),
        (
            ("--supernet", "{finetune}", "--config", "4"),
            1,
            "ganc-supernet",
        ),
        (("--supernet", "{supernet}", "--config", "5"), 1, "5 at segment 0"),
        (("--checkpoint", "{finetune}", "--config", "16"), 1, "16_16_16_16_16_16_16_16"),
        (("--checkpoint", "{finetune}", "--direction", "BtoA"), 1, "--direction AtoB"),
        (("--checkpoint", "{search}"), 1, "search.h5"),
        (("--checkpoint", "{finetune}", "--data", "nowhere"), 1, "nowhere"),
        (("--supernet", "{replace}", "--results", "{search}"), 1, "--supernet"),
    ],
)
def test_what_does_not_serve_is_refused(chain, out, tmp_path, options, status, named):
    names = ("replace", "supernet", "search", "finetune")
    filled = [option.format(**{name: getattr(chain, name) for name in names}) for option in options]
    with nothing_changes(tmp_path):
        assert named in refusal("ganc-export", *filled, "-o", out, status=status)


def test_a_program_gets_the_defaults_of_the_command(chain, out):
    made = main.settings(["--checkpoint", str(chain.finetune), "-o", str(out)])
    assert ExportSettings(output=out) in made


def test_a_place_that_cannot_be_written_is_named(chain, tmp_path):
    (tmp_path / "file").write_text("mine")
    with nothing_changes(tmp_path):
        assert str(tmp_path / "file") in refusal(
            "ganc-export", "--checkpoint", chain.finetune, "-o", tmp_path / "file", status=2
        )
        said = refusal("ganc-export", "--checkpoint", chain.finetune, "-o", tmp_path / "file" / "dist")
    assert "file/dist" in said


def test_a_damaged_export_is_refused_when_it_is_used(chain, tmp_path):
    source = save_random_image(tmp_path / "image.png", (45, 30))
    for name, damage, named in (
        ("no card", lambda folder: (folder / "model.json").unlink(), "model.json"),
        ("bad card", lambda folder: (folder / "model.json").write_text("{"), "model.json"),
        ("other card", lambda folder: (folder / "model.json").write_text("[]"), "a list"),
        ("newer", lambda folder: change_card(folder, version=4), "version 4"),
        ("no forms", lambda folder: change_card(folder, forms=[{}]), "'forms.0.format'"),
        ("no input", lambda folder: change_card(folder, input=None), "'input' is null"),
        ("changed", lambda folder: _edit(folder / "model.json", "AtoB", "BtoA"), "checksum differs"),
        ("no model", lambda folder: shutil.rmtree(folder / "paddle"), "export the model again"),
        ("cut", lambda folder: (folder / "paddle" / "generator.pdiparams").write_bytes(b"cut"), "export it again"),
    ):
        folder = tmp_path / name
        shutil.copytree(chain.export, folder)
        damage(folder)
        said = refusal("ganc", "translate", folder, source, "-o", tmp_path / "out.png")
        assert named in said, (name, said)
        assert not (tmp_path / "out.png").exists()


@pytest.mark.paddle26
def test_a_folder_of_the_first_version_is_still_read(chain, tmp_path):
    """Its card lists no variants: there was one, the Paddle inference model in f32."""
    folder = tmp_path / "first"
    shutil.copytree(chain.export, folder)
    change_card(folder, without=("forms", "files"), version=1)
    old, new = open_model(folder), open_model(chain.export)
    images = keyed_generator(0, "first version").uniform(-1, 1, (1, 3, 32, 32)).astype(np.float32)
    np.testing.assert_allclose(old.engine(images), new.engine(images), atol=1e-5)
    assert old.bytes == new.bytes


def _edit(path, before, after):
    path.write_text(path.read_text().replace(before, after, 1))
