"""One way to open a file: whatever stands at a path, the error names it and says what was expected there."""

import hashlib
import os
import subprocess

import pytest

from ganc.base.errors import DataError, FileFormatError
from ganc.base.reading import open_file, read_bytes, require_file, sha256_of


def test_a_file_is_read_whole(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    require_file(tmp_path / "file", "anything")
    assert read_bytes(tmp_path / "file", "anything") == b"content"
    assert read_bytes(tmp_path / "file", "anything", limit=7) == b"content"
    assert sha256_of(tmp_path / "file", "anything") == hashlib.sha256(b"content").hexdigest()
    with open_file(tmp_path / "file", "anything") as file:
        assert file.read(3) == b"con"


def test_what_cannot_be_opened_is_named_with_what_was_expected(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    for name, word in (
        ("absent", "no such file"),
        ("file/below", "no such file"),
        ("link", "no such file"),
        ("loop", "cannot be read"),
        (".", "is a folder"),
        ("pipe", "is no regular file"),
        ("/dev/zero", "is no regular file"),
        ("n" * 300, "cannot be read"),
        ("a\0b", "no file has such a name"),
    ):
        for read in (require_file, open_file, read_bytes, sha256_of):
            with pytest.raises(DataError) as caught:
                read(tmp_path / name, "a list of images", DataError)
            assert word in str(caught.value)
            assert "a list of images" in str(caught.value)
            assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_must_not_be_read_is_named(tmp_path):
    (tmp_path / "file").touch(0o000)
    with pytest.raises(FileFormatError, match="file"):
        require_file(tmp_path / "file", "anything")


def test_a_file_that_is_larger_than_it_may_be_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(FileFormatError, match="6 bytes"):
        read_bytes(tmp_path / "file", "anything", limit=6)


def test_a_pipe_is_read_where_it_may_be(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["sh", "-c", f"printf content > '{tmp_path / 'pipe'}'"]):
        assert read_bytes(tmp_path / "pipe", "anything", pipe=True) == b"content"
