"""A real compressed generator, exported to every format in f32, still makes the picture that it made in PyTorch."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import succeed

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "gan-compression-horse2zebra"


def test_the_reference_generator_reproduces_its_picture_from_every_format(tmp_path):
    if not REFERENCE.is_dir():
        pytest.skip("needs the generator in ../shared/reference")
    for module in ("onnx", "onnxruntime", "openvino"):
        pytest.importorskip(module, reason="exports to every format")
    succeed("ganc", "import", REFERENCE / "latest_net_G.pth", "-o", tmp_path / "teacher")
    formats = ("--format", "paddle", "--format", "onnx", "--format", "openvino")
    succeed("ganc-export", "--checkpoint", tmp_path / "teacher", *formats, "-o", tmp_path / "dist")
    wanted = np.asarray(Image.open(REFERENCE / "expected.png").convert("RGB")).astype(int)
    for engine in ("paddle-inference", "onnxruntime", "openvino"):
        out = tmp_path / f"{engine}.png"
        succeed("ganc", "translate", tmp_path / "dist", REFERENCE / "input.png", "-o", out, "--engine", engine)
        apart = np.abs(np.asarray(Image.open(out)).astype(int) - wanted)
        assert apart.max() <= 1, engine
        assert (apart == 0).mean() > 0.99, engine
