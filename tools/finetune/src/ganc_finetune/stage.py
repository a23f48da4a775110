"""Stage 5: train one sub-network alone; the checkpoint is the better of before and after."""

from pathlib import Path

from ganc.base.direction import Direction
from ganc.files.checkpoint import DISCRIMINATOR, Checkpoint, read_checkpoint, require_supernet
from ganc.models.family import Widths, format_widths
from ganc.training.assembly import Stage
from ganc.training.distillation_job import Distillation, distillation_job
from ganc.training.job import TrainingJob
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule

STAGE = "finetune"


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
    run: RunSettings,
) -> TrainingJob:
    """Return the job that fine-tunes the supernet's sub-network of `widths`.

    Raises:
        GancError: a file, the images or the settings cannot be used; the message says which.
    """
    teacher = read_checkpoint(teacher_file).facing(data.direction, teacher_file)
    stage = Stage(
        name=STAGE,
        task=settings.applied_to(supernet.task),
        sources={"supernet": supernet.digest, "teacher": teacher.digest},
        choices={"widths": format_widths(widths)},
        keep_best=True,
    )
    plan = Distillation(
        stage=stage,
        teacher=teacher,
        student=supernet.generator.leading(supernet.generator.spec.narrowed(widths)),
        discriminator=supernet.networks.get(DISCRIMINATOR),
        settings=settings,
        subnets_of=lambda step: [None],
        views={"student": None},
    )
    return distillation_job(plan, schedule, data, run)
