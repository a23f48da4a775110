"""Stage 2: a thinner student that starts from its teacher's most important channels and learns from it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Unpack

from ganc.base.errors import SettingError, SpecError
from ganc.files.checkpoint import DISCRIMINATOR, WIDTHS, Checkpoint, read_checkpoint
from ganc.models.family import Widths, format_widths
from ganc.training.assembly import Beside, Stage
from ganc.training.distillation_job import Distillation, distillation_job
from ganc.training.importance import prune
from ganc.training.init_from import InitFrom
from ganc.training.job import Progress, TrainingJob, finish
from ganc.training.online import fresh_teacher, learning_teacher, require_trained_networks
from ganc.training.options import Options, recipe_defaults
from ganc.training.recipes import Recipe
from ganc.training.settings import (
    NO_REFIT,
    DataSettings,
    DistillationSettings,
    RefitSettings,
    RunSettings,
    Schedule,
)
from ganc_distill.keywords import DistillOptions
from ganc_distill.settings import FROZEN, NEEDS, RECIPES, SCHEDULE, USUAL, OnlineSettings, StudentStart, online_student

STAGE = "distill"


def train(*, watch: Callable[[Progress], object] | None = None, **options: Unpack[DistillOptions]) -> Checkpoint:
    """Distill a student to the end, write its checkpoint and return it; called again, it goes on where it stopped.

    Args:
        watch: is called with each step's progress: `step`, `losses` and, where it was evaluated, `metrics`.
        options: `teacher`, `data`, `output` and the other options of `ganc-distill`, with `_` for `-`: `refit=48`,
            `loss="lite0=1"`; `widths` takes a text, or a list of texts for several widths.

    Raises:
        SettingError: there is no such option, or its value is not possible.
        GancError: a file, the images or the settings cannot be used; the message says which.
    """
    kinds = (StudentStart, DistillationSettings, Schedule, DataSettings, RunSettings, RefitSettings, OnlineSettings)
    defaults = SCHEDULE | recipe_defaults(options, Recipe.PUBLISHED if options.get("online") else USUAL, RECIPES)
    if options.get("online") and defaults["recipe"] is not Recipe.PUBLISHED:
        raise SettingError(f"recipe {options['recipe']}: online has the published one alone")
    return finish(distill_job(*Options("ganc_distill.train", kinds, options, defaults).all(NEEDS)), watch)


def distill_job(
    start: StudentStart,
    settings: DistillationSettings,
    schedule: Schedule,
    data: DataSettings,
    run: RunSettings,
    refit: RefitSettings = NO_REFIT,
    online: OnlineSettings = FROZEN,
) -> TrainingJob:
    """Return the job that distills the teacher into a student.

    Raises:
        GancError: a file, the images or the settings cannot be used; the message says which.
    """
    teacher = _teacher(start.teacher_file, settings, data, run, online)
    widths, *narrower = (teacher.generator.spec.shape.full_widths(one) for one in start.all_widths)
    _require_narrower(widths, teacher.generator.spec.widths, start)
    _require_sub_networks(widths, narrower)
    several = {WIDTHS: [format_widths(one) for one in (widths, *narrower)]} if narrower else {}
    pruned = prune(teacher.generator, widths, start.importance)
    sources = {"teacher": teacher.digest} if start.teacher_file else {}
    init = InitFrom.read(start.init_from, data.direction) if start.init_from else None
    refit = NO_REFIT if init else refit
    own = online_student(settings) if online.online else settings
    stage = Stage(
        name=STAGE,
        task=own.applied_to(teacher.task),
        sources=sources,
        facts=several,
        choices={"widths": format_widths(widths), **several, **refit.choices, **start.importance.choices},
    )
    plan = Distillation(
        stage=stage,
        teacher=teacher,
        student=pruned.state,
        discriminator=teacher.networks.get(DISCRIMINATOR),
        settings=own,
        subnets_of=lambda step: [None, *narrower],
        views={"student": None} | {format_widths(one): one for one in narrower},
        refit=refit,
        kept=pruned.kept,
        init_from=init,
        teacher_file=start.teacher_file,
    )
    return distillation_job(_online(plan, start, online, run) if online.online else plan, schedule, data, run)


def _require_narrower(widths: Widths, theirs: Widths, start: StudentStart) -> None:
    """Raise SpecError where a segment of the student is wider than the teacher's, whose channels it keeps."""
    if any(map(int.__gt__, widths, theirs)):
        option = "--widths" if start.widths else "--width"
        raise SpecError(
            f"{option} {format_widths(widths)}: is more than the teacher's, {format_widths(theirs)} "
            f"({start.teacher_file or 'fresh, of --teacher-width'}); choose less, or a wider teacher"
        )


def _require_sub_networks(widths: Widths, narrower: Sequence[Widths]) -> None:
    """Raise SpecError unless `narrower` are different sub-networks of a student of `widths`."""
    for place, one in enumerate(narrower):
        if one in (widths, *narrower[:place]):
            raise SpecError(f"--widths {format_widths(one)} was given twice")
        if any(width > most for width, most in zip(one, widths, strict=True)):
            raise SpecError(
                f"--widths {format_widths(one)}: is no sub-network of the first, {format_widths(widths)}; "
                "give the widest first, which has at least the others' width in every segment"
            )


def _teacher(
    path: Path | None, settings: DistillationSettings, data: DataSettings, run: RunSettings, online: OnlineSettings
) -> Checkpoint:
    """Return the teacher as it starts.

    Raises:
        FileFormatError: the file is no checkpoint, or lacks a network that is needed.
        SettingError: there is no file, and no teacher that trains; or an option would be ignored.
    """
    width = settings.discriminator_width
    if path is None:
        if not online.online:
            raise SettingError(
                "--teacher: there is nothing to learn from; name a checkpoint, or train one with --online"
            )
        return fresh_teacher(online.task, online.generator, width, data.direction, run.seed)
    teacher = read_checkpoint(path).facing(data.direction, path)
    if not online.online:
        return teacher
    require_trained_networks(teacher, path)
    theirs = teacher.networks[DISCRIMINATOR].spec.width
    ignored = {**online.fresh, "--discriminator-width": None if width == theirs else width}
    for option, value in ignored.items():
        if value is not None:
            raise SettingError(f"{option} {value}: the teacher continues as it is in {path}; leave one of the two out")
    return teacher


def _online(plan: Distillation, start: StudentStart, online: OnlineSettings, run: RunSettings) -> Distillation:
    """Return the plan with a teacher that trains, and is written beside the student.

    The student's checkpoint has the teacher's discriminator, as it becomes, for the stages that follow.
    """
    teacher, stage = plan.teacher, plan.stage
    init = InitFrom(teacher, start.teacher_file) if start.teacher_file else None  # it goes on from its file
    beside = Beside(
        output=online.output_beside(run.output),
        task=teacher.task,
        sources=init.sources if init else {},
        facts=init.facts if init else {},
    )
    networks = {name: asdict(teacher.networks[name].spec) for name in sorted(teacher.networks)}
    return replace(
        plan,
        stage=replace(stage, choices={**stage.choices, "online": networks}, beside={"teacher": beside}),
        discriminator=None,
        make_teacher=partial(learning_teacher, teacher, run),
    )
