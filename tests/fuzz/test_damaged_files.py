"""Files of every kind, damaged at random: refused with a named error or read as they were written.

GANC_FUZZ says how many of each kind; `make test-fuzz` takes 2,000.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.fuzz_kinds import KINDS
from helpers.mutations import mutated
from helpers.support import PATIENCE

COUNT = int(os.environ.get("GANC_FUZZ", "50"))


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no way here to bound what a process takes")
@pytest.mark.parametrize("name", KINDS)
def test_damaged_files_are_refused_by_name_or_read_as_they_were_written(name):
    command = [sys.executable, "-m", "helpers.fuzz_worker", name, str(COUNT)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)]),
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE * max(1, COUNT // 50), check=False
    )
    numbered = [line.partition(" ") for line in done.stdout.splitlines()]
    faults = [f"{name} {number}: {fault}" for number, _, fault in numbered if fault]
    assert not faults, "\n".join(faults)
    last = numbered[-1][0] if numbered else "none"
    assert done.returncode == 0, f"{name} {last}: ended with status {done.returncode}: {done.stderr[-2000:]}"
    assert len(numbered) == COUNT


def test_equal_numbers_give_equal_damage_and_others_other():
    content = bytes(range(256)) * 40
    made = [mutated(content, "kind", number) for number in range(200)]
    assert made == [mutated(content, "kind", number) for number in range(200)]
    assert len({content, *made}) > 190
    assert mutated(b"", "kind", 0) is not None
