"""A search killed at 20 random instants: the file always opens, at most the group in flight is lost, a restart ends.

The engine is the command's own; only the networks are replaced by a formula, so that 20 kills take seconds.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.search_formula import METRIC, run, value
from helpers.search_rows import IDENTITY
from helpers.support import PATIENCE

from ganc.results.hdf5 import read_results
from ganc.results.journal import ResultsWriter

TESTS = Path(__file__).parents[1]
KILLS = 20
GROUP = 3

# Forks a search for each kill, so that what is imported is imported once. Arguments: folder, this repository's tests.
PROGRAM = f"""
import os, shutil, signal, sys, time, warnings
from pathlib import Path

folder = Path(sys.argv[1])
sys.path.insert(0, sys.argv[2])
warnings.simplefilter("ignore")

from ganc.base.rng import keyed_generator
from ganc.results.journal import ResultsWriter
from ganc.system.processes import Processes
from ganc_search.strategies.lists import Listed
from ganc_search.evaluate.rounds import Rounds
from ganc_search.evaluate.processes import Team
from helpers.search_formula import COSTS, SPACE, Formula, everything
from helpers.search_rows import IDENTITY


class Slow(Formula):
    def measure(self, group, images):
        with (folder / "run" / "begun").open("a") as file:
            file.write(" ".join("_".join(map(str, widths)) for widths in group) + chr(10))
        time.sleep(0.004)
        if begun() > wanted + 1:
            signal.pause()  # the kill is late: the machine is busy
        return super().measure(group, images)


def search():
    path = folder / "run" / "search.h5"
    with ResultsWriter(path, IDENTITY, {{}}, fold_every=10) as writer, Team(Processes(), Slow()) as team:
        for _ in Rounds(team, writer, SPACE, COSTS, group_size={GROUP}).run(Listed(everything())):
            pass


def begun():
    path = folder / "run" / "begun"
    return path.read_text().count(chr(10)) if path.exists() else 0


for kill in range({KILLS}):
    (folder / "run").mkdir(exist_ok=True)
    # After so many groups and a moment more: how fast the machine is does not matter.
    draws = keyed_generator(5, "kill", kill)
    wanted = begun() + draws.integers(0, 14)
    child = os.fork()
    if not child:
        search()
        os._exit(0)
    ended = 0
    while begun() < wanted and not ended:
        ended, status = os.waitpid(child, os.WNOHANG)
    if not ended:
        time.sleep(draws.uniform(0, 0.008))
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    shutil.copytree(folder / "run", folder / f"killed-{{kill}}")
    if status != signal.SIGKILL:
        shutil.rmtree(folder / "run")  # it had finished: start another one
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-c", PROGRAM, folder, TESTS]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole") / "search.h5")[0]


def states(folder):
    return [folder / f"killed-{kill}" for kill in range(KILLS)]


def test_the_kills_fell_everywhere(folder):
    sizes = []
    for state in states(folder):
        begun = state / "begun"
        sizes.append(begun.read_text().count("\n") if begun.exists() else 0)
    assert min(sizes) < 5
    assert max(sizes) >= 20


@pytest.mark.parametrize("kill", range(KILLS))
def test_after_a_kill_the_file_opens_and_only_the_group_in_flight_is_missing(folder, whole, tmp_path, kill):
    state = tmp_path / "state"
    shutil.copytree(folder / f"killed-{kill}", state)
    path = state / "search.h5"
    if path.exists():
        folded = read_results(path)
        assert all(row.metrics == {METRIC: value(row.widths, 32)} for row in folded)
    begun = (state / "begun").read_text().split("\n")[:-1] if (state / "begun").exists() else []
    with ResultsWriter(path, IDENTITY, {}) as writer:
        rows = writer.results().rows
    assert {row.widths for row in rows} <= {row.widths for row in whole}
    assert all(row.metrics == whole.find(row.widths).metrics for row in rows)
    kept = {"_".join(map(str, row.widths)) for row in rows}
    asked = {name for line in begun for name in line.split()}
    # What a kill took is the first that the next run asks for, so that losses of several kills would add up.
    assert kept <= asked
    assert len(asked - kept) <= GROUP

    finished, _ = run(path)
    assert finished.digest == whole.digest
    assert sorted(file.name for file in state.iterdir() if file.name != "begun") == ["search.h5"]
