"""Latency of sub-networks from a table of their segments, beside the measured one: 20 random ones of channels-32.

    python benchmarks/latency.py [--engine openvino] [--precision bf16] [--subnets 20]

The table is built as `ganc-search --latency table` builds it: every different segment timed once, the sums corrected by
some sub-networks timed whole. Those that are compared are others.
"""

import argparse

import numpy as np
from search_setup import random_supernet
from tabulate import tabulate

from ganc.base.engine_table import graph_engines, usable_engines
from ganc.base.rng import keyed_generator
from ganc.models.family import format_widths
from ganc.models.space import NAMED_SPACES
from ganc.system.runtime import engine_threads
from ganc_search.latency import Deployed, LatencyModel
from ganc_search.settings import LatencyKind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    engines = usable_engines(graph_engines())
    parser.add_argument("--engine", choices=engines, help="all that are installed, unless named")
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32", help="bf16 in openvino alone")
    parser.add_argument("--size", type=int, default=256, help="width and height of the image")
    parser.add_argument("--subnets", type=int, default=20, help="sub-networks to compare on")
    arguments = parser.parse_args()
    for engine in [arguments.engine] if arguments.engine else engines:
        _compare(engine, arguments.precision, arguments.size, arguments.subnets)


def _compare(engine: str, precision: str, size: int, count: int) -> None:
    space = NAMED_SPACES["channels-32"]
    state = random_supernet(size).generator
    table, whole = (
        LatencyModel(state, space, (size, size), kind, Deployed(engine, precision))
        for kind in (LatencyKind.TABLE, LatencyKind.MEASURED)
    )
    table.build_table()
    rows = []
    for index in range(count):
        widths = space.draw(keyed_generator(0, "benchmark/latency", index))
        measured, predicted = whole.of(widths), table.of(widths)
        off = 100 * (predicted / measured - 1)
        times = {"measured, ms": measured, "table, ms": predicted, "off by, %": off}
        rows.append({"widths": format_widths(widths), **times})
    print(f"{engine} {precision}, {size}x{size}, {engine_threads()} threads, batch 1\n")
    print(tabulate(rows, headers="keys", tablefmt="github", floatfmt=".2f"))
    off = np.abs([row["off by, %"] for row in rows])
    print(f"\nThe table says of itself that it is {100 * table.table_error:.1f} % off on average.")
    print(f"mean {off.mean():.1f} %, largest {off.max():.1f} %, {np.mean(off <= 10):.0%} within 10 %\n")


if __name__ == "__main__":
    main()
