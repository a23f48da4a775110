"""Adversarial losses. Scores are a discriminator's outputs, (n, 1, h, w)."""

from ganc.models.task import AdversarialLoss
from ganc.system.runtime import Tensor, paddle

functional = paddle.nn.functional


def generator_loss(kind: AdversarialLoss, fake_scores: Tensor) -> Tensor:
    """Return the adversarial loss of a generator.

    Least squares: Mao et al., arXiv 1611.04076, equation 9 with b = c = 1. Hinge: Lim and Ye, arXiv 1705.02894.
    """
    if kind is AdversarialLoss.LEAST_SQUARES:
        return paddle.mean(paddle.square(fake_scores - 1.0))
    return -paddle.mean(fake_scores)


def discriminator_loss(kind: AdversarialLoss, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Return the adversarial loss of a discriminator, halved (CycleGAN, arXiv 1703.10593, section 7.1)."""
    if kind is AdversarialLoss.LEAST_SQUARES:
        real, fake = paddle.square(real_scores - 1.0), paddle.square(fake_scores)
    else:
        real, fake = functional.relu(1.0 - real_scores), functional.relu(1.0 + fake_scores)
    return 0.5 * (paddle.mean(real) + paddle.mean(fake))
