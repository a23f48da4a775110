"""The keyword arguments of `ganc_supernet.train`, for editors and type checkers; see `ganc.training.keywords`."""

from typing import TYPE_CHECKING, Literal, Required

from ganc.training.keywords import (
    DistillationOptions,
    InitOptions,
    Needed,
    PathLike,
    RankingLike,
    RefitOptions,
    TrainingOptions,
)
from ganc_supernet.settings import Sampling, StartFrom

if TYPE_CHECKING:
    from ganc.models.space import SearchSpace


class SupernetOptions(Needed, TrainingOptions, DistillationOptions, InitOptions, RefitOptions, total=False):
    """The options of `ganc-supernet`."""

    teacher: Required[PathLike]
    student: PathLike | None
    space: "str | SearchSpace"
    width: int | None
    start_from: StartFrom | Literal["teacher", "scratch"]
    importance: RankingLike
    sampling: Sampling | Literal["uniform", "sandwich", "weighted"]
