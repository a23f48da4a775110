"""How long each command takes to answer `--help`.

    python benchmarks/startup.py [--repeats 7]

The commands take turns; medians of whole processes.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tabulate import tabulate

COMMANDS = ("ganc", "ganc-replace", "ganc-distill", "ganc-supernet", "ganc-search", "ganc-finetune", "ganc-export")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    folder = Path(sys.executable).parent
    seconds = {command: [] for command in COMMANDS}
    for repeat in range(repeats + 1):
        for command in COMMANDS:
            start = time.perf_counter()
            subprocess.run([folder / command, "--help"], capture_output=True, check=True)
            if repeat:  # the first round warms the disk's cache
                seconds[command].append(time.perf_counter() - start)
    rows = [
        {"command": f"{command} --help", "ms": 1000 * statistics.median(times)} for command, times in seconds.items()
    ]
    print(tabulate(rows, headers="keys", tablefmt="github", floatfmt=".0f"))


if __name__ == "__main__":
    main()
