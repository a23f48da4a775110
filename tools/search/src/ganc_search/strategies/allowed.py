"""What a budget allows of a search space: listed where that is possible, and drawn at random."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ganc.base.errors import SelectionError
from ganc.base.text import format_count
from ganc.models.family import Widths, format_widths
from ganc.models.listing import listed
from ganc.models.space import SearchSpace
from ganc.models.subnets import SubnetCosts

LatencyOf = Callable[[Widths], float]

# Draws for one sub-network, or for each of a sample, before the budget is taken to leave next to none.
TRIES = 100


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Upper bounds, inclusive; None is no bound. The latency is in milliseconds an image."""

    max_macs: int | None = None
    max_params: int | None = None
    max_latency: float | None = None

    def allows(self, macs: np.ndarray, params: np.ndarray) -> np.ndarray:
        """Return which of these costs, numbers or arrays of equal shape, are within the bounds."""
        within_macs = np.less_equal(macs, math.inf if self.max_macs is None else self.max_macs)
        return within_macs & np.less_equal(params, math.inf if self.max_params is None else self.max_params)

    def require_possible(self, space: SearchSpace, costs_of: SubnetCosts, latency_of: LatencyOf | None = None) -> None:
        """Raise SelectionError, naming the smallest possible, where not even the smallest sub-network satisfies it.

        Costs grow with every width, so the smallest sub-network has the smallest; of the latency that is assumed.
        """
        costs, takes, slow = costs_of(space.smallest), "", False
        if latency_of and self.max_latency is not None:
            latency = latency_of(space.smallest)
            takes, slow = f" and takes {latency:.4g} ms an image", latency > self.max_latency
        if slow or not self.allows(costs.macs, costs.params):
            raise SelectionError(
                f"{self.text}: no sub-network of {space.text} satisfies it; the smallest, "
                f"{format_widths(space.smallest)}, has {format_count(costs.macs)} MACs and "
                f"{format_count(costs.params)} parameters{takes}"
            )

    @property
    def text(self) -> str:
        """The bounds as options, such as --max-macs 2.70 G."""
        counts = {"--max-macs": self.max_macs, "--max-params": self.max_params}
        parts = [f"{name} {format_count(bound)}" for name, bound in counts.items() if bound is not None]
        return " ".join(parts + ([] if self.max_latency is None else [f"--max-latency {self.max_latency:g}"]))


class Allowed:
    """The sub-networks of a space that a budget allows: listed where that is possible, and drawn at random.

    Args:
        latency_of: gives the milliseconds an image takes. It is asked only under a latency bound, and only for
            sub-networks within the other bounds, but for some of them more than once.

    Attributes:
        listed: all within the costs, the largest first; None where they are too many.

    Raises:
        SelectionError: not even the smallest sub-network satisfies the budget.
    """

    def __init__(self, space: SearchSpace, budget: Budget, costs_of: SubnetCosts, latency_of: LatencyOf | None = None):
        if budget.max_latency is not None and latency_of is None:
            raise ValueError(f"max_latency (={budget.max_latency}) needs latency_of, which tells latencies")
        budget.require_possible(space, costs_of, latency_of)
        self.space, self.budget, self._costs_of, self._latency_of = space, budget, costs_of, latency_of
        self.listed = listed(space, costs_of, budget.allows)

    def fast_enough(self, widths: Widths) -> bool:
        """Whether a sub-network satisfies the latency bound, if there is one."""
        return self.budget.max_latency is None or self._latency_of(widths) <= self.budget.max_latency

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
