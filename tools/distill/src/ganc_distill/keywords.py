"""The keyword arguments of `ganc_distill.train`, for editors and type checkers; see `ganc.training.keywords`."""

from collections.abc import Sequence
from typing import Literal

from ganc.models.task import TaskName
from ganc.training.keywords import (
    BlockName,
    DistillationOptions,
    InitOptions,
    Needed,
    PathLike,
    RankingLike,
    RefitOptions,
    TrainingOptions,
    WidthsLike,
)


class DistillOptions(Needed, TrainingOptions, DistillationOptions, InitOptions, RefitOptions, total=False):
    """The options of `ganc-distill`."""

    teacher: PathLike | None
    width: int
    widths: WidthsLike | Sequence[WidthsLike]
    importance: RankingLike
    online: bool
    task: TaskName | Literal["cyclegan", "pix2pix"] | None
    teacher_width: int | None
    block: BlockName | None
    n_blocks: int | None
    teacher_output: PathLike | None
