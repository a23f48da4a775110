"""Listing the sub-networks of a space whose costs are within bounds, as far as they can be listed."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ganc.models.family import Widths
from ganc.models.space import SearchSpace, Subnets
from ganc.models.subnets import SubnetCosts

# MACs and parameters, numbers or arrays of equal shape, to which of them are within the bounds.
Allows = Callable[[Any, Any], Any]  # MACs and parameters, numbers or arrays, to what is allowed of them

# A space is listed (eight bytes for each sub-network within the bounds) unless more than so many have to be looked at.
LISTABLE = 1 << 25
# The costs of so many sub-networks are computed at once.
BLOCK = 1 << 21


def listed(space: SearchSpace, costs_of: SubnetCosts, allows: Allows) -> Subnets | None:
    """Return all sub-networks within the bounds, the largest first; None where more than LISTABLE are to be looked at.

    The bounds must allow the smallest sub-network, and with each one all that are smaller in every place.
    """
    places, looked_at = [], 0
    if math.prod(map(len, space.choices)) > np.iinfo(np.int64).max:
        return None
    for start, choices in _blocks(space, costs_of, allows, ()):
        looked_at += math.prod(map(len, choices))
        if looked_at > LISTABLE:
            return None
        places.append(start + np.flatnonzero(allows(*costs_of.totals(choices))))
    return Subnets(space, np.concatenate(places))


def _blocks(
    space: SearchSpace, costs_of: SubnetCosts, allows: Allows, leading: Widths
) -> Iterator[tuple[int, tuple[tuple[int, ...], ...]]]:
    """Cut the walk into parts of equal leading widths and at most BLOCK sub-networks; give start and choices.

    Parts are left out whose smallest sub-network is not within the bounds.
    """
    rest = space.choices[len(leading) :]
    smallest = costs_of((*leading, *(widths[-1] for widths in rest)))
    if not allows(smallest.macs, smallest.params):
        return
    if math.prod(map(len, rest)) > BLOCK:
        for width in rest[0]:
            yield from _blocks(space, costs_of, allows, (*leading, width))
        return
    start = 0
    for place, choices in enumerate(space.choices):
        start = start * len(choices) + (choices.index(leading[place]) if place < len(leading) else 0)
    yield start, (*((width,) for width in leading), *rest)
