"""Which sub-networks a search looks at: all within a budget, or a random sample of them."""

from collections.abc import Callable
from dataclasses import dataclass

from ganc.draws import keyed_generator
from ganc.errors import SelectionError
from ganc.files.selection import format_count
from ganc.models.plan import Costs
from ganc.models.space import SearchSpace
from ganc.models.spec import Widths, format_widths

# Spaces up to this size are enumerated, larger ones are drawn from.
ENUMERABLE = 100_000
# Draws for each sample before a random search is content with fewer: the budget then leaves next to none.
TRIES = 100


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Upper bounds, inclusive; None is no bound."""

    max_macs: int | None = None
    max_params: int | None = None

    def allows(self, costs: Costs) -> bool:
        """Whether costs are within the bounds."""
        within_macs = self.max_macs is None or costs.macs <= self.max_macs
        return within_macs and (self.max_params is None or costs.params <= self.max_params)

    def require_possible(self, space: SearchSpace, costs_of: Callable[[Widths], Costs]) -> None:
        """Raise SelectionError, naming the smallest possible, where not even the smallest sub-network satisfies it.

        Costs grow with every width, so the smallest sub-network has the smallest costs.
        """
        smallest = costs_of(space.smallest)
        if not self.allows(smallest):
            bounds = {"--max-macs": self.max_macs, "--max-params": self.max_params}
            asked = " ".join(f"{name} {format_count(bound)}" for name, bound in bounds.items() if bound is not None)
            raise SelectionError(
                f"{asked}: no sub-network of {space.text} satisfies it; the smallest, {format_widths(space.smallest)}, "
                f"has {format_count(smallest.macs)} MACs and {format_count(smallest.params)} parameters"
            )


def exhaustive(space: SearchSpace, budget: Budget, costs_of: Callable[[Widths], Costs]) -> list[Widths]:
    """Return all sub-networks within the budget, the largest first.

    Raises:
        SelectionError: there is none.
    """
    budget.require_possible(space, costs_of)
    return [widths for widths in space if budget.allows(costs_of(widths))]


def sample(
    space: SearchSpace, budget: Budget, costs_of: Callable[[Widths], Costs], count: int, seed: int
) -> list[Widths]:
    """Return `count` different random sub-networks within the budget, the largest first; fewer where there are fewer.

    Of a space too large to enumerate a tight budget may yield fewer than there are.

    Raises:
        SelectionError: not even the smallest sub-network satisfies the budget.
    """
    if len(space) <= ENUMERABLE:
        allowed = exhaustive(space, budget, costs_of)
        places = keyed_generator(seed, "search/sample").permutation(len(allowed))[:count]
        return [allowed[place] for place in sorted(places)]
    budget.require_possible(space, costs_of)
    found: dict[Widths, None] = {}
    for draw in range(TRIES * count):
        widths = space.draw(keyed_generator(seed, "search/sample", draw))
        if budget.allows(costs_of(widths)):
            found[widths] = None
            if len(found) == count:
                break
    return sorted(found or {space.smallest: None}, reverse=True)


def shard(candidates: list[Widths], part: int, parts: int) -> list[Widths]:
    """Return part `part` (from 1) of `parts`: every parts-th candidate, so that each part has large and small ones."""
    return candidates[part - 1 :: parts]
