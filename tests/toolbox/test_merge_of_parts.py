"""`ganc merge`, `select` and `plot` of searches that have not all their rows: they say what is left out."""

import dataclasses

import pytest
from helpers.search_rows import IDENTITY, changed, eight_rows, make_results
from helpers.stages import refusal
from helpers.support import UNTRAINED_SET, succeed

from ganc.results.hdf5 import read_results, write_results
from ganc.results.journal import Journal, ResultsWriter, journal_path


def killed(path, rows, identity=IDENTITY):
    """Leave rows in the journal beside a results file, as a process that was killed does."""
    journal = Journal(journal_path(path), identity, {"seed": 1})
    for row in rows:
        journal.append(row)
    journal.close()


def warnings_of(*arguments):
    return [line for line in succeed("ganc", *arguments).stderr.splitlines() if "warning" in line]


@pytest.fixture
def parts(tmp_path):
    rows = eight_rows()
    for number in (1, 2):
        write_results(tmp_path / f"{number}.h5", make_results(rows[number - 1 :: 3], {"shard": f"{number}/3"}))
    killed(tmp_path / "3.h5", rows[2::3])
    return [tmp_path / "1.h5", tmp_path / "2.h5"]


def test_merge_names_the_journal_of_a_part_that_has_no_file_and_the_part(parts, tmp_path):
    merged = tmp_path / "merged.h5"
    journal, missing = warnings_of("merge", *parts, "-o", merged)
    assert f"{tmp_path / '3.h5.journal'}: has 2 rows and no 3.h5 is there" in journal
    assert "run its search again" in journal
    assert "shards are missing: 3 of 3" in missing
    assert len(read_results(merged)) == 6
    assert read_results(merged).facts["shard"] == ["1/3", "2/3"]
    with ResultsWriter(tmp_path / "3.h5", IDENTITY, {"shard": "3/3"}):
        pass  # the same command again
    # A merged file is a part too.
    assert warnings_of("merge", merged, tmp_path / "3.h5", "-o", tmp_path / "all.h5") == []
    whole = read_results(tmp_path / "all.h5")
    assert whole.digest == make_results(eight_rows()).digest
    assert "shard" not in whole.facts


def test_journals_of_other_searches_and_without_rows_are_passed_over(parts, tmp_path):
    (tmp_path / "3.h5.journal").unlink()
    killed(tmp_path / "other.h5", eight_rows(), changed(space="channels-48"))
    (tmp_path / "notes.h5.journal").write_text("mine\n")
    killed(tmp_path / "4.h5", [])
    killed(parts[0], [])
    (tmp_path / "2.h5.journal").touch()
    (missing,) = warnings_of("merge", *parts, "-o", tmp_path / "merged.h5")
    assert "3 of 3" in missing


@pytest.mark.parametrize("command", ["merge", "select", "plot"])
def test_a_journal_beside_a_file_is_named_if_it_has_rows_that_the_file_lacks(tmp_path, command):
    rows, path = eight_rows(), tmp_path / "search.h5"
    output = () if command == "select" else ("-o", tmp_path / ("out.svg" if command == "plot" else "out.h5"))
    write_results(path, make_results(rows[:5]))
    assert warnings_of(command, path, *output) == []
    killed(path, rows[3:5])  # killed between the writing of the file and the end of the journal
    assert warnings_of(command, path, *output) == []
    killed(path, rows[5:6])
    (said,) = warnings_of(command, path, *output)
    assert f"{path}.journal: has 1 row that {path} lacks" in said
    assert "run its search again" in said
    damaged = tmp_path / "search.h5.journal"
    damaged.write_text("{}\n{}\n")
    (said,) = warnings_of(command, path, *output)
    assert f"{damaged}: " in said
    assert "rows in it are left out" in said


def test_missing_shards_are_counted_by_how_many_there_are_and_few_are_named(tmp_path):
    rows = eight_rows()
    for name, shard in (("a", "2/30"), ("b", "1/2"), ("c", "2/2")):
        write_results(tmp_path / f"{name}.h5", make_results(rows[:2], {"shard": shard}))
    (said,) = warnings_of("merge", *(tmp_path / f"{name}.h5" for name in "abc"), "-o", tmp_path / "out.h5")
    assert "missing: 1, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 19 more of 30; run" in said


def test_a_search_records_its_shard_and_a_file_of_two_has_both(chain, tmp_path):
    arguments = ("ganc-search", "--supernet", chain.supernet, "--data", chain.data, *UNTRAINED_SET, "--device", "cpu")
    out = tmp_path / "search.h5"
    for part, expected in ((1, "1/8"), (2, ["1/8", "2/8"])):
        succeed(*arguments, "--shard", f"{part}/8", "-o", out)
        assert read_results(out).facts["shard"] == expected
    succeed(*arguments, "--samples", 1, "-o", out)
    assert "shard" not in read_results(out).facts


TIMED = {"latency_precision": "f32", "latency_device": "cpu, 2 threads, batch 1"}


def timed(path, rows, engine):
    """Write rows that were timed in an engine."""
    rows = [dataclasses.replace(row, latency_ms=5.0, latency_engine=engine, **TIMED) for row in rows]
    write_results(path, make_results(rows))
    return path


def test_a_set_up_of_which_no_latency_stays_is_left_out(tmp_path):
    rows, merged = eight_rows(), tmp_path / "merged.h5"
    one, other = timed(tmp_path / "1.h5", rows, "openvino"), timed(tmp_path / "2.h5", rows, "paddle")
    succeed("ganc", "merge", one, other, "-o", merged)
    assert [setup[0] for setup in read_results(merged).rows.setups] == ["openvino"]
    assert len(succeed("ganc", "select", merged, "--max-latency", 5).stdout.splitlines()) == 2 + len(rows)
    succeed("ganc", "merge", timed(tmp_path / "1.h5", rows[1:], "openvino"), other, "-o", merged)
    said = refusal("ganc", "select", merged, "--max-latency", 5)
    assert "latencies of different set-ups" in said
    assert "run ganc-search with --latency measured on this file" in said
