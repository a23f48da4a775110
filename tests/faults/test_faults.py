"""Whatever ends a command or fails in it, its output is the old or the new one, and the next run makes it whole.

Each command runs as its console script in a process of its own. At one of its operations on files it is killed, told to
end, or told by the system that the operation failed. Then the same command runs again, undisturbed.

GANC_FAULTS=all, as in `make test-faults`, takes every operation; else some of each command's.
"""

import os

import pytest
from helpers.fault_runs import COMMANDS, FEW, Fault, content, met, picked

ALL = os.environ.get("GANC_FAULTS") == "all"
# What is tried of each command: the faults, and at how many operations. A first number for all, a second for a few.
TRIED = {"SIGKILL": (None, 3), "torn": (None, 2), "SIGTERM": (None, 1), "SIGINT": (None, 1), "ENOSPC": (None, 3)}
TRIED |= {"EIO": (None, 1), "EACCES": (None, 0), "full": (None, 1)}
DAMAGED = {"torn": ("write",), "full": ("make", "write"), "ENOSPC": ("make", "write", "sync", "move")}


def runs_of(name, what):
    return pytest.param(name, what, id=f"{name} {what}")


@pytest.mark.parametrize(
    ("name", "what"),
    [runs_of(n, w) for n in (COMMANDS if ALL else FEW) for w in TRIED if TRIED[w][not ALL] != 0],
)
def test_an_output_is_the_old_or_the_new_one(name, what, cases, server, undisturbed, tmp_path, record_property):
    case = cases[name]
    folder, operations = undisturbed(name)
    whole = content(folder)
    places = picked(operations, DAMAGED.get(what, ()), TRIED[what][not ALL], f"{name} {what}")
    problems = []
    for place in places:
        fault = Fault("ENOSPC" if what == "full" else what, at=place, lasting=what == "full")
        found = met(server, case, tmp_path / f"{place}", whole, fault)
        problems += [f"{operations[place]} ({place}): {one}" for one in found]
    record_property(f"{what}: {name}", len(places))
    assert not problems, "\n".join(problems)
