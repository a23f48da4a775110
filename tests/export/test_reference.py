"""A real compressed generator, exported to every format in f32, still makes the image that it made in PyTorch."""

from pathlib import Path

import numpy as np
import pytest
from helpers.support import succeed
from PIL import Image

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "gan-compression-horse2zebra"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    if not REFERENCE.is_dir():
        pytest.skip("needs the generator in ../shared/reference")
    path = tmp_path_factory.mktemp("reference") / "generator.safetensors"
    succeed("ganc", "import", REFERENCE / "latest_net_G.pth", "-o", path)
    return path


@pytest.mark.parametrize(
    ("model_format", "engine", "modules"),
    [
        ("paddle", "paddle-inference", ()),
        ("onnx", "onnxruntime", ("onnx", "onnxruntime")),
        ("openvino", "openvino", ("onnx", "openvino")),
    ],
)
def test_the_reference_generator_reproduces_its_image(checkpoint, tmp_path, model_format, engine, modules):
    for module in modules:
        pytest.importorskip(module, reason=f"{module} writes or runs the exported model")
    succeed("ganc-export", "--checkpoint", checkpoint, "--format", model_format, "-o", tmp_path / "dist")
    out = tmp_path / "made.png"
    succeed("ganc", "translate", tmp_path / "dist", REFERENCE / "input.png", "-o", out, "--engine", engine)
    wanted = np.asarray(Image.open(REFERENCE / "expected.png").convert("RGB")).astype(int)
    apart = np.abs(np.asarray(Image.open(out)).astype(int) - wanted)
    assert apart.max() <= 1
    assert (apart == 0).mean() > 0.99
