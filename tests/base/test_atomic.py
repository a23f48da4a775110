"""Writing beside the place: the old file or the new one, and nothing else."""

import contextlib
import os
import socket
import stat
from pathlib import Path

import pytest

from ganc.base.atomic import WriteError, place_of, replacing, require_writable
from ganc.base.atomic_folder import replacing_folder

MARKER = "made-by-ganc"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_made_with_its_folders_and_the_usual_permissions(tmp_path):
    path = tmp_path / "new" / "er" / "Größe 馬.txt"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert names(path.parent) == [path.name]
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old")

    def fail_half_way():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail_half_way()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_until_the_block_ends_a_reader_sees_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with path.open() as reader:
        with replacing(path) as temporary:
            temporary.write_text("new")
            assert path.read_text() == "old"
        assert path.read_text() == "new"
        assert reader.read() == "old"


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(WriteError, match="file/below") as caught, replacing(tmp_path / "file/below"):
        pass
    assert "\n" not in str(caught.value)
    (tmp_path / "folder").mkdir()
    with pytest.raises(WriteError, match="folder"), replacing(tmp_path / "folder") as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_write_permission_is_named(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(WriteError, match="file"), replacing(tmp_path / "file"):
        pass
    tmp_path.chmod(0o755)


def test_what_could_not_be_written_later_is_refused_now(tmp_path):
    (tmp_path / "file").write_text("old")
    require_writable(tmp_path / "file")
    require_writable(tmp_path / "new" / "file")
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == ["file"]
    (tmp_path / "new").mkdir()
    with pytest.raises(WriteError, match="new: is a folder"):
        require_writable(tmp_path / "new")
    with pytest.raises(WriteError, match="file/below"):
        require_writable(tmp_path / "file" / "below")
    with pytest.raises(WriteError, match="file/be/low"):
        require_writable(tmp_path / "file" / "be" / "low")


@pytest.mark.parametrize("name", ["x" * 245, "x" * 255, "馬" * 82 + ".png", "new/" + "x" * 255])
def test_a_long_name_can_be_written(tmp_path, name):
    require_writable(tmp_path / name)
    for content in ("old", "new"):
        with replacing(tmp_path / name) as temporary:
            temporary.write_text(content)
    assert (tmp_path / name).read_text() == "new"
    assert len(names((tmp_path / name).parent)) == 1


@pytest.mark.parametrize("name", ["x" * 256, "馬" * 86, "x" * 256 + "/file", "new/" + "x" * 256 + "/file"])
def test_a_name_that_is_too_long_is_refused_before_anything_is_made(tmp_path, name):
    for use in (require_writable, lambda path: replacing(path).__enter__()):
        with pytest.raises(WriteError, match="too long"):
            use(tmp_path / name)
    assert names(tmp_path) in ([], ["new"])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
def test_a_full_disk_is_noticed_before(tmp_path, monkeypatch):
    """The disk is full for whatever writes into the temporary file."""
    made = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", lambda path, content: made(Path("/dev/full"), content))
    with pytest.raises(WriteError, match="No space"):
        require_writable(tmp_path / "file")
    assert names(tmp_path) == []


def test_a_link_stays_and_what_it_points_to_is_written(tmp_path):
    (tmp_path / "there").mkdir()
    for name, old in (("file", "old"), ("new", None)):
        path = tmp_path / "there" / name
        if old:
            path.write_text(old)
        (tmp_path / name).symlink_to(path)
        require_writable(tmp_path / name)
        with replacing(tmp_path / name) as temporary:
            temporary.write_text("content")
        assert (tmp_path / name).is_symlink()
        assert path.read_text() == "content"
    assert names(tmp_path / "there") == ["file", "new"]
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for use in (require_writable, place_of):
        with pytest.raises(WriteError, match="loop"):
            use(tmp_path / "loop")


def test_what_is_no_regular_file_is_refused_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as bound, contextlib.chdir(tmp_path):
        bound.bind("socket")
        (tmp_path / "link").symlink_to(tmp_path / "pipe")
        for name in ("pipe", "socket", "link", os.devnull):
            with pytest.raises(WriteError, match=name):
                require_writable(tmp_path / name)
            with pytest.raises(WriteError, match=name), replacing(tmp_path / name):
                pytest.fail("the block must not run")
            with pytest.raises(WriteError, match=name), replacing_folder(tmp_path / name, MARKER):
                pytest.fail("the block must not run")
        assert names(tmp_path) == ["link", "pipe", "socket"]
        assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
        assert stat.S_ISSOCK((tmp_path / "socket").stat().st_mode)
