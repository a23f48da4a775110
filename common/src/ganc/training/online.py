"""A teacher that trains beside its student, as a CycleGAN (OMGD, arXiv 2108.06908, section 3)."""

from collections.abc import Mapping
from pathlib import Path

from ganc.base.direction import Direction
from ganc.base.errors import FileFormatError
from ganc.files.checkpoint import DISCRIMINATOR, GENERATOR, REVERSE, Checkpoint
from ganc.models.discriminator import Discriminator
from ganc.models.generator import Generator
from ganc.models.spec import GeneratorSpec
from ganc.models.task import CYCLEGAN
from ganc.system.processes import Processes
from ganc.system.runtime import paddle
from ganc.training.gan import GanStep, fresh_states, gan_specs
from ganc.training.settings import RunSettings

CYCLE_NETWORKS = (GENERATOR, GENERATOR + REVERSE, DISCRIMINATOR, DISCRIMINATOR + REVERSE)


class CycleTeacher:
    """A teacher that the CycleGAN step trains; see Teacher. It shows what it does without dropout."""

    def __init__(self, cycle: GanStep):
        self._cycle, self.generator = cycle, cycle.generator
        self.networks, self.optimizers, self.pools = cycle.networks, cycle.optimizers, cycle.pools

    def translate(self, source) -> tuple:
        """Return the images and taps of the generator as it is now; see Teacher."""
        self.generator.eval()
        with paddle.no_grad():
            shown = self._cycle.translate(source, return_taps=True)
        self.generator.train()
        return shown

    def update(self, source, target, step: int, learning_rate: float) -> Mapping:
        """Train all four networks on the batch that the student has just seen; see Teacher."""
        return self._cycle.learn(source, target, step, learning_rate)


def cycle_teacher(
    start: Checkpoint, run: RunSettings, generator: Generator, processes: Processes, engine: str
) -> CycleTeacher:
    """Return the teacher that starts from a checkpoint with all four networks; `generator` is its forward one."""
    networks = start.networks
    cycle = GanStep(
        task=start.task,
        generators=(generator, Generator.from_state(networks[GENERATOR + REVERSE])),
        discriminators=tuple(Discriminator.from_state(networks[DISCRIMINATOR + end]) for end in ("", REVERSE)),
        seed=run.seed,
        processes=processes,
        amp=run.amp,
        engine=engine,
    )
    return CycleTeacher(cycle)


def fresh_cycle(generator: GeneratorSpec, discriminator_width: int, direction: Direction, seed: int) -> Checkpoint:
    """Return an untrained CycleGAN, the one that ganc-replace would start from."""
    specs = gan_specs(CYCLEGAN, generator, discriminator_width)
    return Checkpoint(stage="replace", task=CYCLEGAN, direction=direction, networks=fresh_states(specs, seed))


def require_cycle(checkpoint: Checkpoint, path: Path) -> None:
    """Raise FileFormatError unless all four networks are in the checkpoint; `path` and the first missing are named."""
    for name in CYCLE_NETWORKS:
        if name not in checkpoint.networks:
            raise FileFormatError(
                f"{path}: has no {name}, and --online trains {', '.join(CYCLE_NETWORKS)}; give a checkpoint of "
                "ganc-replace, leave --online out for a frozen teacher, or leave --teacher out for a fresh one"
            )
