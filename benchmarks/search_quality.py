"""How near a search comes to the best of a space after few evaluations, on a space that was measured whole.

    python benchmarks/search_quality.py all.h5 --supernet supernet.safetensors --data DIR   measure the space, an hour
    python benchmarks/search_quality.py all.h5                                              compare strategies, minutes
    python benchmarks/search_quality.py made-up                                             the same, made-up metrics

The measured rows are replayed through the code of ganc-search; only the values come from the file. Races need the
values on the first images too, which a file that this program has measured holds; without them they are left out. The
file may be of another search of the whole space.

An evaluation is a sub-network on all images; a race's evaluations on a part of them count as that part. After so many
of them, over several seeds: the area under the front (hypervolume, up to the worst metric and the most MACs of the
space) as a part of that of all sub-networks, and by how much the best found within each of three bounds of MACs is
worse than the best there is, in parts of the metric's standard error.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from search_tables import Measured, made_up, measured_table
from tabulate import tabulate

from ganc.results.journal import ResultsWriter
from ganc.results.selection import pareto_front
from ganc.system.processes import Processes
from ganc_search.evaluate.processes import Team
from ganc_search.evaluate.rounds import Rounds
from ganc_search.settings import Budget, EvolutionSettings, ModelName, PredictorSettings
from ganc_search.strategies import Strategy
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.evolution import Evolution
from ganc_search.strategies.lists import Listed, sample
from ganc_search.strategies.predictor import Predictor
from ganc_search.strategies.racing import Racing

COUNTS = (50, 100, 150, 300)
TRIES = 6  # replays of a race that takes as many evaluations as it should
BOUNDS = (0.1, 0.3, 0.6)  # of the space's sub-networks are within each of the bounds
SHARDS = 7  # a race keeps the features of so many sub-networks in memory at once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", help="results of the whole space, or made-up")
    parser.add_argument("--supernet", type=Path, help="measure the space first: its supernet")
    parser.add_argument("--data", type=Path, help="with --supernet: the folder of images")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="evaluations")
    parser.add_argument("--models", action="store_true", help="compare the predictor's models too")
    parser.add_argument("--strategies", nargs="+", metavar="NAME", help="only these, such as 'predictor, racing'")
    arguments = parser.parse_args()
    if arguments.supernet:
        measure(arguments.supernet, arguments.data, Path(arguments.results))
    for table in made_up(3) if arguments.results == "made-up" else [measured_table(Path(arguments.results))]:
        found = contestants(table, arguments.models)
        named = [one for one in found if one.name in (arguments.strategies or [one.name])]
        compare(table, named, arguments.seeds, arguments.counts)


def measure(supernet: Path, data: Path, output: Path) -> None:
    """Measure the whole space, in a race that drops none, so that the values on the first images are kept."""
    parts = []
    for number in range(1, SHARDS + 1):
        parts.append(output.with_suffix(f".{number}{output.suffix}"))
        raced = ("--racing", "--racing-keep", "0.999999", "--shard", f"{number}/{SHARDS}")
        files = ("--supernet", supernet, "--data", data, "-o", parts[-1])
        _run("ganc-search", *files, "--strategy", "exhaustive", *raced)
    _run("ganc", "merge", *parts, "-o", output)


def _run(*command: object) -> None:
    program, *arguments = map(str, command)
    module = "ganc.toolbox" if program == "ganc" else program.replace("-", "_")
    done = subprocess.run([sys.executable, "-c", f"import {module}; {module}.run()", *arguments], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


@dataclass(frozen=True)
class Contestant:
    """A strategy by its name: made for so many evaluations, and raced or not.

    Attributes:
        spare_front: a race keeps what nothing in its round beats.
    """

    name: str
    make: Callable[[Allowed, str, int, int], Strategy]
    racing: Racing | None = None
    spare_front: bool = False


def contestants(table: Measured, models: bool) -> list[Contestant]:
    """Return what is compared."""

    def predictor(model: ModelName | None = None) -> Callable[[Allowed, str, int, int], Strategy]:
        settings = PredictorSettings(model=model)
        return lambda allowed, metric, seed, count: Predictor(allowed, metric, seed, count, settings)

    found = [
        Contestant("random", lambda allowed, _, seed, count: Listed(sample(allowed, count, seed))),
        Contestant("evolution", _evolution),
        Contestant("predictor", predictor()),
    ]
    if models:
        found += [Contestant(f"predictor, {model}", predictor(model)) for model in ModelName]
    if table.has_steps:
        found += [
            Contestant("random, racing", found[0].make, Racing()),
            Contestant("predictor, racing", found[2].make, Racing(), spare_front=True),
        ]
    return found


def _evolution(allowed: Allowed, metric: str, seed: int, count: int) -> Strategy:
    """Return an evolution of five generations: the published hundred a generation are more than most counts here."""
    return Evolution(allowed, metric, seed, EvolutionSettings(population=max(10, count // 5), evaluations=count))


def compare(table: Measured, strategies: list[Contestant], seeds: list[int], counts: list[int]) -> None:
    """Print what each strategy finds after each number of evaluations."""
    bounds = np.quantile(table.macs, BOUNDS)
    error = float(np.median(table.errors))
    print(f"\n{table.name}: {len(table.macs):,} sub-networks, {table.ranking} {table.values.min():.4g} to", end=" ")
    print(f"{table.values.max():.4g}, its standard error {error:.2g}; {len(seeds)} seeds, medians\n")
    areas, regrets = [], []
    for one in strategies:
        area, regret = {"strategy": one.name}, {"strategy": one.name}
        for count in counts:
            found = [scores(table, replayed(table, one, seed, count).places, bounds) for seed in seeds]
            area[f"{count}"] = float(np.median([score[0] for score in found]))
            worse = np.median([score[1] for score in found], axis=0) / error
            regret[f"{count}"] = " / ".join(f"{value:.2f}" for value in worse)
        areas.append(area)
        regrets.append(regret)
    print("Hypervolume of the front, as a part of the whole space's, after so many evaluations:\n")
    print(tabulate(areas, headers="keys", tablefmt="github", floatfmt=".3f"))
    said = ", ".join(f"{bound / 1e6:.1f} M" for bound in bounds)
    print(f"\nHow much worse than the best within {said} MACs, in standard errors of the metric:\n")
    print(tabulate(regrets, headers="keys", tablefmt="github"), flush=True)


class Found(NamedTuple):
    """What a strategy has found.

    Attributes:
        spent: whole evaluations.
        places: of the sub-networks that were measured on all images.
    """

    spent: float
    places: np.ndarray


def replayed(table: Measured, one: Contestant, seed: int, count: int) -> Found:
    """Return what a strategy finds with at most `count` evaluations.

    Where fronts are spared, what a race takes is known when it is over: it is run again, asking for fewer or more
    sub-networks, until it takes nearly as many.
    """
    rungs = one.racing.rungs(table.images, table.whole_batch) if one.racing else [table.images]
    asked = count if one.spare_front else _asked(count, one, rungs)
    found: dict[int, Found] = {}
    while asked not in found and len(found) < TRIES:
        found[asked] = _replayed_once(table, one, seed, asked)
        spent = found[asked].spent
        if count - 1 < spent <= count or not one.spare_front:
            break
        asked = max(1, int(asked * count / spent))
    within = [one for one in found.values() if one.spent <= count]
    if not within:
        raise SystemExit(f"{one.name}: took {spent:.1f} evaluations, not {count}")
    return max(within, key=lambda one: one.spent)


def _replayed_once(table: Measured, one: Contestant, seed: int, asked: int) -> Found:
    """Return what a strategy finds that asks for so many sub-networks."""
    allowed = Allowed(table.space, Budget(), table.costs_of)
    strategy = one.make(allowed, table.ranking, seed, asked)
    evaluator = table.evaluator()
    with (
        tempfile.TemporaryDirectory() as folder,
        ResultsWriter(Path(folder) / "search.h5", table.identity, {}) as writer,
        Team(Processes(), evaluator) as team,
    ):
        rounds = Rounds(team, writer, table.space, table.costs_of, racing=one.racing, spare_front=one.spare_front)
        for _ in rounds.run(strategy):
            pass
        rows = writer.results().rows
    whole = rows.widths[rows.images == table.images]
    return Found(evaluator.spent, np.array([table.place_of[tuple(widths)] for widths in whole.tolist()]))


def _asked(count: int, one: Contestant, rungs: list[int]) -> int:
    """Return how many sub-networks a list may have, so that it takes `count` evaluations at most."""
    asked = count * rungs[-1] // rungs[0]
    while _images(asked, rungs, one.racing) > count * rungs[-1]:
        asked -= 1
    return asked


def _images(size: int, rungs: list[int], racing: Racing | None) -> int:
    """Return on how many images, in all, a round of so many sub-networks is evaluated."""
    images = size * rungs[0]
    for before, after in pairwise(rungs):
        size = racing.count(size) if racing else size
        images += size * (after - before)
    return images


def scores(table: Measured, found: np.ndarray, bounds: np.ndarray) -> tuple[float, list[float]]:
    """Return the part of the area under the front of all, and the regret within each bound of MACs."""
    area = _area(table, found) / _area(table, np.arange(len(table.macs)))
    regret = []
    for bound in bounds:
        within = found[table.macs[found] <= bound]
        best = table.values[within].min() if len(within) else table.values.max()
        regret.append(float(best - table.values[table.macs <= bound].min()))
    return area, regret


def _area(table: Measured, places: np.ndarray) -> float:
    metric, macs = table.values[places], table.macs[places]
    front = pareto_front(metric, macs)
    front = front[np.argsort(macs[front], kind="stable")]
    ends = np.append(macs[front][1:], table.macs.max())
    return float(((table.values.max() - metric[front]) * (ends - macs[front])).sum())


if __name__ == "__main__":
    main()
