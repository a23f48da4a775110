"""Stage 2: a thinner student that starts from its teacher's most important channels and learns from it."""

from pathlib import Path

from ganc.files.checkpoint import DISCRIMINATOR, read_checkpoint
from ganc.models.family import Widths, format_widths
from ganc.training.assembly import Stage
from ganc.training.distillation_job import Distillation, distillation_job
from ganc.training.job import TrainingJob
from ganc.training.settings import NO_REFIT, DataSettings, DistillationSettings, RefitSettings, RunSettings, Schedule
from ganc_distill.importance import prune
from ganc_distill.settings import Ranking

STAGE = "distill"


def distill_job(
    teacher_file: Path,
    numbers: Widths,
    settings: DistillationSettings,
    schedule: Schedule,
    data: DataSettings,
    run: RunSettings,
    refit: RefitSettings = NO_REFIT,
    ranking: Ranking = Ranking.WRITES,
) -> TrainingJob:
    """Return the job that distills the teacher into a student.

    Args:
        numbers: the student's base widths, or a short form of them that the teacher's family reads.
        refit: whether the student is refitted on the teacher before the first step.
        ranking: which of the teacher's channels are important.

    Raises:
        GancError: a file, the images or the settings cannot be used; the message says which.
    """
    teacher = read_checkpoint(teacher_file).facing(data.direction, teacher_file)
    widths = teacher.generator.spec.shape.full_widths(numbers)
    pruned = prune(teacher.generator, widths, ranking)
    stage = Stage(
        name=STAGE,
        task=settings.applied_to(teacher.task),
        sources={"teacher": teacher.digest},
        choices={"widths": format_widths(widths), **refit.choices, **ranking.choices},
    )
    plan = Distillation(
        stage=stage,
        teacher=teacher,
        student=pruned.state,
        discriminator=teacher.networks.get(DISCRIMINATOR),
        settings=settings,
        subnets_of=lambda step: [None],
        views={"student": None},
        refit=refit,
        kept=pruned.kept,
    )
    return distillation_job(plan, schedule, data, run)
