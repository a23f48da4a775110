"""What a user sets of stage 3's start; known without Paddle and numpy."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from ganc.base.errors import SettingError
from ganc.base.needs import Need, absence
from ganc.base.settings import check_limits, setting
from ganc.training.recipes import DEFAULTS_WITHOUT_GAN, Ranking, Recipe
from ganc.training.settings import InitSettings

if TYPE_CHECKING:  # --help must not wait for numpy
    from ganc.models.space import SearchSpace

SCHEDULE = {"epochs": 200, "decay_epochs": 200}
# What --recipe brings, and which recipe there is without it.
RECIPES, USUAL = DEFAULTS_WITHOUT_GAN, Recipe.IMITATE
DEFAULT_SPACE = "channels-32"


class Sampling(Enum):
    """How the sub-networks of a step are chosen.

    UNIFORM: one, each segment's width uniformly (Once-for-All, arXiv 1908.09791; the published method).
    SANDWICH: the largest, the smallest and a uniform one (Yu and Huang, "Universally slimmable networks and improved
        training techniques", arXiv 1903.05134, section 3.2, there with two random ones).
    WEIGHTED: one, each segment's width w with probability w over the sum of the segment's choices: channels that only
        wide sub-networks have are trained more often than in uniform draws.
    """

    UNIFORM = "uniform"
    SANDWICH = "sandwich"
    WEIGHTED = "weighted"


class StartFrom(Enum):
    """What a supernet without a student starts from.

    TEACHER: its channels, the most important first, which every sub-network has; of an original's blocks `--refit`
        makes mobile ones.
    SCRATCH: fresh weights, as published (GAN Compression, arXiv 2003.08936, the fast version).
    """

    TEACHER = "teacher"
    SCRATCH = "scratch"


@dataclass(frozen=True, kw_only=True)
class SupernetStart(InitSettings):
    """Where the supernet starts from.

    Attributes:
        space: the sub-networks that are trained.
        student_file: a distilled student; None starts as `start_from` says.
        importance: by which weights the teacher's channels are ordered.
        width: base width of a supernet trained from scratch; None takes the space's largest widths.
        sampling: which sub-networks a step trains.

    Raises:
        SettingError: a value is outside its limits, or a width is given beside a student.
    """

    teacher_file: Path = setting("The teacher's checkpoint, from ganc-replace.", names=("--teacher",))
    student_file: Path | None = setting(
        "The distilled student to start from; without it: see --start-from.", None, names=("--student",)
    )
    space: "SearchSpace"
    width: int | None = setting("Base width, without --student.", None, least=1, default_text="the space's largest")
    start_from: StartFrom = setting(
        "Without --student: the teacher's channels, the most important first, or fresh weights.", StartFrom.SCRATCH
    )
    importance: Ranking = setting(
        "Order the teacher's channels by the size of the weights that write them, or that read them.", Ranking.WRITES
    )
    sampling: Sampling = setting(
        "A step trains: a random sub-network; the largest, smallest and a random one; or one, wide ones likelier.",
        Sampling.UNIFORM,
    )

    def __post_init__(self) -> None:
        check_limits(self)
        if self.student_file and self.init_from:
            raise SettingError(
                f"--init-from {self.init_from}: --student too says what the supernet starts from; leave one of them out"
            )
        if self.student_file and self.width:
            raise SettingError("--width is for a supernet without --student; a student brings its own widths")


_START = ("start_from", "importance", "images")  # images of the refit
NEEDS = (
    absence("student_file", "--student", _START, "whose channels the supernet starts from", nothing=0),
    absence("init_from", "--init-from", _START, "whose networks the supernet starts from", nothing=0),
    Need(
        ("importance", "images"),
        lambda values: values["start_from"] is StartFrom.TEACHER,
        f"needs --start-from {StartFrom.TEACHER.value}: add that, or leave it out",
        nothing=0,
    ),
)
