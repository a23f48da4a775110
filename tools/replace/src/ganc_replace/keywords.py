"""The keyword arguments of `ganc_replace.train`, for editors and type checkers; see `ganc.training.keywords`."""

from typing import Literal

from ganc.models.task import TaskName
from ganc.training.keywords import (
    BlockName,
    InitOptions,
    Needed,
    PathLike,
    RefitOptions,
    TrainingOptions,
    WidthsLike,
)
from ganc.training.recipes import Recipe


class ReplaceOptions(Needed, TrainingOptions, InitOptions, RefitOptions, total=False):
    """The options of `ganc-replace`."""

    recipe: Recipe | Literal["imitate", "published"]
    task: TaskName | Literal["cyclegan", "pix2pix"] | None
    width: int
    widths: WidthsLike | None
    family: str
    block: BlockName
    n_blocks: int
    dropout: float
    discriminator_width: int | None
    original: PathLike | None
    original_weight: float
    gan_weight: float | None
    cycle_weight: float | None
    identity_weight: float | None
    reconstruction_weight: float | None
