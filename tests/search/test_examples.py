"""The programs in docs/examples that drive searches on clusters, each run where its library is."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers.agreement import assert_same_search
from helpers.stages import SPACE, widths_of_space
from helpers.support import PATIENCE, UNTRAINED_SET

from ganc.models.family import format_widths
from ganc.models.spec import parse_widths
from ganc.results.hdf5 import read_results

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


# The little of each library that its example calls, here one task after another in one process.
STAND_INS = {
    "ray": {
        "ray.py": """
def init(): pass
def get(results): return results
def remote(**options):
    def deal(function):
        function.remote = function
        return function
    return deal
"""
    },
    "dask": {
        "dask/__init__.py": "",
        "dask/distributed.py": """
class Client:
    def __init__(self, **options): pass
    def __enter__(self): return self
    def __exit__(self, *error): pass
    def map(self, function, *each, **all): return [function(*one, **all) for one in zip(*each)]
    def gather(self, results): return results
""",
    },
}


def call(library, chain, folder, parts, **environment):
    """Run an example over list.txt of a folder, and return its process."""
    options = ("--supernet", chain.supernet, "--data", chain.data, *UNTRAINED_SET, "--device", "cpu")
    arguments = map(str, ("list.txt", parts, "search.h5", *options))
    return subprocess.run(
        [sys.executable, EXAMPLES / f"search_{library}.py", *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def run(library, chain, folder, parts, **environment):
    """Run an example over list.txt of a folder into its search.h5."""
    done = call(library, chain, folder, parts, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return read_results(folder / "search.h5")


@pytest.fixture
def stood_in(tmp_path):
    """Return a function that gives the environment in which a library is its stand-in."""

    def environment(library):
        for name, text in STAND_INS[library].items():
            (tmp_path / "modules" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "modules" / name).write_text(text)
        paths = (str(tmp_path / "modules"), os.environ.get("PYTHONPATH"))
        return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}

    return environment


def write_list(folder, *lines):
    (folder / "list.txt").write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize(
    "library",
    [
        pytest.param(
            name, marks=pytest.mark.skipif(find_spec(module) is None, reason=f"needs {module}, for an example")
        )
        for name, module in (("ray", "ray"), ("dask", "distributed"))
    ],
)
def test_a_list_in_parts_has_the_rows_of_an_exhaustive_search(library, chain, tmp_path):
    write_list(tmp_path, *map(format_widths, widths_of_space(SPACE)))
    found = run(library, chain, tmp_path, 2)
    assert_same_search(found, read_results(chain.search), other_facts=("strategy",))


@pytest.mark.parametrize("library", STAND_INS)
def test_a_list_has_comments_and_fewer_lines_than_parts(library, chain, tmp_path, stood_in):
    first, second, *_ = widths_of_space(SPACE)
    write_list(tmp_path, "# 32 of them", "", f" {format_widths(second)}  # the other", format_widths(first))
    found = run(library, chain, tmp_path, 5, **stood_in(library))
    assert {row.widths for row in found} == {first, second}
    assert len([*tmp_path.glob("search.h5.*.h5")]) == 2


@pytest.mark.parametrize("library", STAND_INS)
def test_another_list_begins_anew_and_goes_on_where_it_is_the_same(library, chain, tmp_path, stood_in):
    first, second, third = sorted(map(format_widths, widths_of_space(SPACE)))[:3]
    write_list(tmp_path, first, second)
    earlier = run(library, chain, tmp_path, 2, **stood_in(library))
    write_list(tmp_path, first, third)
    found = run(library, chain, tmp_path, 2, **stood_in(library))
    assert {row.widths for row in found} == {parse_widths(first), parse_widths(third)}
    assert found.find(parse_widths(first)) == earlier.find(parse_widths(first))  # with its time


@pytest.mark.parametrize("library", STAND_INS)
def test_a_list_of_comments_alone_is_refused(library, chain, tmp_path, stood_in):
    write_list(tmp_path, "# none yet", "")
    done = call(library, chain, tmp_path, 2, **stood_in(library))
    assert (done.returncode, done.stderr) == (1, "list.txt: names no sub-network\n")
    assert not [*tmp_path.glob("search.h5*")]
