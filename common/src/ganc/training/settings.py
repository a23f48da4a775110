"""What a user sets of a training run: three small frozen objects, one a concern. None of them needs Paddle."""

from dataclasses import dataclass, replace
from pathlib import Path

from ganc.base.errors import RunError
from ganc.models.task import Task


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long to train and how fast: a constant learning rate, then a linear decay towards 0.

    Attributes:
        epochs: epochs at the full learning rate.
        decay_epochs: epochs over which it falls; the last is at 1 / (decay_epochs + 1).
        max_steps: end after that many steps without rescaling the schedule; None for all epochs.
    """

    epochs: int
    decay_epochs: int
    batch_size: int = 1
    learning_rate: float = 2e-4
    max_steps: int | None = None

    def __post_init__(self):
        if self.epochs + self.decay_epochs < 1:
            raise RunError("epochs and decay epochs are both 0: there is nothing to train")

    def factor(self, epoch: int) -> float:
        """Return the learning rate's factor in an epoch, counted from 0."""
        return 1.0 - max(0, epoch + 1 - self.epochs) / (self.decay_epochs + 1)

    def steps(self, steps_per_epoch: int) -> int:
        """Return how many steps the run has."""
        whole = (self.epochs + self.decay_epochs) * steps_per_epoch
        return whole if self.max_steps is None else min(whole, self.max_steps)


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Which pictures, and how they are prepared. Sizes are (width, height).

    Attributes:
        direction: "AtoB" or "BtoA".
        load_size: what pictures are resized to before the crop; None keeps the published 286 : 256.
        workers: threads that prepare batches ahead; 0 prepares them in line.
        cache_bytes: prepared pictures are kept in memory if the whole set fits this bound.
    """

    folder: Path
    direction: str = "AtoB"
    load_size: tuple[int, int] | None = None
    crop_size: tuple[int, int] = (256, 256)
    shuffle: bool = True
    workers: int = 2
    cache_bytes: int = 2 << 30

    def __post_init__(self):
        if self.load_size is None:
            object.__setattr__(self, "load_size", tuple(round(side * 286 / 256) for side in self.crop_size))

    @property
    def source_letter(self) -> str:
        return self.direction[0]

    @property
    def target_letter(self) -> str:
        return self.direction[-1]


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Where a run writes, what it draws from, and how it is watched.

    Attributes:
        run_dir: state, log and samples; None for `output` with `.run` added.
        eval_every: epochs between evaluations; 0 evaluates at the end only.
        statistics: a file of the target domain's statistics; None computes them from train + test pictures.
        feature_set: the name of the feature set; None takes the statistics' own, or the default.
        amp: mixed precision (on a GPU).
    """

    output: Path
    run_dir: Path | None = None
    seed: int = 0
    device: str = "auto"
    amp: bool = False
    eval_every: int = 20
    statistics: Path | None = None
    feature_set: str | None = None
    restart: bool = False

    @property
    def directory(self) -> Path:
        return self.run_dir or self.output.with_name(self.output.name + ".run")


@dataclass(frozen=True, kw_only=True)
class DistillationSettings:
    """What a user may set of a distillation; a weight of None leaves the task's own.

    `discriminator_width` is the base width of a fresh discriminator, where the input checkpoint brings none.
    """

    gan_weight: float | None = None
    reconstruction_weight: float | None = None
    feature_weight: float | None = None
    discriminator_width: int = 64

    def applied_to(self, task: Task) -> Task:
        """Return the task with the weights that were given."""
        names = ("gan_weight", "reconstruction_weight", "feature_weight")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return replace(task, **given)
