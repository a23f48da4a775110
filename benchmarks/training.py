"""Training steps of ganc beside the same networks and losses in plain PyTorch eager, on a CPU.

    python benchmarks/training.py                     a CycleGAN, a distillation and a supernet step, 256, 128 and 64
    python benchmarks/training.py --check             only whether both sides have the same losses
    python benchmarks/training.py --busy 2            while two other processes keep the cores busy
    python benchmarks/training.py --json              rows of step, size, batch, engine, ganc_ms, torch_ms, ratio

Each side runs in a process of its own, PyTorch and every engine in turn, so that a machine that slows down favours
none. Weights, images and sub-networks are the same on all sides; times count only where the losses of the first steps
are equal to 1e-3: where they are not, a row has no times, standard error says how far they differ, and the command ends
with status 1 after the other cases. A time is the median of a process's steps, and then of its turns.

With --busy, ganc is measured twice: as it sets its threads up ("default"), and with threads that sleep while they wait
("passive": OMP_WAIT_POLICY=passive KMP_BLOCKTIME=0). --busy 0 does so on a machine that is left alone.
"""

import argparse
import contextlib
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec

from tabulate import tabulate
from training_setup import ENGINES, STEPS, TORCH, WAITING, Case, add_network_options, chosen_networks

from ganc.base.engine_table import usable_engines

TOLERANCE = 1e-3
PIXELS = 256  # a batch has as many images as fit side by side in these

# Each side by its name and how its threads wait, and what its processes found.
Sides = Mapping[tuple[str, str], list[dict]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS, help="what is measured")
    parser.add_argument("--sizes", nargs="+", type=int, default=(256, 128, 64), help="widths and heights of the images")
    parser.add_argument("--batch", type=int, help=f"images of each domain; {PIXELS} / size unless said")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES, help="what runs ganc's passes")
    parser.add_argument("--turns", type=int, default=3, help="processes of each side")
    parser.add_argument("--repeats", type=int, default=5, help="steps that each process times")
    parser.add_argument("--busy", type=int, metavar="N", help="other processes that compute all the while")
    parser.add_argument("--check", action="store_true", help="compare the losses and measure no time")
    parser.add_argument("--json", action="store_true", help="print rows as JSON instead of a table")
    add_network_options(parser)
    arguments = parser.parse_args()
    engines, compared = _installed(arguments.engines), _has_torch(arguments.check)
    waiting = tuple(WAITING) if arguments.busy is not None and not arguments.check else ("default",)
    sides = [*([(TORCH, "default")] if compared else []), *((name, one) for name in engines for one in waiting)]
    rows, equal = [], True
    with _busy(arguments.busy or 0):
        for case in _cases(arguments):
            found, are_equal = _rows(case, sides, arguments)
            rows, equal = rows + found, equal and are_equal
    digits = ".1e" if arguments.check else ".2f"
    print(json.dumps(rows) if arguments.json else tabulate(rows, headers="keys", tablefmt="github", floatfmt=digits))
    sys.exit(0 if equal else 1)


def _installed(engines: Sequence[str]) -> list[str]:
    usable = [name for name in engines if name in usable_engines(tuple(engines))]
    if absent := [name for name in engines if name not in usable]:
        print(f"{', '.join(absent)} not installed: left out", file=sys.stderr)
    return usable


def _has_torch(needed: bool) -> bool:
    if find_spec("torch"):
        return True
    if needed:
        raise SystemExit("torch not installed: there is nothing to check against; install torch, or leave out --check")
    print("torch not installed: ganc is measured alone", file=sys.stderr)
    return False


def _cases(arguments: argparse.Namespace) -> list[Case]:
    networks = chosen_networks(arguments)
    return [
        Case(step=step, size=size, batch=arguments.batch or max(1, PIXELS // size), **networks)
        for step in arguments.steps
        for size in arguments.sizes
    ]


@contextlib.contextmanager
def _busy(count: int) -> Iterator[None]:
    """Keep as many processes computing within the block."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _rows(case: Case, sides: Sequence[tuple[str, str]], arguments: argparse.Namespace) -> tuple[list[dict], bool]:
    """Return a row an engine, and whether all have PyTorch's losses; a row that has others has no times."""
    turns, repeats = (1, 0) if arguments.check else (arguments.turns, arguments.repeats)
    found: Sides = {side: [] for side in sides}
    for _ in range(turns):
        for (name, waiting), parts in found.items():
            parts.append(case.part(name, repeats, waiting))
    differences = _differences(found)
    unequal = _unequal(case, differences)
    named = {"step": case.step, "size": case.size, "batch": case.batch}
    rows = []
    for name in dict.fromkeys(name for name, _ in sides if name != TORCH):
        row = named | {"engine": name}
        if arguments.check:
            row |= {"difference": differences[name]}
        else:
            times = _times(found, name, arguments.busy)
            row |= {key: value if key == "busy" or name not in unequal else None for key, value in times.items()}
        rows.append(row)
    return rows, not unequal


def _unequal(case: Case, differences: Mapping[str, float]) -> list[str]:
    """Return the engines whose losses differ from PyTorch's by more than the bound, each told on standard error."""
    names = [name for name, value in differences.items() if not value <= TOLERANCE]
    for name in names:
        print(
            f"{case.step} at {case.size}, {name}: losses differ from PyTorch's by {differences[name]:.1e} relative, "
            f"more than {TOLERANCE:g}: the sides do not compute the same, and its times do not count",
            file=sys.stderr,
        )
    return names


def _times(found: Sides, engine: str, busy: int | None) -> dict:
    def median(*side: str) -> float | None:
        return statistics.median(part["ms"] for part in found[side]) if side in found else None

    ours, theirs = median(engine, "default"), median(TORCH, "default")
    times = {"ganc_ms": ours, "torch_ms": theirs, "ratio": ours / theirs if theirs else None}
    if busy is None:
        return times
    return {"busy": busy, **times, "passive_ms": median(engine, "passive")}


def _differences(found: Sides) -> dict[str, float]:
    """Return each engine's largest relative difference to PyTorch's losses; without PyTorch none."""
    if (TORCH, "default") not in found:
        return {}
    expected = found[TORCH, "default"][0]["losses"]
    differences: dict[str, list[float]] = {}
    for (name, _), parts in found.items():
        differences.setdefault(name, []).extend(_difference(part["losses"], expected) for part in parts)
    return {name: _largest(values) for name, values in differences.items()}


def _difference(losses: list[dict], expected: list[dict]) -> float:
    return _largest(
        abs(ours[name] - value) / abs(value)
        for ours, theirs in zip(losses, expected, strict=True)
        for name, value in theirs.items()
    )


def _largest(values: Iterable[float]) -> float:
    """Return the largest value, NaN where there is one: it is larger than any bound."""
    return max(values, key=lambda value: (math.isnan(value), value))


if __name__ == "__main__":
    main()
