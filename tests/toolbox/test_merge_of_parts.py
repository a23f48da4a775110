"""`ganc merge`, `select` and `plot` of searches that have not all their rows: they say what is left out."""

import dataclasses

import pytest
from helpers.search_rows import IDENTITY, changed, eight_rows, make_results
from helpers.stages import refusal
from helpers.support import UNTRAINED_SET, invoke, make_checkpoint, succeed

import ganc
from ganc.files.checkpoint import write_checkpoint
from ganc.results.hdf5 import read_results, write_results
from ganc.results.journal import Journal, ResultsWriter, journal_path, read_journal


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
    for name, shard in (("a", "2/30"), ("b", "1/2")):
        write_results(tmp_path / f"{name}.h5", make_results(rows[:2], {"shard": shard}))
    (said,) = warnings_of("merge", *(tmp_path / f"{name}.h5" for name in "ab"), "-o", tmp_path / "out.h5")
    assert "missing: 2 of 2, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 19 more of 30; run" in said


@pytest.mark.parametrize("shards", [("2/30", "1/2", "2/2"), (None, "1/4"), (["1/2", "2/2"], "1/4")], ids=str)
def test_where_a_whole_search_is_among_the_parts_nothing_is_missing(tmp_path, shards):
    paths = [tmp_path / f"{number}.h5" for number in range(len(shards))]
    for path, shard in zip(paths, shards, strict=True):
        write_results(path, make_results(eight_rows()[:2], {} if shard is None else {"shard": shard}))
    assert warnings_of("merge", *paths, "-o", tmp_path / "out.h5") == []
    assert "shard" not in read_results(tmp_path / "out.h5").facts
    # A complete file stays so, whatever shard was done again.
    assert warnings_of("merge", tmp_path / "out.h5", paths[-1], "-o", tmp_path / "again.h5") == []


def part(path, rows, text, *, ended=True):
    """Let a search write its part, and leave it without an end where that is said."""
    with ResultsWriter(path, IDENTITY, {"unfinished": text}) as writer:
        for row in rows:
            writer.append(row)
        if ended:
            writer.finish()
    return path


def test_a_part_that_was_interrupted_is_missing_until_its_search_has_ended(tmp_path):
    rows, merged = eight_rows(), tmp_path / "merged.h5"
    one = part(tmp_path / "1.h5", rows[:4], "1/2")
    two = part(tmp_path / "2.h5", rows[4:6], "2/2", ended=False)
    assert read_results(two).facts == {"unfinished": "2/2"}
    not_ended, missing = warnings_of("merge", one, two, "-o", merged)
    assert f"{two}: shard 2/2 has not ended" in not_ended
    assert "run it again to go on" in not_ended
    assert "shards are missing: 2 of 2" in missing
    assert read_results(merged).facts == {"shard": "1/2", "unfinished": "2/2"}
    not_ended, missing = warnings_of("select", merged)
    assert f"{merged}: shard 2/2 has not ended" in not_ended
    assert f"{merged}: shards are missing: 2 of 2" in missing
    part(two, rows[6:], "2/2")
    assert read_results(two).facts == {"shard": "2/2"}
    for files in ((one, two), (merged, two)):
        assert warnings_of("merge", *files, "-o", tmp_path / "whole.h5") == []
        assert read_results(tmp_path / "whole.h5").digest == make_results(rows).digest
        assert read_results(tmp_path / "whole.h5").facts == {}
    # What is whole lacks nothing of a part that is merged with it.
    other = part(tmp_path / "other.h5", rows[:1], "3/9", ended=False)
    assert warnings_of("merge", tmp_path / "whole.h5", other, "-o", merged) == []


@pytest.mark.parametrize("command", ["select", "plot"])
def test_a_search_that_was_interrupted_is_said_to_have_no_end(tmp_path, command):
    path = part(tmp_path / "search.h5", eight_rows(), "1/1", ended=False)
    output = () if command == "select" else ("-o", tmp_path / "out.svg")
    (said,) = warnings_of(command, path, *output)
    assert f"{path}: its search has not ended" in said
    part(path, [], "1/1")
    assert "unfinished" not in read_results(path).facts
    assert warnings_of(command, path, *output) == []


def test_a_part_that_was_killed_before_its_first_fold_keeps_its_name(tmp_path):
    path, rows = tmp_path / "search.h5", eight_rows()
    for number, text in enumerate(("1/4", "2/4")):  # each killed, as the next one begins
        journal = Journal(journal_path(path), IDENTITY, {"unfinished": text})
        journal.append(rows[number])
        journal.close()
        part(path, [], "3/4", ended=False)
    assert len(read_results(path)) == 2
    assert read_results(path).facts == {"unfinished": ["1/4", "2/4", "3/4"]}
    part(path, rows[2:4], "2/4")
    assert read_results(path).facts == {"shard": "2/4", "unfinished": ["1/4", "3/4"]}
    part(path, rows[4:], "1/1", ended=False)
    assert read_results(path).facts == {"shard": "2/4", "unfinished": ["1/1", "1/4", "3/4"]}
    part(path, [], "1/1")
    assert read_results(path).facts == {}


def test_a_journal_says_whose_rows_it_has_though_it_was_opened_by_another_part(tmp_path):
    path, rows = tmp_path / "search.h5", eight_rows()
    Journal(journal_path(path), IDENTITY, {"unfinished": "1/4"}).close()  # killed without a row
    writer = ResultsWriter(path, IDENTITY, {"unfinished": "2/4"})
    writer.append(rows[0])
    assert read_journal(journal_path(path)).facts == {"unfinished": "2/4"}
    writer.close()


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


def test_a_part_without_rows_is_a_part(tmp_path):
    empty = part(tmp_path / "1.h5", [], "1/2")
    assert (len(read_results(empty)), read_results(empty).facts) == (0, {"shard": "1/2"})
    two, merged = part(tmp_path / "2.h5", eight_rows(), "2/2"), tmp_path / "merged.h5"
    assert warnings_of("merge", empty, two, "-o", merged) == []
    assert read_results(merged).digest == make_results(eight_rows()).digest
    succeed("ganc", "inspect", empty)
    assert "no row is in" in refusal("ganc", "merge", empty, "-o", merged)
    assert "has no rows" in refusal("ganc", "select", empty)
    assert "no row" in refusal("ganc", "plot", empty, "-o", tmp_path / "front.svg")
    two.unlink()
    merged.unlink()
    succeed("ganc", "report", tmp_path, "-o", tmp_path / "report.html")
    part(empty, eight_rows()[:2], "1/2")  # under a higher bound
    assert len(read_results(empty)) == 2


@pytest.fixture
def unfinished(tmp_path):
    """A supernet, and the results of a part that was killed after its file was written."""
    supernet = make_checkpoint("supernet")
    write_checkpoint(tmp_path / "supernet.safetensors", supernet)
    rows, identity = eight_rows(), changed(supernet_digest=supernet.digest)
    write_results(tmp_path / "search.h5", make_results(rows[:4], {"unfinished": "2/3"}, identity))
    return tmp_path / "search.h5"


NOT_ENDED = "shard 2/3 has not ended"
MISSING = "shards are missing: 1, 2 and 3 of 3"


@pytest.mark.parametrize("stage", ["finetune", "export"])
def test_a_stage_that_selects_from_results_says_what_they_lack(unfinished, tmp_path, stage):
    supernet = tmp_path / "supernet.safetensors"
    given = ("--supernet", supernet, "--results", unfinished, "--max-macs", 1, "-o", tmp_path / "out")
    given += ("--teacher", supernet, "--data", tmp_path) if stage == "finetune" else ()
    for said in ((NOT_ENDED, MISSING), ("has 1 row that", MISSING)):
        result = invoke(f"ganc-{stage}", *given)
        assert result.exit_code == 1
        assert "no sub-network satisfies --max-macs 1" in result.stderr
        warned = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
        assert len(warned) == len(said)
        assert all(text in line for text, line in zip(said, warned, strict=True))
        killed(unfinished, eight_rows()[4:5], read_results(unfinished).identity)


def test_select_of_the_library_and_a_report_say_what_results_lack(unfinished, tmp_path):
    with pytest.warns(UserWarning, match=r"2/3 has not|2 and 3 of 3") as noticed:
        assert len(ganc.select(unfinished)) == 4
    assert [MISSING in str(one.message) for one in noticed] == [False, True]
    assert {one.filename for one in noticed} == {__file__}
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    not_ended, missing = warnings_of("report", tmp_path, "-o", tmp_path / "report.html")
    assert f"{unfinished}: {NOT_ENDED}" in not_ended
    assert MISSING in missing
