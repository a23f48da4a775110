"""The examples of use in docs run on an exported folder, without ganc, and make what translate makes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.support import PATIENCE, make_checkpoint, succeed
from PIL import Image

from ganc.base.rng import keyed_generator
from ganc.files.checkpoint import write_checkpoint

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.mark.paddle26
@pytest.mark.parametrize(
    ("example", "module", "model_format", "models"),
    [
        ("run_onnx.py", "onnxruntime", "onnx", ["onnx/generator.onnx"]),
        ("run_openvino.py", "openvino", "openvino", ["openvino/generator.xml"]),
        ("run_paddle.py", "paddle", "paddle", ["paddle/generator.json", "paddle/generator.pdmodel"]),
    ],
)
def test_an_example_makes_the_image_that_translate_makes(tmp_path, example, module, model_format, models):
    if model_format != "paddle":  # which ganc.system.runtime imports, first of all
        pytest.importorskip(module, reason=f"{example} runs {module}")
        pytest.importorskip("onnx", reason="graphs are written with the onnx package")
    write_checkpoint(tmp_path / "checkpoint", make_checkpoint("finetune", 8, seed=4))
    folder = tmp_path / "dist"
    succeed("ganc-export", "--checkpoint", tmp_path / "checkpoint", "--format", model_format, "-o", folder)
    source = keyed_generator(0, "examples").integers(0, 256, (30, 41, 3), dtype=np.uint8)
    Image.fromarray(source).save(tmp_path / "horse.png")
    (model,) = [folder / name for name in models if (folder / name).is_file()]
    command = [sys.executable, EXAMPLES / example, model, tmp_path / "horse.png", tmp_path / "zebra.png"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    succeed("ganc", "translate", tmp_path / "checkpoint", tmp_path / "horse.png", "-o", tmp_path / "wanted.png")
    made, wanted = (np.asarray(Image.open(tmp_path / name)).astype(int) for name in ("zebra.png", "wanted.png"))
    assert made.shape == (30, 41, 3)
    assert np.abs(made - wanted).max() <= 1
    assert (made == wanted).mean() > 0.99


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_needs_no_ganc(example):
    lines = [line for line in example.read_text().splitlines() if line.strip()]
    assert len(lines) <= 22
    assert not [line for line in lines if line.startswith(("import ganc", "from ganc"))]
