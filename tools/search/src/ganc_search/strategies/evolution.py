"""Evolutionary search: the metric and a cost together, which ends with a Pareto front, or the metric alone.

Parents, children and their numbers are those of Once-for-All and GAN Compression (arXiv 1908.09791, section 3; arXiv
2003.08936, section 3.3), which keep the best by one objective. With two of them NSGA-II ranks (ganc.results.ranking):
by non-dominated fronts, and by crowding distance within one.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from ganc.base.rng import keyed_generator
from ganc.models.family import Widths
from ganc.results.objective import Objective
from ganc.results.ranking import fittest, front
from ganc.results.table import SearchRow
from ganc_search.settings import EvolutionSettings
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import sample

# A child that repeats another or exceeds the budget is made anew; so often in its own way, and so often by mutations
# that change more and more positions. Then it is drawn from everything that the budget allows.
TRIES = 20
HARDER_TRIES = 20


class Evolution:
    """The strategy that lowers what `objective` says: `metric` and MACs, or milliseconds, together, or `metric` alone.

    Every sub-network that it asks for is allowed, and none is asked for twice. What is asked depends on the seed and on
    the rows alone. Rows with fewer images than others, and rows without a finite value of the metric or without the
    cost, never become parents. It ends after the settings' generations, patience or evaluations, or when it finds no
    new sub-network.
    """

    def __init__(
        self,
        allowed: Allowed,
        metric: str,
        seed: int,
        settings: EvolutionSettings | None = None,
        objective: Objective = Objective.PARETO,
    ):
        self._settings = settings = settings or EvolutionSettings()
        self._allowed, self._metric, self._seed, self._objective = allowed, metric, seed, objective
        self._most = settings.evaluations or settings.population * (settings.generations + 1)
        self.total = min(self._most, len(allowed.space))
        self._asked = sample(allowed, min(settings.population, self._most), seed)
        self._seen = set(self._asked)
        self._survivors: list[SearchRow] = []
        self._front: list[SearchRow] = []
        self._generation = self._idle = 0

    def ask(self) -> list[Widths]:
        """Return the present generation, the largest first."""
        return self._asked

    def tell(self, rows: Iterable[SearchRow]) -> None:
        """Choose parents among the rows so far, and make the next generation of them."""
        settings, before, rows = self._settings, self._front, list(rows)
        self._survivors = fittest([*self._survivors, *rows], self._metric, settings.population, self._objective)
        self._front = front([*before, *rows], self._metric, self._objective)
        added = {row.widths for row in self._front} - {row.widths for row in before}
        self._idle = 0 if added else self._idle + 1
        ended = self._idle == settings.patience or self._generation == settings.generations
        self._asked = [] if ended else self._children([row.widths for row in self._survivors[: settings.parents]])
        self._generation += 1

    def _children(self, parents: Sequence[Widths]) -> list[Widths]:
        """Return new children, the largest first, at most a population of them."""
        count = min(self._settings.population, self._most - len(self._seen))
        mutants = round(self._settings.mutation_ratio * count)
        made = []
        for index in range(count):
            generator = keyed_generator(self._seed, "search/evolution", self._generation, index)
            tries = self._tries(parents, generator, mutate=index < mutants)
            new = (widths for widths in tries if widths and widths not in self._seen and widths in self._allowed)
            if (child := next(new, None)) is None:
                break
            self._seen.add(child)
            made.append(child)
        return sorted(made, reverse=True)

    def _tries(
        self, parents: Sequence[Widths], generator: np.random.Generator, mutate: bool
    ) -> Iterable[Widths | None]:
        probability = self._settings.mutation_probability
        if parents:
            for _ in range(TRIES):
                yield self._mutant(parents, generator, probability) if mutate else _crossed(parents, generator)
            for harder in np.linspace(probability, 1, HARDER_TRIES):
                yield self._mutant(parents, generator, harder)
        for _ in range(HARDER_TRIES):
            yield self._allowed.draw(generator)

    def _mutant(self, parents: Sequence[Widths], generator: np.random.Generator, probability: float) -> Widths:
        parent, other = parents[int(generator.integers(len(parents)))], self._allowed.space.draw(generator)
        redrawn = generator.random(len(parent)) < probability
        return tuple(new if changes else old for old, new, changes in zip(parent, other, redrawn, strict=True))


def _crossed(parents: Sequence[Widths], generator: np.random.Generator) -> Widths:
    one, other = (parents[int(generator.integers(len(parents)))] for _ in range(2))
    from_other = generator.random(len(one)) < 0.5
    return tuple(b if takes else a for a, b, takes in zip(one, other, from_other, strict=True))
