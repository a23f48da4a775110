"""What an engine's memory takes after images of ever more sizes: does it grow with the number of sizes?

    python benchmarks/image_sizes.py --sizes 1500

Each engine runs in a process of its own, on one thread, with a generator of the published compressed widths and random
weights. Prints the resident memory after some numbers of sizes, all different, and the median time of an image.
"""

import itertools
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
from tabulate import tabulate

WIDTHS = (16, 16, 32, 16, 32, 32, 16, 16)
ENGINES = ("openvino", "onnxruntime", "paddle-inference", "paddle")


def image_sizes(count: int):
    """Yield so many (width, height), multiples of 4 from 32 on, in no order of size."""
    sides = range(32, 32 + 4 * int(count**0.5 + 1), 4)
    pairs = list(itertools.product(sides, sides))
    order = np.random.default_rng(0).permutation(len(pairs))
    return [pairs[place] for place in order[:count]]


def resident_mebibytes() -> float:
    """Return what this process holds in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(engine_name: str, count: int) -> None:
    """Print the memory after 1, 2, 5, 10, … sizes, and the milliseconds an image, one line each."""
    from ganc.engines.loading import run_network
    from ganc.engines.networks import untrained
    from ganc.models.spec import GeneratorSpec

    engine = run_network(untrained(GeneratorSpec(widths=WIDTHS)), engine_name)
    shown = {scale * step for scale in (1, 10, 100, 1000) for step in (1, 2, 5)} | {count}
    seconds = []
    for number, (width, height) in enumerate(image_sizes(count), 1):
        image = np.random.default_rng(number).uniform(-1, 1, (1, 3, height, width)).astype(np.float32)
        start = time.perf_counter()
        engine(image)
        seconds.append(time.perf_counter() - start)
        if number in shown:
            print(number, f"{resident_mebibytes():.0f}", f"{1e3 * statistics.median(seconds):.1f}", flush=True)


@click.command()
@click.option("--sizes", default=1500, show_default=True, help="How many different sizes.")
@click.option("--engine", "engines", multiple=True, default=ENGINES, show_default=True)
@click.option("--measure", "measured", hidden=True, help="Measure this engine in this process.")
def main(sizes: int, engines: tuple[str, ...], measured: str | None) -> None:
    """Print a table of memory by number of sizes."""
    if measured:
        measure(measured, sizes)
        return
    table: dict[int, dict] = {}
    for engine in engines:
        command = [sys.executable, __file__, "--sizes", str(sizes), "--measure", engine]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            number, mebibytes, milliseconds = line.split()
            row = table.setdefault(int(number), {"sizes": number})
            row |= {f"{engine}, MiB": mebibytes, f"{engine}, ms": milliseconds}
    print(tabulate([table[number] for number in sorted(table)], headers="keys"))


if __name__ == "__main__":
    main()
