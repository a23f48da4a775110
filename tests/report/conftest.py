"""A folder that `ganc report` is made of."""

import json

import numpy as np
import pytest
from helpers.reports import COMPARED
from helpers.support import make_checkpoint
from PIL import Image

from ganc.files.checkpoint import write_checkpoint


@pytest.fixture
def folder(tmp_path):
    """A run that has not ended, a checkpoint, a comparison and a strip."""
    made = tmp_path / "made"
    made.mkdir()
    write_checkpoint(made / "replace.safetensors", make_checkpoint())
    (made / "report.json").write_text(json.dumps(COMPARED))
    run = made / "distill.safetensors.run"
    (run / "samples").mkdir(parents=True)
    (run / "settings.json").write_text(json.dumps({"stage": "distill", "epochs": 4, "losses": {"lite0": 1.0}}))
    lines = [{"step": step, "epoch": 0, "learning_rate": 0.1, "losses": {"feature": 1 / step, "lite0": 30.0 / step},
              "metrics": {"student": 9.0}, "kernels": {"student": [1 / step, 0.01]}} for step in (3, 6)]  # fmt: skip
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8))
    picture.save(made / "strip.jpg")
    picture.save(run / "samples" / "0000006.png")
    return made
