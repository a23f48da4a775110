"""The step of stage 1: a CycleGAN's two generators and discriminators (Zhu et al., arXiv 1703.10593, section 3), or
pix2pix's one of each (Isola et al., arXiv 1611.07004, section 3).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ganc.base.engine_table import REFERENCE
from ganc.engines.passes import passes_of
from ganc.files.checkpoint import DISCRIMINATOR, GENERATOR, REVERSE
from ganc.models.convolutions import NetworkSpec, NetworkState, initial_state
from ganc.models.discriminator import Discriminator
from ganc.models.generator import Generator
from ganc.models.network import Network, frozen
from ganc.models.spec import DiscriminatorSpec, GeneratorSpec
from ganc.models.task import Task
from ganc.system.processes import Processes
from ganc.system.runtime import Tensor, paddle
from ganc.training.losses.adversarial import generator_loss
from ganc.training.optimizer import Adam
from ganc.training.pool import ImagePool
from ganc.training.precision import mixed_precision, require_finite
from ganc.training.settings import RunSettings
from ganc.training.step import detached, judged, judgement_loss
from ganc.training.teachers import FrozenTeacher

functional = paddle.nn.functional


def gan_specs(task: Task, generator: GeneratorSpec, discriminator_width: int | None = None) -> dict[str, NetworkSpec]:
    """Return the specs of all networks by their names in checkpoints, the forward direction's and perhaps the other's.

    Args:
        generator: the forward one's.
        discriminator_width: None is the task's own.
    """
    width = discriminator_width or task.discriminator_width
    ins, outs = generator.in_channels, generator.out_channels
    specs: dict[str, NetworkSpec] = {
        GENERATOR: generator,
        DISCRIMINATOR: DiscriminatorSpec(width=width, in_channels=task.judged_channels(ins, outs)),
    }
    if task.both_ways:
        specs |= {
            GENERATOR + REVERSE: replace(generator, in_channels=outs, out_channels=ins),
            DISCRIMINATOR + REVERSE: DiscriminatorSpec(width=width, in_channels=task.judged_channels(outs, ins)),
        }
    return specs


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


@dataclass(frozen=True)
class _Way:
    """One direction of translation: what makes images, what judges them, and the engines that run both.

    Attributes:
        end: of the networks' names.
    """

    end: str
    generator: Generator
    discriminator: Discriminator | None
    translate: Callable
    judge: Any

    @property
    def makers(self) -> dict[str, Network]:
        return {GENERATOR + self.end: self.generator}

    @property
    def judges(self) -> dict[str, Network]:
        return {DISCRIMINATOR + self.end: self.discriminator} if self.discriminator else {}


class GanStep:
    """Train generators against discriminators: both directions at once, or one.

    `_b` is the reverse direction: it makes sources and judges sources. The losses are those that have a weight in the
    task; one without costs no time: without a GAN loss the discriminators do not train, and may be None.
    `translate` runs the forward generator's passes in the engine that was chosen.
    """

    def __init__(
        self,
        *,
        task: Task,
        generators: Sequence[Generator],
        discriminators: Sequence[Discriminator | None],
        seed: int,
        processes: Processes,
        amp: str | None = None,
        engine: str = REFERENCE,
        guide: Guide | None = None,
    ):
        self.task, self.amp, self._guide = task, amp, guide
        self._ways = [
            _Way(end, maker, judge, passes_of(maker, engine), judge and passes_of(judge, engine))
            for end, maker, judge in zip(("", REVERSE), generators, discriminators, strict=False)
        ]
        self.generator, self.translate = self._ways[0].generator, self._ways[0].translate
        makers = {name: one for way in self._ways for name, one in way.makers.items()}
        judges = {name: one for way in self._ways for name, one in way.judges.items()}
        self.results = makers | judges
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

    def learn(self, source: Tensor, target: Tensor, step: int, learning_rate: float) -> Mapping:
        """Update generators, then discriminators on pooled images, or the other way round; tensors are (n, c, h, w)."""
        batch = ((source, target), (target, source))[: len(self._ways)]
        with mixed_precision(self.amp):
            made, same = self._translations(batch)
        judgements = self._judge(batch, made, step, learning_rate) if self.task.judges_first else {}
        with mixed_precision(self.amp):
            losses = self._generator_losses(batch, made, same)
        require_finite(losses)
        self.optimizers["generators"].backward(sum(losses.values()))
        self.optimizers["generators"].step(learning_rate)
        if not self.task.judges_first:
            judgements = self._judge(batch, made, step, learning_rate)
        return detached({**losses, **judgements})

    def _judge(self, batch: Sequence, made: Sequence, step: int, learning_rate: float) -> dict:
        """Update the discriminators, where there is a GAN loss; return their losses."""
        if not self.task.gan_weight:
            return {}
        losses = {}
        for way, (source, target), image in zip(self._ways, batch, made, strict=True):
            name = DISCRIMINATOR + way.end
            pooled = self.pools[name].exchange(image.detach().astype("float32"), step)
            with mixed_precision(self.amp):
                losses[name] = judgement_loss(self.task, way.judge, source, target, pooled)
        require_finite(losses)
        self.optimizers["discriminators"].backward(sum(losses.values()))
        self.optimizers["discriminators"].step(learning_rate)
        return losses

    @property
    def _identity_weight(self) -> float:
        return self.task.cycle_weight * self.task.identity_weight

    def _translations(self, batch: Sequence) -> tuple[list, list]:
        """Return what each generator makes of its sources, and of its targets where there is an identity loss.

        Both run as one batch: no layer mixes images, so the values are the same.
        """
        made, same = [], []
        for way, (source, target) in zip(self._ways, batch, strict=True):
            if self._identity_weight:
                image, own = paddle.split(way.translate(paddle.concat([source, target])), 2)
            else:
                image, own = way.translate(source), None
            made.append(image)
            same.append(own)
        return made, same

    def _generator_losses(self, batch: Sequence, made: Sequence, same: Sequence) -> dict:
        """Return the generators' losses by name; see `_translations` for the images."""
        task = self.task
        losses = self._gan_losses(batch, made) if task.gan_weight else {}
        if task.cycle_weight:
            for way, back, image, (source, _) in zip(self._ways, self._ways[::-1], made, batch, strict=True):
                losses["cycle" + way.end] = task.cycle_weight * functional.l1_loss(back.translate(image), source)
        if self._identity_weight:
            for way, own, (_, target) in zip(self._ways, same, batch, strict=True):
                losses["identity" + way.end] = self._identity_weight * functional.l1_loss(own, target)
        if weight := task.ground_truth_weight:
            for way, image, (_, target) in zip(self._ways, made, batch, strict=True):
                losses["reconstruction" + way.end] = weight * functional.l1_loss(image, target)
        return losses | self._guided_losses(batch, made)

    def _gan_losses(self, batch: Sequence, made: Sequence) -> dict:
        task, losses = self.task, {}
        with frozen(*(network for way in self._ways for network in way.judges.values())):
            for way, image, (source, _) in zip(self._ways, made, batch, strict=True):
                scores = way.judge(judged(task, source, image))
                losses["gan" + way.end] = task.gan_weight * generator_loss(task.adversarial_loss, scores)
        return losses

    def _guided_losses(self, batch: Sequence, made: Sequence) -> dict:
        """Return the distances to the guide's images of what the generators made."""
        if self._guide is None:
            return {}
        weight, teachers = self._guide.weight, (self._guide.teacher, self._guide.teacher_b)
        return {
            "original" + way.end: weight * functional.l1_loss(image, teacher.translate(source)[0])
            for way, teacher, image, (source, _) in zip(self._ways, teachers, made, batch, strict=False)
            if teacher
        }


def networks_of(states: Mapping[str, NetworkState]) -> dict[str, Network]:
    """Return the networks of stage 1's states, by their names in checkpoints."""
    return {
        name: (Generator if isinstance(state.spec, GeneratorSpec) else Discriminator).from_state(state)
        for name, state in states.items()
    }


def gan_step(
    task: Task, networks: Mapping[str, Any], run: RunSettings, processes: Processes, guide: Guide | None = None
) -> GanStep:
    """Return the step of such networks; discriminators may be absent where the task has no GAN loss."""
    ends = ("", REVERSE) if task.both_ways else ("",)
    return GanStep(
        task=task,
        generators=[networks[GENERATOR + end] for end in ends],
        discriminators=[networks.get(DISCRIMINATOR + end) for end in ends],
        seed=run.seed,
        processes=processes,
        amp=run.amp,
        engine=run.engine,
        guide=guide,
    )
