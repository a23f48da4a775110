"""Standard streams that are full or closed: a message where one can be printed, a status, never a traceback."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from helpers.support import PATIENCE, command_line

COMMANDS = [
    ("ganc", "--help"),
    ("ganc", "--version"),
    ("ganc", "profile", "--help"),
    ("ganc-replace", "--help"),
    ("ganc", "profile", "--widths", "8"),
    ("ganc", "profile", "--widths", "8", "--json"),
]


def shell(redirected: str, *command: str) -> subprocess.CompletedProcess:
    line = f"{shlex.join(command_line(*command))} {redirected}"
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, timeout=PATIENCE)


def assert_one_line(said: str, *parts: str) -> None:
    """Assert that standard error holds one line, and that it names each of `parts`."""
    (line,) = said.splitlines()
    for part in parts:
        assert part in line


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_full_standard_output_is_said_in_one_line(command):
    done = shell("> /dev/full", *command)
    assert done.returncode == 1
    assert_one_line(done.stderr, "standard output", "No space left on device")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
def test_results_on_a_full_standard_output_are_said_in_one_line():
    golden = Path(__file__).parents[1] / "golden" / "results-v2.h5"
    done = shell("> /dev/full", "ganc", "merge", str(golden), "-o", "-")
    assert done.returncode == 1
    assert_one_line(done.stderr, "standard output", "No space left on device")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_closed_standard_output_is_said_in_one_line(command):
    done = shell(">&-", *command)
    assert done.returncode == 1
    assert_one_line(done.stderr, "standard output", "Bad file descriptor")
    assert shell(">&- 2>&-", *command).returncode == 1


def test_a_full_or_closed_standard_error_changes_no_result():
    for redirected in ("2>&-", "2> /dev/full", "<&-", "<&- 2>&-"):
        done = shell(redirected, "ganc", "profile", "--widths", "8")
        assert (done.returncode, done.stderr) == (0, "")
        assert "parameters" in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
@pytest.mark.parametrize(
    ("status", "command"),
    [
        (2, ("ganc-distill", "--nope")),
        (2, ("ganc", "nope")),
        (2, ("ganc", "profile", "--widths", "x")),
        (1, ("ganc", "inspect", "absent")),
    ],
)
def test_a_full_or_closed_standard_error_changes_no_exit_status(status, command):
    for redirected in ("2> /dev/full", "2>&-"):
        assert shell(redirected, *command).returncode == status


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path):
    """What is printed must not end up in a file that was opened when descriptor 1 was free."""
    done = shell(
        "<&- >&- 2>&-", "ganc", "data", "demo", str(tmp_path / "demo"), "--train", "2", "--test", "2", "--size", "32"
    )
    assert done.returncode in (0, 1)
    assert {path.read_bytes()[:4] for path in tmp_path.rglob("*.png")} == {b"\x89PNG"}
    for path in tmp_path.rglob("*.txt"):
        assert all(line.endswith(".png") for line in path.read_text().split())


def test_a_closed_standard_input_is_an_empty_one():
    done = shell("<&-", "ganc", "select", "-")
    assert done.returncode == 1
    assert_one_line(done.stderr, "standard input")


@pytest.mark.parametrize(
    "command",
    [
        ("ganc", "evaluate", "absent", "--data", "absent", "--json"),
        ("ganc", "evaluate", "absent", "absent"),
        ("ganc", "bench", __file__),
        ("ganc-search", "--supernet", "absent", "--data", "absent", "--rank-check", "3"),
        ("ganc-search", "--supernet", "absent", "--data", "absent", "-o", "-"),
    ],
)
def test_what_prints_its_results_looks_at_standard_output_before_it_works(command):
    done = shell(">&-", *command)
    assert done.returncode == 1
    assert_one_line(done.stderr, "standard output")
