"""How soon a search of millions of sub-networks begins, and in how much memory.

    python benchmarks/search_space.py [--space channels-64-pix2pix] [--strategies exhaustive random …]

An untrained supernet as wide as the space, images of 32x32. For each strategy: seconds until the line that says what
is searched, of the clock and of the processor; seconds until the first sub-networks are measured; and the largest
memory until then. A search is ended there by SIGTERM; what comes later depends on the images.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tabulate import tabulate

from ganc.base.direction import Direction
from ganc.demo.dataset import write_demo_set
from ganc.files.checkpoint import GENERATOR, Checkpoint, write_checkpoint
from ganc.models.convolutions import initial_state
from ganc.models.space import parse_space
from ganc.models.spec import GeneratorSpec
from ganc.models.task import CYCLEGAN
from ganc.results.journal import journal_path

SIZE = 32
IMAGES, RACED = 4, 12  # a race needs more, for a part of them
BUDGET = ("--max-macs", "60M")  # at 32x32; about half of the named spaces of width 64
STRATEGIES = {
    "exhaustive": (),
    "exhaustive, budget": BUDGET,
    "shard 2/3": ("--shard", "2/3"),
    "racing": ("--racing",),
    "random": ("--samples", "64"),
    "random, budget": ("--samples", "64", *BUDGET),
    "evolution": ("--strategy", "evolution", "--population", "32"),
    "evolution, budget": ("--strategy", "evolution", "--population", "32", *BUDGET),
    "predictor": ("--strategy", "predictor", "--samples", "64"),
    "latency table": ("--latency", "table", "--max-latency", "1000", "--samples", "64"),
    "exhaustive, latency table": ("--latency", "table", "--max-latency", "1000"),
}
LINE = "ganc-search: "  # what the first line begins with
PATIENCE = 900.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", default="channels-64-pix2pix")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=[*STRATEGIES], metavar="NAME")
    arguments = parser.parse_args()
    space = parse_space(arguments.space)
    with tempfile.TemporaryDirectory() as folder:
        data, supernet = Path(folder, "data"), Path(folder, "supernet.safetensors")
        more = Path(folder, "more")
        write_demo_set(data, train=8, test=IMAGES, size=SIZE, seed=0)
        write_demo_set(more, train=8, test=RACED, size=SIZE, seed=0)
        spec = GeneratorSpec(widths=space.largest)
        write_checkpoint(
            supernet,
            Checkpoint(
                stage="supernet",
                task=CYCLEGAN,
                direction=Direction.A_TO_B,
                networks={GENERATOR: initial_state(spec, 0, "benchmark")},
                training={"image_size": [SIZE, SIZE], "space": space.text},
            ),
        )
        common = ["--supernet", supernet, "--feature-set", "untrained-conv3-v1", "--device", "cpu"]
        for images in (data, more):  # makes the cached statistics
            _first_row([*common, "--data", images, "--samples", "1"], Path(folder, f"{images.name}.h5"))
        rows = []
        for number, name in enumerate(arguments.strategies):
            images = more if "--racing" in STRATEGIES[name] else data
            options = [*common, "--data", images, *STRATEGIES[name]]
            rows.append({"strategy": name} | _first_row(options, Path(folder, f"{number}.h5")))
    print(f"{space.text}: {len(space):,} sub-networks")
    print(tabulate(rows, headers="keys", tablefmt="github", floatfmt=".1f"))


def _first_row(options: list, output: Path) -> dict[str, float]:
    """Run a search until it has measured something; return its row of the table."""
    command = [Path(sys.executable).parent / "ganc-search", *options, "-o", output]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*map(str, command)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    )
    line = next((line for line in process.stderr if line.startswith(LINE)), None)
    if line is None:
        raise SystemExit(f"{' '.join(map(str, command))} ended before it said what it searches")
    said = time.perf_counter() - start
    used = _processor_seconds(process.pid)
    while not _has_rows(output) and time.perf_counter() - start < PATIENCE:
        time.sleep(0.02)
    measured = time.perf_counter() - start
    process.terminate()
    process.stderr.read()
    _, _, usage = os.wait4(process.pid, 0)
    return {
        "first line, s": said,
        "… of the processor": used,
        "first rows, s": measured,
        "peak memory, MiB": usage.ru_maxrss / 1024,
    }


def _has_rows(output: Path) -> bool:
    """Whether a search has measured something: a row follows the heading of its journal, or it has ended."""
    journal = journal_path(output)
    return output.exists() or (journal.exists() and journal.read_bytes().count(b"\n") > 1)


def _processor_seconds(pid: int) -> float:
    """Return the seconds that a process has used so far, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
