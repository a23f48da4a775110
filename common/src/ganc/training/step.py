"""What a training step offers to the job that runs it, and what the steps share."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ganc.models.discriminator import Discriminator
from ganc.models.network import Network
from ganc.models.task import DiscriminatorInput, Task
from ganc.system.runtime import Tensor, paddle
from ganc.training.losses.adversarial import discriminator_loss
from ganc.training.optimizer import Adam
from ganc.training.pool import ImagePool


class Learner(Protocol):
    """Something that training changes, by name; what does not learn has none of it.

    A job gives every process the networks of the first, and saves and resumes all three.
    """

    @property
    def networks(self) -> Mapping[str, Network]: ...

    @property
    def optimizers(self) -> Mapping[str, Adam]: ...

    @property
    def pools(self) -> Mapping[str, ImagePool]: ...


class TrainingStep(Learner, Protocol):
    """One update of some networks, which are named as in checkpoints.

    Attributes:
        beside: what else learns in the step and is not in the checkpoint, such as a teacher, by name.
        results: what is evaluated and goes into the checkpoint, by name: the networks, or something made of them.
        gan_from: the step, counted from 0, from which there is a GAN loss, which takes time and memory; math.inf: none.
    """

    @property
    def gan_from(self) -> float: ...

    @property
    def beside(self) -> Mapping[str, Learner]: ...

    @property
    def results(self) -> Mapping[str, Network]: ...

    def update(self, source: np.ndarray, target: np.ndarray, step: int, learning_rate: float) -> Mapping:
        """Train on one batch, (n, c, h, w) each, and return the losses by name: detached tensors of shape ()."""


def learners_of(step: TrainingStep) -> dict[str, Learner]:
    """Return all that learns in a step by name; the step itself is ""."""
    return {"": step, **step.beside}


def judged(task: Task, source: Tensor, image: Tensor) -> Tensor:
    """Return what the task's discriminator sees of an image made from `source`; both are (n, c, h, w)."""
    if task.discriminator_input is DiscriminatorInput.SOURCE_AND_IMAGE:
        return paddle.concat([source, image], axis=1)
    return image


def judgement_loss(task: Task, discriminator: Discriminator, source: Tensor, real: Tensor, made: Tensor) -> Tensor:
    """Return a discriminator's loss, a tensor of shape (), on real and made images of a source, each (n, c, h, w).

    Real and made images run as one batch: no layer mixes images, so the values are the same.
    """
    both = paddle.concat([judged(task, source, real), judged(task, source, made)])
    real_scores, fake_scores = paddle.split(discriminator(both), 2)
    return discriminator_loss(task.adversarial_loss, real_scores, fake_scores)


def detached(losses: Mapping) -> dict:
    """Return losses without the graph that they were computed by."""
    return {name: loss.detach() for name, loss in losses.items()}
