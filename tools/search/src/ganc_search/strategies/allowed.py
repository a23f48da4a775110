"""What a budget allows of a search space: listed where that is possible, and drawn at random."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ganc.base.errors import SelectionError
from ganc.models.family import Widths
from ganc.models.listing import listed
from ganc.models.space import SearchSpace, Subnets
from ganc.models.subnets import SubnetCosts
from ganc_search.settings import Budget, LatenciesOf, LatencyOf

# More sub-networks are not timed one by one: at some ten milliseconds each it takes an hour.
TIMED = 100_000
BLOCK = 1 << 20  # sub-networks whose latencies are summed up at once

# Draws for one sub-network, or for each of a sample, before the budget is taken to leave next to none.
TRIES = 100


class Allowed:
    """The sub-networks of a space that a budget allows: listed where that is possible, and drawn at random.

    Args:
        latencies_of: gives those of (N, segments) widths at once; None where they are timed one by one.
        latency_of: gives the milliseconds an image takes. It is asked only under a latency bound, and only for
            sub-networks within the other bounds, but for some of them more than once.
        begin_list: is told how many are timed one by one before anything else is.

    Attributes:
        listed: all within the costs, the largest first; None where they are too many.
        costs: MACs, device MACs and parameters (3, N) of widths (N, segments).
        latencies_of: as given.

    Raises:
        SelectionError: not even the smallest sub-network satisfies the budget.
    """

    def __init__(
        self,
        space: SearchSpace,
        budget: Budget,
        costs_of: SubnetCosts,
        latency_of: LatencyOf | None = None,
        latencies_of: LatenciesOf | None = None,
        begin_list: Callable[[int], object] = lambda count: None,
    ):
        if budget.max_latency is not None and latency_of is None:
            raise ValueError(f"max_latency (={budget.max_latency}) needs latency_of, which tells latencies")
        budget.require_possible(space, costs_of, latency_of)
        self.space, self.budget, self._costs_of, self._latency_of = space, budget, costs_of, latency_of
        self.costs = costs_of.of_many
        self.latencies_of, self._begin_list = latencies_of, begin_list
        self.listed = listed(space, costs_of, budget.allows)

    @property
    def first(self) -> tuple[Widths, ...]:
        """The first of all that is allowed: the largest sub-network, where it is; none where nothing is listed."""
        if self.listed is None:
            return (self.space.largest,) if self.space.largest in self else ()
        return (self.listed[0],) if self.fast_enough(self.listed[0]) else ()

    @property
    def times_each(self) -> bool:
        """Whether there is a latency bound, and what satisfies it is only found by timing one after the other."""
        return self.budget.max_latency is not None and self.latencies_of is None

    @property
    def untimed(self) -> "Allowed":
        """The same without a latency bound."""
        free = copy.copy(self)
        free.budget = replace(self.budget, max_latency=None)
        return free

    @property
    def tells_latencies(self) -> bool:
        """Whether the search has latencies of its own; those of rows are otherwise of any set-up."""
        return self._latency_of is not None

    def latency_of(self, widths: Widths) -> float:
        """Return the milliseconds of a sub-network, timed now or before. Raises ValueError where nothing tells them."""
        if self._latency_of is None:
            raise ValueError("nothing tells latencies")
        return self._latency_of(widths)

    def fast_enough(self, widths: Widths) -> bool:
        """Whether a sub-network satisfies the latency bound, if there is one."""
        if self.budget.max_latency is None or self._latency_of is None:
            return True
        return self._latency_of(widths) <= self.budget.max_latency

    def fast_ones(self, subnets: Subnets) -> Subnets:
        """Return those that satisfy the latency bound. Raises SelectionError: they are too many to time each."""
        most = self.budget.max_latency
        if most is None:
            return subnets
        if self.latencies_of is None:
            if len(subnets) > TIMED:
                raise SelectionError(
                    f"{self.budget.text}: {len(subnets):,} sub-networks would have to be timed one by one; sum the "
                    "times up with --latency table, look at fewer with --samples, or lower --max-macs"
                )
            return Subnets(self.space, subnets.places[self.are_fast(subnets)])
        blocks = [subnets.places[start : start + BLOCK] for start in range(0, len(subnets), BLOCK)]
        kept = [block[self.latencies_of(self.space.at(block)) <= most] for block in blocks]
        return Subnets(self.space, np.concatenate(kept))

    def are_fast(self, subnets: Sequence[Widths]) -> np.ndarray:
        """Return which (N,) satisfy the latency bound, each looked at by itself."""
        if self.times_each and len(subnets):
            self._begin_list(len(subnets))
        return np.fromiter(map(self.fast_enough, subnets), bool, len(subnets))

    def __contains__(self, widths: Widths) -> bool:
        return self._within(widths) and self.fast_enough(widths)

    def draw(self, generator: np.random.Generator) -> Widths | None:
        """Draw one uniformly; None where TRIES draws found none that is fast enough.

        Of a space too large to list, and where rejection finds none within the budget, each segment in turn takes one
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
        walked = list(self.space.smallest)
        for place, choices in enumerate(self.space.choices):
            possible = [w for w in choices if self._within((*walked[:place], w, *walked[place + 1 :]))]
            walked[place] = possible[int(generator.integers(len(possible)))]
        return tuple(walked) if self.fast_enough(tuple(walked)) else None

    def _within(self, widths: Widths) -> bool:
        costs = self._costs_of(widths)
        return bool(self.budget.allows(costs.macs, costs.params))
