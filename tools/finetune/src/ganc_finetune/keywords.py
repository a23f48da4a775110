"""The keyword arguments of `ganc_finetune.train`, for editors and type checkers; see `ganc.training.keywords`."""

from typing import Literal

from ganc.base.choosing_images import ChoosingImages
from ganc.training.keywords import DistillationOptions, InitOptions, Needed, SelectionOptions, TrainingOptions


class FinetuneOptions(Needed, TrainingOptions, DistillationOptions, InitOptions, SelectionOptions, total=False):
    """The options of `ganc-finetune`, but for the two files that the function names itself."""

    choose_on: ChoosingImages | Literal["search", "test"] | None
