"""Writing a folder as a whole: the old one or the new one, and nothing else."""

import contextlib
import os
import stat
from pathlib import Path

import pytest

from ganc.base import atomic_folder
from ganc.base.atomic import WriteError
from ganc.base.atomic_folder import replacing_folder

MARKER = "made-by-ganc"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(path, *files):
    """Write a folder that has the marker and some files."""
    with replacing_folder(path, MARKER) as temporary:
        for name in (*files, MARKER):
            (temporary / name).write_text(name)


def test_a_folder_is_made_whole(tmp_path):
    path = tmp_path / "new" / "model"
    with replacing_folder(path, MARKER) as temporary:
        (temporary / MARKER).touch()
        (temporary / "weights").write_text("new")
        assert not path.exists()
    assert names(path) == [MARKER, "weights"]
    assert names(path.parent) == ["model"]
    (tmp_path / "plain").mkdir()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_folder_with_the_marker_is_replaced_whole(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / MARKER).touch()
    (path / "of the old one only").touch()
    with replacing_folder(path, MARKER) as temporary:
        (temporary / MARKER).touch()
    assert names(path) == [MARKER]
    assert names(tmp_path) == ["model"]


def test_an_empty_folder_is_replaced(tmp_path):
    (tmp_path / "model").mkdir()
    with replacing_folder(tmp_path / "model", MARKER) as temporary:
        (temporary / MARKER).touch()
    assert names(tmp_path / "model") == [MARKER]


def test_a_foreign_folder_and_a_file_are_refused_before_anything_is_made(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letters.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("home", "file"):
        refused = pytest.raises(WriteError, match=f"{name}: exists")
        with refused, replacing_folder(tmp_path / name, MARKER):
            pytest.fail("the block must not run")
    assert (tmp_path / "home" / "letters.txt").read_text() == "mine"
    assert names(tmp_path) == ["file", "home"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path, error):
    path = tmp_path / "model"
    path.mkdir()
    (path / MARKER).write_text("old")

    def fail_half_way():
        with replacing_folder(path, MARKER) as temporary:
            (temporary / MARKER).write_text("half")
            raise error

    with pytest.raises(error):
        fail_half_way()
    assert (path / MARKER).read_text() == "old"
    assert names(tmp_path) == ["model"]


def test_a_link_to_a_folder_stays_and_the_folder_is_replaced(tmp_path):
    model = tmp_path / "there" / "model"
    model.mkdir(parents=True)
    (model / MARKER).write_text("old")
    (tmp_path / "link").symlink_to(model)
    with replacing_folder(tmp_path / "link", MARKER) as temporary:
        (temporary / MARKER).write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (model / MARKER).read_text() == "new"
    assert names(tmp_path / "there") == ["model"]


def test_a_folder_with_a_long_name_is_made_and_replaced(tmp_path):
    path = tmp_path / ("x" * 250)
    write(path, "one")
    write(path, "two")
    assert names(path) == [MARKER, "two"]
    assert names(tmp_path) == [path.name]


def test_the_current_folder_keeps_its_place_and_gets_the_new_content(tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    number = here.stat().st_ino
    with contextlib.chdir(here):
        write(Path("."), "one", "both")
        assert names(Path(".")) == ["both", MARKER, "one"]
        write(here, "both", "two")
        assert names(Path(".")) == ["both", MARKER, "two"]
        with pytest.raises(WriteError), replacing_folder(Path("."), MARKER) as temporary:
            (temporary / "three").touch()  # and no marker
        assert names(Path(".")) == ["both", MARKER, "two"]
    assert here.stat().st_ino == number
    assert names(tmp_path) == ["here"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("fails_at", range(5))
def test_an_error_while_the_current_folder_is_filled_leaves_it_as_it_was(tmp_path, monkeypatch, fails_at, error):
    with contextlib.chdir(tmp_path):
        write(tmp_path, "one", "both")
        done, rename, replace = [], os.rename, os.replace

        def failing(move):
            def moved(source, target):
                if len(done) == fails_at:
                    done.append(source)
                    raise error("no")
                done.append(source)
                move(source, target)

            return moved

        monkeypatch.setattr(os, "rename", failing(rename))
        monkeypatch.setattr(os, "replace", failing(replace))
        with pytest.raises((WriteError, KeyboardInterrupt)):
            write(tmp_path, "two", "both")
        monkeypatch.undo()
        assert names(tmp_path) == ["both", MARKER, "one"]
        assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["both", MARKER, "one"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("fails_at", range(2))
def test_an_error_while_a_folder_is_exchanged_leaves_the_old_one(tmp_path, monkeypatch, fails_at, error):
    write(tmp_path / "model", "one")
    monkeypatch.setattr(atomic_folder, "swap", lambda one, other: False)  # as where the system has no such thing
    rename, done = os.rename, []

    def failing(source, target):
        done.append(source)
        if len(done) == fails_at + 1:
            raise error("no")
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises((WriteError, KeyboardInterrupt)):
        write(tmp_path / "model", "two")
    assert names(tmp_path) == ["model"]
    assert names(tmp_path / "model") == [MARKER, "one"]


@pytest.mark.parametrize("swaps", [True, False])
def test_two_folders_change_places_where_the_system_can(tmp_path, monkeypatch, swaps):
    """Whoever looks, at any time, sees one folder or the other."""
    if not swaps:
        monkeypatch.setattr(atomic_folder, "swap", lambda one, other: False)
    path = tmp_path / "model"
    write(path, "one")
    seen, moved = [], os.rename

    def rename(source, target):
        moved(source, target)
        seen.append(path.exists())

    monkeypatch.setattr(os, "rename", rename)
    write(path, "two")
    assert names(path) == [MARKER, "two"]
    assert names(tmp_path) == ["model"]
    if swaps and not seen:
        return
    if swaps:
        pytest.skip("this file system cannot")
    assert False in seen
