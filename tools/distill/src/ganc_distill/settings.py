"""What a user sets of stage 2 beside what all distilling stages have. Needs neither numpy nor Paddle."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ganc.base.errors import SettingError
from ganc.base.needs import absence
from ganc.base.settings import check_limits, setting
from ganc.models.family import BLOCKS, DEFAULT_BLOCK, DEFAULT_BLOCK_COUNT, DEFAULT_FAMILY, Widths
from ganc.models.task import PUBLISHED, Task, TaskName
from ganc.training.losses.names import LossName, WeightedLoss
from ganc.training.recipes import DEFAULTS, Ranking, Recipe
from ganc.training.settings import EITHER_WIDTHS, DistillationSettings, InitSettings

if TYPE_CHECKING:
    from ganc.models.spec import GeneratorSpec

DEFAULT_TEACHER_WIDTH = 64
SCHEDULE = {"epochs": 100, "decay_epochs": 100}
# What --recipe brings, and which recipe there is without it.
RECIPES, USUAL = DEFAULTS, Recipe.IMITATE

# Weight of OMGD's published horse2zebra run; its L1 and feature losses have the task's weights here.
ONLINE_LOSSES = (WeightedLoss(LossName.SSIM, 10.0),)


@dataclass(frozen=True, kw_only=True)
class StudentStart(InitSettings):
    """The student's widths, and where it starts from.

    Attributes:
        teacher_file: None is a fresh teacher, which trains too.
        widths: of each segment, or a short form of them that the teacher's family reads; none takes `width`. Behind the
            first are those of sub-networks of the student that each step trains too.
        importance: which of the teacher's channels it keeps.

    Raises:
        SettingError: a value is outside its limits.
    """

    teacher_file: Path | None = setting(
        "The teacher's checkpoint, from ganc-replace; needed without --online.", None, names=("--teacher",)
    )
    width: int = setting("Base width of the student, all segments alike.", 32, least=1)
    widths: tuple[Widths, ...] = setting(
        "Base widths segment by segment, instead of --width. Given again: a sub-network of the first that trains too.",
        (),
        repeats=True,
    )
    importance: Ranking = setting(
        "Keep the teacher's channels by the size of the weights that write them, or that read them.", Ranking.WRITES
    )

    def __post_init__(self) -> None:
        check_limits(self)

    @property
    def all_widths(self) -> tuple[Widths, ...]:
        """The widths of the student, then those of its sub-networks."""
        return self.widths or ((self.width,),)


@dataclass(frozen=True, kw_only=True)
class OnlineSettings:
    """Whether the teacher trains beside the student, and what it is where it starts fresh.

    Raises:
        SettingError: a value is outside its limits, or would be ignored.
    """

    online: bool = setting(
        "Train the teacher too, as in stage 1, beside a student without a discriminator.", default=False
    )
    task_name: TaskName | None = setting(
        "What a fresh teacher is trained for; else the teacher's checkpoint says it.",
        None,
        names=("--task",),
        default_text=TaskName.CYCLEGAN.value,
    )
    teacher_width: int | None = setting(
        "Base width of a fresh teacher's generators.", None, least=1, default_text=str(DEFAULT_TEACHER_WIDTH)
    )
    block: str | None = setting(
        "Blocks of a fresh teacher and its student.", None, choices=BLOCKS, default_text=DEFAULT_BLOCK
    )
    n_blocks: int | None = setting(
        "Residual blocks of both, a multiple of 3.", None, least=1, default_text=str(DEFAULT_BLOCK_COUNT)
    )
    teacher_output: Path | None = setting(
        "The checkpoint to write of a teacher that trains.",
        None,
        default_text="OUTPUT with .teacher before its ending",
        written=True,
    )

    def __post_init__(self) -> None:
        check_limits(self)
        given = {**self.fresh, "--teacher-output": self.teacher_output}
        for option, value in given.items():
            if value is not None and not self.online:
                raise SettingError(f"{option} {value}: is for a teacher that trains; add --online, or leave it out")

    @property
    def fresh(self) -> dict[str, object]:
        """What a fresh teacher alone has, by option."""
        task = self.task_name and self.task_name.value
        widths = {"--teacher-width": self.teacher_width, "--block": self.block, "--n-blocks": self.n_blocks}
        return {"--task": task, **widths}

    @property
    def task(self) -> Task:
        """The task of a fresh teacher."""
        return PUBLISHED[self.task_name or TaskName.CYCLEGAN]

    @property
    def generator(self) -> "GeneratorSpec":
        """The spec of a fresh teacher's generators."""
        from ganc.models.families import family_named  # these build layers, which --help does without
        from ganc.models.spec import GeneratorSpec

        return GeneratorSpec(
            widths=family_named(DEFAULT_FAMILY).full_widths((self.teacher_width or DEFAULT_TEACHER_WIDTH,)),
            block=self.block or DEFAULT_BLOCK,
            n_blocks=self.n_blocks or DEFAULT_BLOCK_COUNT,
        )

    def output_beside(self, output: Path) -> Path:
        """Return where the teacher of the student `output` is written.

        Raises:
            SettingError: that is where the student is written.
        """
        path = self.teacher_output or output.with_name(f"{output.stem}.teacher{output.suffix}")
        if path.resolve() == output.resolve():
            raise SettingError(f"--teacher-output {path}: is the student's file; choose another")
        return path


FROZEN = OnlineSettings()
NEEDS = (
    EITHER_WIDTHS,
    absence("init_from", "--init-from", ("importance", "images"), "whose student goes on as it is", nothing=0),
)


def online_student(settings: DistillationSettings) -> DistillationSettings:
    """Return the settings of a student beside a teacher that trains: without a discriminator, with OMGD's losses.

    Raises:
        SettingError: a GAN loss was asked for.
    """
    for option, value in {"--gan-weight": settings.gan_weight, "--gan-from": settings.gan_from}.items():
        if value:
            raise SettingError(
                f"{option} {value:g}: with --online the student has no discriminator (the teacher has); leave it out"
            )
    return replace(settings, gan_weight=0.0, discriminator_width=None, losses=settings.losses or ONLINE_LOSSES)
