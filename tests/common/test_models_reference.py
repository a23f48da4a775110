"""A real compressed generator of the GAN Compression paper's PyTorch code, run by ganc."""

from pathlib import Path

import numpy as np
import pytest

from ganc.data import load_rgb, to_float, to_uint8
from ganc.models import GeneratorSpec, NetworkState, parse_widths
from ganc.models.generator import Generator
from ganc.runtime import paddle

FOLDER = Path(__file__).parents[3] / "shared" / "reference" / "gan-compression-horse2zebra"
SPEC = GeneratorSpec(widths=parse_widths("16_16_32_16_32_32_16_16"), block="mobile", n_blocks=9)

# Modules of the PyTorch chain: stem, two down, blocks 10 … 18, two up, output; everything between has no weights.
PLACES = {"model.1": "stages.0.conv", "model.4": "stages.1.conv", "model.7": "stages.2.conv"}
PLACES |= {"model.19": "stages.6.conv", "model.22": "stages.7.conv", "model.26": "stages.7.output"}
for block in range(9):
    ours = f"stages.{3 + block // 3}.blocks.{block % 3}"
    for module, half in (("1", "first"), ("6", "second")):
        theirs = f"model.{10 + block}.conv_block.{module}.conv"
        PLACES |= {f"{theirs}.0": f"{ours}.{half}.depthwise", f"{theirs}.2": f"{ours}.{half}.pointwise"}


def test_the_real_generator_makes_the_picture_that_pytorch_made():
    torch = pytest.importorskip("torch", reason="PyTorch is needed to read the .pth file; it is no part of ganc")
    if not FOLDER.is_dir():
        pytest.skip("needs the generator in ../shared/reference")
    stored = torch.load(FOLDER / "latest_net_G.pth", weights_only=True, map_location="cpu")
    tensors = {}
    for name, tensor in stored.items():
        module, kind = name.rsplit(".", 1)
        tensors[f"{PLACES[module]}.{kind}"] = np.ascontiguousarray(tensor.numpy())
    generator = Generator.from_state(NetworkState(SPEC, tensors))
    generator.eval()
    with paddle.no_grad():
        made = generator(paddle.to_tensor(to_float(load_rgb(FOLDER / "input.png"))[None])).numpy()
    difference = np.abs(to_uint8(made)[0].astype(int) - load_rgb(FOLDER / "expected.png"))
    print(f"largest difference {difference.max()}, equal {(difference == 0).mean():.5%}")
    assert difference.max() <= 1
    assert (difference == 0).mean() > 0.99
