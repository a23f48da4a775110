"""The programs in an exported folder's README run, without ganc, and make what translate makes."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.support import UNTRAINED, UNTRAINED_SET, fail, make_checkpoint, succeed
from PIL import Image

from ganc.base.rng import keyed_generator
from ganc.base.text import format_count
from ganc.files.card import read_card
from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.models.family import format_widths

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


PROGRAMS = {"openvino": "run_openvino.py", "onnxruntime": "run_onnx.py", "paddle": "run_paddle.py"}


def _written(tmp_path, formats, *options, training=None, **spec) -> Path:
    """Export a small generator into a folder."""
    write_checkpoint(tmp_path / "checkpoint", make_checkpoint("finetune", 8, seed=4, training=training, **spec))
    words = [word for name in formats for word in ("--format", name)]
    succeed("ganc-export", "--checkpoint", tmp_path / "checkpoint", *words, *options, "-o", tmp_path / "dist")
    return tmp_path / "dist"


def _blocks(folder: Path, language: str) -> list[str]:
    text = (folder / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def _run(folder: Path, block: str, monkeypatch) -> np.ndarray:
    """Run a block of the card in its folder, on its horse.png, as a reader would; return zebra.png."""
    monkeypatch.chdir(folder)
    command = re.match('"""[^:]*: python (.*)"""', block)
    words = command[1].replace("horse.jpg", "horse.png").split() if command else ["-"]
    monkeypatch.setattr("sys.argv", words)
    (folder / "zebra.png").unlink(missing_ok=True)
    exec(compile(block, words[0], "exec"), {})
    with Image.open(folder / "zebra.png") as image:
        return np.asarray(image).astype(int)


def _horse(folder: Path, values: np.ndarray) -> np.ndarray:
    """Write horse.png into the folder, and return what translate makes of it."""
    Image.fromarray(values).save(folder / "horse.png")
    wanted = folder.parent / "wanted.png"
    succeed("ganc", "translate", folder.parent / "checkpoint", folder / "horse.png", "-o", wanted)
    with Image.open(wanted) as image:
        return np.asarray(image).astype(int)


def _assert_alike(made: np.ndarray, wanted: np.ndarray) -> None:
    assert made.shape == wanted.shape
    assert np.abs(made - wanted).max() <= 1
    assert (made == wanted).mean() > 0.99


@pytest.mark.paddle26
@pytest.mark.parametrize("formats", [["paddle"], ["onnx", "openvino"]], ids="+".join)
def test_every_example_of_a_card_makes_the_image_that_translate_makes(tmp_path, formats, monkeypatch):
    if formats != ["paddle"]:
        for module in ("onnx", "onnxruntime", "openvino"):
            pytest.importorskip(module, reason="the formats need it")
    folder = _written(tmp_path, formats)
    values = keyed_generator(0, "examples").integers(0, 256, (30, 41, 3), dtype=np.uint8)
    wanted = _horse(folder, values)
    with_ganc, *alone = _blocks(folder, "python")
    for block in (with_ganc, *alone):
        _assert_alike(_run(folder, block, monkeypatch), wanted)
    for command in _blocks(folder, "sh"):
        (folder / "zebra.png").unlink()
        succeed(*command.split())
        with Image.open(folder / "zebra.png") as image:
            _assert_alike(np.asarray(image).astype(int), wanted)
    assert len(alone) == len(formats)
    for block in alone:
        (name,) = [name for engine, name in PROGRAMS.items() if re.search(rf"^(import|from) {engine}\b", block, re.M)]
        plain = (EXAMPLES / name).read_text()
        assert block.splitlines()[1:] == plain.splitlines()[1:], "the card's program is the one in docs"


@pytest.mark.parametrize(
    ("options", "training", "spec", "shape", "dtype"),
    [
        (["--io", "uint8"], None, {"in_channels": 3, "out_channels": 1}, (30, 41, 3), np.uint8),
        (["--io", "uint8-nchw"], None, {"in_channels": 4, "out_channels": 4}, (30, 41, 4), np.uint8),
        (["--precision", "f16"], {"levels": {"A": [100, 4000]}}, {"in_channels": 1}, (30, 41), np.uint16),
        ([], {"levels": {"A": [20, 200], "B": [0, 255]}}, {}, (30, 41, 3), np.uint8),
    ],
    ids=["bytes", "planes of bytes", "deep greyscale", "levels"],
)
def test_the_examples_follow_what_goes_in_and_out(tmp_path, options, training, spec, shape, dtype, monkeypatch):
    for module in ("onnx", "onnxruntime", "openvino"):
        pytest.importorskip(module, reason="the formats need it")
    folder = _written(tmp_path, ["onnx"], *options, training=training, **spec)
    values = keyed_generator(0, "examples").integers(0, 5000 if dtype is np.uint16 else 256, shape, dtype=dtype)
    wanted = _horse(folder, values)
    _, *alone = _blocks(folder, "python")
    assert len(alone) == 2  # OpenVINO runs the ONNX file too
    for block in alone:
        made = _run(folder, block, monkeypatch)
        assert made.shape == wanted.shape
        assert np.abs(made - wanted).mean() < (1 if "--precision" in options else 0.1)


def test_a_card_says_what_the_generator_costs_and_stands_on(chain, tmp_path):
    options = ("--data", chain.data, *UNTRAINED_SET, "--format", "onnx", "--precision", "f32", "--precision", "f16")
    succeed("ganc-export", "--checkpoint", chain.finetune, *options, "-o", tmp_path / "dist")
    text = (tmp_path / "dist" / "README.md").read_text(encoding="utf-8")
    card, source = read_card(tmp_path / "dist"), read_checkpoint(chain.finetune)
    for name in ("generator.safetensors", "onnx/generator.onnx", "onnx/generator.f16.onnx"):
        size = (tmp_path / "dist" / name).stat().st_size
        assert re.search(rf"^\| `{re.escape(name)}` \| f\d\d \| {size:,} \|", text, re.MULTILINE), name
    said = [
        f"# Generator {format_widths(source.generator.spec.widths)}",
        format_count(card["costs"]["macs"]),
        format_count(card["costs"]["params"]),
        "| untouched images |",
        "- input `image`: float32, n x 3 x height x width (NCHW), values from -1 to 1, RGB; any n",
        "- translated images: 4",
        f"measured on the features {UNTRAINED}",
        f"- made from checkpoint: `{source.digest}`",
        "weights: as the teacher's and data's licence says",
    ]
    assert [line for line in said if line not in text] == []
    assert str(tmp_path) not in text
    without = (chain.export / "README.md").read_text(encoding="utf-8")
    assert f"was {card['metric']['value']:.4f}" in without
    assert "untouched" not in without


def test_a_card_that_was_changed_is_found(chain, tmp_path):
    folder = shutil.copytree(chain.export, tmp_path / "dist")
    succeed("ganc", "inspect", "--verify", folder)
    (folder / "README.md").write_text("mine")
    assert "README.md: is not the file that was exported" in fail("ganc", "inspect", "--verify", folder)
    succeed("ganc", "inspect", folder)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_needs_no_ganc(example):
    lines = [line for line in example.read_text().splitlines() if line.strip()]
    assert len(lines) <= (35 if example.name.startswith("search_") else 22)
    assert not [line for line in lines if line.startswith(("import ganc", "from ganc"))]
