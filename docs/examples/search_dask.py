"""Evaluate a list of sub-networks on Dask: python search_dask.py LIST PARTS OUTPUT.h5 OPTIONS-OF-GANC-SEARCH..."""

import hashlib
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from dask.distributed import Client


def command(name):
    """A command of the environment of this Python, which need not be the active one; else one that is on the path."""
    return shutil.which(name, path=Path(sys.executable).parent) or name


def evaluate(number, configs, target, options, folder):
    mine = "\n".join(configs)
    # A task that is tried again goes on with the rows in its file; those of another list are in another file.
    part = f"{target}.{number}.{hashlib.sha256(mine.encode()).hexdigest()[:8]}.h5"
    search = [command("ganc-search"), *options, "--configs", "-", "-o", part]
    subprocess.run(search, input=mine, text=True, cwd=folder, check=True)
    return part


if __name__ == "__main__":  # workers may import this file
    source, most, target, *options = sys.argv[1:]
    lines = [line.partition("#")[0].strip() for line in Path(source).read_text().splitlines()]
    configs = sorted({*lines} - {""})  # neighbours share their first segments
    if not configs:
        sys.exit(f"{source}: names no sub-network")
    parts = min(int(most), len(configs))  # of which none is empty
    ends = [number * len(configs) // parts for number in range(parts + 1)]
    lists = [configs[start:end] for start, end in itertools.pairwise(ends)]
    with Client(threads_per_worker=1) as client:  # the cluster that DASK_SCHEDULER_ADDRESS names, else this machine
        tasks = client.map(evaluate, range(len(lists)), lists, target=target, options=options, folder=os.getcwd())
        subprocess.run([command("ganc"), "merge", *client.gather(tasks), "-o", target], check=True)
