"""A search of two processes, started by Paddle's own launcher on the CPU (gloo), and one of two shards."""

import os
import signal
import subprocess
import sys

import pytest
from helpers.agreement import assert_same_search
from helpers.stages import SLOW_ROWS, SPACE, wait_until
from helpers.support import PATIENCE, SIZE, UNTRAINED_SET, succeed

from ganc.demo.dataset import write_demo_set
from ganc.results.hdf5 import read_results
from ganc.results.journal import journal_path, read_journal
from ganc.system.runtime import paddle

PROGRAM = """
import os, pathlib
from ganc_search.cli import main

pathlib.Path(__file__).with_name(f"pid.{os.environ['PADDLE_TRAINER_ID']}").write_text(str(os.getpid()))
main()
"""
EVOLVING = ("--strategy", "evolution", "--population", 10, "--generations", 3, "--racing", "--batch-size", 4)


@pytest.fixture(scope="module", autouse=True)
def _on_a_cpu():
    if paddle.device.is_compiled_with_cuda() and paddle.device.cuda.device_count():
        pytest.skip("here the launcher would use GPUs")


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "search.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture(scope="module")
def arguments(supernet_file, tiny_data):
    """One thread each, however many processes: sums in another order would differ in their last digits."""
    return ("--supernet", supernet_file, "--data", tiny_data, *UNTRAINED_SET, "--device", "cpu", "--group-size", 6)


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def launched(program, *arguments):
    launcher = ["-m", "paddle.distributed.launch", "--nproc_per_node", 2, "--log_dir", program.parent / "logs"]
    return subprocess.Popen(
        [sys.executable, *map(str, (*launcher, program, *arguments))],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def end(process, program):
    said, _ = process.communicate(timeout=PATIENCE)
    logs = "\n".join(path.read_text()[-3000:] for path in sorted((program.parent / "logs").glob("workerlog.*")))
    return said.decode() + logs


@pytest.mark.paddle26
@pytest.mark.parametrize("options", [("--space", SPACE), EVOLVING], ids=["exhaustive", "evolution with racing"])
def test_two_processes_give_the_rows_of_one(program, arguments, tmp_path, options, tmp_path_factory):
    one, two = tmp_path / "one.h5", tmp_path / "two.h5"
    if "--racing" in options:
        data = tmp_path_factory.mktemp("more images") / "data"
        write_demo_set(data, train=4, test=10, size=SIZE)
        options = (*options, "--data", data)
    succeed("ganc-search", *arguments, *options, "-o", one)
    process = launched(program, *arguments, *options, "-o", two)
    said = end(process, program)
    assert process.returncode == 0, said
    results = read_results(two)
    assert {row.images for row in results} == ({8, 10} if "--racing" in options else {4})
    assert_same_search(results, read_results(one))
    assert said.count(f"{len(results)} sub-networks in {two}") <= 2  # printed by one, and shown by the launcher
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "logs",
        "one.h5",
        "pid.0",
        "pid.1",
        "search.py",
        "two.h5",
    ]


@pytest.mark.parametrize("signalled", ["the first process", "the second process", "the launcher"])
def test_two_processes_stop_together_and_go_on(program, arguments, tmp_path, signalled):
    """The launcher signals its processes again after 0.2 s, and a second signal acts at once.

    So it depends on how fast a group is whether the first process still says where it stopped. The rows are kept in
    both cases; a single signal that reaches one of the processes is always answered.
    """
    out, whole = tmp_path / "search.h5", tmp_path / "whole.h5"
    program.write_text(SLOW_ROWS + PROGRAM)
    process = launched(program, *arguments, "-o", out)
    wait_until(lambda: journal_path(out).exists() and journal_path(out).read_bytes().count(b"\n") > 12, process)
    pids = {name: tmp_path / f"pid.{number}" for number, name in enumerate(("the first process", "the second process"))}
    os.kill(int(pids[signalled].read_text()) if signalled in pids else process.pid, signal.SIGTERM)
    said = end(process, program)
    assert "Traceback" not in said
    assert process.returncode != 0
    if signalled != "the launcher":
        assert "the same command" in said
        assert not journal_path(out).exists()
    stopped = [*read_results(out)] if out.exists() else []
    stopped += read_journal(journal_path(out)).rows if journal_path(out).exists() else []
    assert 12 <= len(stopped) < 256

    program.write_text(PROGRAM)
    process = launched(program, *arguments, "-o", out)
    said = end(process, program)
    assert process.returncode == 0, said
    succeed("ganc-search", *arguments, "-o", whole)
    finished = read_results(out)
    assert_same_search(finished, read_results(whole))
    assert all(finished.find(row.widths) == row for row in stopped)


def test_two_shards_give_the_rows_of_one(arguments, tmp_path):
    for name, options in {"one": (), "first": ("--shard", "1/2"), "second": ("--shard", "2/2")}.items():
        succeed("ganc-search", *arguments, "--space", SPACE, *options, "-o", tmp_path / name)
    succeed("ganc", "merge", tmp_path / "second", tmp_path / "first", "-o", tmp_path / "merged")
    assert_same_search(read_results(tmp_path / "merged"), read_results(tmp_path / "one"))
