"""`ganc compress`: what it plans, a run that is interrupted and resumed."""

import json
import os
import re
import shlex
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.compress_runs import SMALL, configured, refused
from helpers.paired_images import write_side_by_side
from helpers.support import PATIENCE, SIZE, command_line, files_under, succeed
from PIL import Image

from ganc.base.errors import RunError
from ganc.files.checkpoint import read_checkpoint
from ganc.models.space import parse_space
from ganc.models.spec import parse_widths
from ganc.models.task import TaskName
from ganc.system.runtime import available_cores
from ganc.workflow.plan import Request, held, make_plan, write_plan

pytest.importorskip("snakemake", reason="ganc compress runs on Snakemake, which is an extra")

GOLDEN = Path(__file__).parents[1] / "golden"
PROFILE = Path("profiles", "default")
ONE_STEP = {"epochs": 0, "decay-epochs": 1, "max-steps": 1}


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
