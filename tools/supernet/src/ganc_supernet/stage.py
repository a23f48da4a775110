"""Stage 3: train every sub-network at once, some of them each step (Once-for-All, arXiv 1908.09791)."""

from collections.abc import Callable
from typing import Unpack

from ganc.base.errors import SpecError
from ganc.files.checkpoint import DISCRIMINATOR, Checkpoint, read_checkpoint, require_same_task
from ganc.models.family import format_widths
from ganc.models.space import parse_space
from ganc.models.spec import GeneratorSpec
from ganc.training.assembly import Stage
from ganc.training.distillation_job import Distillation, distillation_job
from ganc.training.init_from import InitFrom
from ganc.training.job import Progress, TrainingJob, finish
from ganc.training.options import Options, recipe_defaults
from ganc.training.settings import NO_REFIT, DataSettings, DistillationSettings, RefitSettings, RunSettings, Schedule
from ganc_supernet.beginning import Beginning, from_scratch, from_teacher
from ganc_supernet.keywords import SupernetOptions
from ganc_supernet.sampling import subnets_of_step
from ganc_supernet.settings import DEFAULT_SPACE, NEEDS, RECIPES, SCHEDULE, USUAL, StartFrom, SupernetStart

STAGE = "supernet"


def train(*, watch: Callable[[Progress], object] | None = None, **options: Unpack[SupernetOptions]) -> Checkpoint:
    """Train a supernet to the end, write its checkpoint and return it; called again, it goes on where it stopped.

    Args:
        watch: is called with each step's progress: `step`, `losses` and, where it was evaluated, `metrics`.
        options: `teacher`, `student`, `data`, `output` and the other options of `ganc-supernet`, with `_` for `-`:
            `space="32,24/32,24/…"`, `crop_size=64`.

    Raises:
        SettingError: there is no such option, or its value is not possible.
        GancError: a file, the images or the settings cannot be used; the message says which.
    """
    kinds = (SupernetStart, DistillationSettings, Schedule, DataSettings, RunSettings, RefitSettings)
    defaults = {
        "space": parse_space(DEFAULT_SPACE),
        **SCHEDULE,
        **recipe_defaults(options, USUAL, RECIPES),
    }
    return finish(supernet_job(*Options("ganc_supernet.train", kinds, options, defaults).all(NEEDS)), watch)


def supernet_job(
    start: SupernetStart,
    settings: DistillationSettings,
    schedule: Schedule,
    data: DataSettings,
    run: RunSettings,
    refit: RefitSettings = NO_REFIT,
) -> TrainingJob:
    """Return the job that trains a supernet.

    Args:
        refit: whether a supernet that starts from its teacher is refitted on it before the first step.

    Raises:
        GancError: a file, the images or the settings cannot be used; the message says which.
    """
    teacher = read_checkpoint(start.teacher_file).facing(data.direction, start.teacher_file)
    student = None
    if start.student_file:
        student = read_checkpoint(start.student_file).facing(data.direction, start.student_file)
        require_same_task(teacher, start.teacher_file, student.task, "the student")
    begin = _beginning(start, teacher, student, run.seed, refit)
    spec: GeneratorSpec = begin.generator.spec
    start.space.require_within(spec.widths, start.student_file or f"--width {start.width}")
    sampled = {"space": start.space.text, "sampling": start.sampling.value}
    stage = Stage(
        name=STAGE,
        task=settings.applied_to((student or teacher).task),  # the weights that the student was distilled with
        sources={"teacher": teacher.digest} | ({"student": student.digest} if student else {}),
        facts={**sampled, **begin.facts},
        choices={**sampled, "widths": format_widths(spec.widths), **begin.choices},
        notes=begin.notes,
    )
    plan = Distillation(
        stage=stage,
        teacher=teacher,
        student=begin.generator,
        discriminator=begin.discriminator,
        settings=settings,
        subnets_of=lambda step: subnets_of_step(start.sampling, start.space, run.seed, step),
        refit=begin.refit,
        kept=begin.kept,
        cut=begin.cut,
        init_from=InitFrom.read(start.init_from, data.direction) if start.init_from else None,
        teacher_file=start.teacher_file,
        views={"largest": start.space.largest, "smallest": start.space.smallest},
    )
    return distillation_job(plan, schedule, data, run)


def _beginning(
    start: SupernetStart, teacher: Checkpoint, student: Checkpoint | None, seed: int, refit: RefitSettings
) -> Beginning:
    if student:
        return Beginning(student.generator, student.networks.get(DISCRIMINATOR))
    theirs: GeneratorSpec = teacher.generator.spec
    widths = theirs.shape.full_widths((start.width,)) if start.width else start.space.largest
    if start.init_from or start.start_from is StartFrom.SCRATCH:
        return from_scratch(theirs, widths, seed)
    if len(widths) == len(theirs.widths) and any(map(int.__gt__, widths, theirs.widths)):
        raise SpecError(
            f"{start.teacher_file}: the supernet's widths {format_widths(widths)} are more than the teacher's, "
            f"{format_widths(theirs.widths)}, from whose channels it starts; choose a narrower --space, or "
            f"--start-from {StartFrom.SCRATCH.value}"
        )
    return from_teacher(teacher, widths, seed, start.importance, refit)
