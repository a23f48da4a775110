"""What a user sets of a training run: small frozen objects, one a concern. None of them needs Paddle or Click."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganc.base.direction import Direction
from ganc.base.engine_table import REFERENCE, engines_of_parts
from ganc.base.errors import SettingError
from ganc.base.needs import absence
from ganc.base.resizing import Resize
from ganc.base.settings import check_limits, setting
from ganc.base.target_images import TargetImages, target_images
from ganc.models.family import DISCRIMINATOR_WIDTH
from ganc.models.task import Task
from ganc.training.losses.names import LossName, WeightedLoss
from ganc.training.recipes import IMITATION_LOSS, Recipe
from ganc.training.weights import Weight, loss_weights, said_weights

if TYPE_CHECKING:
    from ganc.data.levels import LevelsChoice

REFIT_STEPS = 1.6  # steps that refitting on one image takes as long as: 96 images at 128x128 took 155
TASK_WEIGHTS = ("gan_weight", "reconstruction_weight", "feature_weight")  # of a task, in the stages that distill

# What a feature set of None means, where no statistics say it: ganc.metrics.features chooses.
DEFAULT_FEATURES = "efficientnet-lite0, untrained-conv3-v1 where its package is not installed"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long to train and how fast: a constant learning rate, then a linear decay towards 0.

    Attributes:
        epochs: epochs at the full learning rate.
        decay_epochs: epochs over which it falls; the last is at 1 / (decay_epochs + 1).
        max_steps: end after that many steps without rescaling the schedule; None for all epochs.
        warm_up: steps over which the learning rate rises from 1 / `warm_up` of itself to the whole; 0 for none.
        ema: decay of an average of the generators' weights, which becomes the result; 0 for none.

    Raises:
        SettingError: a value is outside its limits, or there are no epochs.
    """

    epochs: int = setting("Epochs at the full learning rate.", least=0)
    decay_epochs: int = setting("Further epochs; it falls to 0.", least=0)
    max_steps: int | None = setting("End after so many steps; the schedule stays as it is.", None, least=1)
    batch_size: int = setting("Images of each domain a step.", 1, least=1)
    learning_rate: float = setting("Learning rate.", 2e-4, names=("--lr",), above=0, most=1)
    warm_up: int = setting("Steps over which the learning rate rises linearly to --lr.", 0, least=0)
    ema: float = setting("Decay of the average of the weights that becomes the result; 0: none.", 0.0, least=0, below=1)

    def __post_init__(self) -> None:
        check_limits(self)
        if self.epochs + self.decay_epochs < 1:
            raise SettingError("epochs and decay epochs are both 0: there is nothing to train")

    def factor(self, epoch: int) -> float:
        """Return the learning rate's factor in an epoch, counted from 0."""
        return 1.0 - max(0, epoch + 1 - self.epochs) / (self.decay_epochs + 1)

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        return self.learning_rate * self.factor(epoch)

    def warmth(self, step: int) -> float:
        """Return the warm-up's factor of the learning rate in a step, counted from 0."""
        return min(1.0, (step + 1) / self.warm_up) if self.warm_up else 1.0

    def steps(self, steps_per_epoch: int) -> int:
        """Return how many steps the run has."""
        whole = (self.epochs + self.decay_epochs) * steps_per_epoch
        return whole if self.max_steps is None else min(whole, self.max_steps)

    @property
    def identity(self) -> dict:
        """What determines a run's result; what was added later is in it only where it is used."""
        added = {"warm_up": self.warm_up, "ema": self.ema}
        rest = {name: value for name, value in asdict(self).items() if name not in ("max_steps", *added)}
        return rest | {name: value for name, value in added.items() if value}


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Which images, and how they are prepared. Sizes are (width, height).

    Attributes:
        load_size: what images are resized to before the crop; None keeps the published 286 : 256.
        resize: how they come to that size, and to `eval_size`.
        eval_size: of the images that are evaluated, and for which costs count; None is the crop size.
        levels: stored values that become black and white, as `ganc.data.levels.parse_levels` reads them; None takes
            those of the input checkpoint, or what the files can hold.
        workers: threads that prepare batches ahead; 0 prepares them in line.
        cache_memory: MiB; prepared images are kept in memory if the whole set fits this bound.

    Raises:
        SettingError: a value is outside its limits.
        SpecError: there is no such direction.
        DataError: the levels cannot be parsed.
    """

    folder: Path = setting(
        "Folder with trainA, trainB, testA, testB; of pairs side by side train and test.",
        names=("--data",),
        folder=True,
    )
    direction: Direction = setting("Which way to translate.", Direction.A_TO_B)
    load_size: tuple[int, int] | None = setting(
        "Resize to N or WxH, then crop.", None, default_text="crop size * 286 / 256"
    )
    crop_size: tuple[int, int] = setting("Crop at random to N or WxH.", (256, 256))
    resize: Resize = setting(
        "Resize both sides (the aspect is lost), the shorter one (it stays), or none: crops at native scale.",
        Resize.BOTH,
    )
    eval_size: tuple[int, int] | None = setting(
        "Size of evaluated images: resized as training images are, then cut to the centre.",
        None,
        default_text="crop size",
    )
    levels: str | None = setting(
        "Stored values that become black and white: MIN:MAX, MIN:MAX,MIN:MAX for A and B, or auto.",
        None,
        default_text="the input's, else what files can hold",
        placeholder="LEVELS",
    )
    shuffle: bool = setting(
        "Source images in random order, or as listed.", default=True, names=("--shuffle/--in-order",)
    )
    workers: int = setting("Threads that prepare images ahead; 0: none.", 2, least=0)
    cache_memory: int = setting("MiB to keep images in, if all of them fit.", 2048, least=0)

    def __post_init__(self) -> None:
        check_limits(self)
        object.__setattr__(self, "direction", Direction(self.direction))
        object.__setattr__(self, "resize", Resize(self.resize))
        if self.load_size is None:
            object.__setattr__(self, "load_size", tuple(round(side * 286 / 256) for side in self.crop_size))
        if self.eval_size is None:
            object.__setattr__(self, "eval_size", self.crop_size)
        if self.levels is not None:
            self.levels_choice()

    @property
    def evaluated_size(self) -> tuple[int, int]:
        """Width and height of the images that are evaluated."""
        return self.eval_size or self.crop_size

    def levels_choice(self) -> "LevelsChoice":
        """Return the levels that were chosen, parsed. Raises DataError where they cannot be parsed."""
        from ganc.data.levels import parse_levels  # Pillow comes with it, which --help does without

        return None if self.levels is None else parse_levels(self.levels)

    @property
    def cache_bytes(self) -> int:
        """The bound of the cache in bytes."""
        return self.cache_memory << 20


def require_measured(data: Path | None, statistics: object, feature_set: object, reference: object = None) -> None:
    """Raise SettingError where something is said of a metric, and no folder of images to measure on."""
    said = {"--stats": statistics, "--feature-set": feature_set, "--reference": reference}
    if data is None and (names := [name for name, value in said.items() if value]):
        raise SettingError(f"{' and '.join(names)}: of a metric; name the images with --data")


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Where a run writes, what it draws from, and how it is watched.

    Attributes:
        run_dir: state, log and samples; None for `output` with `.run` added.
        eval_every: epochs between evaluations; 0 evaluates at the end only.
        statistics: a file of the target domain's statistics; None computes them from train + test images.
        feature_set: the name of the feature set; None takes the statistics' own, or the default.
        engine: what runs generators and discriminators, forward and backward; all else of a run is Paddle's.
        reference: which of the target's images it is compared with; None takes train + test, or those of `statistics`.

    Raises:
        SettingError: a value is outside its limits.
    """

    output: Path = setting("The checkpoint to write.", names=("-o", "--output"), written=True)
    run_dir: Path | None = setting(
        "Folder of state, log and samples.", None, default_text="OUTPUT.run", folder=True, written=True
    )
    seed: int = setting("Seed of every random draw.", 0, least=0, most=2**32 - 1)
    device: str = setting("auto (a GPU if there is one), cpu, gpu or gpu:N.", "auto", placeholder="DEVICE")
    engine: str = setting(
        f"What runs the passes of training; others than {REFERENCE} do on a CPU only.",
        REFERENCE,
        choices=engines_of_parts(),
    )
    amp: str | None = setting(
        "Compute convolutions and matrix products in bf16 or fp16, on a GPU; on a CPU bf16 only tries that.",
        None,
        choices=("bf16", "fp16"),
        default_text="all in float32",
    )
    eval_every: int = setting("Epochs between evaluations; 0: one at the end.", 20, least=0)
    statistics: Path | None = setting(
        "Target statistics, from ganc stats.", None, names=("--stats",), default_text="made from --data"
    )
    feature_set: str | None = setting(
        "Features of the metric: a name, or a file of ganc import inception.",
        None,
        default_text=f"that of --stats, else {DEFAULT_FEATURES}",
        placeholder="NAME",
        names_file=True,
    )
    reference: TargetImages | None = setting(
        "Target images that statistics are made of; published numbers differ in it.",
        None,
        default_text=f"those of --stats, else {TargetImages.TRAIN_AND_TEST}",
    )
    restart: bool = setting("Start over instead of resuming; needed for other settings.", default=False)
    restart_if_changed: bool = setting(
        "Start over where settings, inputs or images are other ones than the saved run's, else resume.", default=False
    )
    dry_run: bool = setting(
        "Say settings, costs, and from a few steps how long it takes and in how much memory; write nothing.",
        default=False,
    )

    def __post_init__(self) -> None:
        check_limits(self)
        object.__setattr__(self, "reference", target_images(self.reference))

    @property
    def directory(self) -> Path:
        return self.run_dir or self.output.with_name(self.output.name + ".run")


@dataclass(frozen=True, kw_only=True)
class DistillationSettings:
    """What a user may set of a distillation; a weight of None leaves the task's own.

    Attributes:
        recipe: what decides the losses where none is given.
        losses: what is added to the losses above, each once; without any, what the recipe adds.
        gan_from: epochs at the start in which there is neither a GAN loss nor a discriminator's; None is what the
            recipe says, see `epochs_without_gan`.
        discriminator_width: base width of the discriminator: a fresh one where the input brings one of another width,
            or none; None continues the input's.

    Raises:
        SettingError: a value is outside its limits.
    """

    recipe: Recipe = setting(
        "Defaults of other options: imitate learns the teacher's images first; published is the papers'.",
        Recipe.PUBLISHED,
    )
    gan_weight: float | None = setting("Weight of the GAN loss.", None, least=0, default_text="the input's")
    reconstruction_weight: float | None = setting("Weight of the L1 loss.", None, least=0, default_text="the input's")
    feature_weight: float | None = setting("Weight of feature distillation.", None, least=0, default_text="the input's")
    losses: tuple[WeightedLoss, ...] = setting(
        f"Add a loss, such as ssim=0.5; may be given several times. Names: {', '.join(one.value for one in LossName)}.",
        (),
        names=("--loss",),
        repeats=True,
        default_text="none; lite0=5 with --recipe imitate",
    )
    gan_from: int | None = setting(
        "Epochs without GAN loss and discriminator at the start.",
        None,
        least=0,
        default_text="0; two thirds of all with --recipe imitate",
    )
    discriminator_width: int | None = setting(
        "Base width of the discriminator; a fresh one where the input's has another.",
        None,
        least=1,
        default_text=f"the input's, else {DISCRIMINATOR_WIDTH}",
    )

    def __post_init__(self) -> None:
        check_limits(self)
        object.__setattr__(self, "recipe", Recipe(self.recipe))
        if self.recipe is Recipe.IMITATE and not self.losses:
            object.__setattr__(self, "losses", (IMITATION_LOSS,))
        if len(self.added_weights) < len(self.losses):
            raise SettingError("a loss was given twice; give each --loss once, with the whole weight")

    def epochs_without_gan(self, epochs: int) -> float:
        """Return how many of so many epochs have no GAN loss: one that imitates first has something to judge."""
        if self.gan_from is not None:
            return self.gan_from
        return 2 * epochs / 3 if self.recipe is Recipe.IMITATE else 0

    @property
    def added_weights(self) -> dict[str, float]:
        """The weights of the losses that were added, by name."""
        return {one.name.value: one.weight for one in self.losses}

    @property
    def given_weights(self) -> dict[str, Any]:
        """The weights of the task that were given, by its names for them."""
        return {name: value for name in TASK_WEIGHTS if (value := getattr(self, name)) is not None}

    def applied_to(self, task: Task) -> Task:
        """Return the task with the weights that were given."""
        return replace(task, **self.given_weights)

    def weights(self, task: Task) -> dict[str, Weight]:
        """Return what a stage's losses are multiplied by, and who says so, of its task."""
        return loss_weights(task, TASK_WEIGHTS, self.given_weights) | said_weights(self.added_weights)


@dataclass(frozen=True, kw_only=True)
class InitSettings:
    """Whether a run starts from another checkpoint's networks (`ganc.training.init_from`)."""

    init_from: Path | None = setting(
        "Start from this checkpoint's networks, with a schedule of its own: so a finished run goes on.", None
    )


@dataclass(frozen=True, kw_only=True)
class RefitSettings:
    """Whether a generator starts nearer to what it was made of (`ganc.training.refit`).

    Raises:
        SettingError: a value is outside its limits.
    """

    images: int = setting(
        "Before the first step, refit the convolutions by least squares on so many training images; 0: do not.",
        0,
        names=("--refit",),
        least=0,
        most=100_000,
    )

    def __post_init__(self) -> None:
        check_limits(self)

    @property
    def choices(self) -> dict:
        """What belongs to a run's identity."""
        return {"refit": self.images} if self.images else {}


NO_INIT = InitSettings()
NO_REFIT = RefitSettings()
EITHER_WIDTHS = absence("widths", "--widths", ("width",), "which says those of all segments")
