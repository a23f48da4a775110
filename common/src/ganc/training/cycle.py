"""The CycleGAN step: two generators, two discriminators (Zhu et al., arXiv 1703.10593, section 3)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ganc.base.engine_table import REFERENCE
from ganc.engines.passes import passes_of
from ganc.files.checkpoint import DISCRIMINATOR, GENERATOR, REVERSE
from ganc.models.convolutions import NetworkSpec, NetworkState, initial_state
from ganc.models.discriminator import Discriminator
from ganc.models.generator import Generator
from ganc.models.network import Network
from ganc.models.spec import DiscriminatorSpec, GeneratorSpec
from ganc.models.task import Task
from ganc.system.processes import Processes
from ganc.system.runtime import paddle
from ganc.training.losses.adversarial import generator_loss
from ganc.training.optimizer import Adam
from ganc.training.pool import ImagePool
from ganc.training.settings import RunSettings
from ganc.training.step import detached, frozen, judged, judgement_loss, mixed_precision
from ganc.training.teachers import FrozenTeacher

functional = paddle.nn.functional


def cycle_specs(task: Task, generator: GeneratorSpec, discriminator_width: int) -> dict[str, NetworkSpec]:
    """Return the specs of all four networks by their names in checkpoints; `generator` is the forward one's."""
    ins, outs = generator.in_channels, generator.out_channels
    return {
        GENERATOR: generator,
        GENERATOR + REVERSE: replace(generator, in_channels=outs, out_channels=ins),
        DISCRIMINATOR: DiscriminatorSpec(width=discriminator_width, in_channels=task.judged_channels(ins, outs)),
        DISCRIMINATOR + REVERSE: DiscriminatorSpec(
            width=discriminator_width, in_channels=task.judged_channels(outs, ins)
        ),
    }


def fresh_states(specs: Mapping[str, NetworkSpec], seed: int) -> dict[str, NetworkState]:
    """Return fresh networks by name; equal seeds draw equal ones, whichever stage trains them."""
    return {name: initial_state(spec, seed, f"initialise/replace/{name}") for name, spec in specs.items()}


@dataclass(frozen=True)
class Guide:
    """Trained generators whose images those that train should make too; they do not change.

    Attributes:
        weight: of the L1 distance between the images.
        teacher, teacher_b: what makes them, by direction; None where there is none.
    """

    weight: float
    teacher: FrozenTeacher
    teacher_b: FrozenTeacher | None = None


class CycleStep:
    """Train both directions at once. `_b` is the reverse direction: it makes sources and judges sources.

    What has weight 0 in the task costs no time: without a GAN loss the discriminators do not train, and may be None.
    `translate` runs the forward generator's passes in the engine that was chosen.
    """

    def __init__(
        self,
        *,
        task: Task,
        generators: tuple[Generator, Generator],
        discriminators: tuple[Discriminator | None, Discriminator | None],
        seed: int,
        processes: Processes,
        amp: bool = False,
        engine: str = REFERENCE,
        guide: Guide | None = None,
    ):
        self.task, self.amp, self._guide = task, amp, guide
        self.generator, self.generator_b = generators
        self.discriminator: Any
        self.discriminator_b: Any  # both None where no GAN loss has a weight
        self.discriminator, self.discriminator_b = discriminators
        self.translate, self._translate_b = (passes_of(one, engine) for one in generators)
        self._judge: Any
        self._judge_b: Any
        self._judge, self._judge_b = (one and passes_of(one, engine) for one in discriminators)
        makers = {"generator": self.generator, "generator_b": self.generator_b}
        judges = {"discriminator": self.discriminator, "discriminator_b": self.discriminator_b}
        self.results = makers | {name: one for name, one in judges.items() if one}
        self.networks, self.pools = makers, {}
        self.optimizers = {"generators": Adam(makers, processes, amp)}
        if task.gan_weight:
            self.networks = self.results
            self.optimizers["discriminators"] = Adam(judges, processes, amp)
            self.pools = {name: ImagePool(task.pool_size, seed, f"pool/{name}/{processes.index}") for name in judges}
        self.beside: dict[str, Any] = {}
        self.gan_from = 0 if task.gan_weight else math.inf

    def update(self, source: np.ndarray, target: np.ndarray, step: int, learning_rate: float) -> Mapping:
        """Train on one batch; see TrainingStep."""
        return self.learn(paddle.to_tensor(source), paddle.to_tensor(target), step, learning_rate)

    def learn(self, source, target, step: int, learning_rate: float) -> Mapping:
        """Update the generators, then the discriminators on pooled images, from tensors (n, c, h, w)."""
        with mixed_precision(self.amp):
            losses, made, made_b = self._generator_losses(source, target)
        self.optimizers["generators"].backward(sum(losses.values()))
        self.optimizers["generators"].step(learning_rate)
        if not self.task.gan_weight:
            return detached(losses)

        pooled = self._pooled("discriminator", made, step)
        pooled_b = self._pooled("discriminator_b", made_b, step)
        with mixed_precision(self.amp):
            judgements = {
                "discriminator": judgement_loss(self.task, self._judge, source, target, pooled),
                "discriminator_b": judgement_loss(self.task, self._judge_b, target, source, pooled_b),
            }
        self.optimizers["discriminators"].backward(sum(judgements.values()))
        self.optimizers["discriminators"].step(learning_rate)
        return detached({**losses, **judgements})

    def _generator_losses(self, source, target) -> tuple:
        """Return the generators' losses and their images, (n, c, h, w), by direction.

        Translation and identity of one generator run as one batch: no layer mixes images, so the values are the same.
        """
        task = self.task
        with_identity = task.cycle_weight * task.identity_weight > 0
        made, same = self._with_own(self.translate, source, target if with_identity else None)
        made_b, same_b = self._with_own(self._translate_b, target, source if with_identity else None)
        losses = self._gan_losses(source, target, made, made_b) if task.gan_weight else {}
        if task.cycle_weight:
            losses["cycle"] = task.cycle_weight * functional.l1_loss(self._translate_b(made), source)
            losses["cycle_b"] = task.cycle_weight * functional.l1_loss(self.translate(made_b), target)
        if with_identity:
            weight = task.cycle_weight * task.identity_weight
            losses["identity"] = weight * functional.l1_loss(same, target)
            losses["identity_b"] = weight * functional.l1_loss(same_b, source)
        return losses | self._guided_losses(source, target, made, made_b), made, made_b

    def _gan_losses(self, source, target, made, made_b) -> dict:
        task = self.task
        with frozen(self.discriminator, self.discriminator_b):
            scores = self._judge(judged(task, source, made))
            scores_b = self._judge_b(judged(task, target, made_b))
        return {
            "gan": task.gan_weight * generator_loss(task.adversarial_loss, scores),
            "gan_b": task.gan_weight * generator_loss(task.adversarial_loss, scores_b),
        }

    def _guided_losses(self, source, target, made, made_b) -> dict:
        """Return the distances to the guide's images of what the generators made."""
        if self._guide is None:
            return {}
        weight, teacher, teacher_b = self._guide.weight, self._guide.teacher, self._guide.teacher_b
        losses = {"original": weight * functional.l1_loss(made, teacher.translate(source)[0])}
        if teacher_b:
            losses["original_b"] = weight * functional.l1_loss(made_b, teacher_b.translate(target)[0])
        return losses

    @staticmethod
    def _with_own(translate: Callable, images, own_domain) -> tuple:
        if own_domain is None:
            return translate(images), None
        return tuple(paddle.split(translate(paddle.concat([images, own_domain])), 2))

    def _pooled(self, name: str, made, step: int):
        return self.pools[name].exchange(made.detach().astype("float32"), step)


def networks_of(states: Mapping[str, NetworkState]) -> dict[str, Network]:
    """Return the networks of a CycleGAN's states, by their names in checkpoints."""
    return {
        name: (Generator if isinstance(state.spec, GeneratorSpec) else Discriminator).from_state(state)
        for name, state in states.items()
    }


def cycle_step(
    task: Task, networks: Mapping[str, Any], run: RunSettings, processes: Processes, guide: Guide | None
) -> CycleStep:
    """Return the step of such networks; discriminators may be absent where the task has no GAN loss."""
    return CycleStep(
        task=task,
        generators=(networks[GENERATOR], networks[GENERATOR + REVERSE]),
        discriminators=(networks.get(DISCRIMINATOR), networks.get(DISCRIMINATOR + REVERSE)),
        seed=run.seed,
        processes=processes,
        amp=run.amp,
        engine=run.engine,
        guide=guide,
    )
