"""The lock on a file: one process at a time, and nobody holds what was removed."""

import subprocess
import sys

import pytest

from ganc.base.errors import RunError
from ganc.base.lock import lock

HOLDER = """
import sys
from pathlib import Path
from ganc.base.lock import lock

file = open(sys.argv[1], "w")
lock(file, Path(sys.argv[1]), "")
print("held", flush=True)
sys.stdin.read()  # until it is killed
"""


def test_a_second_process_is_refused_until_the_first_ends(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    try:
        with path.open("w") as file, pytest.raises(RunError, match=rf"{tmp_path}.*--elsewhere"):
            lock(file, tmp_path, "use --elsewhere")
    finally:
        holder.kill()
        holder.communicate()
    with path.open("w") as file:
        lock(file, tmp_path, "")


def test_a_file_is_free_again_when_it_is_closed(tmp_path):
    for _ in range(2):
        with (tmp_path / "lock").open("w") as file:
            lock(file, tmp_path, "")
            with (tmp_path / "lock").open("w") as second, pytest.raises(RunError, match="another process"):
                lock(second, tmp_path, "wait")


def test_a_file_that_was_removed_after_it_was_opened_is_not_held(tmp_path):
    path = tmp_path / "lock"
    with path.open("w") as file:
        path.unlink()
        with pytest.raises(RunError, match="removed"):
            lock(file, path, "")
    with path.open("w") as file:
        path.unlink()
        path.write_text("somebody else's")
        with pytest.raises(RunError, match="removed"):
            lock(file, path, "")
