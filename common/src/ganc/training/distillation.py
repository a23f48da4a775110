"""The distillation step that distill, supernet and finetune share (GAN Compression, arXiv 2003.08936, section 3.1)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganc.models.discriminator import Adaptors, Discriminator
from ganc.models.family import Widths
from ganc.models.generator import Generator
from ganc.models.task import Reference, Task
from ganc.system.processes import Processes
from ganc.system.runtime import paddle
from ganc.training.losses import feature_loss, generator_loss
from ganc.training.optimizer import Adam
from ganc.training.step import frozen, judged, judgement_loss, mixed_precision
from ganc.training.teachers import Teacher

functional = paddle.nn.functional


@dataclass(frozen=True, kw_only=True)
class DistilledNetworks:
    """What a distillation trains; the adaptors map the student's taps to as many channels as the teacher's have."""

    student: Generator
    discriminator: Discriminator
    adaptors: Adaptors


class DistillationStep:
    """Train a student to do what its teacher does, and to please the discriminator.

    `subnets_of` gives the widths of the sub-networks that a step trains; None is the whole student. Of several, the
    losses are averaged, those of the discriminator too: it sees what each of them makes.
    """

    def __init__(
        self,
        *,
        task: Task,
        teacher: Teacher,
        trained: DistilledNetworks,
        subnets_of: Callable[[int], Sequence[Widths | None]],
        processes: Processes,
        amp: bool = False,
    ):
        self.task, self.teacher, self.subnets_of, self.amp = task, teacher, subnets_of, amp
        self.student, self.discriminator, self.adaptors = trained.student, trained.discriminator, trained.adaptors
        self.networks = {
            "generator": self.student,
            "discriminator": self.discriminator,
            "adaptors": self.adaptors,
        }
        self.results = self.networks
        self.optimizers = {
            "student": Adam({"generator": self.student, "adaptors": self.adaptors}, processes, amp),
            "discriminator": Adam({"discriminator": self.discriminator}, processes, amp),
        }
        self.pools = {}

    @property
    def beside(self) -> Mapping[str, Teacher]:
        """The teacher, which may learn too; see TrainingStep."""
        return {"teacher": self.teacher}

    def update(self, source: np.ndarray, target: np.ndarray, step: int, learning_rate: float) -> Mapping:
        """Compute both gradients, then let both optimizers step; see TrainingStep."""
        source, target = paddle.to_tensor(source), paddle.to_tensor(target)
        with mixed_precision(self.amp):
            taught = self.teacher.translate(source)
        subnets = self.subnets_of(step)
        sums: dict = {}
        for number, widths in enumerate(subnets, 1):
            losses = self._backward(widths, source, target, taught, len(subnets), last=number == len(subnets))
            sums = {name: sums.get(name, 0.0) + loss.detach() for name, loss in losses.items()}
        for optimizer in self.optimizers.values():
            optimizer.step(learning_rate)
        learnt = self.teacher.update(source, target, step, learning_rate)
        return {**sums, **{f"teacher_{name}": loss for name, loss in learnt.items()}}

    def _backward(self, widths: Widths | None, source, target, taught, count: int, *, last: bool) -> dict:
        """Add the gradients of one of `count` sub-networks, whose mean the step takes; return its part of the losses.

        The images are (n, c, h, w); `taught` is the teacher's images and taps. Each sub-network's own backward pass
        ends before the next one's forward pass, so that only one is in memory.
        """
        with mixed_precision(self.amp):
            made, taps = self.student(source, widths, return_taps=True)
            losses = self._student_losses(source, made, taps, taught, target)
            losses["discriminator"] = judgement_loss(self.task, self.discriminator, source, target, made.detach())
        losses = {name: loss / count for name, loss in losses.items()}
        own = sum(loss for name, loss in losses.items() if name != "discriminator")
        self.optimizers["student"].backward(own, last=last)
        self.optimizers["discriminator"].backward(losses["discriminator"], last=last)
        return losses

    def _student_losses(self, source, made, taps, taught, target) -> dict:
        task, (wanted, wanted_taps) = self.task, taught
        reference = target if task.reference is Reference.GROUND_TRUTH else wanted
        with frozen(self.discriminator):
            scores = self.discriminator(judged(task, source, made))
        return {
            "gan": task.gan_weight * generator_loss(task.adversarial_loss, scores),
            "reconstruction": task.reconstruction_weight * functional.l1_loss(made, reference),
            "feature": task.feature_weight * feature_loss(self.adaptors(taps), wanted_taps),
        }
