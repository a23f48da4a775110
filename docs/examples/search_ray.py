"""Evaluate a list of sub-networks on Ray: python search_ray.py LIST PARTS OUTPUT.h5 OPTIONS-OF-GANC-SEARCH..."""

import os
import subprocess
import sys
from pathlib import Path

import ray

source, parts, target, *options = sys.argv[1:]
configs = sorted(Path(source).read_text().split())  # neighbours share their first segments
folder = os.getcwd()  # shared by all machines


@ray.remote(num_cpus=2, max_retries=2)
def evaluate(number):
    part = f"{target}.{number}.h5"  # a task that is tried again goes on with the rows that are in it
    mine = configs[number * len(configs) // int(parts) : (number + 1) * len(configs) // int(parts)]
    command = ["ganc-search", *options, "--configs", "-", "-o", part]
    subprocess.run(command, input="\n".join(mine), text=True, cwd=folder, check=True)
    return part


ray.init()
files = ray.get([evaluate.remote(number) for number in range(int(parts))])
subprocess.run(["ganc", "merge", *files, "-o", target], check=True)
