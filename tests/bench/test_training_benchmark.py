"""benchmarks/training.py: both sides compute the same, and what it prints."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.support import TINY_SPACE

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NETWORKS = {"width": "4", "discriminator_width": 4, "teacher": "6", "student": "4", "space": TINY_SPACE}


@pytest.fixture
def parts(monkeypatch):
    """The module whose `run` is one side of a measurement."""
    pytest.importorskip("torch", reason="the side to compare with is PyTorch's")
    monkeypatch.syspath_prepend(BENCHMARKS)
    import training_parts

    return training_parts


@pytest.mark.parametrize("step", ["cyclegan", "distillation", "supernet"])
def test_pytorch_s_step_has_the_losses_of_ganc_s(parts, step):
    """Those of the first step and of the second, which follow from the gradients."""
    case = parts.Case(step=step, size=64, batch=2, **NETWORKS)
    ours, theirs = (parts.run(side, 1, case) for side in ("paddle", "torch"))
    assert len(ours["losses"]) == 2
    for one, other in zip(ours["losses"], theirs["losses"], strict=True):
        assert one == pytest.approx(other, rel=1e-3)
    assert ours["losses"][0] != ours["losses"][1]
    assert min(ours["ms"], theirs["ms"]) > 0


def benchmark(*options):
    networks = [text for name, value in NETWORKS.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    command = [sys.executable, BENCHMARKS / "training.py", "--sizes", "32", "--batch", "1", *networks, *options]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, check=False)


def test_rows_have_a_time_of_each_engine(parts):
    options = ("--steps", "distillation", "--engines", "paddle", "--turns", "1", "--repeats", "1")
    done = benchmark(*options, "--busy", "1", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert [row[name] for name in ("step", "size", "batch", "engine", "busy")] == ["distillation", 32, 1, "paddle", 1]
    assert row["ratio"] == pytest.approx(row["ganc_ms"] / row["torch_ms"])
    assert row["passive_ms"] > 0


@pytest.mark.parametrize("off", [2e-3, float("nan")])
def test_a_case_whose_losses_differ_has_no_times_and_the_others_are_printed(monkeypatch, capsys, off):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import training

    def part(case, side, steps, waiting="default"):
        differs = side == "paddle" and case.size == 64
        return {
            "losses": [{"one": 1.0, "other": 2.0 + (2.0 * off if differs else 0.0)}],
            "ms": 4.0 if side == "torch" else 2.0,
        }

    monkeypatch.setattr(training.Case, "part", part)
    monkeypatch.setattr(training, "find_spec", lambda name: True)
    options = ["--steps", "supernet", "--sizes", "64", "32", "--engines", "paddle", "--turns", "1", "--json"]
    monkeypatch.setattr(sys, "argv", ["training.py", *options])
    with pytest.raises(SystemExit) as ended:
        training.main()
    assert ended.value.code == 1
    said = capsys.readouterr()
    first, second = json.loads(said.out)
    assert (first["size"], first["ganc_ms"], first["torch_ms"], first["ratio"]) == (64, None, None, None)
    assert (second["size"], second["ganc_ms"], second["torch_ms"], second["ratio"]) == (32, 2.0, 4.0, 0.5)
    (line,) = said.err.splitlines()
    assert line.startswith("supernet at 64, paddle: losses differ from PyTorch's by ")
    assert "more than 0.001" in line
