"""The journal of a running search, and the writer that folds it into the results."""

import json
import signal
import subprocess
import sys

import pytest
from helpers.search_rows import IDENTITY, changed, eight_rows, make_results, make_row

from ganc.base.atomic import WriteError
from ganc.base.errors import FileFormatError, RunError
from ganc.report.describe import describe
from ganc.results.hdf5 import read_results, write_results
from ganc.results.journal import Journal, ResultsWriter, journal_path
from ganc.results.search_results import SearchIdentity


def test_a_journal_gives_back_its_rows_and_drops_a_half_written_line(tmp_path):
    path = tmp_path / "j"
    rows = [make_row((16, 32), latency_ms=1.5, latency_engine="e"), make_row((32, 32), metrics={})]
    journal = Journal(path, IDENTITY, {"seed": 1})
    for row in rows:
        journal.append(row)
    journal.close()
    whole = path.read_bytes()
    for tail in (b"", b'{"widths": [1', b"\0\0\0", b"\0\n"):
        path.write_bytes(whole + tail)
        journal = Journal(path, IDENTITY, {"seed": 1})
        assert journal.rows == rows
        journal.append(make_row((16, 16)))
        journal.close()
        assert path.read_bytes().startswith(whole + b'{"widths": [16, 16]')
    path.write_bytes(whole[:20])
    journal = Journal(path, IDENTITY, {})
    assert journal.rows == []
    journal.close()


def test_a_journal_of_something_else_is_refused(tmp_path):
    path = tmp_path / "j"
    Journal(path, IDENTITY, {}).close()
    with pytest.raises(RunError, match=r"space.*channels-32.*channels-48.*--restart"):
        Journal(path, changed(space="channels-48"), {})
    path.write_text("a diary\n")
    with pytest.raises(FileFormatError, match="ganc-search-journal"):
        Journal(path, IDENTITY, {})
    path.write_text("a diary")
    with pytest.raises(FileFormatError, match="ganc-search-journal"):
        Journal(path, IDENTITY, {})
    assert path.read_text() == "a diary"
    path.write_text(json.dumps({"format": "ganc-search-journal", "version": 3}) + "\n")
    with pytest.raises(FileFormatError, match="version 3"):
        Journal(path, IDENTITY, {})


def test_a_journal_damaged_in_the_middle_is_refused_with_the_line(tmp_path):
    path = tmp_path / "j"
    journal = Journal(path, IDENTITY, {})
    journal.append(make_row((16, 16)))
    journal.append(make_row((16, 32)))
    journal.close()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"rubbish\n" + lines[2])
    with pytest.raises(FileFormatError, match="line 2"):
        Journal(path, IDENTITY, {})


def test_a_line_of_other_content_than_was_written_is_damaged(tmp_path):
    path = tmp_path / "j"
    journal = Journal(path, IDENTITY, {"seed": 1})
    journal.append(make_row((16, 16)))
    journal.append(make_row((16, 32)))
    journal.close()
    whole = path.read_bytes()
    changes = [(b'"images": 60', b'"images": 61', "line 2"), (b'"crc": "', b'"crd": "', "first line")]
    for before, after, named in (*changes, (b'"seed": 1', b'"seed": 2', "first line")):
        path.write_bytes(whole.replace(before, after, 1))
        for opening in (lambda: Journal(path, IDENTITY, {}), lambda: describe(path)):
            with pytest.raises(FileFormatError, match=f"{named} is damaged"):
                opening()
    first, second, third, _ = whole.split(b"\n")
    for last in (third[:-25] + b"}", third.replace(b"60", b"61", 1)):  # the last one may have been cut off
        path.write_bytes(b"\n".join([first, second, last]) + b"\n")
        journal = Journal(path, IDENTITY, {})
        assert journal.rows == [make_row((16, 16))]
        journal.close(remove=True)


def of_version_1(path, *rows):
    """Write a journal as an older ganc did, without checksums."""
    header = {"format": "ganc-search-journal", "version": 1, "identity": IDENTITY.to_json(), "facts": {"seed": 1}}
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *rows)))


ROW = {"widths": [16, 16], "macs": 1, "device_macs": 1, "params": 1, "images": 60, "metrics": {"untrained": 1.5}}


def test_a_journal_of_version_1_is_read_and_continued(tmp_path):
    path = tmp_path / "j"
    of_version_1(path, ROW)
    assert describe(path)["has_checksum"] is False
    journal = Journal(path, IDENTITY, {"seed": 1})
    assert [row.widths for row in journal.rows] == [(16, 16)]
    journal.append(make_row((16, 32)))
    journal.close()
    journal = Journal(path, IDENTITY, {})
    assert [row.widths for row in journal.rows] == [(16, 16), (16, 32)]
    journal.close()


@pytest.mark.parametrize(
    "values",
    [
        {"macs": 1 << 63},
        {"macs": 10**39},
        {"macs": -1},
        {"macs": 1.5},
        {"macs": "12"},
        {"images": True},
        {"widths": [16, 1 << 31]},
        {"widths": [16, -1]},
        {"widths": "12"},
        {"widths": None},
        {"metrics": {"untrained": float("nan")}},
        {"metrics": {"untrained": float("inf")}},
        {"metrics": {"untrained": None}},
        {"metrics": [1]},
        {"latency_ms": "1"},
        {"latency_engine": 3},
        {"further": 1},
    ],
    ids=str,
)
def test_numbers_that_no_column_holds_and_wrong_types_are_damage(tmp_path, values):
    path = tmp_path / "j"
    of_version_1(path, ROW | values, ROW)
    for opening in (lambda: Journal(path, IDENTITY, {}), lambda: describe(path)):
        with pytest.raises(FileFormatError, match="line 2 is damaged"):
            opening()


def test_a_line_nested_too_deeply_is_damaged(tmp_path):
    path = tmp_path / "j"
    of_version_1(path, ROW, ROW)
    first, second, third, _ = path.read_text().split("\n")
    path.write_text("\n".join([first, second[:-1] + ', "further": ' + "[" * 20_000 + "]" * 20_000 + "}", third, ""]))
    with pytest.raises(FileFormatError, match="line 2 is damaged"):
        Journal(path, IDENTITY, {})


def test_a_writer_folds_its_journal_and_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "out.h5"
    rows = eight_rows()
    with ResultsWriter(path, IDENTITY, {"seed": 1}, fold_every=2) as writer:
        for row in rows[:5]:
            assert writer.done(row.widths) is None
            writer.append(row)
            assert writer.done(row.widths) == row
        assert len(read_results(path)) == 4
        assert len(writer) == 5
    assert not journal_path(path).exists()
    writer = ResultsWriter(path, IDENTITY, {"seed": 1})
    assert [row for row in rows if writer.done(row.widths)] == rows[:5]
    for row in rows[5:]:
        writer.append(row)
    results = writer.close()
    assert writer.close().digest == results.digest == make_results(rows).digest
    write_results(tmp_path / "whole.h5", make_results(rows))
    assert path.read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_a_writer_refuses_another_search_and_restart_throws_it_away(tmp_path):
    path = tmp_path / "out.h5"
    write_results(path, make_results(eight_rows()))
    other = changed(supernet_digest="another")
    with pytest.raises(RunError, match=r"supernet_digest.*supernet.*another"):
        ResultsWriter(path, other, {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.h5"]
    with ResultsWriter(path, other, {}, restart=True) as writer:
        assert len(writer) == 0
        writer.append(make_row((16, 16)))
    assert len(read_results(path)) == 1


def test_restart_if_changed_throws_another_search_away_and_keeps_an_equal_one(tmp_path):
    path = tmp_path / "out.h5"
    rows = eight_rows()
    write_results(path, make_results(rows[:5]))
    for _ in range(2):
        with ResultsWriter(path, IDENTITY, {}, restart_if_changed=True) as writer:
            assert len(writer) == 5
    journal = Journal(journal_path(path), IDENTITY, {})  # as of a search that was killed
    journal.append(rows[5])
    journal.close()
    with ResultsWriter(path, IDENTITY, {}, restart_if_changed=True) as writer:
        assert len(writer) == 6
    journal = Journal(journal_path(path), IDENTITY, {})
    journal.append(rows[6])
    journal.close()
    with ResultsWriter(path, changed(supernet_digest="another"), {}, restart_if_changed=True) as writer:
        assert len(writer) == 0
        writer.append(make_row((16, 16)))
    assert len(read_results(path)) == 1
    for foreign in (path, journal_path(path)):
        foreign.write_bytes(b"mine")
        with pytest.raises(FileFormatError):
            ResultsWriter(path, IDENTITY, {}, restart_if_changed=True)
        assert foreign.read_bytes() == b"mine"
        foreign.unlink()


def test_a_link_and_its_target_have_one_journal(tmp_path):
    (tmp_path / "there").mkdir()
    path, link = tmp_path / "there" / "out.h5", tmp_path / "link.h5"
    link.symlink_to(path)
    rows = eight_rows()
    for used, other in ((link, path), (path, link)):
        with ResultsWriter(used, IDENTITY, {}) as writer:
            writer.append(rows[0])
            assert journal_path(used) == tmp_path / "there" / "out.h5.journal"
            with pytest.raises(RunError, match="another process"):
                ResultsWriter(other, IDENTITY, {})
    journal = Journal(journal_path(link), IDENTITY, {})
    journal.append(rows[1])
    journal.close()
    assert len(ResultsWriter(path, IDENTITY, {}).close()) == 2
    with ResultsWriter(link, IDENTITY, {}, restart=True) as writer:
        writer.append(rows[2])
    assert link.is_symlink()
    assert len(read_results(path)) == 1
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["link.h5", "out.h5", "there"]


def test_a_results_file_that_could_not_be_written_is_refused_at_the_start(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / ("x" * 256)):
        with pytest.raises(WriteError, match=r"is a folder|too long"):
            ResultsWriter(path, IDENTITY, {})
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]


def test_a_writer_refuses_a_contradicting_row_and_a_second_process(tmp_path):
    path = tmp_path / "out.h5"
    with ResultsWriter(path, IDENTITY, {}) as writer:
        writer.append(make_row((16, 32), 1.0))
        with pytest.raises(FileFormatError, match="16_32"):
            writer.append(make_row((16, 32), 2.0))
        writer.append(make_row((16, 32), 2.0, images=120))
        with pytest.raises(RunError, match=r"out\.h5"):
            ResultsWriter(path, IDENTITY, {}, restart=True)
    assert read_results(path).rows[0].metrics == {"untrained": 2.0}


ENDLESS = """
import itertools, sys
from ganc.results.journal import ResultsWriter
from ganc.results.search_results import SearchIdentity
from ganc.results.table import SearchRow
identity = SearchIdentity("s", {}, "space", "m", "f", "t", "d", (8, 8))
writer = ResultsWriter(sys.argv[1], identity, {}, fold_every=3)
for width in itertools.count(len(writer) + 1):
    writer.append(SearchRow(widths=(width,), macs=1, device_macs=1, params=1, images=2, metrics={"m": width}))
    print(width, flush=True)
"""


def test_a_kill_at_any_instant_loses_no_row(tmp_path):
    path = tmp_path / "out.h5"
    identity = SearchIdentity("s", {}, "space", "m", "f", "t", "d", (8, 8))
    for rows in (1, 5, 14):
        running = subprocess.Popen([sys.executable, "-c", ENDLESS, str(path)], stdout=subprocess.PIPE, text=True)
        for _ in range(rows):
            printed = int(running.stdout.readline())
        running.send_signal(signal.SIGKILL)
        printed = max([printed, *map(int, running.stdout.read().split("\n")[:-1])])
        running.stdout.close()
        running.wait()
        if path.exists():
            read_results(path)
        writer = ResultsWriter(path, identity, {})
        # One more may have been appended and not yet printed.
        assert len(writer) in (printed, printed + 1)
        assert [writer.done((width,)).metrics["m"] for width in range(1, printed + 1)] == [*range(1, printed + 1)]
        writer.close()


def test_inspect_reads_a_journal_and_leaves_it_alone(tmp_path):
    path = tmp_path / "search.h5.journal"
    journal = Journal(path, IDENTITY, {"seed": 3})
    for row in eight_rows():
        journal.append(row)
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"widths": [1')
    before = path.read_bytes()
    described = describe(path)
    assert (described["format"], described["subnets"], described["facts"]) == ("ganc-search-journal", 8, {"seed": 3})
    assert path.read_bytes() == before
    path.write_bytes(before.replace(b'"images"', b'"pictures"', 1))
    with pytest.raises(FileFormatError, match="line 2"):
        describe(path)
