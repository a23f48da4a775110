"""How near evolutions come to the best sub-network within a budget: ganc's beside the search of GAN Compression.

    python benchmarks/evolution.py
    python benchmarks/evolution.py --seeds 100

The published search is written here anew, from what its program does. The metric is made up, so that the best within
the budget is known and a search takes a second: smooth, or with a bump on every sub-network that no neighbour shares.
A table has the mean regret (metric of the best found so far, less the lowest there is) with its standard error. Only
sub-networks that were not evaluated before count as evaluations.
"""

import argparse
import random
from collections.abc import Callable, Iterator
from functools import cache, cached_property

import numpy as np
from tabulate import tabulate

from ganc.models.convolutions import Costs
from ganc.models.family import Widths
from ganc.models.space import NAMED_SPACES
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts
from ganc.results.objective import Objective
from ganc.results.table import SearchRow
from ganc_search.settings import Budget, EvolutionSettings
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.evolution import Evolution

MOMENTS = (300, 500, 1000)
PROBLEMS = (("channels-32", 2.7), ("channels-64-cyclegan", 4.0))
METRIC = "made-up"
BUMPS = np.random.RandomState(0).normal(0, 4, 1 << 16)


class KnownCosts(SubnetCosts):
    """Counts each sub-network once."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._known: dict[Widths, Costs] = {}

    def __call__(self, widths: Widths) -> Costs:
        if widths not in self._known:
            self._known[widths] = super().__call__(widths)
        return self._known[widths]


class Problem:
    """A search space, a budget in GMACs, and a metric: worse with missing channels, and where widths do not match."""

    def __init__(self, space: str, gmacs: float, rugged: bool):
        self.name = f"{space}, {gmacs:g} GMACs, {'rugged' if rugged else 'smooth'}"
        self.space, self.rugged = NAMED_SPACES[space], rugged
        self.costs = KnownCosts(GeneratorSpec(widths=self.space.largest), (256, 256))
        self.limit = int(gmacs * 1e9)
        self.value = cache(lambda widths: float(self.values(np.array([widths]))[0]))
        self.allowed = Allowed(self.space, Budget(max_macs=self.limit), self.costs)

    def values(self, widths: np.ndarray) -> np.ndarray:
        """Return the metric (N,) of widths (N, 8)."""
        first = widths[:, 0]
        missing = (self.space.largest[0] - widths) @ [3, 1, 5, 2, 4, 3, 1, 2] / 8
        apart = np.exp(-(((widths[:, 3] - widths[:, 5]) / 8) ** 2))
        smooth = 60 + missing + 20 * apart + 1.5 * np.abs(first - widths[:, 7])
        places = widths @ [1009, 9176, 28657, 5741, 33461, 13, 47629, 2971] % len(BUMPS)
        return smooth + BUMPS[places] if self.rugged else smooth

    def macs(self, widths: Widths) -> int:
        return self.costs(widths).macs

    @cached_property
    def lowest(self) -> float:
        return float(self.values(np.array([*self.allowed.listed])).min())


class EndedError(Exception):
    """As many sub-networks were evaluated as there should be."""


class Trace:
    """What was evaluated, each sub-network once, and the lowest value after each."""

    def __init__(self, problem: Problem, most: int):
        self._problem, self._most = problem, most
        self.known: dict[Widths, float] = {}

    def value(self, widths: Widths) -> float:
        if widths not in self.known:
            if len(self.known) == self._most:
                raise EndedError
            self.known[widths] = self._problem.value(widths)
        return self.known[widths]

    def regret(self, moment: int) -> float:
        """Return how far the best of the first `moment` evaluations is from the lowest; of fewer where it ended."""
        return min([*self.known.values()][:moment]) - self._problem.lowest


def published(problem: Problem, most: int, seed: int, *, joins_crossed: bool = False) -> Trace:
    """Search as the published program does, with its default numbers.

    Each generation has 50 mutants and 50 crossings of the 25 best; in the program only the mutants join the parents
    to be chosen from.

    Args:
        joins_crossed: let the crossings join them too.
    """
    draws, trace = random.Random(seed), Trace(problem, most)

    def within(make: Callable[[], Iterator[int]]) -> Widths:
        while True:
            if problem.macs(widths := tuple(make())) <= problem.limit:
                return widths

    def mutant(parent: Widths) -> Iterator[int]:
        for old, choices in zip(parent, problem.space.choices, strict=True):
            yield draws.choice(choices) if draws.random() < 0.2 else old

    def crossing(one: Widths, other: Widths) -> Iterator[int]:
        return (draws.choice(pair) for pair in zip(one, other, strict=True))

    try:
        population = [within(lambda: map(draws.choice, problem.space.choices)) for _ in range(100)]
        for _ in range(500):
            parents = sorted(population, key=trace.value)[:25]
            chosen = [draws.choice(parents) for _ in range(50)]
            mutants = [within(lambda parent=parent: mutant(parent)) for parent in chosen]
            pairs = [(draws.choice(parents), draws.choice(parents)) for _ in range(50)]
            crossed = [within(lambda pair=pair: crossing(*pair)) for pair in pairs]
            for widths in [*mutants, *crossed]:
                trace.value(widths)
            population = [*parents, *mutants, *(crossed if joins_crossed else ())]
    except EndedError:
        pass
    return trace


def evolved(problem: Problem, most: int, seed: int, objective: Objective = Objective.METRIC, **numbers: int) -> Trace:
    """Search by ganc's evolution."""
    settings = EvolutionSettings(evaluations=most, **numbers)
    strategy, trace = Evolution(problem.allowed, METRIC, seed, settings, objective), Trace(problem, most)
    while asked := strategy.ask():
        strategy.tell([_row(problem, widths, trace.value(widths)) for widths in asked])
    return trace


def _row(problem: Problem, widths: Widths, value: float) -> SearchRow:
    macs = problem.macs(widths)
    return SearchRow(widths=widths, macs=macs, device_macs=macs, params=1, images=1, metrics={METRIC: value})


SEARCHES: dict[str, Callable[[Problem, int, int], Trace]] = {
    "published": published,
    "published, crossings join": lambda *given: published(*given, joins_crossed=True),
    "ganc --objective metric": evolved,
    "the same, --population 50": lambda *given: evolved(*given, population=50),
    "ganc --objective pareto": lambda *given: evolved(*given, Objective.PARETO),
}


def regrets(search: Callable[[Problem, int, int], Trace], problem: Problem, seeds: int) -> np.ndarray:
    """Return (seeds, moments) regrets."""
    traces = [search(problem, max(MOMENTS), seed) for seed in range(seeds)]
    return np.array([[trace.regret(moment) for moment in MOMENTS] for trace in traces])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    for problem in (Problem(*named, rugged=rugged) for named in PROBLEMS for rugged in (False, True)):
        print(f"\n{problem.name}: {len(problem.allowed.listed):,} sub-networks, {seeds} seeds\n")
        rows = []
        for name, search in SEARCHES.items():
            found = regrets(search, problem, seeds)
            texts = zip(found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(seeds), strict=True)
            rows.append([name, *(f"{mean:.2f} ± {error:.2f}" for mean, error in texts)])
        print(tabulate(rows, ["search", *(f"after {moment}" for moment in MOMENTS)], tablefmt="github"), flush=True)


if __name__ == "__main__":
    main()
