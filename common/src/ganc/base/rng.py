"""Random draws keyed by what they are for, so that no hidden state has to be saved.

Every draw of ganc comes from a counter-based generator that is made anew from (seed, stream, position): the seed of the
run, the name of what is drawn, and where (epoch, step, index). A resumed run, another number of workers and several
processes therefore make the same draws.
"""

import hashlib

import numpy as np


def keyed_generator(seed: int, stream: str, *position: int) -> np.random.Generator:
    """Return the random generator of one draw.

    Args:
        seed: the run's seed, 0 <= seed < 2**64.
        stream: what is drawn ("crop", "shuffle", …); streams are independent of each other.
        position: up to three numbers that place the draw (epoch, index, …), each 0 <= number < 2**64.

    Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) takes the seed and the stream as its key
    and the position as the upper words of its counter; the lowest word counts the numbers drawn here.
    """
    if len(position) > 3:
        raise ValueError(f"position (={position}) has {len(position)} numbers, at most 3 are possible")
    stream_key = int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest(), "little")
    counter = np.zeros(4, dtype=np.uint64)
    counter[1 : 1 + len(position)] = position
    return np.random.Generator(np.random.Philox(key=np.array([seed, stream_key], dtype=np.uint64), counter=counter))
