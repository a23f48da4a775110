"""Signals that come at any moment of a command's time, not only where it uses its files; and while it starts."""

import signal
import subprocess
import sys
import time

import pytest
from helpers.fault_runs import ALL, FEW, MOST, Fault, content, met
from helpers.faulty_files import SIGNALS
from helpers.support import PATIENCE, PROGRAMS

from ganc.base.rng import keyed_generator

MOMENTS = (MOST or 25) if ALL else 1
STARTS = (MOST or 40) if ALL else 2  # tests/cli has signals while modules are imported
WORDS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}


@pytest.mark.parametrize("what", SIGNALS if ALL else ["SIGKILL"])
@pytest.mark.parametrize("name", FEW)
def test_a_signal_at_any_moment(name, what, cases, server, undisturbed, tmp_path, record_property):
    folder = undisturbed(name)[0]
    begun = time.monotonic()
    assert not met(server, cases[name], tmp_path / "timed", content(folder), Fault())
    seconds = (time.monotonic() - begun) / 2  # of a run; there were two
    problems = []
    for number in range(MOMENTS):
        after = float(keyed_generator(0, f"moments/{name}/{what}", number).uniform(0, seconds))
        found = met(server, cases[name], tmp_path / f"{number}", content(folder), Fault(what, after=after))
        problems += [f"after {after:.3f} s: {one}" for one in found]
    record_property(f"{what} at a moment: {name}", MOMENTS)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("number", WORDS)
@pytest.mark.parametrize("program", PROGRAMS if ALL else PROGRAMS[:1])
def test_a_signal_while_a_program_starts(program, number, teacher_file, tiny_data, tmp_path, record_property):
    """As a console script, from its first call on; before that Python itself answers."""
    package = "ganc.toolbox" if program == "ganc" else program.replace("-", "_")
    script = "\n".join(
        (
            "import sys",
            "from ganc.system import signals",
            f"from {package} import run",
            "first = signals.end_at_once",
            "signals.end_at_once = lambda: (first(), print(flush=True))",
            f"sys.argv[0] = {program!r}",
            "run()",
        )
    )
    arguments = ["evaluate", teacher_file, "--data", tiny_data] if program == "ganc" else ["--help"]
    command = [sys.executable, "-c", script, *map(str, arguments)]
    ends = set()
    for step in range(STARTS):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(0.01 * step)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
        ends.add((process.returncode, said.decode().strip().rpartition("\n")[2] if process.returncode else ""))
    record_property(f"{number.name} while it starts: {program}", STARTS)
    assert ends <= {(0, ""), WORDS[number]}
