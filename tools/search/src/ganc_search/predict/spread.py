"""A first sample that is spread over the space."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from ganc.base.rng import keyed_generator
from ganc.models.family import Widths
from ganc_search.predict.latencies import FastOnes
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import sample

POOL = 4096  # random sub-networks that it is chosen of
TIMED_FIRST = 24  # where each has to be timed: spread over all, before a model says which of the others are fast
LOOKED = 64  # pools' worth of sub-networks that are looked at, where few are likely to be fast


def spread_sample(allowed: Allowed, count: int, seed: int, fast: FastOnes) -> list[Widths]:
    """Return `count` sub-networks within the budget, the smallest and the largest first; fewer where there are fewer.

    Each further one is, of POOL random ones, that which differs from all before in the most places, and in MACs. All
    widths of a segment are equally far apart, so that the middle ones are looked at as often as the others.
    """
    if not allowed.times_each:
        pool = {allowed.space.smallest, *sample(allowed, POOL, seed), *allowed.first}
        return _spread(allowed, pool, count, seed)
    free = allowed.untimed
    fast.begin(count)
    for widths in _spread(free, {allowed.space.smallest, *sample(free, POOL, seed), *free.first}, TIMED_FIRST, seed):
        fast.time(widths)
    fast.begin(count)
    pool = {allowed.space.smallest, *islice(_likely(free, fast, seed), POOL)}
    return _spread(allowed, pool, count, seed, fast.are)


def _likely(free: Allowed, fast: FastOnes, seed: int) -> Iterator[Widths]:
    """Yield random sub-networks that are likely to be fast, of LOOKED pools of those within the other bounds."""
    count = 0 if free.listed is None else len(free.listed)
    order = keyed_generator(seed, "search/sample").permutation(count)
    for number in range(LOOKED):
        if free.listed is None:
            part = np.array(sample(free, POOL, seed + number))
        else:
            part = free.space.at(free.listed.places[order[number * POOL : (number + 1) * POOL]])
        if len(part):
            yield from map(tuple, part[fast.likely(part)].tolist())


def _spread(
    allowed: Allowed,
    pool: set[Widths],
    count: int,
    seed: int,
    fits: Callable[[Widths], bool] = lambda widths: True,
) -> list[Widths]:
    """Return `count` of the pool that fit, each as far as can be from those before."""
    found = sorted(pool, reverse=True)
    widths = np.array(found)
    macs = np.log(allowed.costs(widths)[0])
    macs = (macs - macs.min()) / (np.ptp(macs) or 1.0)
    order = keyed_generator(seed, "search/spread").permutation(len(found))  # which of equally far ones is taken
    nearest = np.full(len(found), np.inf)
    chosen: list[Widths] = []
    for place in _farthest((int(np.argmin(macs)), int(np.argmax(macs))), nearest, order):
        nearest[place] = -1.0
        if fits(found[place]):
            chosen.append(found[place])
            np.minimum(nearest, _distances(widths, macs, place), out=nearest)
        if len(chosen) == count:
            break
    return chosen


def _farthest(first: Sequence[int], nearest: np.ndarray, order: np.ndarray) -> Iterator[int]:
    """Yield the places of `first`, and then always that which is the farthest by then, while any is left."""
    yield from dict.fromkeys(first)
    while nearest.max() >= 0:
        yield int(order[np.argmax(nearest[order])])


def _distances(widths: np.ndarray, macs: np.ndarray, place: int) -> np.ndarray:
    """Return how far (N,) all are from one: places that differ, and as much again for the whole range of MACs."""
    differ = (widths != widths[place]).sum(axis=1)
    return np.where(differ, differ + np.abs(macs - macs[place]), -1.0)
