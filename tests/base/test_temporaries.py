"""What killed processes leave beside an output, and that nothing else is taken for it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ganc.base.atomic import replacing
from ganc.base.atomic_folder import replacing_folder
from ganc.base.temporaries import OLD, REPLACED, remove_all_leftovers, remove_leftovers

MARKER = "made-by-ganc"

# Kills itself after so many moves, or with a temporary file or folder that nothing was done with yet.
WRITER = """
import os, signal, sys
from pathlib import Path
from ganc.base.atomic import replacing
from ganc.base import atomic_folder
from ganc.base.atomic_folder import replacing_folder

atomic_folder.swap = lambda one, other: False  # as where the system has no such thing
kind, path, moves = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def counted(move):
    def moved(source, target):
        global moves
        move(source, target)
        moves -= 1
        if not moves:
            kill()
    return moved


os.rename, os.replace = counted(os.rename), counted(os.replace)
with replacing(path) if kind == "file" else replacing_folder(path, "made-by-ganc") as temporary:
    if kind == "file":
        temporary.write_text("new")
    else:
        (temporary / "new").touch()
        (temporary / "made-by-ganc").touch()
    if not moves:
        kill()
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def killed(kind, path, moves=0, cwd=None):
    """Write in another process that is killed after so many moves."""
    done = subprocess.run([sys.executable, "-c", WRITER, kind, path, str(moves)], cwd=cwd, check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("name", ["out", "x" * 250])
def test_what_a_killed_process_left_is_removed_and_the_old_file_stays(tmp_path, name):
    path = tmp_path / name
    path.write_text("old")
    killed("file", path)
    assert len(names(tmp_path)) == 2
    remove_leftovers([tmp_path / "other", tmp_path / "elsewhere" / name])
    assert len(names(tmp_path)) == 2
    remove_leftovers([path])
    assert names(tmp_path) == [name]
    assert path.read_text() == "old"


def test_what_is_being_written_stays(tmp_path):
    with replacing(tmp_path / "out") as temporary:
        temporary.write_text("new")
        remove_leftovers([tmp_path / "out"])
        remove_all_leftovers(tmp_path)
    assert (tmp_path / "out").read_text() == "new"
    with replacing_folder(tmp_path / "folder", MARKER) as temporary:
        (temporary / MARKER).write_text("new")
        remove_leftovers([tmp_path / "folder"])
    assert names(tmp_path / "folder") == [MARKER]


@pytest.mark.parametrize(
    "name", [".out.part", ".out.12345678.part~", "out.12345678.part", ".out.1234567.part", ".out.ABCDEFGH.part"]
)
def test_files_of_others_stay(tmp_path, name):
    (tmp_path / name).touch()
    (tmp_path / ".out.12345678.part").symlink_to(name)
    os.mkfifo(tmp_path / ".out.abcdefgh.part")
    before = names(tmp_path)
    remove_leftovers([tmp_path / "out"])
    remove_all_leftovers(tmp_path)
    assert names(tmp_path) == before


@pytest.mark.parametrize("moves", [0, 1, 2])
def test_a_folder_whose_writer_was_killed_is_the_old_or_the_new_one(tmp_path, moves):
    """Killed before the old folder was moved away, after that, and after the new one was moved in."""
    path = tmp_path / "model"
    path.mkdir()
    (path / MARKER).touch()
    (path / "old").touch()
    killed("folder", path, moves)
    assert len(names(tmp_path)) > 1 - (moves == 1)
    remove_leftovers([path])
    assert names(tmp_path) == ["model"]
    assert names(path) == [MARKER, "new" if moves == 2 else "old"]


def test_a_folder_that_cannot_be_put_back_is_kept(tmp_path):
    left = tmp_path / f".model.12345678{OLD}" / REPLACED
    left.mkdir(parents=True)
    (left / "old").touch()
    (tmp_path / "model").mkdir()  # another one has its place
    remove_leftovers([tmp_path / "model"])
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize(("empty", "moves"), [(True, 0), (True, 1), (True, 2), *((False, moves) for moves in range(4))])
def test_the_current_folder_whose_writer_was_killed_can_be_written_again(tmp_path, moves, empty):
    here = tmp_path / "here"
    here.mkdir()
    if not empty:
        (here / MARKER).touch()
        (here / "old").touch()
    killed("folder", Path("."), moves, cwd=here)
    assert any(name.endswith(".part") for name in names(here))
    with replacing_folder(here, MARKER) as temporary:
        (temporary / MARKER).touch()
        (temporary / "again").touch()
    assert names(here) == sorted([MARKER, "again"])
    assert names(tmp_path) == ["here"]


def test_whoever_writes_a_file_removes_what_is_left_of_it(tmp_path):
    killed("file", tmp_path / "out")
    assert len(names(tmp_path)) == 1
    with replacing(tmp_path / "out") as temporary:
        temporary.write_text("again")
    assert names(tmp_path) == ["out"]
