"""Stage 5: train one sub-network alone; the checkpoint is the better of before and after."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from ganc.base.direction import Direction
from ganc.files.checkpoint import DISCRIMINATOR, Checkpoint, read_checkpoint, require_same_task, require_supernet
from ganc.files.choice import Selection
from ganc.models.family import Widths, format_widths
from ganc.models.task import PUBLISHED, Task
from ganc.training.assembly import Stage
from ganc.training.distillation_job import Distillation, distillation_job
from ganc.training.init_from import InitFrom
from ganc.training.job import Progress, TrainingJob, finish
from ganc.training.options import Options, recipe_defaults
from ganc.training.recipes import Recipe
from ganc.training.settings import NO_INIT, DataSettings, DistillationSettings, InitSettings, Schedule
from ganc_finetune.keywords import FinetuneOptions
from ganc_finetune.settings import RECIPES, SCHEDULE, USUAL, FinetuneRun

STAGE = "finetune"


def train(
    *,
    supernet: str | os.PathLike[str],
    teacher: str | os.PathLike[str],
    watch: Callable[[Progress], object] | None = None,
    **options: Unpack[FinetuneOptions],
) -> Checkpoint:
    """Train one sub-network to the end, write its checkpoint and return it; called again, it goes on where it stopped.

    Args:
        supernet, teacher: their checkpoints.
        watch: is called with each step's progress: `step`, `losses` and, where it was evaluated, `metrics`.
        options: `config`, or `results` with bounds such as `max_macs="2.7G"`; `data`, `output` and the other options of
            `ganc-finetune`, with `_` for `-`.

    Raises:
        SettingError: there is no such option, or its value is not possible.
        SelectionError: no sub-network satisfies the bounds.
        GancError: a file, the images or the settings cannot be used; the message says which.
    """
    kinds = (Selection, DistillationSettings, Schedule, DataSettings, FinetuneRun, InitSettings)
    defaults = SCHEDULE | recipe_defaults(options, USUAL, RECIPES)
    selection, settings, schedule, data, run, init = Options("ganc_finetune.train", kinds, options, defaults).all()
    checkpoint = read_supernet(Path(supernet), data.direction)
    widths = selection.choose(checkpoint)
    return finish(finetune_job(checkpoint, widths, Path(teacher), settings, schedule, data, run, init), watch)


def read_supernet(path: Path, direction: Direction) -> Checkpoint:
    """Read the checkpoint of a supernet.

    Raises:
        FileFormatError: it is none, or of another direction.
    """
    supernet = read_checkpoint(path)
    require_supernet(supernet, path)
    return supernet.facing(direction, path)


def finetune_job(
    supernet: Checkpoint,
    widths: Widths,
    teacher_file: Path,
    settings: DistillationSettings,
    schedule: Schedule,
    data: DataSettings,
    run: FinetuneRun,
    init: InitSettings = NO_INIT,
) -> TrainingJob:
    """Return the job that fine-tunes the supernet's sub-network of `widths`, or goes on with one of --init-from.

    Raises:
        GancError: a file, the images or the settings cannot be used; the message says which.
    """
    teacher = read_checkpoint(teacher_file).facing(data.direction, teacher_file)
    require_same_task(teacher, teacher_file, supernet.task, "the supernet")
    stage = Stage(
        name=STAGE,
        task=_task(settings, supernet.task),
        sources={"supernet": supernet.digest, "teacher": teacher.digest},
        choices={"widths": format_widths(widths)},
        keep_best=True,
        choose_on=run.choose_on,
    )
    plan = Distillation(
        stage=stage,
        teacher=teacher,
        student=supernet.generator.leading(supernet.generator.spec.narrowed(widths)),
        discriminator=supernet.networks.get(DISCRIMINATOR),
        settings=settings,
        subnets_of=lambda step: [None],
        views={"student": None},
        teacher_file=teacher_file,
        init_from=InitFrom.read(init.init_from, data.direction) if init.init_from else None,
    )
    return distillation_job(plan, schedule, data, run)


def _task(settings: DistillationSettings, theirs: Task) -> Task:
    """Return what is trained: the supernet's task with the weights that were given.

    A supernet of the default recipe was trained without a GAN loss. The published fine-tuning has one all the same:
    where nobody gave its weight, it is the published one, and not the supernet's 0.
    """
    task = settings.applied_to(theirs)
    if settings.recipe is Recipe.PUBLISHED and settings.gan_weight is None and not task.gan_weight and task.name:
        return replace(task, gan_weight=PUBLISHED[task.name].gan_weight)
    return task
