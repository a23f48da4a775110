"""A first sample that is spread over the space."""

import numpy as np

from ganc.base.rng import keyed_generator
from ganc.models.family import Widths
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import sample

POOL = 4096  # random sub-networks that it is chosen of


def spread_sample(allowed: Allowed, count: int, seed: int) -> list[Widths]:
    """Return `count` sub-networks within the budget, the smallest and the largest first; fewer where there are fewer.

    Each further one is, of POOL random ones, that which differs from all before in the most places, and in MACs. All
    widths of a segment are equally far apart, so that the middle ones are looked at as often as the others.
    """
    pool = sorted({allowed.space.smallest, *sample(allowed, POOL, seed), *allowed.first}, reverse=True)
    widths = np.array(pool)
    macs = np.log(allowed.costs(widths)[0])
    macs = (macs - macs.min()) / (np.ptp(macs) or 1.0)
    order = keyed_generator(seed, "search/spread").permutation(len(pool))  # which of equally far ones is taken
    nearest = np.full(len(pool), np.inf)
    chosen: list[int] = []
    for next_one in (int(np.argmin(macs)), int(np.argmax(macs))):
        chosen += [next_one] if next_one not in chosen else []
    for place in chosen:
        nearest = np.minimum(nearest, _distances(widths, macs, place))
    while len(chosen) < min(count, len(pool)):
        place = int(order[np.argmax(nearest[order])])
        chosen.append(place)
        nearest = np.minimum(nearest, _distances(widths, macs, place))
    return [pool[place] for place in chosen[:count]]


def _distances(widths: np.ndarray, macs: np.ndarray, place: int) -> np.ndarray:
    """Return how far (N,) all are from one: places that differ, and as much again for the whole range of MACs."""
    differ = (widths != widths[place]).sum(axis=1)
    return np.where(differ, differ + np.abs(macs - macs[place]), -1.0)
