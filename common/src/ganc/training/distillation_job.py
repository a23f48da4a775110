"""The job of a stage that distills: which networks it trains, from where, and from when on; three stages share this."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ganc.base.errors import MissingDependencyError, SettingError, SpecError
from ganc.base.text import counted
from ganc.engines.eager import EagerEngine
from ganc.files.checkpoint import ADAPTORS, DISCRIMINATOR, GENERATOR, Checkpoint, require_same_task
from ganc.models.convolutions import NetworkState
from ganc.models.discriminator import Adaptors, Discriminator
from ganc.models.family import Widths, format_widths
from ganc.models.generator import Generator
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec, GeneratorSpec
from ganc.system.processes import Processes
from ganc.training.assembly import Stage, assemble_job, chosen_readings, prepare
from ganc.training.average import averaged
from ganc.training.distillation import DistillationStep, DistilledNetworks
from ganc.training.init_from import InitFrom
from ganc.training.job import TrainingJob
from ganc.training.losses.table import Given, added_losses, require_packages
from ganc.training.observer import Views
from ganc.training.recipes import IMITATION_LOSS, Recipe
from ganc.training.refit import Kept
from ganc.training.settings import (
    NO_REFIT,
    DataSettings,
    DistillationSettings,
    RefitSettings,
    RunSettings,
    Schedule,
)
from ganc.training.start import RefitStart, Refitted
from ganc.training.teachers import FrozenTeacher, Teacher

CUT = "original"  # what the teacher cut to the student's widths is called


def _frozen_teacher(generator: Generator, processes: Processes, engine: str) -> Teacher:
    return FrozenTeacher(generator, engine)


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """What distinguishes the three stages that distill.

    Attributes:
        teacher: its checkpoint, already facing the run's direction.
        teacher_file: where that was read, for messages; None where it was read nowhere.
        student: where the student starts from.
        discriminator: the input's, if it has one.
        settings: weights, which discriminator trains, and from when on.
        subnets_of: the sub-networks that a step trains; None is the whole student.
        views: the student's sub-networks to evaluate, by label (None: the whole student).
        make_teacher: makes the teacher of its generator, the processes, which one that learns needs, and an engine.
        refit: whether the student is refitted on the teacher before the first step.
        kept: which of the teacher's channels the student has, see `ganc.training.refit.refit`.
        cut: the teacher's leading channels alone, where the student has blocks of another kind: it is refitted on the
            teacher first, and the student on that.
        init_from: the checkpoint whose networks take the places of these; what it brings is not refitted.
    """

    stage: Stage
    teacher: Checkpoint
    student: NetworkState
    discriminator: NetworkState | None
    settings: DistillationSettings
    subnets_of: Callable[[int], Sequence[Widths | None]]
    views: Mapping[str, Widths | None]
    make_teacher: Callable[[Generator, Processes, str], Teacher] = _frozen_teacher
    refit: RefitSettings = NO_REFIT
    kept: Kept = field(default_factory=dict)
    cut: NetworkState | None = None
    init_from: InitFrom | None = None
    teacher_file: Path | None = None

    @property
    def has_gan(self) -> bool:
        """Whether the student has a GAN loss; without one it trains no discriminator, and one is only handed on."""
        return self.stage.task.gan_weight > 0

    @property
    def replaces_discriminator(self) -> bool:
        """Whether a fresh discriminator takes the place of the input's, which has another width than was asked for."""
        width = self.settings.discriminator_width
        return self.discriminator is not None and width not in (None, self.discriminator.spec.width)

    @property
    def trained_discriminator(self) -> DiscriminatorSpec | None:
        """The spec of the discriminator that trains, whether it is fresh or not; None where none does."""
        if not self.has_gan:
            return None
        if self.discriminator and not self.replaces_discriminator:
            return self.discriminator.spec
        spec: GeneratorSpec = self.student.spec
        width = self.settings.discriminator_width or self.stage.task.discriminator_width
        seen = self.stage.task.judged_channels(spec.in_channels, spec.out_channels)
        return DiscriminatorSpec(width=width, in_channels=seen)

    @property
    def judge(self) -> DiscriminatorSpec | None:
        """The spec of a discriminator that will see the crops: the student's, or that of a teacher that learns."""
        theirs = self.teacher.networks[DISCRIMINATOR].spec if self.stage.beside else None
        return self.trained_discriminator or theirs

    def choices(self, epochs: int) -> dict:
        """Return what of the settings determines the result besides the task; what is not used is left out."""
        settings = self.settings
        gan_from = settings.epochs_without_gan(epochs) if self.has_gan else 0
        return {
            "discriminator_width": settings.discriminator_width or self.stage.task.discriminator_width,
            **({"discriminator": "fresh"} if self.replaces_discriminator else {}),
            **({"gan_from": gan_from} if gan_from else {}),
            **({"losses": settings.added_weights} if settings.losses else {}),
        }

    def given(self, data: DataSettings, teacher: Teacher, engine: str) -> Given:
        """Return what the losses that are added may need; of a teacher that learns, its discriminator as it becomes."""
        judge, recorded = teacher.networks.get(DISCRIMINATOR), self.teacher.networks.get(DISCRIMINATOR)
        if judge is None and recorded:
            judge = Discriminator.from_state(recorded)
        return Given(
            channels=self.student.spec.out_channels,
            smallest_side=min(data.crop_size),
            discriminator=judge,
            engine=engine,
            teacher=self.teacher_file,
        )


def distillation_job(plan: Distillation, schedule: Schedule, data: DataSettings, run: RunSettings) -> TrainingJob:
    """Return the job of a stage that distills a teacher into a student.

    Raises:
        SpecError: teacher and student do not fit together, the crop is too small, or a loss lacks what it needs.
        MissingDependencyError: a loss or the engine needs a package that is not installed.
        SettingError: options of the GAN loss do not go together with its weight or with the schedule.
        DataError, StatisticsError, RunError: images, statistics or device cannot be used.
    """
    require_same_depth(plan.teacher.generator, plan.student, plan.teacher_file)
    plan = _started(plan)
    _require_fitting_discriminator(plan)
    epochs = schedule.epochs + schedule.decay_epochs
    _require_used_gan(plan, epochs)
    _require_losses(plan)
    with _advice_on_losses(plan.settings):  # before the metric, whose default needs the same package
        require_packages(plan.settings.losses)
    for size in (data.crop_size, data.evaluated_size):
        plan.student.spec.require_size(*size)
    readings = chosen_readings(data, plan.student.spec, plan.teacher)
    if plan.init_from:
        plan.init_from.require_readings(readings)
    around = prepare(plan.stage.task, plan.judge, data, run, readings)
    gan_from = round(plan.settings.epochs_without_gan(epochs) * around.course(schedule).epoch_steps)
    distillation = distillation_step(plan, data, run, around.processes, gan_from)
    teacher = distillation.teacher
    step = averaged(distillation, schedule.ema)
    shown = {"teacher": EagerEngine(teacher.generator)}
    students = {label: EagerEngine(step.results[GENERATOR], widths) for label, widths in plan.views.items()}
    engines = students | {label: shown[label] for label in plan.stage.beside}  # one that learns is evaluated too
    truth = around.truth(plan.stage.task, data)
    views = Views(evaluation=around.evaluation, engines=engines, companions=shown, truth=truth)
    stage = replace(
        plan.stage,
        choices={**plan.stage.choices, **plan.choices(epochs)},
        added_weights=plan.settings.added_weights,
        weights=plan.settings.weights(plan.stage.task),
    )
    start = RefitStart(_refitted(plan, distillation), around.samples, plan.refit.images) if plan.refit.images else None
    return assemble_job(stage, step, around, views, schedule, data, run, start)


def _refitted(plan: Distillation, step: DistillationStep) -> dict[str, Refitted]:
    """Return the generators that are refitted, in their order, by their names in the checkpoint's facts."""
    teacher: Generator = step.teacher.generator
    if not plan.cut:
        return {GENERATOR: Refitted(teacher=teacher, student=step.student, kept=plan.kept)}
    cut = Generator.from_state(plan.cut)
    first = {CUT: Refitted(teacher=teacher, student=cut, kept=plan.kept)} if cut.spec != teacher.spec else {}
    return first | {GENERATOR: Refitted(teacher=cut, student=step.student)}


def _started(plan: Distillation) -> Distillation:
    """Return the plan with the networks that it starts from, as far as those of --init-from replace others."""
    if not (init := plan.init_from):
        return plan
    require_same_task(init.checkpoint, init.path, plan.stage.task, "this run's teacher")
    states = init.into({GENERATOR: plan.student})
    stage = replace(
        plan.stage,
        sources={**plan.stage.sources, **init.sources},
        facts={**plan.stage.facts, **init.facts},
    )
    # The judge of a student beside a teacher that learns is that teacher's.
    theirs = None if stage.beside else init.checkpoint.networks.get(DISCRIMINATOR)
    spec: GeneratorSpec = plan.student.spec
    fits = theirs and theirs.spec.in_channels == stage.task.judged_channels(spec.in_channels, spec.out_channels)
    return replace(
        plan,
        stage=stage,
        student=states[GENERATOR],
        discriminator=theirs if fits else plan.discriminator,
        refit=NO_REFIT,
    )


def distillation_step(
    plan: Distillation, data: DataSettings, run: RunSettings, processes: Processes, gan_from: int
) -> DistillationStep:
    """Return the step that a plan trains with, whose networks are made here; the first `gan_from` have no GAN loss.

    Raises:
        SpecError, MissingDependencyError: a loss lacks what it needs.
    """
    teacher = plan.make_teacher(Generator.from_state(plan.teacher.generator), processes, run.engine)
    with _advice_on_losses(plan.settings):
        added = added_losses(plan.settings.losses, plan.given(data, teacher, run.engine))
    return DistillationStep(
        task=plan.stage.task,
        teacher=teacher,
        trained=_distilled_networks(plan, teacher, run),
        subnets_of=plan.subnets_of,
        gan_from=gan_from,
        added=added,
        processes=processes,
        amp=run.amp,
    )


@contextmanager
def _advice_on_losses(settings: DistillationSettings) -> Iterator[None]:
    """Let an error say how to do without the recipe's loss, where that is what cannot be computed within the block."""
    try:
        yield
    except (SpecError, MissingDependencyError) as error:
        if settings.recipe is not Recipe.IMITATE or settings.losses != (IMITATION_LOSS,):
            raise
        raise type(error)(f"{error}; --recipe {Recipe.PUBLISHED.value} does without, or name another --loss") from error


def _require_used_gan(plan: Distillation, epochs: int) -> None:
    """Raise SettingError where an option of the GAN loss would be ignored, or `epochs` end before the loss begins."""
    settings = plan.settings
    given = {"--discriminator-width": settings.discriminator_width, "--gan-from": settings.gan_from}
    for option, value in given.items():
        if value and not plan.has_gan:
            raise SettingError(f"{option} {value}: the GAN loss has weight 0; leave it out, or give --gan-weight 1")
    if (settings.gan_from or 0) >= epochs:
        raise SettingError(
            f"--gan-from {settings.gan_from}: the schedule ends after {counted(epochs, 'epoch')}, before the GAN loss "
            "begins; choose less, or --gan-weight 0"
        )


def _require_fitting_discriminator(plan: Distillation) -> None:
    """Raise SpecError where the input's discriminator sees something else than the task shows it."""
    spec: GeneratorSpec = plan.student.spec
    seen = plan.stage.task.judged_channels(spec.in_channels, spec.out_channels)
    if plan.discriminator and plan.discriminator.spec.in_channels != seen:
        raise SpecError(
            f"the input's discriminator judges {plan.discriminator.spec.in_channels} channels, and the task "
            f"{plan.stage.task.title} shows it {seen}; `ganc extract --network generator` makes a file without it"
        )


def _require_losses(plan: Distillation) -> None:
    """Raise SettingError where the student would have nothing to learn from, in the first epochs or at all."""
    task, settings = plan.stage.task, plan.settings
    if not (task.reconstruction_weight or task.feature_weight or settings.losses or plan.has_gan):
        raise SettingError("all losses have weight 0: give one of --reconstruction-weight, --feature-weight, --loss")
    if settings.gan_from and not (task.reconstruction_weight or task.feature_weight or settings.losses):
        raise SettingError(f"--gan-from {settings.gan_from}: there is no other loss to begin with; leave it out")


def _distilled_networks(plan: Distillation, teacher: Teacher, run: RunSettings) -> DistilledNetworks:
    """Return what trains; the discriminator of a teacher that learns is handed on where the student has none."""
    stage, student = plan.stage.name, Generator.from_state(plan.student)
    taps = AdaptorsSpec(in_channels=student.spec.tap_channels, out_channels=plan.teacher.generator.spec.tap_channels)
    adaptors = Adaptors(taps)
    adaptors.initialise(run.seed, f"{stage}/adaptors")
    if plan.init_from:
        adaptors.load(dict(plan.init_from.into({ADAPTORS: adaptors.state()})[ADAPTORS].tensors))
    discriminator = _discriminator(plan, run.seed) or teacher.networks.get(DISCRIMINATOR)
    return DistilledNetworks(student=student, discriminator=discriminator, adaptors=adaptors, engine=run.engine)


def _discriminator(plan: Distillation, seed: int) -> Discriminator | None:
    """Return the input's discriminator or a fresh one; None where none trains and the input has none."""
    if plan.discriminator and not plan.replaces_discriminator:
        return Discriminator.from_state(plan.discriminator)
    if not plan.trained_discriminator:
        return None
    discriminator = Discriminator(plan.trained_discriminator)
    discriminator.initialise(seed, f"{plan.stage.name}/{DISCRIMINATOR}")
    return discriminator


def require_same_depth(teacher: NetworkState, student: NetworkState, file: Path | None = None) -> None:
    """Raise SpecError, naming the teacher's file, where the two differ in what distillation needs to be equal."""
    for name in ("family", "n_blocks", "in_channels", "out_channels"):
        theirs, own = getattr(teacher.spec, name), getattr(student.spec, name)
        if theirs != own:
            raise SpecError(
                f"{file or '--teacher'}: the teacher has {name} {theirs} ({format_widths(teacher.spec.widths)}), the "
                f"student {own} ({format_widths(student.spec.widths)}); name the teacher that the student was made of"
            )
