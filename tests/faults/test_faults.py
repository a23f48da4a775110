"""Whatever ends a command or fails in it, its output is the old or the new one, and the next run makes it whole.

Each command runs as its console script in a process of its own. At one of its operations on files it is killed, told to
end, or told by the system that the operation failed. Then the same command runs again, undisturbed.

GANC_FAULTS=all, as in `make test-faults`, takes every operation of each command, GANC_FAULTS=5 five of them.
"""

import pytest
from helpers.fault_runs import ALL, COMMANDS, FEW, MOST, Fault, content, met, picked

# The faults, and at how many operations each is tried in the quick form.
TRIED = {"SIGKILL": 3, "torn": 2, "SIGTERM": 1, "SIGINT": 1, "ENOSPC": 3, "EIO": 1, "EACCES": 0, "full": 1}
DAMAGED = {"torn": ("write",), "full": ("make", "write"), "ENOSPC": ("make", "write", "sync", "move", "swap")}


def runs_of(name, what):
    return pytest.param(name, what, id=f"{name} {what}")


@pytest.mark.parametrize(
    ("name", "what"),
    [runs_of(n, w) for n in (COMMANDS if ALL else FEW) for w in TRIED if ALL or TRIED[w]],
)
def test_an_output_is_the_old_or_the_new_one(name, what, cases, server, undisturbed, tmp_path, record_property):
    case = cases[name]
    folder, operations = undisturbed(name)
    whole = content(folder)
    places = picked(operations, DAMAGED.get(what, ()), MOST if ALL else TRIED[what], f"{name} {what}")
    problems = []
    for place in places:
        fault = Fault("ENOSPC" if what == "full" else what, at=place, lasting=what == "full")
        found = met(server, case, tmp_path / f"{place}", whole, fault)
        problems += [f"{operations[place]} ({place}): {one}" for one in found]
    record_property(f"{what}: {name}", len(places))
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", [name for name in FEW if name != "ganc translate"])
def test_a_file_is_on_the_disk_before_it_takes_its_place(name, undisturbed):
    """Else a power cut leaves an empty one; sample images are left out, and so are all images."""
    _, operations = undisturbed(name)
    moved = [line.split()[1] for line in operations if line.startswith("move ") and line.endswith(".part")]
    synced = [line.split()[1] for line in operations if line.startswith("sync ")]
    outputs = [path for path in moved if ".png." not in path]
    assert outputs
    assert [path for path in outputs if not any(f"{one}/".startswith(f"{path}/") for one in synced)] == []


@pytest.mark.parametrize("what", ["SIGKILL", "SIGTERM", "EIO"])
@pytest.mark.parametrize("swaps", [True, False])
def test_a_folder_takes_the_place_of_another(swaps, what, cases, server, undisturbed, tmp_path, record_property):
    """In one step, or where the system has none, by two renames; the fault comes at each of them."""
    case = cases["ganc-export"]
    whole = content(undisturbed("ganc-export")[0])
    (ended,) = server.run(case.prepare(tmp_path / "counted"), case.command, Fault(swaps=swaps))
    kinds = [line.split()[0] for line in ended.operations]
    last = [number for number, line in enumerate(ended.operations) if line == "swap dist"]
    assert len(last) == swaps
    if not swaps:
        moves = [number for number, kind in enumerate(kinds) if kind == "move"]
        last = moves[-2:]
        assert ended.operations[last[0]] == "move dist"
    problems = []
    for place in last:
        found = met(server, case, tmp_path / f"{place}", whole, Fault(what, at=place, swaps=swaps))
        problems += [f"{ended.operations[place]} ({place}): {one}" for one in found]
    record_property(f"{what} while folders change places: ganc-export", len(last))
    assert not problems, "\n".join(problems)
