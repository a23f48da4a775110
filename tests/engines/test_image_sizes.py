"""Images of ever more sizes: what an engine keeps for each of them is bounded."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.support import PATIENCE

from ganc.base.engine_table import usable_engines

TESTS = Path(__file__).parents[1]

# Prints the resident memory, in MiB, after each quarter of the sizes. In a process of its own: tests before it may have
# left memory that is used again.
TRANSLATE = """
import itertools, os, sys
from pathlib import Path

import numpy as np
from helpers.support import generator_spec, random_state

from ganc.engines.loading import run_network

engine, count = run_network(random_state(generator_spec(4)), sys.argv[1]), int(sys.argv[2])
sides = range(92, 12, -4)  # the largest first, so that buffers do not grow
for number, (height, width) in enumerate(itertools.islice(itertools.product(sides, sides), count), 1):
    engine(np.zeros((1, 3, height, width), np.float32))
    if number % (count // 4) == 0:
        print(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory that Linux reports")
@pytest.mark.parametrize(("engine", "count"), [("openvino", 400), ("paddle-inference", 80)])
def test_memory_does_not_go_on_growing_with_the_number_of_sizes(engine, count):
    if engine not in usable_engines((engine,)):
        pytest.skip(f"{engine} is not installed")
    done = subprocess.run(
        [sys.executable, "-c", TRANSLATE, engine, str(count)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=TESTS,
    )
    assert done.returncode == 0, done.stderr
    *_, before, after = map(float, done.stdout.split())
    assert after - before < 25  # OpenVINO without a bound takes 80 MiB for each hundred
