"""Evolutionary search: the metric and a cost together, which ends with a Pareto front, or the metric alone.

Parents, children and their numbers are those of Once-for-All and GAN Compression (arXiv 1908.09791, section 3; arXiv
2003.08936, section 3.3), which keep the best by one objective. With two of them NSGA-II ranks (ganc.results.ranking):
by non-dominated fronts, and by crowding distance within one.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np

from ganc.base.rng import keyed_generator
from ganc.models.family import Widths
from ganc.results.objective import Objective
from ganc.results.ranking import fittest, front
from ganc.results.table import SearchRow
from ganc_search.settings import EvolutionSettings
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import sample

# A child that exceeds the budget is made anew from the same parents, so often at most.
TRIES = 100
# Where all children repeat, mutations that change more and more positions, and then draws, are tried so often.
WILDER_TRIES = 20


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
        most = settings.evaluations or settings.population * (settings.generations + 1)
        self.total = self._most = min(most, len(allowed.space))
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
        """Return new children, the largest first, at most a population of them: those that repeat nothing.

        The published search evaluates nothing twice either: what repeats takes a child's place and costs nothing, so
        that a generation of fewer is told and has children of its own sooner.
        """
        settings, left = self._settings, self._most - len(self._seen)
        mutants = round(settings.mutation_ratio * settings.population)
        made: list[Widths] = []
        for index in range(settings.population if parents else 0):
            if len(made) == left:
                break
            generator = keyed_generator(self._seed, "search/evolution", self._generation, index)
            if index < mutants:
                tries = self._mutants(parents, generator, [settings.mutation_probability] * TRIES)
            else:
                tries = _crossings(parents, generator)
            child = next((widths for widths in tries if widths in self._allowed), None)
            if child and child not in self._seen:
                self._seen.add(child)
                made.append(child)
        return sorted(made or self._further(parents, min(left, settings.population)), reverse=True)

    def _further(self, parents: Sequence[Widths], count: int) -> list[Widths]:
        """Return so many new ones where all children repeat: ever wilder mutants, then draws; fewer where none is."""
        wilder = np.linspace(self._settings.mutation_probability, 1, WILDER_TRIES)
        made: list[Widths] = []
        for index in range(count):
            generator = keyed_generator(self._seed, "search/evolution/further", self._generation, index)
            draws = (self._allowed.draw(generator) for _ in range(WILDER_TRIES))
            tries = [one for probability in wilder for one in self._mutants(parents, generator, [probability])]
            new = (widths for widths in chain(tries, draws) if widths and widths not in self._seen)
            if (child := next((widths for widths in new if widths in self._allowed), None)) is None:
                break
            self._seen.add(child)
            made.append(child)
        return made

    def _mutants(
        self, parents: Sequence[Widths], generator: np.random.Generator, probabilities: Iterable[float]
    ) -> Iterator[Widths]:
        """Yield mutants of one parent, each with a probability that a width is drawn anew; none where none is."""
        if not parents:
            return
        parent = parents[int(generator.integers(len(parents)))]
        for probability in probabilities:
            other = self._allowed.space.draw(generator)
            redrawn = generator.random(len(parent)) < probability
            yield tuple(new if changes else old for old, new, changes in zip(parent, other, redrawn, strict=True))


def _crossings(parents: Sequence[Widths], generator: np.random.Generator) -> Iterator[Widths]:
    """Yield children of two parents."""
    one, other = (parents[int(generator.integers(len(parents)))] for _ in range(2))
    for _ in range(TRIES):
        from_other = generator.random(len(one)) < 0.5
        yield tuple(b if takes else a for a, b, takes in zip(one, other, from_other, strict=True))
