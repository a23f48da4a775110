"""Training steps in several processes of one thread each, beside one process of as many threads, on a CPU.

    python benchmarks/scaling.py                      the steps of all stages at 128 pixels, a batch of two
    python benchmarks/scaling.py --sizes 256          at the published size
    python benchmarks/scaling.py --cost               what horse2zebra takes at the published settings
    python benchmarks/scaling.py --json               rows instead of a table

Layouts take turns, in processes of their own, so that a machine that slows down favours none. All have the same batch;
a time is that of a whole step, waiting for the others included: the median of a process's steps, and then of its turns.
`speed_up` compares with one process of one thread.

--cost times one step of each training stage with the networks and the batch of workflow/horse2zebra.yaml in one process
of all threads, and multiplies: epochs x images x seconds. Its rows of GPUs are estimates from FLOPs, not measurements.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from horse2zebra_cost import STAGES, cost_rows
from tabulate import tabulate
from training_setup import STEPS, Case, add_network_options, chosen_networks

from ganc.system.runtime import available_cores

PARTS = Path(__file__).with_name("scaling_parts.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS, help="what is measured")
    parser.add_argument("--sizes", nargs="+", type=int, default=(128,), help="widths and heights of the images")
    parser.add_argument("--batch", type=int, help="images of each domain in all processes; one for each unless said")
    parser.add_argument("--processes", type=int, default=available_cores(), help="how many, of one thread each")
    parser.add_argument("--turns", type=int, default=3, help="runs of each layout")
    parser.add_argument("--repeats", type=int, default=5, help="steps that each run times")
    parser.add_argument("--cost", action="store_true", help="what horse2zebra takes at the published settings")
    parser.add_argument("--json", action="store_true", help="print rows as JSON instead of a table")
    add_network_options(parser)
    arguments = parser.parse_args()
    rows = cost_rows(_seconds(arguments)) if arguments.cost else [*_scaling(arguments)]
    print(json.dumps(rows) if arguments.json else tabulate(rows, headers="keys", tablefmt="github", floatfmt=".2f"))


def _seconds(arguments: argparse.Namespace) -> dict[str, float]:
    """Return the seconds of a step of each training stage, by its name, in one process of all threads."""
    found: dict[str, list[float]] = {name: [] for name in STAGES}
    for _ in range(arguments.turns):
        for name, stage in STAGES.items():
            case = Case(size=256, batch=1, **stage.case)
            found[name].append(_timed(case, 1, available_cores(), arguments.repeats) / 1000)
    return {name: statistics.median(each) for name, each in found.items()}


def _scaling(arguments: argparse.Namespace) -> Iterator[dict]:
    networks = chosen_networks(arguments)
    count = arguments.processes
    layouts = {"1 of 1": (1, 1), f"1 of {count}": (1, count), f"{count} of 1": (count, 1)}
    for step in arguments.steps:
        for size in arguments.sizes:
            case = Case(step=step, size=size, batch=arguments.batch or count, **networks)
            times: dict[str, list[float]] = {name: [] for name in layouts}
            for _ in range(arguments.turns):
                for name, (processes, threads) in layouts.items():
                    times[name].append(_timed(case, processes, threads, arguments.repeats))
            ms = {name: statistics.median(each) for name, each in times.items()}
            for name, each in ms.items():
                row = {"step": step, "size": size, "batch": case.batch, "processes of threads": name, "ms": each}
                yield row | {"images_a_second": 1000 * case.batch / each, "speed_up": ms["1 of 1"] / each}


def _timed(case: Case, processes: int, threads: int, steps: int) -> float:
    """Return the milliseconds of a step in a layout."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "found.json"
        launcher: Sequence[object] = ()
        if processes > 1:
            launcher = ("-m", "paddle.distributed.launch", "--nproc_per_node", processes, "--log_dir", folder)
        command = (sys.executable, *launcher, PARTS, steps, json.dumps(asdict(case)), output)
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        done = subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{case.step}, {processes} of {threads}: failed\n{done.stderr[-2000:]}")
        return json.loads(output.read_text())["ms"]


if __name__ == "__main__":
    main()
