"""The journal file that results and latencies share: what is no journal is never emptied."""

import pytest

from ganc.base.errors import FileFormatError
from ganc.base.journal_file import JournalFile

HEADER = {"format": "ganc-notes", "version": 1}


def opened(path, header=HEADER, **options):
    return JournalFile(path, header, lambda found: None, **options)


def test_lines_come_back_and_restart_throws_them_away(tmp_path):
    path = tmp_path / "notes"
    first = opened(path)
    first.write({"a": 1})
    first.close()
    again = opened(path)
    assert again.lines == [{"a": 1}]
    again.close()
    anew = opened(path, {**HEADER, "version": 2}, restart=True)  # of another version: thrown away all the same
    assert anew.lines == []
    anew.close()


@pytest.mark.parametrize("content", [b"a letter to mother\n", b"{}\n", b"\x00" * 40])
def test_somebody_else_s_file_is_kept(tmp_path, content):
    path = tmp_path / "letter"
    path.write_bytes(content)
    for restart in (False, True):
        with pytest.raises(FileFormatError, match="letter"):
            opened(path, restart=restart)
    assert path.read_bytes() == content
