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


def run(library, chain, folder, parts, **environment):
    """Run an example over list.txt of a folder into its search.h5."""
    options = ("--supernet", chain.supernet, "--data", chain.data, *UNTRAINED_SET, "--device", "cpu")
    arguments = map(str, ("list.txt", parts, "search.h5", *options))
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"search_{library}.py", *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return read_results(folder / "search.h5")


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
    (tmp_path / "list.txt").write_text("".join(f"{format_widths(widths)}\n" for widths in widths_of_space(SPACE)))
    found = run(library, chain, tmp_path, 2)
    assert_same_search(found, read_results(chain.search), other_facts=("strategy",))


@pytest.mark.parametrize("library", STAND_INS)
def test_a_list_has_comments_and_fewer_lines_than_parts(library, chain, tmp_path):
    for name, text in STAND_INS[library].items():
        (tmp_path / "modules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "modules" / name).write_text(text)
    path = os.pathsep.join(filter(None, (str(tmp_path / "modules"), os.environ.get("PYTHONPATH"))))
    first, second, *_ = widths_of_space(SPACE)
    lines = ["# 32 of them", "", f" {format_widths(second)}  # the other", format_widths(first)]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    found = run(library, chain, tmp_path, 5, PYTHONPATH=path)
    assert {row.widths for row in found} == {first, second}
    assert len([*tmp_path.glob("search.h5.*.h5")]) == 2
