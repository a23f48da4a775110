"""Keyed draws: the same numbers for the same key, whatever else was drawn before."""

import itertools

import numpy as np
import pytest

from ganc.base.rng import keyed_generator

pytestmark = pytest.mark.paddle26

# What these keys gave when version 0.1 was written. A change here breaks every run that is resumed and every seed.
FROZEN_INTEGERS = {
    (0, "crop"): [283030, 25169, 614542, 327098],
    (1, "crop"): [992515, 848825, 209635, 567417],
    (1, "shuffle", 2): [606344, 57785, 223294, 949080],
    (2**64 - 1, "Größe", 1, 2, 3): [545090, 52243, 159844, 486869],
}


@pytest.mark.parametrize("key", FROZEN_INTEGERS)
def test_known_keys_keep_their_numbers(key):
    assert keyed_generator(*key).integers(0, 1_000_000, 4).tolist() == FROZEN_INTEGERS[key]


def test_every_kind_of_draw_that_ganc_uses_keeps_its_numbers():
    draws = keyed_generator(7, "kinds", 1)
    assert draws.permutation(8).tolist() == [0, 4, 5, 1, 7, 3, 2, 6]
    assert draws.random(3).tolist() == [0.8414872547762428, 0.8520182029104955, 0.2092330114665415]
    assert draws.standard_normal(3).tolist() == [0.2514395920987707, -0.99308989440955, 0.35183796479076784]
    assert draws.normal(0.0, 0.02, 2).astype(np.float32).tolist() == [0.016278712078928947, -0.004711743909865618]
    assert draws.uniform(-1, 1, 2).tolist() == [0.6386065090268191, 0.6681630319725169]


def test_a_draw_does_not_depend_on_the_order_of_draws():
    keys = [(3, "a", 0), (3, "b", 0), (3, "a", 1), (4, "a", 0)]
    numbers = {key: keyed_generator(*key).random(5).tolist() for key in keys}
    for order in itertools.permutations(keys):
        assert {key: keyed_generator(*key).random(5).tolist() for key in order} == numbers


def test_seed_stream_and_each_number_of_the_position_give_other_numbers():
    positions = [(), (1,), (2,), (0, 1), (1, 1), (0, 0, 1), (1, 0, 1)]
    keys = [(seed, stream, *position) for seed in (0, 1) for stream in ("a", "b") for position in positions]
    first = [keyed_generator(*key).integers(0, 2**62) for key in keys]
    assert len(set(first)) == len(keys)


def test_neighbouring_positions_do_not_overlap():
    """A position is a block of the counter: however many numbers are drawn at one, the next has others."""
    long = keyed_generator(0, "a", 1).integers(0, 2**62, 100_000)
    assert not np.isin(keyed_generator(0, "a", 2).integers(0, 2**62, 1000), long).any()


def test_streams_and_positions_are_uncorrelated():
    columns = [keyed_generator(5, stream).standard_normal(20_000) for stream in ("crop", "flip")]
    columns.append(np.array([keyed_generator(5, "crop", index).standard_normal() for index in range(20_000)]))
    columns.append(np.array([keyed_generator(5, "flip", index).standard_normal() for index in range(20_000)]))
    correlations = np.corrcoef(columns) - np.eye(4)
    assert np.abs(correlations).max() < 0.03  # four standard errors
    assert np.abs(np.mean(columns, axis=1)).max() < 0.03
    assert np.abs(np.std(columns, axis=1) - 1).max() < 0.03


def test_a_position_has_at_most_three_numbers():
    with pytest.raises(ValueError, match=r"position.*1, 2, 3, 4"):
        keyed_generator(0, "a", 1, 2, 3, 4)
