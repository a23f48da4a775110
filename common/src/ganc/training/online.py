"""A teacher that trains beside its student, as in stage 1 (OMGD, arXiv 2108.06908, section 3)."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ganc.base.direction import Direction
from ganc.base.errors import FileFormatError
from ganc.files.checkpoint import DISCRIMINATOR, GENERATOR, REVERSE, Checkpoint
from ganc.models.generator import Generator
from ganc.models.spec import GeneratorSpec
from ganc.models.task import Task
from ganc.system.processes import Processes
from ganc.system.runtime import Tensor, paddle
from ganc.training.gan import GanStep, fresh_states, gan_specs, gan_step, networks_of
from ganc.training.settings import RunSettings


class LearningTeacher:
    """A teacher that the step of stage 1 trains; see Teacher. It shows what it does without dropout."""

    def __init__(self, step: GanStep):
        self._step, self.generator = step, step.generator
        self.networks, self.optimizers, self.pools = step.networks, step.optimizers, step.pools

    def translate(self, source: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the images and taps of the generator as it is now; see Teacher."""
        self.generator.eval()
        with paddle.no_grad():
            shown = self._step.translate(source, return_taps=True)
        self.generator.train()
        return shown

    def update(self, source: Tensor, target: Tensor, step: int, learning_rate: float) -> Mapping:
        """Train all its networks on the batch that the student has just seen; see Teacher."""
        return self._step.learn(source, target, step, learning_rate)


def learning_teacher(
    start: Checkpoint, run: RunSettings, generator: Generator, processes: Processes, engine: str
) -> LearningTeacher:
    """Return the teacher that starts from a checkpoint with all its networks; `generator` is its forward one."""
    named = trained_networks(start.task)
    others = {name: start.networks[name] for name in named if name != GENERATOR}
    networks = {GENERATOR: generator, **networks_of(others)}
    return LearningTeacher(gan_step(start.task, networks, replace(run, engine=engine), processes))


def fresh_teacher(
    task: Task, generator: GeneratorSpec, discriminator_width: int | None, direction: Direction, seed: int
) -> Checkpoint:
    """Return untrained networks of a task, those that ganc-replace would start from."""
    specs = gan_specs(task, generator, discriminator_width)
    return Checkpoint(stage="replace", task=task, direction=direction, networks=fresh_states(specs, seed))


def trained_networks(task: Task) -> tuple[str, ...]:
    """Return the names of all networks that stage 1 trains for a task."""
    ends = ("", REVERSE) if task.both_ways else ("",)
    return tuple(name + end for name in (GENERATOR, DISCRIMINATOR) for end in ends)


def require_trained_networks(checkpoint: Checkpoint, path: Path) -> None:
    """Raise FileFormatError unless all networks are in the checkpoint; `path` and the first missing are named."""
    expected = trained_networks(checkpoint.task)
    for name in expected:
        if name not in checkpoint.networks:
            raise FileFormatError(
                f"{path}: has no {name}, and --online trains {', '.join(expected)}; give a checkpoint of "
                "ganc-replace, leave --online out for a frozen teacher, or leave --teacher out for a fresh one"
            )
