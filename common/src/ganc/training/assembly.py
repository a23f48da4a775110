"""Putting a training job together from settings, checkpoints and a step; the four training stages share this."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from ganc.base.errors import SpecError
from ganc.data import TrainingSet, UnpairedSet, read_pictures
from ganc.data.sets import EvaluationSet
from ganc.engines import Engine
from ganc.engines.eager import EagerEngine
from ganc.files.checkpoint import DISCRIMINATOR, Checkpoint
from ganc.files.run_directory import RunDirectory
from ganc.metrics.evaluation import CACHE_BYTES, Evaluation, chosen_statistics, evaluation_pictures
from ganc.models.convolutions import NetworkState
from ganc.models.discriminator import Adaptors, Discriminator
from ganc.models.generator import Generator
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec, Widths, format_widths
from ganc.models.task import DiscriminatorInput, Pairing, Task
from ganc.system.processes import Ranks, join_ranks
from ganc.system.runtime import select_device
from ganc.training.distillation import DistillationStep, FrozenTeacher
from ganc.training.job import TrainingJob
from ganc.training.settings import DataSettings, RunSettings, Schedule
from ganc.training.step import TrainingStep, mixed_precision


def start_device(run: RunSettings) -> Ranks:
    """Select the run's device and join the other processes, if there are any."""
    select_device(run.device)
    mixed_precision(run.amp)  # refuses a CPU before anything is made
    return join_ranks()


def training_set(task: Task, data: DataSettings, seed: int) -> TrainingSet:
    """Return the training pictures, paired as the task wants them.

    Raises:
        DataError: pictures or lists are missing, or sizes do not fit.
        SpecError: there is no image set for the task's pairing.
    """
    if task.pairing not in IMAGE_SETS:
        raise SpecError(f"the task's pictures are {task.pairing.value}, and ganc has no image set for that")
    return IMAGE_SETS[task.pairing](data, seed)


def _unpaired_set(data: DataSettings, seed: int) -> TrainingSet:
    return UnpairedSet(
        read_pictures(data.folder, f"train{data.direction.source}"),
        read_pictures(data.folder, f"train{data.direction.target}"),
        load_size=data.load_size,
        crop_size=data.crop_size,
        seed=seed,
        shuffle=data.shuffle,
        cache_bytes=data.cache_bytes,
    )


IMAGE_SETS = {Pairing.UNPAIRED: _unpaired_set}


def evaluation_of(data: DataSettings, run: RunSettings) -> Evaluation:
    """Return the evaluation that a training stage makes: the source domain's test pictures at the crop size."""
    statistics, features = chosen_statistics(
        data.folder, data.direction.target, data.crop_size, run.statistics, run.feature_set
    )
    pictures, subset = evaluation_pictures(data.folder, data.direction.source)
    return Evaluation(EvaluationSet(pictures, data.crop_size, CACHE_BYTES), subset, statistics, features)


def check_discriminator(spec: DiscriminatorSpec, data: DataSettings) -> None:
    """Raise SpecError where the crop is too small for the discriminator's patches."""
    if min(data.crop_size) < spec.smallest_image:
        raise SpecError(
            f"--crop-size {min(data.crop_size)}: the discriminator needs at least {spec.smallest_image} pixels"
        )


def discriminator_spec(task: Task, source_channels: int, channels: int, width: int) -> DiscriminatorSpec:
    """Return the spec of a fresh discriminator: it sees the picture, and the source too where the task says so."""
    conditional = task.discriminator_input is DiscriminatorInput.SOURCE_AND_PICTURE
    return DiscriminatorSpec(width=width, in_channels=channels + (source_channels if conditional else 0))


def assemble_job(
    *,
    template: Checkpoint,
    step: TrainingStep,
    samples: TrainingSet,
    schedule: Schedule,
    data: DataSettings,
    run: RunSettings,
    evaluation: Evaluation,
    views: Mapping[str, Engine],
    companions: Mapping[str, Engine],
    ranks: Ranks,
    choices: Mapping,
    keep_best: bool = False,
) -> TrainingJob:
    """Return the job of one stage. `choices` are the stage's own settings that determine the result (plain JSON)."""
    identity = {
        "stage": template.stage,
        "task": template.task.to_json(),
        "direction": template.direction,
        "sources": dict(template.sources),
        "data": samples.fingerprint,
        "load_size": data.load_size,
        "crop_size": data.crop_size,
        "shuffle": data.shuffle,
        "seed": run.seed,
        "amp": run.amp,
        "processes": ranks.count,
        "eval_every": run.eval_every,
        "metric": evaluation.facts(),
        **{name: value for name, value in asdict(schedule).items() if name != "max_steps"},
        **choices,
    }
    return TrainingJob(
        template=template,
        step=step,
        samples=samples,
        schedule=schedule,
        workers=data.workers,
        seed=run.seed,
        run=RunDirectory(run.directory, identity),
        output=run.output,
        restart=run.restart,
        evaluation=evaluation,
        eval_every=run.eval_every,
        views=views,
        companions=companions,
        ranks=ranks,
        keep_best=keep_best,
    )


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """What distinguishes the three stages that distill.

    Attributes:
        stage: the stage's name.
        teacher: its checkpoint, already facing the run's direction.
        student: where the student starts from.
        discriminator: where the discriminator starts from; None draws a fresh one of `discriminator_width`.
        subnets_of: the sub-networks that a step trains; None is the whole student.
        views: the student's sub-networks to evaluate, by label (None: the whole student).
        facts: what the checkpoint records beside the common facts.
        choices: the stage's own settings that determine the result.
    """

    stage: str
    task: Task
    teacher: Checkpoint
    student: NetworkState
    discriminator: NetworkState | None
    discriminator_width: int
    subnets_of: Callable[[int], Sequence[Widths | None]]
    views: Mapping[str, Widths | None]
    sources: Mapping[str, str]
    facts: Mapping
    choices: Mapping
    keep_best: bool = False


def distillation_job(plan: Distillation, schedule: Schedule, data: DataSettings, run: RunSettings) -> TrainingJob:
    """Return the job of a stage that distills a teacher into a student.

    Raises:
        SpecError: teacher and student do not fit together, or the crop is too small.
        DataError, StatisticsError, RunError: pictures, statistics or device do not serve.
    """
    require_same_depth(plan.teacher.generator, plan.student)
    samples = training_set(plan.task, data, run.seed)
    fresh = discriminator_spec(
        plan.task, plan.student.spec.in_channels, plan.student.spec.out_channels, plan.discriminator_width
    )
    check_discriminator(plan.discriminator.spec if plan.discriminator else fresh, data)
    ranks = start_device(run)
    evaluation = evaluation_of(data, run)
    student, teacher = Generator.from_state(plan.student), Generator.from_state(plan.teacher.generator)
    discriminator = Discriminator(plan.discriminator.spec if plan.discriminator else fresh)
    if plan.discriminator:
        discriminator.load(dict(plan.discriminator.tensors))
    else:
        discriminator.initialise(run.seed, f"{plan.stage}/{DISCRIMINATOR}")
    adaptors = Adaptors(AdaptorsSpec(in_channels=student.spec.tap_channels, out_channels=teacher.spec.tap_channels))
    adaptors.initialise(run.seed, f"{plan.stage}/adaptors")
    step = DistillationStep(
        task=plan.task,
        teacher=FrozenTeacher(teacher),
        student=student,
        discriminator=discriminator,
        adaptors=adaptors,
        subnets_of=plan.subnets_of,
        ranks=ranks,
        amp=run.amp,
    )
    template = Checkpoint(
        stage=plan.stage,
        task=plan.task,
        direction=data.direction,
        networks={},
        training={"image_size": list(data.crop_size), **plan.facts},
        sources=plan.sources,
    )
    return assemble_job(
        template=template,
        step=step,
        samples=samples,
        schedule=schedule,
        data=data,
        run=run,
        evaluation=evaluation,
        views={label: EagerEngine(student, widths) for label, widths in plan.views.items()},
        companions={"teacher": EagerEngine(teacher)},
        ranks=ranks,
        choices=plan.choices,
        keep_best=plan.keep_best,
    )


def require_same_depth(teacher: NetworkState, student: NetworkState) -> None:
    """Raise SpecError where teacher and student differ in what distillation needs to be equal."""
    for name in ("family", "n_blocks", "in_channels", "out_channels"):
        theirs, own = getattr(teacher.spec, name), getattr(student.spec, name)
        if theirs != own:
            raise SpecError(
                f"teacher and student differ in {name}: {theirs} ({format_widths(teacher.spec.widths)}) and "
                f"{own} ({format_widths(student.spec.widths)}); a student needs a teacher of its own depth"
            )
