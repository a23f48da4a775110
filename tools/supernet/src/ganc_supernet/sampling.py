"""Which sub-networks a step of the supernet's training trains. Every draw is keyed by the step."""

from ganc.base.rng import keyed_generator
from ganc.models.family import Widths
from ganc.models.space import SearchSpace
from ganc_supernet.settings import Sampling


def subnets_of_step(sampling: Sampling, space: SearchSpace, seed: int, step: int) -> tuple[Widths, ...]:
    """Return the widths of the sub-networks that a step trains, the same in every process."""
    generator = keyed_generator(seed, "supernet/widths", step)
    if sampling is Sampling.WEIGHTED:
        return (space.draw_wide(generator),)
    drawn = space.draw(generator)
    return (space.largest, space.smallest, drawn) if sampling is Sampling.SANDWICH else (drawn,)
