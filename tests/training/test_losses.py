"""Losses against numpy."""

import numpy as np
import pytest

from ganc.base.rng import keyed_generator
from ganc.models.task import AdversarialLoss
from ganc.system.runtime import paddle
from ganc.training.losses.adversarial import discriminator_loss, generator_loss
from ganc.training.losses.distances import feature_loss

pytestmark = pytest.mark.paddle26

REAL, FAKE = (keyed_generator(0, name).normal(0, 2, (2, 1, 3, 4)).astype(np.float32) for name in ("real", "fake"))
LEAST_SQUARES, HINGE = AdversarialLoss.LEAST_SQUARES, AdversarialLoss.HINGE


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(LEAST_SQUARES, np.mean((FAKE - 1.0) ** 2)), (HINGE, -np.mean(FAKE))],
    ids=["least squares", "hinge"],
)
def test_a_generator_s_loss(kind, expected):
    loss = generator_loss(kind, paddle.to_tensor(FAKE))
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (LEAST_SQUARES, 0.5 * (np.mean((REAL - 1.0) ** 2) + np.mean(FAKE**2))),
        (HINGE, 0.5 * (np.maximum(0, 1 - REAL).mean() + np.maximum(0, 1 + FAKE).mean())),
    ],
    ids=["least squares", "hinge"],
)
def test_a_discriminator_s_loss_is_halved(kind, expected):
    loss = discriminator_loss(kind, paddle.to_tensor(REAL), paddle.to_tensor(FAKE))
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("kind", AdversarialLoss)
def test_a_perfect_discriminator_has_no_loss_and_a_fooled_one_has(kind):
    ones = paddle.ones([1, 1, 2, 2])
    real, fake = (ones, ones * 0) if kind is LEAST_SQUARES else (ones, -ones)
    assert float(discriminator_loss(kind, real, fake)) == 0
    assert float(discriminator_loss(kind, fake, real)) > 0.5
    assert float(generator_loss(kind, real)) < float(generator_loss(kind, fake))


def test_the_feature_loss_sums_mean_squares_over_taps():
    shapes = ((2, 3, 4, 4), (2, 5, 2, 2))
    ours = [keyed_generator(1, "ours", index).random(shape, np.float32) for index, shape in enumerate(shapes)]
    theirs = [keyed_generator(1, "theirs", index).random(shape, np.float32) for index, shape in enumerate(shapes)]
    loss = feature_loss([paddle.to_tensor(tap) for tap in ours], [paddle.to_tensor(tap) for tap in theirs])
    expected = sum(np.mean((one - other) ** 2) for one, other in zip(ours, theirs, strict=True))
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_taps_of_different_number_are_refused():
    tap = paddle.zeros([1, 1, 1, 1])
    with pytest.raises(ValueError, match="zip"):
        feature_loss([tap, tap], [tap])
