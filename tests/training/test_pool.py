"""The pool of older images that a discriminator is shown."""

import numpy as np
import pytest

from ganc.system.runtime import paddle
from ganc.training.pool import ImagePool


def numbered(*numbers):
    return np.array(numbers, np.float32).reshape(-1, 1, 1, 1)


def exchanged(pool, images, step):
    return pool.exchange(paddle.to_tensor(images), step).numpy()


def test_a_pool_fills_with_the_first_images_and_hands_them_back():
    pool = ImagePool(4, seed=0, stream="pool")
    for step in range(2):
        images = numbered(2 * step, 2 * step + 1)
        np.testing.assert_array_equal(exchanged(pool, images, step), images)
    np.testing.assert_array_equal(pool.state()[""], numbered(0, 1, 2, 3))


@pytest.mark.paddle26
def test_half_of_a_full_pool_s_images_are_older_ones_each_given_back_once():
    pool, size, steps = ImagePool(10, seed=3, stream="pool"), 10, 3000
    given = np.concatenate([exchanged(pool, numbered(step), step) for step in range(steps)]).ravel()
    later = given[size:]
    older = later != np.arange(size, steps)
    assert older.mean() == pytest.approx(0.5, abs=5 * 0.5 / steps**0.5)
    assert (later[older] < np.arange(size, steps)[older]).all()
    returned = later[older]
    assert len(set(returned)) == len(returned)
    assert not set(returned) & set(pool.state()[""].ravel())
    assert len(pool.state()[""]) == size
    # Each slot is left with probability 0.5 / size a step: an image waits 2 * size steps on average.
    waited = (np.arange(size, steps)[older] - returned)[returned >= size]
    assert waited.mean() == pytest.approx(2 * size, rel=0.15)


def test_a_pool_of_size_0_shows_the_newest_images_only():
    pool = ImagePool(0, seed=0, stream="pool")
    for step in range(5):
        np.testing.assert_array_equal(exchanged(pool, numbered(step, -step), step), numbered(step, -step))
    assert pool.state()[""].size == 0


def test_a_batch_larger_than_the_pool_goes_through_it():
    pool = ImagePool(2, seed=0, stream="pool")
    given = [exchanged(pool, numbered(*range(5 * step, 5 * step + 5)), step) for step in range(20)]
    assert all(out.shape == (5, 1, 1, 1) for out in given)
    np.testing.assert_array_equal(given[0][:2], numbered(0, 1))
    assert len(pool.state()[""]) == 2


def test_a_pool_depends_on_seed_stream_and_step_and_goes_on_from_its_state():
    def run(pool, steps):
        return [float(exchanged(pool, numbered(step), step).item()) for step in steps]

    whole = run(ImagePool(5, 1, "a"), range(60))
    assert run(ImagePool(5, 1, "a"), range(60)) == whole
    assert run(ImagePool(5, 2, "a"), range(60)) != whole
    assert run(ImagePool(5, 1, "b"), range(60)) != whole
    for cut in (0, 3, 30):
        first, second = ImagePool(5, 1, "a"), ImagePool(5, 1, "a")
        head = run(first, range(cut))
        second.load(first.state())
        assert head + run(second, range(cut, 60)) == whole


def test_a_pool_s_state_stays_as_it_was_taken():
    pool = ImagePool(2, 0, "a")
    exchanged(pool, numbered(1, 2), 0)
    state = pool.state()[""]
    for step in range(1, 9):
        exchanged(pool, numbered(3, 4), step)
    np.testing.assert_array_equal(state, numbered(1, 2))
    assert (pool.state()[""] != state).any()
