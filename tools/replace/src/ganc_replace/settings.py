"""What a user sets of stage 1: the networks, where they start from, and the weights of their losses."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganc.base.errors import SettingError
from ganc.base.needs import Need
from ganc.base.settings import check_limits, setting
from ganc.models.family import (
    BLOCKS,
    DEFAULT_BLOCK,
    DEFAULT_BLOCK_COUNT,
    DEFAULT_FAMILY,
    ORIGINAL_BLOCK,
    Widths,
)
from ganc.models.task import CYCLEGAN, PIX2PIX, PUBLISHED, Task, TaskName
from ganc.training.recipes import DEFAULTS_WITHOUT_GAN, Recipe
from ganc.training.settings import EITHER_WIDTHS, InitSettings
from ganc.training.weights import Weight, loss_weights, said_weights

if TYPE_CHECKING:
    from ganc.models.spec import GeneratorSpec

SCHEDULE = {"epochs": 100, "decay_epochs": 100}
# What --recipe brings, and which recipe there is without it.
RECIPES, USUAL = DEFAULTS_WITHOUT_GAN, Recipe.PUBLISHED

# The weights that a task has in stage 1: of a CycleGAN, and of pix2pix.
BOTH_WAYS, ONE_WAY = ("gan_weight", "cycle_weight", "identity_weight"), ("gan_weight", "reconstruction_weight")


def _either(name: str) -> str:
    """Return the published values of both tasks in words, once where they are equal."""
    values = {task.value: f"{getattr(PUBLISHED[task], name):g}" for task in TaskName}
    if len({*values.values()}) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{value} for {task}" for task, value in values.items())


def _words(task: Task, *, other: bool = False) -> str:
    """Return how options name the task, or the other one."""
    return (TaskName.CYCLEGAN if task.both_ways != other else TaskName.PIX2PIX).value


@dataclass(frozen=True, kw_only=True)
class ReplaceSettings(InitSettings):
    """A CycleGAN, or a pix2pix. The weights are those of the published one unless others are said.

    Attributes:
        task_name: None is the task of `init_from`, else a CycleGAN.

    Raises:
        SettingError: a value is outside its limits, or is of the other task.
    """

    task_name: TaskName | None = setting(
        "cyclegan learns from unpaired images, both ways; pix2pix from pairs, one way.",
        None,
        names=("--task",),
        default_text="that of --init-from, else cyclegan",
    )
    width: int = setting("Base width of the generators, all segments alike.", 64, least=1)
    widths: Widths | None = setting("Base widths segment by segment, instead of --width.", None)
    family: str = setting("The family of generators.", DEFAULT_FAMILY)
    block: str = setting(f"{ORIGINAL_BLOCK} is the original.", DEFAULT_BLOCK, choices=BLOCKS)
    n_blocks: int = setting("Residual blocks, a multiple of 3.", DEFAULT_BLOCK_COUNT, least=1)
    dropout: float = setting("Dropout in the blocks.", 0.0, least=0, below=1)
    discriminator_width: int | None = setting(
        "Base width of the discriminators.", None, least=1, default_text=_either("discriminator_width")
    )
    original: Path | None = setting(
        "The trained generators whose images to imitate.", None, default_text="those of --init-from"
    )
    original_weight: float = setting("Weight of the L1 distance to the images of --original.", 0.0, least=0)
    gan_weight: float | None = setting(
        "Weight of the GAN losses; 0 trains no discriminators.", None, least=0, default_text=_either("gan_weight")
    )
    cycle_weight: float | None = setting(
        "Weight of the cycle losses, of cyclegan alone.", None, least=0, default_text=f"{CYCLEGAN.cycle_weight:g}"
    )
    identity_weight: float | None = setting(
        "Weight of identity losses, times --cycle-weight.", None, least=0, default_text=f"{CYCLEGAN.identity_weight:g}"
    )
    reconstruction_weight: float | None = setting(
        "Weight of the L1 distance to the ground truth, of pix2pix alone.",
        None,
        least=0,
        default_text=f"{PIX2PIX.reconstruction_weight:g}",
    )

    def __post_init__(self) -> None:
        check_limits(self)
        if self.original_weight and not (self.init_from or self.original):
            raise SettingError(
                f"--original-weight {self.original_weight:g}, which --recipe imitate has too: name the original with "
                "--init-from, or with --original"
            )
        if self.original and not self.original_weight:
            raise SettingError(f"--original {self.original}: its images have weight 0; give --original-weight")
        if self.task_name or not self.init_from:
            self.task_of(None, None)  # refuses what does not go together; else that is done when the file is read

    @property
    def task(self) -> Task:
        """The task where no checkpoint says another, with these weights."""
        return self.task_of(None, None)

    @property
    def given_weights(self) -> dict[str, Any]:
        """The weights of the task that were said, by its names for them."""
        return {name: one for name in {*BOTH_WAYS, *ONE_WAY} if (one := getattr(self, name)) is not None}

    def weights(self, task: Task) -> dict[str, Weight]:
        """Return what the losses are multiplied by, and who says so, of the task that is trained."""
        own = loss_weights(task, BOTH_WAYS if task.both_ways else ONE_WAY, self.given_weights)
        return own | (said_weights({"original": self.original_weight}) if self.original_weight else {})

    def applied_to(self, task: Task) -> Task:
        """Return the task with the weights that were said.

        Raises:
            SettingError: a weight is not the task's, or no loss is left.
        """
        own, others = (BOTH_WAYS, ONE_WAY) if task.both_ways else (ONE_WAY, BOTH_WAYS)
        for name in sorted({*others} - {*own}):
            if getattr(self, name):
                raise SettingError(
                    f"--{name.replace('_', '-')} {getattr(self, name):g}: {_words(task)} has no such loss; leave it "
                    f"out, or choose --task {_words(task, other=True)}"
                )
        made = replace(task, **{name: one for name, one in self.given_weights.items() if name in own})
        if self.discriminator_width and not made.gan_weight:
            raise SettingError(
                f"--discriminator-width {self.discriminator_width}: no discriminator trains, as the GAN losses have "
                "weight 0; leave it out, or give --gan-weight"
            )
        if not (made.gan_weight or made.cycle_weight or made.ground_truth_weight or self.original_weight):
            other = "--cycle-weight" if made.both_ways else "--reconstruction-weight"
            raise SettingError(f"all losses have weight 0: give one of --gan-weight, {other}, --original-weight")
        return made

    def task_of(self, start: Task | None, path: Path | None) -> Task:
        """Return the task with these weights, where it starts from a checkpoint of a task.

        Raises:
            SettingError: another task was asked for; `path` is named.
        """
        theirs = start.name if start else None
        if theirs and self.task_name and theirs is not self.task_name:
            raise SettingError(
                f"--task {self.task_name.value}: {path} was trained as {theirs.value}; leave --task out, or choose "
                "another --init-from (for networks of other programs ganc import has --task)"
            )
        return self.applied_to(PUBLISHED[self.task_name or theirs or TaskName.CYCLEGAN])

    @property
    def generator(self) -> "GeneratorSpec":
        """The spec of both generators."""
        from ganc.models.families import family_named  # these build layers, which --help does without
        from ganc.models.spec import GeneratorSpec

        return GeneratorSpec(
            family=self.family,
            widths=family_named(self.family).full_widths(self.widths or (self.width,)),
            block=self.block,
            n_blocks=self.n_blocks,
            dropout=self.dropout,
        )


NEEDS = (
    EITHER_WIDTHS,
    Need(
        ("identity_weight",),
        lambda values: values["cycle_weight"] != 0,
        "is a factor of --cycle-weight, which is 0: give that too, or leave it out",
        nothing=0,
    ),
    Need(
        ("images",),
        lambda values: values["init_from"],
        "needs an original to refit to: name it with --init-from, or leave it out",
        nothing=0,
    ),
)
