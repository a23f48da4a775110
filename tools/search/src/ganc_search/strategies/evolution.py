"""Evolutionary search with two objectives, a metric and MACs; it ends with a Pareto front.

Parents, children and their numbers are those of Once-for-All and GAN Compression (arXiv 1908.09791, section 3; arXiv
2003.08936, section 3.3), which keep the best by one objective. Here NSGA-II ranks (Deb, Pratap, Agarwal, Meyarivan, "A
fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE Transactions on Evolutionary Computation 6(2), 2002):
by non-dominated fronts, and by crowding distance within one. The two ranking functions are short beside the front that
ganc has anyway, and keyed draws need no state, so no library is used.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ganc.base.rng import keyed_generator
from ganc.models.space import SearchSpace
from ganc.models.spec import Widths
from ganc.models.subnets import SubnetCosts
from ganc.results.selection import pareto_front
from ganc.results.table import SearchRow
from ganc_search.strategies.candidates import Allowed, Budget, LatencyOf, Strategy, drawn

# A child that repeats another or exceeds the budget is made anew; so often in its own way, and so often by mutations
# that change more and more positions. Then it is drawn from everything that the budget allows.
TRIES = 20
HARDER_TRIES = 20


@dataclass(frozen=True, kw_only=True)
class EvolutionSettings:
    """The numbers of an evolution; the defaults are the published ones, `patience` is ganc's own.

    Attributes:
        population: sub-networks of the first round, and children of every further one.
        generations: rounds of children at most.
        parent_ratio: parents, as a part of the population.
        mutation_ratio: the part of the children that one parent makes by mutation; two make the others by crossover.
        mutation_probability: of drawing a position anew in a mutation (published: 0.2 to 0.4).
        patience: end after so many generations in a row that added nothing to the Pareto front.
        evaluations: end after so many sub-networks; None for no such bound.
    """

    population: int = 100
    generations: int = 500
    parent_ratio: float = 0.25
    mutation_ratio: float = 0.5
    mutation_probability: float = 0.3
    patience: int = 10
    evaluations: int | None = None

    def __post_init__(self):
        for name in ("population", "generations", "patience", "evaluations"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} (={value}) must be at least 1")
        for name in ("parent_ratio", "mutation_ratio", "mutation_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} (={getattr(self, name)}) must be between 0 and 1")

    @property
    def parents(self) -> int:
        """How many parents a generation has at most."""
        return max(1, round(self.parent_ratio * self.population))


def evolution(
    space: SearchSpace,
    budget: Budget,
    costs_of: SubnetCosts,
    objective: str,
    seed: int,
    settings: EvolutionSettings | None = None,
    latency_of: LatencyOf | None = None,
) -> Strategy:
    """Return the strategy that lowers the metric `objective` and MACs together.

    Every sub-network that it asks for satisfies the budget, and none is asked for twice. What is asked depends on the
    seed and on the rows alone, so a search that starts again asks the same and goes on where it was. Rows that stand on
    fewer pictures than others, and rows without a finite value of the metric, never become parents.

    It ends after the settings' generations, patience or evaluations, or when it finds no new sub-network.

    Raises:
        SelectionError: not even the smallest sub-network satisfies the budget.
    """
    settings = settings or EvolutionSettings()
    allowed = Allowed(space, budget, costs_of, latency_of)
    return _generations(allowed, objective, seed, settings)


def _generations(allowed: Allowed, objective: str, seed: int, settings: EvolutionSettings) -> Strategy:
    most = settings.evaluations or math.inf
    candidates = drawn(allowed, int(min(settings.population, most)), seed)
    seen = set(candidates)
    survivors: list[SearchRow] = []
    front: list[SearchRow] = []
    idle = 0
    for generation in range(settings.generations + 1):
        rows = yield candidates
        survivors = fittest([*survivors, *rows], objective, settings.population)
        front, before = _front([*front, *rows], objective), front
        idle = 0 if {row.widths for row in front} - {row.widths for row in before} else idle + 1
        count = int(min(settings.population, most - len(seen)))
        if idle == settings.patience or generation == settings.generations:
            return
        breeding = _Breeding(allowed, [row.widths for row in survivors[: settings.parents]], settings, seed)
        candidates = breeding.children(generation, count, seen)
        if not candidates:
            return


class _Breeding:
    """The children of one generation's parents."""

    def __init__(self, allowed: Allowed, parents: Sequence[Widths], settings: EvolutionSettings, seed: int):
        self._allowed, self._parents, self._settings, self._seed = allowed, parents, settings, seed

    def children(self, generation: int, count: int, seen: set[Widths]) -> list[Widths]:
        """Return up to `count` children, the largest first, that are not in `seen`, and add them to it."""
        made = []
        mutants = round(self._settings.mutation_ratio * count)
        for index in range(count):
            generator = keyed_generator(self._seed, "search/evolution", generation, index)
            tries = self._tries(generator, mutate=index < mutants)
            child = next((widths for widths in tries if widths not in seen and widths in self._allowed), None)
            child = child or self._unseen(generator, seen)
            if child is None:
                break
            seen.add(child)
            made.append(child)
        return sorted(made, reverse=True)

    def _tries(self, generator: np.random.Generator, mutate: bool) -> Iterable[Widths]:
        probability = self._settings.mutation_probability
        if not self._parents:
            return
        for _ in range(TRIES):
            yield self._mutant(generator, probability) if mutate else self._crossed(generator)
        for harder in np.linspace(probability, 1, HARDER_TRIES):
            yield self._mutant(generator, harder)

    def _parent(self, generator: np.random.Generator) -> Widths:
        return self._parents[int(generator.integers(len(self._parents)))]

    def _mutant(self, generator: np.random.Generator, probability: float) -> Widths:
        parent, other = self._parent(generator), self._allowed.space.draw(generator)
        redrawn = generator.random(len(parent)) < probability
        return tuple(new if changes else old for old, new, changes in zip(parent, other, redrawn, strict=True))

    def _crossed(self, generator: np.random.Generator) -> Widths:
        one, other = self._parent(generator), self._parent(generator)
        from_other = generator.random(len(one)) < 0.5
        return tuple(b if takes else a for a, b, takes in zip(one, other, from_other, strict=True))

    def _unseen(self, generator: np.random.Generator, seen: set[Widths]) -> Widths | None:
        for _ in range(HARDER_TRIES):
            child = self._allowed.draw(generator)
            if child is not None and child not in seen:
                return child
        return None


def fittest(rows: Sequence[SearchRow], objective: str, count: int) -> list[SearchRow]:
    """Return the best `count` of the rows that may have children, best first: by front, then the least crowded.

    Rows may have children that stand on the most pictures of all and have a finite value of the metric. Ties go to
    the larger widths.
    """
    rows = sorted(_judged(rows, objective), key=lambda row: row.widths, reverse=True)
    points = _points(rows, objective)
    ranks = nondominated_ranks(*points)
    crowding = np.empty(len(rows))
    for rank in range(ranks.max(initial=-1) + 1):
        members = ranks == rank
        crowding[members] = crowding_distances(*points[:, members])
    order = np.lexsort([-crowding, ranks])[:count]
    return [rows[place] for place in order]


def nondominated_ranks(metric: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Return the front of each point: 0 for what no point beats, 1 for what only those beat, and so on.

    Both arrays are (N,) and finite; smaller is better (Deb et al. 2002, section III.A).
    """
    ranks = np.full(len(metric), -1)
    left = np.arange(len(metric))
    rank = 0
    while len(left):
        front = pareto_front(metric[left], cost[left])
        ranks[left[front]] = rank
        left = np.delete(left, front)
        rank += 1
    return ranks


def crowding_distances(*objectives: np.ndarray) -> np.ndarray:
    """Return how far from its neighbours each point of one front lies; infinite for the first and last.

    In each objective, an (N,) array, a point counts the distance between its two neighbours over the objective's whole
    range, and the objectives' distances add up (Deb et al. 2002, section III.B).
    """
    distances = np.zeros(len(objectives[0]))
    for values in objectives:
        order = np.argsort(values, kind="stable")
        spread = values[order[-1]] - values[order[0]]
        distances[order[[0, -1]]] = math.inf
        if spread > 0:
            distances[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / spread
    return distances


def _judged(rows: Sequence[SearchRow], objective: str) -> list[SearchRow]:
    most = max((row.images for row in rows), default=0)
    return [row for row in rows if row.images == most and math.isfinite(row.metrics.get(objective, math.nan))]


def _front(rows: Sequence[SearchRow], objective: str) -> list[SearchRow]:
    rows = _judged(rows, objective)
    return [rows[place] for place in pareto_front(*_points(rows, objective))]


def _points(rows: Sequence[SearchRow], objective: str) -> np.ndarray:
    """Return (2, N): the metric and the MACs."""
    return np.array([[row.metrics[objective] for row in rows], [row.macs for row in rows]], np.float64)
