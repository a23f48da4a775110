"""Small runs of `ganc compress`: a configuration that trains for seconds, and what the command refuses."""

from pathlib import Path

import yaml

from helpers.support import SIZE, UNTRAINED, fail

# Distill alone: what all stages do is the pipeline's own test.
SMALL = {
    "stages": "distill",
    "feature-set": UNTRAINED,
    "images": {
        "load-size": 36,
        "crop-size": SIZE,
        "batch-size": 2,
        "workers": 0,
        "eval-every": 0,
        "device": "cpu",
        "loss": ["ssim=1"],
    },
    "distill": {"width": 8, "refit": 0, "epochs": 40, "decay-epochs": 40},
    "export": {"format": ["onnx"]},
}


def configured(folder: Path, **changes: object) -> None:
    """Write a folder's run.yaml; `changes` are of its keys, None leaves one out."""
    values = {"out": "out", "data": "source", "teacher": "teacher.safetensors", **SMALL, **changes}
    values = {name: value for name, value in values.items() if value is not None}
    (folder / "run.yaml").write_text(yaml.safe_dump(values))


def refused(*arguments: object, status: int = 1) -> str:
    """Return what `ganc compress` says of arguments that it refuses."""
    return fail("ganc", "compress", *arguments, status=status).removeprefix("Error: ")
