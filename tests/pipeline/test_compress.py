"""`ganc compress`: what it refuses before it runs anything, what it plans, a run that is interrupted and resumed."""

import json
import os
import pickle
import re
import shlex
import signal
import subprocess
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers.endless_yaml import ENDLESS
from helpers.foreign_networks import generator_chain, tensors
from helpers.paired_images import write_side_by_side
from helpers.support import (
    PATIENCE,
    SIZE,
    TINY_SPACE,
    UNTRAINED,
    command_line,
    fail,
    files_under,
    succeed,
)
from PIL import Image

from ganc.base.errors import RunError
from ganc.files.checkpoint import read_checkpoint
from ganc.files.tensors import write_tensors
from ganc.models.space import parse_space
from ganc.models.spec import parse_widths
from ganc.models.task import TaskName
from ganc.system.runtime import available_cores
from ganc.workflow.plan import Request, held, make_plan, write_plan

pytest.importorskip("snakemake", reason="ganc compress runs on Snakemake, which is an extra")

GOLDEN = Path(__file__).parents[1] / "golden"
PROFILE = Path("profiles", "default")
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


ONE_STEP = {"epochs": 0, "decay-epochs": 1, "max-steps": 1}


@pytest.fixture
def folder(tmp_path: Path, tiny_data: Path, teacher_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with images, a teacher and a configuration that names both; the current one."""
    (tmp_path / "source").symlink_to(tiny_data)
    (tmp_path / "teacher.safetensors").symlink_to(teacher_file)
    configured(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configured(folder: Path, **changes: object) -> None:
    values = {"out": "out", "data": "source", "teacher": "teacher.safetensors", **SMALL, **changes}
    values = {name: value for name, value in values.items() if value is not None}
    (folder / "run.yaml").write_text(yaml.safe_dump(values))


def started(folder: Path, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        command_line("ganc", "compress", *arguments),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "SNAKEMAKE_PROFILE": str(folder / PROFILE)},
    )


def ended(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in err
    return process.returncode, out, err


def test_a_run_is_interrupted_fails_and_is_resumed(folder):
    (folder / PROFILE).mkdir(parents=True)  # Snakemake takes it by itself, as it does that of the environment
    (folder / PROFILE / "config.yaml").write_text("dry-run: true\n")
    run = folder / "out" / "distill.safetensors.run"
    process = started(folder, "--config", "run.yaml")
    patience = time.monotonic() + PATIENCE
    while not (run / "log.jsonl").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < patience
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, out) == (130, "")
    assert "the same command goes on" in err.splitlines()[-1]
    saved = (run / "state.safetensors").read_bytes()
    assert not (folder / "out" / "distill.safetensors").exists()

    moved = run.rename(folder / "kept.run")
    run.write_text("no folder of a run")
    status, out, err = ended(started(folder, "--config", "run.yaml"))
    assert (status, out) == (1, "")
    reason, last = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert "distill.safetensors.run" in reason
    assert (
        f"distill failed, its reason is above; the same command goes on from there. Snakemake's log: {folder}" in last
    )
    run.unlink()
    moved.rename(run)

    assert (run / "state.safetensors").read_bytes() == saved
    status, out, err = ended(started(folder, "--config", "run.yaml"))
    assert status == 0, err
    assert "statistics:" not in err  # it was there
    took = re.findall(r"^(\w+): took \d", err, re.MULTILINE)
    assert took == ["distill", "export", "report"]
    assert re.search(r"^statistics .* done$", err, re.MULTILINE)
    student = read_checkpoint(folder / "out" / "distill.safetensors")
    assert student.training["steps"] == 240
    steps = [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps)), "it started over"
    assert "exported" in out
    assert (folder / "out" / "report.html").is_file()
    assert (folder / "out" / "report.md").read_text() in out
    original, exported = (json.loads((folder / "out" / "report.json").read_text())[place] for place in (-2, -1))
    assert original["engine"] == "paddle"
    assert exported["engine"] == exported["same_engine"]["engine"] != "paddle"
    assert f"both in {exported['engine']} f32: " in out
    translate, python, inspect = out.splitlines()[-3:]
    for line in (translate, inspect):
        succeed(*shlex.split(line))
    assert (folder / "translated.png").is_file()
    assert shlex.split(python)[2].startswith(f"import ganc; ganc.load('{folder}/out/dist')")
    assert shlex.split(python)[2].endswith("save('translated.png')")


def test_a_folder_that_was_begun_otherwise_is_kept_until_told(folder):
    asked = make_plan(Request(data=None, out=None, teacher=None, configuration=folder / "run.yaml"))
    with held(asked.out):
        write_plan(asked)
        assert "another process is using it" in refused("--config", "run.yaml")
        other = replace(asked, record={**asked.record, "request": {**asked.record["request"], "size": [8, 8]}})
        with pytest.raises(RunError, match="was begun otherwise: size was null"):
            write_plan(other)  # as a process that looked before the other one wrote
        with pytest.raises(RunError, match="another process has begun it meanwhile"):
            write_plan(replace(asked, record={**asked.record, "configuration": {}}))
    (folder / "out" / "compress.yaml").unlink()  # as a kill may leave it
    succeed("ganc", "compress", "--config", "run.yaml", "--dry-run")
    written = files_under(folder / "out")
    configured(folder, distill={**SMALL["distill"], "epochs": 41})
    said = refused("--config", "run.yaml")
    assert "out: was begun otherwise: said.distill.epochs was 40, now 41; --restart plans anew" in said
    assert files_under(folder / "out") == written
    for damaged in ("{", "[]", "{}"):
        (folder / "out" / "compress.json").write_text(damaged)
        assert "compress.json" in refused("--config", "run.yaml")


# What a library may do: take its time when it is imported, and print when it ends.
NOISY = """
import atexit, os, time
time.sleep(3)
atexit.register(print, "a line of a library")
open(os.environ["NOTED"], "w").write(os.environ["OMP_NUM_THREADS"])
"""


def test_another_programs_file_is_compressed_and_again_otherwise(folder, monkeypatch):
    monkeypatch.setattr("ganc.toolbox.compress.LONG_SECONDS", 0)
    (folder / "G.pth").symlink_to(GOLDEN / "foreign-mobile-zip.pth")
    small = {"teacher": "G.pth", "distill": {"widths": "1", "refit": 0, "epochs": 0, "decay-epochs": 1, "max-steps": 1}}
    configured(folder, **small)
    assert "--yes starts it" in refused("--config", "run.yaml")
    assert not (folder / "out").exists()
    first = succeed("ganc", "compress", "--config", "run.yaml", "--yes", "-q")
    assert first.stderr == ""
    assert "the generator for onnx;" in first.stdout
    again = json.loads(succeed("ganc", "compress", "--config", "run.yaml", "-q", "--json").stdout)
    assert again == json.loads((folder / "out" / "report.json").read_text())
    assert [row["name"] for row in again][1:3] == ["published original", "teacher"]  # theirs is no "mobile" of ours
    teacher = (folder / "out" / "teacher.safetensors").stat()
    configured(folder, **{**small, "distill": {**small["distill"], "max-steps": 2}})
    succeed("ganc", "compress", "--config", "run.yaml", "--yes", "-q", "--restart")
    assert read_checkpoint(folder / "out" / "distill.safetensors").training["steps"] == 2
    assert (folder / "out" / "teacher.safetensors").stat() == teacher


def test_a_dry_run_chooses_within_the_budget_and_writes_nothing(folder, tmp_path_factory, monkeypatch):
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(NOISY)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("NOTED", str(site / "noted"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    given = ("--teacher", "teacher.safetensors", "--data", "source", "--max-macs", "4M", "-o", "new")
    before = sorted(folder.iterdir())
    done = succeed("ganc", "compress", *given, "--dry-run", "--json")
    said = json.loads(done.stdout)
    assert sorted(folder.iterdir()) == before
    assert re.findall(r"^  (\w+): \S+ \S+ a step$", done.stderr, re.MULTILINE) == ["distill", "supernet", "finetune"]
    assert (site / "noted").read_text() == str(available_cores())  # as many as the run has
    assert list(said["seconds"]) == ["statistics", "distill", "supernet", "search", "finetune", "export", "report"]
    assert all(seconds > 3 for seconds in said["seconds"].values())  # each step starts a Python of its own
    values, teacher = said["configuration"], read_checkpoint(folder / "teacher.safetensors").generator.spec
    assert values["teacher"] == str(folder / "teacher.safetensors")
    assert values["images"]["crop-size"] == str(SIZE)
    student = teacher.narrowed(parse_widths(values["distill"]["widths"]))
    space = parse_space(values["supernet"]["space"])
    space.require_within(student.widths)
    assert teacher.narrowed(space.smallest).costs((SIZE, SIZE)).macs <= values["finetune"]["max-macs"] == 4_000_000
    assert student.costs((SIZE, SIZE)).macs > 4_000_000


def refused(*arguments: object, status: int = 1) -> str:
    return fail("ganc", "compress", *arguments, status=status).removeprefix("Error: ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"supernets": {}}, "the configuration has no key supernets; did you mean supernet?"),
        ({"distill": {"epoch": 2}}, "distill: ganc-distill has no option epoch; did you mean epochs?"),
        ({"out": None}, "the configuration names no folder to write"),
        ({"data": "absent"}, "absent: no such folder"),
        ({"data": None, "demo": {"train": "x"}}, "demo: Invalid value for '--train'"),
        ({"teacher": "absent.pth"}, "absent.pth: no such file"),
        ({"data": None, "demo": {"train": "many"}}, "demo: Invalid value for '--train': 'many'"),
        ({"distill": {"seed": date(2026, 1, 1)}}, "distill: Invalid value for '--seed': '2026-01-01'"),
        ({"distill": {"version": True}}, "distill: version: is for a call by hand"),
        ({"images": {"loss": "lite0=x"}}, "images: Invalid value for '--loss': 'x' is not a number"),
        ({"task": "pix"}, "task: pix: expected cyclegan or pix2pix"),
        ({"task": "pix2pix", "replace": {"task": "cyclegan"}}, "replace: task: cyclegan: task says pix2pix"),
        ({"task": "pix2pix"}, "teacher.safetensors: was trained as cyclegan, not as pix2pix; leave the task out"),
        ({"stages": "none"}, "stages: none: expected all, distill or short"),
        ({"start": "teacher.safetensors"}, "start: stage 1 starts from"),
        ({"distill": {"width": 16}}, "distill: widths: 16_16_16_16_16_16_16_16 is more than 8_8_8_8_8_8_8_8"),
        (
            {"stages": "all", "supernet": {"space": TINY_SPACE}, "finetune": {"max-macs": "1M"}},
            "1.00 M MACs are less than those of the smallest sub-network, 4_4_4_4_4_4_4_4: 2",
        ),
        ({"stages": "all", "supernet": {"space": "16,8/8/8/8/8/8/8/8"}}, "supernet: space: 16_8_8_8_8_8_8_8 is more"),
        ({"out": "source/out"}, "is in the folder of the images"),
    ],
    ids=str,
)
def test_a_configuration_that_cannot_work_is_one_line_before_anything_runs(folder, changes, said):
    configured(folder, **changes)
    before = sorted(folder.rglob("*"))
    told = refused("--config", "run.yaml")
    assert said in told
    file = ("teacher.safetensors", "1.00 M", "is in the folder", "source/out")
    assert told.startswith("run.yaml: ") or any(one in told for one in file)
    assert sorted(folder.rglob("*")) == before


def test_inputs_that_cannot_work_are_one_line_before_anything_runs(folder):
    (folder / "no.pth").write_bytes(b"\x80\x02}q\x00.")
    (folder / "mine").mkdir()
    (folder / "mine" / "letter.txt").write_text("keep")
    (folder / "bad.yaml").write_text("a: [")
    (folder / "list.yaml").write_text("- 1")
    data = ("--data", "source", "-o", "new")
    settings = {"format": "ganc-run-state", "version": 2}
    for name in ("teacher", "other"):
        (folder / f"{name}.safetensors.run").mkdir()
        write_tensors(folder / f"{name}.safetensors.run" / "state.safetensors", settings, {"x": np.zeros(1)})
    for command in (("ganc", "compress", *data, "--teacher"), ("ganc", "import", "-o", "y.safetensors")):
        said = fail(*command, folder / "teacher.safetensors.run" / "state.safetensors", status=1)
        assert "is the saved state of a run, no generator: name the checkpoint that the run made, " in said
        assert said.strip().endswith(f"{folder}/teacher.safetensors")
    said = refused(*data, "--teacher", folder / "other.safetensors.run" / "state.safetensors")
    assert "name the checkpoint that the run writes when it ends" in said
    assert "no.pth" in refused(*data, "--teacher", "no.pth")
    said = refused(*data, "--teacher", "teacher.safetensors", "--max-macs", "1000G")
    assert "1.00 T MACs are no reduction: " in said
    assert "teacher.safetensors has 5.86 M at 32x32" in said
    assert "has 838.66 k at 32x32" in refused(*data, "--teacher", "teacher.safetensors", "--max-macs", "1k")
    assert "mine: is not empty" in refused("--data", "source", "-o", "mine")
    assert (folder / "mine" / "letter.txt").read_text() == "keep"
    two = {name: tensors(generator_chain((2,) * 8, "mobile", 3, True)) for name in ("a", "b")}
    (folder / "two of.pth").write_bytes(pickle.dumps(two, protocol=2))
    said = refused(*data, "--teacher", "two of.pth")
    assert "several networks, 'a', 'b'; choose one with --key: ganc import " in said
    command = said.split("--key: ")[1].split(", and")[0].replace("NAME", "b").replace("-o teacher", "-o chosen")
    succeed(*shlex.split(command))
    assert read_checkpoint(folder / "chosen.safetensors").stage == "import"
    assert "bad.yaml: is no YAML" in refused("--config", "bad.yaml")
    for texts in (
        "a: {1: 2, x: {? [1, 2] : 3}}",
        "a: &a [*a]",
        "a: !!bool x",
        "a: !!timestamp x",
        "a: !!int ''",
        ENDLESS,
    ):
        (folder / "bad.yaml").write_text(texts)
        assert "bad.yaml: is no YAML" in refused("--config", "bad.yaml")
    assert "list.yaml: expected keys with values" in refused("--config", "list.yaml")
    assert "--data is missing" in refused("-o", "new", status=2)
    assert "--max-macs: the configuration says it" in refused("--config", "run.yaml", "--max-macs", "1G", status=2)
    assert not (folder / "new").exists()


def test_a_loss_whose_weights_are_not_installed_is_known_before_anything_runs(folder, monkeypatch):
    monkeypatch.setattr("ganc.metrics.lite0.weights.PACKAGE", "no-such-package")
    configured(folder, distill={**SMALL["distill"], "loss": "lite0=5"})
    assert "no-such-package is not installed" in refused("--config", "run.yaml")


def test_a_broken_image_is_named_before_anything_runs(folder, tiny_data):
    (folder / "source").unlink()
    for name in ("trainA", "trainB", "testA", "testB"):
        (folder / "source" / name).mkdir(parents=True)
        for file in (tiny_data / name).iterdir():
            (folder / "source" / name / file.name).symlink_to(file)
    broken = folder / "source" / "trainB" / "broken.jpg"
    broken.write_bytes(b"no image")
    assert "broken.jpg" in refused("--config", "run.yaml")
    assert not (folder / "out").exists()


def test_pairs_side_by_side_are_compressed_once_the_task_is_said(folder):
    write_side_by_side(folder / "pairs")
    given = ("--data", "pairs", "-o", "new")
    said = "pairs: its files hold both images of a pair side by side: say --task pix2pix to learn from pairs, or"
    assert said in refused(*given)
    (folder / "G.pth").symlink_to(GOLDEN / "foreign-mobile-zip.pth")
    assert said in refused(*given, "--teacher", "G.pth")  # which does not tell what it was trained for
    options = ("--task", "pix2pix", "--preset", "cpu-minutes", "--direction", "BtoA", "--dry-run", "--json")
    values = json.loads(succeed("ganc", "compress", *given, *options).stdout)["configuration"]
    assert values["task"] == "pix2pix"
    assert not (folder / "new").exists()

    small = {"images": {name: value for name, value in SMALL["images"].items() if name != "loss"}}
    small |= {"replace": {"width": 8, "n-blocks": 3, **ONE_STEP}, "distill": {"width": 8, "refit": 0, **ONE_STEP}}
    configured(folder, data="pairs", teacher=None, **small)
    assert "say task: pix2pix to learn" in refused("--config", "run.yaml")
    configured(folder, data="pairs", teacher=None, task="pix2pix", **small)
    done = succeed("ganc", "compress", "--config", "run.yaml")
    assert read_checkpoint(folder / "out" / "distill.safetensors").task.name is TaskName.PIX2PIX
    assert "mean absolute error" in done.stdout
    translate = shlex.split(done.stdout.splitlines()[-3])
    with Image.open(translate[3]) as image:
        assert image.size == (SIZE, SIZE)  # the half that is the source's
    succeed(*translate)
