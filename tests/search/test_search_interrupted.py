"""A search that is stopped at any instant goes on where it was and ends with the rows of one that was not."""

import io
import re
import signal
import subprocess

import pytest
from helpers.agreement import assert_same_search
from helpers.stages import SLOW_ROWS, refusal, wait_until
from helpers.support import PATIENCE, UNTRAINED_SET, command_line, succeed

from ganc.base import atomic
from ganc.base.engine_table import graph_engines, usable_engines
from ganc.results.hdf5 import read_results
from ganc.results.journal import journal_path


@pytest.fixture(scope="module")
def whole(supernet_file, tiny_data, tmp_path_factory):
    """The results of an undisturbed search."""
    path = tmp_path_factory.mktemp("whole") / "search.h5"
    succeed("ganc-search", *searching(supernet_file, tiny_data), "-o", path)
    return read_results(path)


def searching(supernet, data):
    """The arguments of a search of 128 sub-networks."""
    return (
        "--supernet",
        supernet,
        "--data",
        data,
        *UNTRAINED_SET,
        "--space",
        "8,4/8,4/8,4/8,4/8,4/8,4/8,4/8",
        "--device",
        "cpu",
    )


def started(supernet, data, *options):
    line = command_line("ganc-search", *searching(supernet, data), *options)
    line[2] = SLOW_ROWS + line[2]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def rows_in(journal):
    return max(0, journal.read_bytes().count(b"\n") - 1) if journal.exists() else 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_it_between_two_sub_networks(supernet_file, tiny_data, tmp_path, whole, number, status):
    out = tmp_path / "search.h5"
    process = started(supernet_file, tiny_data, "-o", out)
    wait_until(lambda: rows_in(journal_path(out)) >= 5, process)
    process.send_signal(number)
    said, messages = process.communicate(timeout=PATIENCE)
    assert process.returncode == status
    assert said == b""
    assert b"Traceback" not in messages
    done, whole_number = re.search(
        r"after (\d+) of (\d+) .*the same command", messages.decode().splitlines()[-1]
    ).groups()
    assert int(whole_number) == 128
    stopped = read_results(out)
    assert stopped.facts["unfinished"] == "1/1"
    assert 5 <= len(stopped) == int(done) < 128
    assert [path.name for path in tmp_path.iterdir()] == ["search.h5"]

    succeed("ganc-search", *searching(supernet_file, tiny_data), "-o", out)
    finished = read_results(out)
    assert_same_search(finished, whole)
    assert finished.facts == whole.facts
    assert "unfinished" not in whole.facts
    assert all(finished.find(row.widths) == row for row in stopped)  # with their times: they were not evaluated again


SLOW_TIMES = """
import time
import ganc_search.latency
ganc_search.latency.LatencyModel._timed = lambda self, runs, watch: time.sleep(0.1) or [5.0]
"""


@pytest.mark.skipif(not usable_engines(graph_engines()), reason="neither OpenVINO nor ONNX Runtime is installed")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_while_a_list_is_timed_keeps_what_was_timed(supernet_file, tiny_data, tmp_path, number, status):
    out, kept = tmp_path / "search.h5", tmp_path / "search.h5.latency"
    told = ("-o", out, "--latency", "measured", "--max-latency", 1000)
    line = command_line("ganc-search", *searching(supernet_file, tiny_data), *told)
    line[2] = SLOW_TIMES + line[2]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: kept.exists() and kept.read_bytes().count(b"\n") > 3, process)
    process.send_signal(number)
    said, messages = process.communicate(timeout=PATIENCE)
    assert process.returncode == status
    assert said == b""
    last = messages.decode().splitlines()[-1]
    assert last == "stopped while latencies were timed; run the same command again to continue"
    assert "/128 " in messages.decode()  # a bar of all that are timed
    assert kept.read_bytes().count(b"\n") > 3
    assert [path.name for path in tmp_path.iterdir()] == ["search.h5.latency"]


@pytest.mark.skipif(not usable_engines(graph_engines()), reason="neither OpenVINO nor ONNX Runtime is installed")
@pytest.mark.parametrize("known", [True, False])
def test_a_signal_while_a_running_search_times_is_not_held_up(supernet_file, tiny_data, tmp_path, known):
    out, kept = tmp_path / "search.h5", tmp_path / "search.h5.latency"
    told = (*searching(supernet_file, tiny_data), "--samples", 12, "-o", out)
    if known:
        succeed("ganc-search", *told)
    line = command_line("ganc-search", *told, "--latency", "measured")
    line[2] = SLOW_TIMES.replace("0.1", "1") + line[2]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: kept.exists() and kept.read_bytes().count(b"\n") > 3, process)
    process.send_signal(signal.SIGTERM)
    said, messages = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (143, b"")
    last = messages.decode().splitlines()[-1]
    assert "of 12 sub-networks; run the same command again to continue" in last
    stopped = read_results(out)
    assert len(stopped) == 12  # those that were measured and not timed, too
    assert stopped.facts["unfinished"] == "1/1"
    assert 2 <= sum(row.latency_ms is not None for row in stopped) < 12
    succeed("ganc-search", *told, "--latency", "measured")
    finished = read_results(out)
    assert finished.digest == stopped.digest
    assert all(row.latency_ms is not None for row in finished)
    assert [finished.find(row.widths).seconds for row in stopped] == [row.seconds for row in stopped]
    assert "unfinished" not in finished.facts


def test_a_killed_search_goes_on_from_its_journal(supernet_file, tiny_data, tmp_path, whole):
    out = tmp_path / "search.h5"
    for rows in (5, 40):
        process = started(supernet_file, tiny_data, "-o", out)
        wait_until(lambda rows=rows: rows_in(journal_path(out)) >= rows, process)
        process.kill()
        process.communicate(timeout=PATIENCE)
        assert journal_path(out).exists()
    kept = rows_in(journal_path(out))
    assert kept >= 40
    succeed("ganc-search", *searching(supernet_file, tiny_data), "-o", out)
    assert_same_search(read_results(out), whole)
    assert [path.name for path in tmp_path.iterdir()] == ["search.h5"]


def test_a_second_search_into_one_file_is_refused(supernet_file, tiny_data, tmp_path):
    out = tmp_path / "search.h5"
    process = started(supernet_file, tiny_data, "-o", out)
    wait_until(lambda: rows_in(journal_path(out)) >= 1, process)
    process.send_signal(signal.SIGSTOP)
    try:
        said = refusal("ganc-search", *searching(supernet_file, tiny_data), "-o", out)
        assert str(journal_path(out)) in said
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate(timeout=PATIENCE)


def test_a_piped_search_goes_on_from_its_run_directory(supernet_file, tiny_data, tmp_path, whole, capfdbinary):
    process = started(supernet_file, tiny_data, "--run-dir", tmp_path, "-o", "-")
    wait_until(lambda: rows_in(tmp_path / "search.h5.journal") >= 5, process)
    process.terminate()
    said, messages = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (143, b"")
    assert "the same command" in messages.decode().splitlines()[-1]
    succeed("ganc-search", *searching(supernet_file, tiny_data), "--run-dir", tmp_path, "-o", "-")
    assert_same_search(read_results(io.BytesIO(capfdbinary.readouterr().out)), whole)


def test_a_piped_search_without_one_says_what_would_have_kept_its_rows(supernet_file, tiny_data, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = started(supernet_file, tiny_data, "-o", "-")
    wait_until(lambda: any(rows_in(journal) >= 5 for journal in tmp_path.glob("*/search.h5.journal")), process)
    process.terminate()
    said, messages = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (143, b"")
    assert "--run-dir" in messages.decode().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_results_that_cannot_be_written_stay_in_the_journal(supernet_file, tiny_data, tmp_path, whole, monkeypatch):
    out = tmp_path / "search.h5"

    def move(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "replace", move)
    said = refusal("ganc-search", *searching(supernet_file, tiny_data), "-o", out)
    for part in (str(out), "No space left", "128 rows are kept", str(journal_path(out)), "the same command continues"):
        assert part in said
    assert rows_in(journal_path(out)) == 128
    monkeypatch.undo()
    succeed("ganc-search", *searching(supernet_file, tiny_data), "-o", out)
    assert_same_search(read_results(out), whole)
    assert [path.name for path in tmp_path.iterdir()] == ["search.h5"]


def test_restart_if_changed_is_of_another_search(supernet_file, tiny_data, tmp_path):
    out = tmp_path / "search.h5"
    arguments = (*searching(supernet_file, tiny_data), "-o", out, "--restart-if-changed")
    succeed("ganc-search", *arguments, "--samples", 3)
    first = read_results(out)
    succeed("ganc-search", *arguments, "--samples", 5)
    second = read_results(out)
    assert len(second) == 5
    assert all(second.find(row.widths) == row for row in first)  # with their times: they were not evaluated again
    succeed("ganc-search", *arguments, "--samples", 3, "--size", 40)
    assert len(read_results(out)) == 3
    assert read_results(out).identity.image_size == (40, 40)
