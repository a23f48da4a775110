"""Which sub-networks a step of the supernet's training trains. Every draw is keyed by the step."""

from enum import Enum

from ganc.base.rng import keyed_generator
from ganc.models.family import Widths
from ganc.models.space import SearchSpace


class Sampling(Enum):
    """How the sub-networks of a step are chosen.

    UNIFORM: one, each segment's width uniformly (Once-for-All, arXiv 1908.09791; the published method).
    SANDWICH: the largest, the smallest and a uniform one (Yu and Huang, "Universally slimmable networks and improved
        training techniques", arXiv 1903.05134, section 3.2, there with two random ones).
    WEIGHTED: one, each segment's width w with probability w over the sum of the segment's choices: channels that only
        wide sub-networks have are trained more often than in uniform draws.
    """

    UNIFORM = "uniform"
    SANDWICH = "sandwich"
    WEIGHTED = "weighted"


def subnets_of_step(sampling: Sampling, space: SearchSpace, seed: int, step: int) -> tuple[Widths, ...]:
    """Return the widths of the sub-networks that a step trains, the same in every process."""
    generator = keyed_generator(seed, "supernet/widths", step)
    if sampling is Sampling.WEIGHTED:
        return (space.draw_wide(generator),)
    drawn = space.draw(generator)
    return (space.largest, space.smallest, drawn) if sampling is Sampling.SANDWICH else (drawn,)
