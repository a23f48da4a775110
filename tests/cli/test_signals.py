"""Ctrl-C and SIGTERM from a program's first moment on: 130 or 143 and one line, whatever is being imported."""

import importlib
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers.support import PATIENCE, PROGRAMS

ROOT = Path(__file__).parents[2]

# Runs a console script's function; the first import of a module sends a signal to the process itself.
SIGNALLED = """
import importlib, os, sys

module, at, number = sys.argv[1:4]


class Signals:
    def find_spec(self, name, path=None, target=None):
        if name == at:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(number))


sys.argv = sys.argv[4:]
from importlib import import_module
sys.meta_path.insert(0, Signals())
import_module(module).run()
"""
ENDS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}


def package_of(program):
    return "ganc.toolbox" if program == "ganc" else program.replace("-", "_")


def ended(program, *arguments, at, number):
    command = [
        sys.executable,
        "-c",
        SIGNALLED,
        package_of(program),
        at,
        str(int(number)),
        program,
        *map(str, arguments),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    status, line = ENDS[number]
    assert (done.returncode, done.stderr, done.stdout) == (status, f"{line}\n", "")


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_signal_while_a_program_is_imported(program, number):
    ended(program, "--help", at="click", number=number)


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("at", ["ganc.files.checkpoint", "numpy", "numpy._core.multiarray", "paddle", "paddle.base"])
def test_a_signal_while_a_command_imports_what_it_needs(at, number, teacher_file, tiny_data, tmp_path):
    translating = ("translate", teacher_file, tiny_data / "testA", "-o", tmp_path / "out")
    ended("ganc", *translating, at=at, number=number)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_while_the_command_line_is_read(number):
    """Click answers Ctrl-C there with "Aborted!" and status 1."""
    ended("ganc", "profile", "--widths", 8, at="ganc.models.families", number=number)


@pytest.mark.parametrize("at", ["numpy", "paddle"])
def test_a_signal_that_is_switched_off_stays_so(at, teacher_file, tiny_data, tmp_path):
    """As of a program that a script starts in the background."""
    translating = ["ganc", "translate", str(teacher_file), str(tiny_data / "testA"), "-o", str(tmp_path / "out")]
    command = [sys.executable, "-c", SIGNALLED, "ganc.toolbox", at, str(int(signal.SIGINT)), *translating]
    script = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    subprocess.run([sys.executable, "-c", script, *command], capture_output=True, timeout=PATIENCE, check=True)
    assert len(list((tmp_path / "out").iterdir())) == 4


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_console_scripts_are_these_functions_of_distributions_of_their_own(program):
    folder = "common" if program == "ganc" else f"tools/{program.removeprefix('ganc-')}"
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == ("ganc-common" if program == "ganc" else program)
    assert project["scripts"] == {program: f"{package_of(program)}:run"}
    assert callable(importlib.import_module(package_of(program)).run)
