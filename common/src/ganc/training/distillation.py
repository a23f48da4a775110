"""The distillation step that distill, supernet and finetune share (GAN Compression, arXiv 2003.08936, section 3.1)."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganc.base.engine_table import REFERENCE
from ganc.engines.passes import adapted_passes_of, judging_of
from ganc.models.discriminator import Adaptors, Discriminator
from ganc.models.family import Widths
from ganc.models.generator import Generator
from ganc.models.task import Reference, Task
from ganc.system.processes import Processes
from ganc.system.runtime import Tensor, paddle
from ganc.training.losses.adversarial import discriminator_loss, generator_loss
from ganc.training.losses.distances import feature_loss
from ganc.training.losses.table import AddedLoss
from ganc.training.optimizer import Adam
from ganc.training.precision import mixed_precision, require_finite
from ganc.training.step import judged
from ganc.training.teachers import Teacher

functional = paddle.nn.functional


@dataclass(frozen=True, kw_only=True)
class DistilledNetworks:
    """What a distillation trains; the adaptors map the student's taps to as many channels as the teacher's have.

    Without a GAN loss the discriminator is not trained, and may be None.

    Attributes:
        engine: what runs the passes of student and discriminator.
    """

    student: Generator
    discriminator: Discriminator | None
    adaptors: Adaptors
    engine: str = REFERENCE


@dataclass(frozen=True, kw_only=True)
class _Lesson:
    """What the sub-networks of a step have in common: images (n, c, h, w), and what the teacher made of the sources.

    Attributes:
        wanted: the images that the students' should equal.
        described: those images as each added loss sees them, in its order.
        gan: whether there is a GAN loss in this step.
    """

    source: Any
    target: Any
    wanted: Any
    wanted_taps: Sequence
    described: Sequence
    gan: bool


class DistillationStep:
    """Train a student to do what its teacher does, and to please the discriminator.

    `subnets_of` gives the widths of the sub-networks that a step trains; None is the whole student. Of several, the
    losses are averaged, those of the discriminator too: it sees what each of them makes. Where the task's GAN loss has
    no weight, and in the steps before `gan_from`, there is no such loss, and the discriminator rests. Other losses
    without a weight are not computed either.
    """

    def __init__(
        self,
        *,
        task: Task,
        teacher: Teacher,
        trained: DistilledNetworks,
        subnets_of: Callable[[int], Sequence[Widths | None]],
        processes: Processes,
        amp: str | None = None,
        gan_from: int = 0,
        added: Sequence[AddedLoss] = (),
    ):
        self.task, self.teacher, self.subnets_of, self.amp, self.added = task, teacher, subnets_of, amp, added
        self.student, self.adaptors = trained.student, trained.adaptors
        self.discriminator: Any = trained.discriminator  # None where no GAN loss has a weight
        adaptors = self.adaptors if task.feature_weight else None
        self._translate = adapted_passes_of(self.student, adaptors, trained.engine)
        self._judge: Any = judging_of(self.discriminator, trained.engine) if self.discriminator else None
        judge = {"discriminator": self.discriminator} if self.discriminator else {}
        self.results = {"generator": self.student, **judge, "adaptors": self.adaptors}
        if not task.gan_weight:
            judge = {}
        self.networks = {"generator": self.student, **judge, "adaptors": self.adaptors}
        self.optimizers = {"student": Adam({"generator": self.student, "adaptors": self.adaptors}, processes, amp)}
        if judge:
            self.optimizers["discriminator"] = Adam(judge, processes, amp)
        self.pools: dict[str, Any] = {}
        self.gan_from = gan_from if judge else math.inf

    @property
    def beside(self) -> Mapping[str, Teacher]:
        """The teacher, which may learn too; see TrainingStep."""
        return {"teacher": self.teacher}

    def update(self, source: np.ndarray, target: np.ndarray, step: int, learning_rate: float) -> Mapping:
        """Compute both gradients, then let both optimizers step; see TrainingStep."""
        source, target = paddle.to_tensor(source), paddle.to_tensor(target)
        lesson = self._lesson(source, target, step)
        subnets = self.subnets_of(step)
        sums: dict = {}
        for number, widths in enumerate(subnets, 1):
            losses = self._backward(widths, lesson, len(subnets), last=number == len(subnets))
            sums = {name: sums.get(name, 0.0) + loss.detach() for name, loss in losses.items()}
        self.optimizers["student"].step(learning_rate)
        if lesson.gan:
            self.optimizers["discriminator"].step(learning_rate)
        learnt = self.teacher.update(source, target, step, learning_rate)
        return {**sums, **{f"teacher_{name}": loss for name, loss in learnt.items()}}

    def _lesson(self, source: Tensor, target: Tensor, step: int) -> _Lesson:
        with mixed_precision(self.amp), paddle.no_grad():
            made, taps = self.teacher.translate(source)
            wanted = target if self.task.reference is Reference.GROUND_TRUTH else made
            described = [one.distance.describe(wanted) for one in self.added]
        gan = step >= self.gan_from
        return _Lesson(source=source, target=target, wanted=wanted, wanted_taps=taps, described=described, gan=gan)

    def _backward(self, widths: Widths | None, lesson: _Lesson, count: int, *, last: bool) -> dict:
        """Add the gradients of one of `count` sub-networks, whose mean the step takes; return its part of the losses.

        Each sub-network's own backward pass ends before the next one's forward pass, so that only one is in memory.
        """
        with mixed_precision(self.amp):
            made, adapted = self._translate(lesson.source, widths)
            gan, judgement = self._judged(lesson, made)
            losses = gan | self._teacher_losses(lesson, made, adapted)
        require_finite(losses | judgement)
        losses, judgement = ({name: loss / count for name, loss in some.items()} for some in (losses, judgement))
        self.optimizers["student"].backward(sum(losses.values()), last=last)
        for loss in judgement.values():
            self.optimizers["discriminator"].backward(loss, last=last)
        return losses | judgement

    def _judged(self, lesson: _Lesson, made: Tensor) -> tuple[dict, dict]:
        """Return the student's loss by the discriminator and the discriminator's own; both see the student as it is."""
        if not lesson.gan:
            return {}, {}
        task, kind = self.task, self.task.adversarial_loss
        seen = (judged(task, lesson.source, image) for image in (lesson.target, made))
        real_scores, made_scores, persuaded = self._judge(*seen)
        gan = {"gan": task.gan_weight * generator_loss(kind, persuaded)}
        return gan, {"discriminator": discriminator_loss(kind, real_scores, made_scores)}

    def _teacher_losses(self, lesson: _Lesson, made: Tensor, adapted: Sequence) -> dict:
        task, losses = self.task, {}
        if task.reconstruction_weight:
            losses["reconstruction"] = task.reconstruction_weight * functional.l1_loss(made, lesson.wanted)
        if task.feature_weight:
            losses["feature"] = task.feature_weight * feature_loss(adapted, lesson.wanted_taps)
        for one, described in zip(self.added, lesson.described, strict=True):
            losses[one.name] = one.weight * one.distance.compare(one.distance.describe(made), described)
        return losses
