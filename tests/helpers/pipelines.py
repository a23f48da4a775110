"""Small configurations of the pipeline, and Snakemake on them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from helpers.support import PATIENCE, UNTRAINED

ROOT = Path(__file__).parents[2]

SMALL = {
    "out": "out",
    "data": "source",
    "search_images": 2,
    "feature-set": UNTRAINED,
    "images": {
        "load-size": 36,
        "crop-size": 32,
        "batch-size": 2,
        "workers": 0,
        "lr": 0.0004,
        "eval-every": 0,
        "device": "cpu",
    },
    "replace": {"width": 8, "n-blocks": 3, "discriminator-width": 4, "epochs": 1, "decay-epochs": 0, "max-steps": 1},
    "distill": {"width": 8, "epochs": 1, "decay-epochs": 0, "max-steps": 1},
    "supernet": {"space": "/".join(["8,4"] * 8), "epochs": 1, "decay-epochs": 0, "max-steps": 1},
    "search": {"max-macs": "40M", "samples": 2, "shards": 1, "device": "cpu"},
    "finetune": {"max-macs": "40M", "epochs": 0, "decay-epochs": 1, "max-steps": 1},
    "export": {"format": ["onnx"]},
}


def configured(folder: Path, **changes: object) -> Path:
    """Write the small configuration with changed keys (None: without them), and the folder of images."""
    (folder / "source").mkdir(parents=True, exist_ok=True)
    values = {name: value for name, value in {**SMALL, **changes}.items() if value is not None}
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def changed(section: str, **options: object) -> dict:
    return {section: {**SMALL[section], **{name.replace("_", "-"): value for name, value in options.items()}}}


def dry_run(folder: Path, *arguments: object) -> subprocess.CompletedProcess:
    return snakemake(folder, *arguments, "--dry-run", "--printshellcmds", "--cores", "1")


def snakemake(folder: Path, *arguments: object, preamble: str = "") -> subprocess.CompletedProcess:
    """Run Snakemake in a folder; `preamble` is Python that runs before it."""
    pytest.importorskip("snakemake", reason="the workflow runs on Snakemake, which is an extra")
    program = f"{preamble}\nimport sys; from snakemake.cli import main; main(sys.argv[1:])"
    options = ("--nocolor", "--snakefile", str(ROOT / "workflow" / "Snakefile"))
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments), *options],
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def commands(run: subprocess.CompletedProcess) -> list[str]:
    assert run.returncode == 0, run.stderr
    said = [line.strip().removeprefix("Shell command: ") for line in (run.stdout + run.stderr).splitlines()]
    return sorted(line for line in said if line.startswith("ganc"))
