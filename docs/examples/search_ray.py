"""Evaluate a list of sub-networks on Ray: python search_ray.py LIST PARTS OUTPUT.h5 OPTIONS-OF-GANC-SEARCH..."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import ray

source, most, target, *options = sys.argv[1:]
lines = [line.partition("#")[0].strip() for line in Path(source).read_text().splitlines()]
configs = sorted({*lines} - {""})  # neighbours share their first segments
if not configs:
    sys.exit(f"{source}: names no sub-network")
parts = min(int(most), len(configs))  # of which none is empty
folder = os.getcwd()  # shared by all machines


def command(name):
    """A command of the environment of this Python, which need not be the active one; else one that is on the path."""
    return shutil.which(name, path=Path(sys.executable).parent) or name


@ray.remote(num_cpus=2, max_retries=2)
def evaluate(number):
    mine = "\n".join(configs[number * len(configs) // parts : (number + 1) * len(configs) // parts])
    # A task that is tried again goes on with the rows in its file; those of another list are in another file.
    part = f"{target}.{number}.{hashlib.sha256(mine.encode()).hexdigest()[:8]}.h5"
    search = [command("ganc-search"), *options, "--configs", "-", "-o", part]
    subprocess.run(search, input=mine, text=True, cwd=folder, check=True)
    return part


ray.init()
files = ray.get([evaluate.remote(number) for number in range(parts)])
subprocess.run([command("ganc"), "merge", *files, "-o", target], check=True)
