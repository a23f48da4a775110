"""The programs in docs/examples that drive searches on clusters, each run where its library is."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers.stages import SPACE, widths_of_space
from helpers.support import PATIENCE, UNTRAINED_SET

from ganc.models.family import format_widths
from ganc.results.hdf5 import read_results

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


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
    options = ("--supernet", chain.supernet, "--data", chain.data, *UNTRAINED_SET, "--device", "cpu")
    arguments = map(str, ("list.txt", 2, "search.h5", *options))
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"search_{library}.py", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert read_results(tmp_path / "search.h5").digest == read_results(chain.search).digest
