"""The keyword arguments of the stages' functions, for editors and type checkers: what `Options` takes, by its name.

Each class has the options of the settings of its name, and plain values beside enums; a test compares the two.
"""

import os
from collections.abc import Sequence
from typing import Literal, TypedDict

from ganc.base.direction import Direction
from ganc.base.resizing import Resize
from ganc.base.target_images import TargetImages
from ganc.training.losses.names import WeightedLoss
from ganc.training.recipes import Ranking, Recipe

PathLike = str | os.PathLike[str]
SizeLike = int | tuple[int, int] | list[int]  # of a square, or (width, height)
WidthsLike = int | str | Sequence[int]  # of all segments, or segment by segment
LossLike = str | WeightedLoss  # as a text "ssim=0.5"
CountLike = int | str  # as a text "2.7G"
WayLike = Direction | Literal["AtoB", "BtoA"]
TargetLike = TargetImages | Literal["train+test", "train", "test"]
RankingLike = Ranking | Literal["writes", "reads"]
BlockName = Literal["mobile", "resnet"]
EngineName = Literal["openvino", "onnxruntime", "paddle"]


class ScheduleOptions(TypedDict, total=False):
    """How long to train and how fast."""

    epochs: int
    decay_epochs: int
    max_steps: int | None
    batch_size: int
    lr: float
    warm_up: int
    ema: float


class DataOptions(TypedDict, total=False):
    """How images are prepared; which, every stage says itself."""

    direction: WayLike
    load_size: SizeLike | None
    crop_size: SizeLike
    resize: Resize | Literal["both", "shorter", "none"]
    eval_size: SizeLike | None
    levels: str | None
    shuffle: bool
    workers: int
    cache_memory: int


class MetricOptions(TypedDict, total=False):
    """What the metric compares with, and the device."""

    stats: PathLike | None
    feature_set: PathLike | None
    reference: TargetLike | None
    device: str


class RestartOptions(TypedDict, total=False):
    """What becomes of an earlier run."""

    restart: bool
    restart_if_changed: bool


class RunOptions(MetricOptions, RestartOptions, total=False):
    """How a run is watched; where it writes, every stage says itself."""

    run_dir: PathLike | None
    seed: int
    engine: EngineName
    amp: Literal["bf16", "fp16"] | None
    eval_every: int
    dry_run: bool


class TrainingOptions(ScheduleOptions, DataOptions, RunOptions, total=False):
    """What all training stages have, such as a program may keep for several calls: `train(**common, output=…)`."""


class DistillationOptions(TypedDict, total=False):
    """What is learnt from a teacher."""

    recipe: Recipe | Literal["imitate", "published"]
    gan_weight: float | None
    reconstruction_weight: float | None
    feature_weight: float | None
    loss: LossLike | Sequence[LossLike]
    gan_from: int | None
    discriminator_width: int | None


class RefitOptions(TypedDict, total=False):
    """Whether a generator starts nearer to what it was made of."""

    refit: int


class InitOptions(TypedDict, total=False):
    """Whether a run starts from another checkpoint's networks."""

    init_from: PathLike | None


class BudgetOptions(TypedDict, total=False):
    """Upper bounds of a sub-network."""

    max_macs: CountLike | None
    max_params: CountLike | None
    max_latency: float | None


class SelectionOptions(BudgetOptions, total=False):
    """How a sub-network is chosen."""

    config: WidthsLike | None
    results: PathLike | None
    rank: int


class Needed(TypedDict):
    """What has no default: the folder of images, and the file to write."""

    data: PathLike
    output: PathLike
