"""A search by ganc beside the usual loop: 27 sub-networks of channels-32, 32 images of 256x256, random weights.

    python benchmarks/search.py                 side by side, and where ganc's time goes
    python benchmarks/search.py --front         150 evaluations of all channels-32 that a model chooses, in all
    python benchmarks/search.py --memory        peak memory of an exhaustive search of channels-32 on 120 images
    python benchmarks/search.py --bookkeeping   6,561 sub-networks with a stub for the metric; a million rows in a file

The usual loop is PyTorch eager, one sub-network after another: each image through the generator alone, Inception's
features of eight at a time (pytorch-fid's network), and scipy's matrix square root. It takes turns with ganc, in
processes of their own, so that a machine that slows down favours neither. Times are medians over the turns.
"""

import argparse
import statistics
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from search_setup import BRANCH, LITE0, WHOLE, Setup, subnets
from tabulate import tabulate

TURNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256, help="width and height of the images")
    parser.add_argument("--images", type=int, help="images, 32; with --memory 120")
    parser.add_argument("--space", default=BRANCH, help="the sub-networks: a search space")
    parser.add_argument("--turns", type=int, default=TURNS, help="the usual loop takes a part of them each turn")
    parser.add_argument("--front", action="store_true", help="time a search by predictions of the whole space instead")
    parser.add_argument("--samples", type=int, default=150, help="with --front: how many it evaluates")
    parser.add_argument("--memory", action="store_true", help="measure memory instead")
    parser.add_argument("--groups", type=int, default=1, help="with --memory: groups of 27 to evaluate")
    parser.add_argument("--bookkeeping", action="store_true", help="measure journal, files and restarts instead")
    parser.add_argument("--rows", type=int, default=1_000_000, help="with --bookkeeping: rows of the large file")
    arguments = parser.parse_args()
    if arguments.bookkeeping:
        from search_files import bookkeeping, large_file

        print(tabulate(bookkeeping() + large_file(arguments.rows), headers="keys", tablefmt="github", floatfmt=".2f"))
        return
    with tempfile.TemporaryDirectory(prefix="ganc-benchmark-") as folder:
        setup = Setup(Path(folder), arguments.size)
        setup.make(arguments.images or (120 if arguments.memory else 32))
        if arguments.front:
            print(_front(setup, arguments.samples))
        elif arguments.memory:
            print(_memory_text(setup.part("memory", groups=arguments.groups), arguments.groups))
        else:
            _side_by_side(setup, arguments.space, arguments.turns)


def _side_by_side(setup: Setup, space: str, turns: int) -> None:
    missing = [name for name in ("torch", "pytorch_fid", "scipy") if not find_spec(name)]
    if missing:
        print(f"{', '.join(missing)} not installed: the usual loop is left out")
    usual, plain, raced, cheaply = [], [], [], []
    for turn in range(turns):
        if not missing:
            usual.append(setup.part("usual", space=space, every=turns, first=turn))
        plain.append(setup.part("ganc", space=space))
        raced.append(setup.part("ganc", space=space, racing=True))
        cheaply.append(setup.part("ganc", space=space, racing=True, cheap=LITE0))
    count = len(subnets(space))
    rows = [row for part in usual for row in part["rows"]]
    if rows:
        versions = ", ".join(f"{name} {version}" for name, version in usual[0]["versions"].items())
        print(f"The usual loop: {versions}. ganc: {plain[0]['engine']}.\n")
    ours = {"ganc": plain, "ganc --racing": raced, f"ganc --racing, first steps on {LITE0}": cheaply}
    print(tabulate(_table(rows, ours, count), headers="keys", tablefmt="github", floatfmt=".3g"))
    if rows:
        print(f"\n{_agreement(rows, plain[0]['rows'], raced[0]['rows'])}")
    profile = setup.part("profile", space=space)
    print(f"\n{tabulate(_profile_rows(profile), headers='keys', tablefmt='github', floatfmt='.3g')}")


def _front(setup: Setup, samples: int) -> str:
    """Return how long a search by predictions of all channels-32 takes, beside the usual loop over all of it."""
    usual = None
    if all(find_spec(name) for name in ("torch", "pytorch_fid", "scipy")):
        parts = setup.part("usual", space=BRANCH, every=9, first=4)["rows"]
        names = ("generator", "features", "square root")
        usual = statistics.median(sum(row["times"][name] for name in names) for row in parts)
    rows = []
    for metric in (LITE0, ""):
        done = setup.part("ganc", space=WHOLE, metric=metric, strategy="predictor", samples=samples)
        row = {"metric": metric or "Inception", "evaluations": samples, "s in all": done["seconds"]}
        rows.append(row | ({"times faster": usual * len(subnets(WHOLE)) / done["seconds"]} if usual else {}))
    said = f"The usual loop: {usual:.1f} s a sub-network, for each of {len(subnets(WHOLE)):,}.\n\n" if usual else ""
    return said + tabulate(rows, headers="keys", tablefmt="github", floatfmt=".3g")


def _table(rows: list, ours: dict[str, list], count: int) -> list[dict]:
    def total(*names: str) -> float:
        return statistics.median(sum(row["times"][name] for name in names) for row in rows)

    seconds = {name: statistics.median(run["seconds"] for run in runs) / count for name, runs in ours.items()}
    if not rows:
        return [{"search": name, "s a sub-network": value} for name, value in seconds.items()]
    root = total("generator", "features", "square root")
    fast = total("generator", "features", "fast distance")
    seconds = {"the usual loop": root, "the usual loop, fast distance": fast} | seconds
    return [
        {"search": name, "s a sub-network": value, "times faster": root / value, "with fast distance": fast / value}
        for name, value in seconds.items()
    ]


def _agreement(rows: list, plain: list, raced: list) -> str:
    values = {tuple(row["widths"]): row for row in plain}
    raced = {tuple(row["widths"]): row for row in raced}
    whole = max(row["images"] for row in plain)
    mine = np.array([values[tuple(row["widths"])]["value"] for row in rows])
    differences = [np.abs(mine / np.array([row[kind] for row in rows]) - 1).max() for kind in ("root", "fast")]
    survivors = [widths for widths, row in raced.items() if row["images"] == whole]
    race = max(abs(raced[widths]["value"] / values[widths]["value"] - 1) for widths in survivors)
    best = min(values, key=lambda widths: values[widths]["value"])
    kept = "is among them" if best in survivors else "was dropped"
    return (
        f"Largest relative difference of the distances: {differences[0]:.1e} to the usual loop's, {differences[1]:.1e} "
        f"to those by the fast formula. Racing kept {len(survivors)} of {len(raced)}, with values that differ by at "
        f"most {race:.1e}; the best of all {kept}."
    )


def _profile_rows(profile: dict) -> list[dict]:
    images = profile["images"] * profile["subnets"]
    return [
        {"ganc's time": name, "s": seconds, "%": 100 * seconds / profile["total"], "ms": 1000 * seconds / images}
        for name, seconds in sorted(profile["times"].items())
    ]


def _memory_text(found: dict, groups: int) -> str:
    return (
        f"channels-32, every segment, then {groups} groups of 27 on all images, {found['engine']}: "
        f"peak {found['peak'] / 2**30:.2f} GiB"
    )


if __name__ == "__main__":
    main()
