"""Kinds of files that people bring or write by hand, for damaging: images, lists, configurations, what --json printed.

None has a checksum: a damaged one is refused by name, or read as what it now says.
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from ganc.base.errors import GancError
from ganc.data.check import check_folder
from ganc.data.images import is_image, load_image, read_size
from ganc.data.lists import read_images
from ganc.report.gather import gather
from ganc.report.html.page import write_report
from ganc.workflow.inputs import read_configuration
from ganc.workflow.plan import checked
from ganc.workflow.stage_options import command
from helpers.fuzz_kind import Kind
from helpers.images import save_random_image

SIDE = 96  # of images: large enough for several blocks of each format


def _image(suffix: str, mode: str = "RGB") -> Kind:
    """No format but PNG has checksums, so that a damaged image may show anything, but it is whole."""
    name = f"image.{suffix}"
    return Kind(
        name,
        lambda folder: save_random_image(folder / name, (SIDE, SIDE), mode),
        lambda folder: _read_image(folder / name),
        lambda found, written: True,
    )


def _read_image(path: Path) -> object:
    assert is_image(path) in (True, False)
    read_size(path)
    for channels in (1, 3, 4):
        image = load_image(path, channels)
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == channels
    return image.shape


def _make_images(folder: Path) -> None:
    for subset in ("trainA", "trainB"):
        names = [f"{subset}/{name}.png" for name in ("a", "b c", "d-1", "名")]
        for name in names:
            save_random_image(folder / name, (4, 4))
        (folder / f"{subset}.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def _read_images(folder: Path) -> object:
    check_folder(folder)
    return read_images(folder, "trainA").names


CONFIGURATION = """\
# A configuration as those in workflow/.
out: out
demo: {train: 200, test: 60, size: 64, seed: 0}
search_images: 40
threads: 2

images: {load-size: 72, crop-size: 64, batch-size: 2, ema: 0.99, engine: openvino, device: cpu, eval-every: 0}
replace: {widths: "16_16_12_12_12_12_16_16", n-blocks: 6, lr: 0.001, epochs: 1, decay-epochs: 2}
distill: {widths: "12_12_10_10_10_10_12_12", loss: [ssim=1], lr: 0.001, epochs: 1, decay-epochs: 1}
supernet: {space: "12,8/12,8/10,8/10,8/10,8/10,8/12,8/12,8", epochs: 1, decay-epochs: 0}
search: {max-macs: 40M, samples: 20, shards: 2}
finetune: {max-macs: 40M, loss: [ssim=1], epochs: 1, decay-epochs: 1}
export: {format: [onnx]}
check: {untouched: 0.45, teacher: 1.2}
"""
DEFAULTS = {
    "yaml": """\
# Defaults of a command's options.
batch-size: 2
lr: 0.001
engine: paddle
ganc-distill:
  load-size: 72
  crop-size: 64x48
  widths: 12_12_10_10_10_10_12_12
  loss: [ssim=1, wavelet=0.5]
  shuffle: false
""",
    "toml": """\
batch-size = 2
lr = 0.001
engine = "paddle"
[ganc-distill]
load-size = 72
crop-size = "64x48"
widths = "12_12_10_10_10_10_12_12"
loss = ["ssim=1", "wavelet=0.5"]
shuffle = false
""",
}


def _read_configuration(folder: Path) -> object:
    """As `ganc compress --config` does, without a run."""
    values = read_configuration(folder / "file.yaml")
    with contextlib.chdir(folder):
        configuration = checked(values)
        return configuration.absolute(), configuration.notes


def _defaults(suffix: str) -> Kind:
    name = f"file.{suffix}"

    def read(folder: Path) -> object:
        (folder / "data").mkdir()
        given = ["--data", "data", "--teacher", name, "-o", "out.safetensors"]
        with contextlib.chdir(folder):
            try:
                return command("distill").settings(["--defaults", name, *given])
            except click.ClickException as error:
                raise GancError(error.format_message()) from error

    return Kind(name, lambda folder: (folder / name).write_text(DEFAULTS[suffix]), read, lambda found, written: True)


def _make_compared(folder: Path) -> None:
    row = {"name": "exported", "macs": 100, "params": 50, "bytes": 200, "milliseconds": 4.0, "metric": "lite0-v1"}
    row |= {"value": 30.0, "kernel": 0.5, "kernel_error": 0.01, "images": 60, "subset": "testB", "judgement": "better"}
    costs_nothing = {"name": "untouched images", "macs": None, "params": None, "bytes": None, "kernel": 0.9}
    rows = [row | costs_nothing, row | {"name": "original", "macs": 500, "kernel": 0.4}, row]
    (folder / "report.json").write_text(json.dumps(rows, indent=1))


def _make_timed(folder: Path) -> None:
    row = {"model": "dist", "engine": "openvino", "precision": "f32", "batch": 1, "threads": 2, "device": "cpu"}
    row |= {"original_ms": 40.0, "compressed_ms": 2.0, "original_spread_ms": 1.0, "compressed_spread_ms": 0.5}
    row |= {"format": "onnx", "bytes": 5000, "size": [64, 64], "difference": {"largest": 1e-6}}
    row |= {"metric": {"distance": 30.0, "kernel": 0.5, "kernel_error": 0.01}}
    other = {"engine": "onnxruntime", "compressed_ms": 3.0}
    (folder / "bench.json").write_text(json.dumps([row, row | other], indent=1))


def _read_report(folder: Path) -> object:
    return write_report(gather(folder), folder / "report.html").bytes


def _printed(name: str, make: Callable[[Path], None]) -> Kind:
    """What --json printed has no checksum."""
    return Kind(name, make, _read_report, lambda found, written: True)


BROUGHT = {
    "png": _image("png", "RGBA"),
    "jpg": _image("jpg"),
    "tiff": _image("tif"),
    "list of images": Kind("trainA.txt", _make_images, _read_images, lambda found, all: {*found} <= {*all}),
    "configuration": Kind(
        "file.yaml",
        lambda folder: (folder / "file.yaml").write_text(CONFIGURATION),
        _read_configuration,
        lambda found, written: True,
    ),
    "defaults in YAML": _defaults("yaml"),
    "defaults in TOML": _defaults("toml"),
    "compared generators": _printed("report.json", _make_compared),
    "measured times": _printed("bench.json", _make_timed),
}
