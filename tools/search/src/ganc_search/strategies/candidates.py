"""Which sub-networks a search looks at: all within a budget, or a random sample of them.

A strategy is a generator of rounds: it yields the sub-networks to evaluate next and is sent their finished rows, in the
order asked. `one_round` makes one of a fixed list; `ganc_search.strategies.evolution` decides by what
earlier rounds gave.
"""

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ganc.base.errors import SelectionError
from ganc.base.rng import keyed_generator
from ganc.base.text import format_count
from ganc.models.convolutions import Costs
from ganc.models.space import SearchSpace, Subnets
from ganc.models.spec import Widths, format_widths
from ganc.models.subnets import SubnetCosts
from ganc.results.table import SearchRow

Strategy = Generator[Sequence[Widths], Sequence[SearchRow], None]
LatencyOf = Callable[[Widths], float]

# A space is listed (eight bytes for each sub-network within the budget) unless more than so many have to be looked at.
LISTABLE = 1 << 25
# The costs of so many sub-networks are computed at once.
BLOCK = 1 << 21
# Draws for one sub-network, or for each of a sample, before the budget is taken to leave next to none.
TRIES = 100
# A shard has so many runs of neighbours at most.
RUNS = 8


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Upper bounds, inclusive; None is no bound. The latency is in milliseconds a picture."""

    max_macs: int | None = None
    max_params: int | None = None
    max_latency: float | None = None

    def allows(self, costs: Costs, latency: float | None = None) -> bool:
        """Whether costs, and the latency where it is given, are within the bounds."""
        within_costs = bool(self.allows_costs(costs.macs, costs.params))
        return within_costs and (self.max_latency is None or latency is None or latency <= self.max_latency)

    def allows_costs(self, macs: np.ndarray, params: np.ndarray) -> np.ndarray:
        """Return which of these costs, numbers or arrays of equal shape, are within the bounds."""
        within_macs = np.less_equal(macs, math.inf if self.max_macs is None else self.max_macs)
        return within_macs & np.less_equal(params, math.inf if self.max_params is None else self.max_params)

    def require_possible(self, space: SearchSpace, costs_of: SubnetCosts, latency_of: LatencyOf | None = None) -> None:
        """Raise SelectionError, naming the smallest possible, where not even the smallest sub-network satisfies it.

        Costs grow with every width, so the smallest sub-network has the smallest costs; of the latency that is
        taken to hold too.
        """
        smallest = costs_of(space.smallest)
        latency = latency_of(space.smallest) if latency_of and self.max_latency is not None else None
        if not self.allows(smallest, latency):
            takes = "" if latency is None else f" and takes {latency:.4g} ms a picture"
            raise SelectionError(
                f"{self.text}: no sub-network of {space.text} satisfies it; the smallest, "
                f"{format_widths(space.smallest)}, has {format_count(smallest.macs)} MACs and "
                f"{format_count(smallest.params)} parameters{takes}"
            )

    @property
    def text(self) -> str:
        """The bounds as options, such as --max-macs 2.70 G."""
        counts = {"--max-macs": self.max_macs, "--max-params": self.max_params}
        parts = [f"{name} {format_count(bound)}" for name, bound in counts.items() if bound is not None]
        return " ".join(parts + ([] if self.max_latency is None else [f"--max-latency {self.max_latency:g}"]))


class Allowed:
    """The sub-networks of a space that a budget allows: listed where that is possible, and drawn at random.

    `latency_of` gives the milliseconds a picture takes; it is asked only under a latency bound, and only for
    sub-networks within the other bounds, but for some of them more than once.

    Raises:
        SelectionError: not even the smallest sub-network satisfies the budget.
    """

    def __init__(self, space: SearchSpace, budget: Budget, costs_of: SubnetCosts, latency_of: LatencyOf | None = None):
        if budget.max_latency is not None and latency_of is None:
            raise ValueError(f"max_latency (={budget.max_latency}) needs latency_of, which tells latencies")
        budget.require_possible(space, costs_of, latency_of)
        self.space, self.budget, self._costs_of, self._latency_of = space, budget, costs_of, latency_of
        self.listed = self._listed()

    def fast_enough(self, widths: Widths) -> bool:
        """Whether a sub-network satisfies the latency bound, if there is one."""
        return self.budget.max_latency is None or self._latency_of(widths) <= self.budget.max_latency

    def __contains__(self, widths: Widths) -> bool:
        return self.budget.allows(self._costs_of(widths)) and self.fast_enough(widths)

    def draw(self, generator: np.random.Generator) -> Widths | None:
        """Draw one uniformly; None where TRIES draws found none that is fast enough.

        Of a space too large to list, and where rejection finds none within the budget, each stage in turn takes one
        of the widths that leave the budget possible: always within the costs, though no longer uniform.
        """
        for _ in range(TRIES):
            if self.listed is None:
                widths = self.space.draw(generator)
            else:
                widths = self.listed[int(generator.integers(len(self.listed)))]
            if widths in self:
                return widths
        if self.listed is not None:
            return None
        widths = self._walked(generator)
        return widths if self.fast_enough(widths) else None

    def _walked(self, generator: np.random.Generator) -> Widths:
        widths = list(self.space.smallest)
        for stage, choices in enumerate(self.space.choices):
            possible = [w for w in choices if self._within((*widths[:stage], w, *widths[stage + 1 :]))]
            widths[stage] = possible[int(generator.integers(len(possible)))]
        return tuple(widths)

    def _within(self, widths: Widths) -> bool:
        return self.budget.allows(self._costs_of(widths))

    def _listed(self) -> Subnets | None:
        """Return all within the costs, the largest first; None where more than LISTABLE have to be looked at."""
        places, looked_at = [], 0
        if math.prod(map(len, self.space.choices)) > np.iinfo(np.int64).max:
            return None
        for start, choices in self._blocks(()):
            looked_at += math.prod(map(len, choices))
            if looked_at > LISTABLE:
                return None
            macs, params = self._costs_of.totals(choices)
            places.append(start + np.flatnonzero(self.budget.allows_costs(macs, params)))
        return Subnets(self.space, np.concatenate(places))

    def _blocks(self, leading: Widths) -> Iterator[tuple[int, tuple[tuple[int, ...], ...]]]:
        """Cut the walk into parts of equal leading widths and at most BLOCK sub-networks; give start and choices.

        Parts are left out whose smallest sub-network already exceeds the budget.
        """
        rest = self.space.choices[len(leading) :]
        if not self._within((*leading, *(widths[-1] for widths in rest))):
            return
        if math.prod(map(len, rest)) > BLOCK:
            for width in rest[0]:
                yield from self._blocks((*leading, width))
            return
        start = 0
        for stage, choices in enumerate(self.space.choices):
            start = start * len(choices) + (choices.index(leading[stage]) if stage < len(leading) else 0)
        yield start, (*((width,) for width in leading), *rest)


def one_round(candidates: Sequence[Widths]) -> Strategy:
    """Ask for all candidates at once: the strategy of a search whose candidates do not depend on its results."""
    yield candidates


def exhaustive(
    space: SearchSpace, budget: Budget, costs_of: SubnetCosts, latency_of: LatencyOf | None = None
) -> Subnets:
    """Return all sub-networks within the budget, the largest first, neighbours sharing their leading widths.

    Raises:
        SelectionError: there is none, or there are too many (see LISTABLE).
    """
    allowed = Allowed(space, budget, costs_of, latency_of)
    if allowed.listed is None:
        raise SelectionError(
            f"{space.text} has too many sub-networks{' within ' if budget.text else ''}{budget.text} to evaluate each; "
            "lower --max-macs, or search at random or by evolution"
        )
    if budget.max_latency is None:
        return allowed.listed
    fast = np.fromiter((allowed.fast_enough(widths) for widths in allowed.listed), bool, len(allowed.listed))
    return Subnets(space, allowed.listed.places[fast])


def sample(
    space: SearchSpace,
    budget: Budget,
    costs_of: SubnetCosts,
    count: int,
    seed: int,
    latency_of: LatencyOf | None = None,
) -> list[Widths]:
    """Return `count` different random sub-networks within the budget, the largest first; fewer where there are fewer.

    Of a space too large to list (see LISTABLE) a tight budget may yield fewer than there are.

    Raises:
        SelectionError: not even the smallest sub-network satisfies the budget.
    """
    return drawn(Allowed(space, budget, costs_of, latency_of), count, seed)


def drawn(allowed: Allowed, count: int, seed: int) -> list[Widths]:
    """Return `count` different sub-networks of `allowed` as `sample` does."""
    if allowed.listed is not None:
        order = keyed_generator(seed, "search/sample").permutation(len(allowed.listed))
        candidates = (widths for widths in Subnets(allowed.space, allowed.listed.places[order]))
        return sorted(islice(filter(allowed.fast_enough, candidates), count), reverse=True)
    found: dict[Widths, None] = {}
    for draw in range(TRIES * count):
        widths = allowed.draw(keyed_generator(seed, "search/sample", draw))
        if widths:
            found[widths] = None
        if len(found) == count:
            break
    return sorted(found or {allowed.space.smallest: None}, reverse=True)


def shard(candidates: Sequence[Widths], part: int, parts: int) -> list[Widths]:
    """Return part `part` (from 1) of `parts`; parts differ by one sub-network at most.

    Runs of neighbours, which share their leading widths, are dealt out back and forth, so that each part has large and
    small ones. What is left over at the end is dealt out singly.
    """
    turns = max(1, min(RUNS, len(candidates) // parts))
    length = len(candidates) // (parts * turns)
    mine = []
    for turn in range(turns):
        run = turn * parts + (part - 1 if turn % 2 == 0 else parts - part)
        mine.extend(candidates[run * length : (run + 1) * length])
    mine.extend(candidates[parts * turns * length + part - 1 :: parts])
    return mine
