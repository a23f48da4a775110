"""All that a predictor chooses from, looked at in parts, so that a space of millions takes little memory."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ganc.base.rng import keyed_generator
from ganc.models.family import Widths
from ganc.models.space import SearchSpace
from ganc.results.selection import pareto_front
from ganc_search.predict.gain import Stair
from ganc_search.predict.latencies import FastOnes
from ganc_search.predict.models import Fitted, scaled_widths
from ganc_search.strategies.allowed import Allowed

CHUNK = 1 << 14  # sub-networks predicted at once: a Gaussian process of 150 rows takes some 100 MiB for so many
PROMISING = 4096  # those that are kept of them all, to choose from
# Of a space too large to list: so many random ones, and neighbours of the front that differ in up to two places.
DRAWN = 4096


class Prospects(NamedTuple):
    """Sub-networks with what is predicted of them: widths (N, segments), and N means, deviations and costs."""

    widths: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    cost: np.ndarray

    def take(self, places: np.ndarray) -> "Prospects":
        """Return some of them."""
        return Prospects(*(values[places] for values in self))

    @classmethod
    def joined(cls, parts: "Sequence[Prospects]") -> "Prospects":
        """Return the sub-networks of all parts."""
        return cls(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def candidates(allowed: Allowed, fast: FastOnes, near: Sequence[Widths], seed: int, turn: int) -> Iterator[np.ndarray]:
    """Yield the widths (N, segments) of all that the costs allow, or of what is looked at of a space too large.

    What is not likely to satisfy a latency bound is left out.

    Args:
        near: of such a space, those whose neighbours are looked at.
    """
    for part in _within_costs(allowed.untimed if allowed.times_each else allowed, near, seed, turn):
        yield part[fast.likely(part)]


def _within_costs(allowed: Allowed, near: Sequence[Widths], seed: int, turn: int) -> Iterator[np.ndarray]:
    if allowed.listed is not None:
        for start in range(0, len(allowed.listed), CHUNK):
            some = allowed.listed[start : start + CHUNK]
            yield some.space.at(some.places)
        return
    found = {widths for one in near for widths in _neighbours(allowed.space, one)}
    drawn = (allowed.draw(keyed_generator(seed, "search/candidates", turn, number)) for number in range(DRAWN))
    found.update(widths for widths in drawn if widths)
    listed = np.array(sorted(found, reverse=True))
    for start in range(0, len(listed), CHUNK):
        part = listed[start : start + CHUNK]
        macs, _, params = allowed.costs(part)
        yield part[allowed.budget.allows(macs, params)]


def _neighbours(space: SearchSpace, widths: Widths) -> Iterator[Widths]:
    for first, choices in enumerate(space.choices):
        for width in choices:
            changed = (*widths[:first], width, *widths[first + 1 :])
            for second in range(first + 1, len(widths)):
                for other in space.choices[second]:
                    yield (*changed[:second], other, *changed[second + 1 :])


CostOf = Callable[[np.ndarray], np.ndarray]  # widths (N, segments) to costs (N,)


def prospects(
    parts: Iterator[np.ndarray],
    space: SearchSpace,
    model: Fitted,
    cost_of: CostOf,
    stair: Stair,
    asked: Collection[Widths],
) -> tuple[Prospects, Prospects]:
    """Return what is worth measuring, at most PROMISING sub-networks, and the front of what is predicted.

    Args:
        stair: of what was measured. asked: what is left out of both.
    """
    best: list[Prospects] = []
    front: list[Prospects] = []
    known = _keys(np.array(sorted(asked)))
    for widths in parts:
        new = widths[~np.isin(_keys(widths), known)]
        if not len(new):
            continue
        mean, deviation = model.predict(scaled_widths(space, new))
        part = Prospects(new, mean, deviation, cost_of(new))
        best = [_most_gaining(Prospects.joined([*best, part]), stair)]
        together = Prospects.joined([*front, part])
        front = [together.take(pareto_front(together.mean, together.cost))]
    nothing = Prospects(np.empty((0, len(space.choices)), np.int64), *np.empty((3, 0)))
    return (*best, nothing)[0], (*front, nothing)[0]


def _most_gaining(found: Prospects, stair: Stair) -> Prospects:
    if len(found.mean) <= PROMISING:
        return found
    gains = stair.gains(found.mean, found.deviation, found.cost)
    return found.take(np.sort(np.argpartition(-gains, PROMISING)[:PROMISING]))


def _keys(widths: np.ndarray) -> np.ndarray:
    """Return one value (N,) for each row of widths (N, segments), equal where the rows are."""
    rows = np.ascontiguousarray(widths, ">u4")
    return rows.view(f"V{4 * rows.shape[1]}").ravel()
