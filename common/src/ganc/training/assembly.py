"""Putting a training job together from settings, checkpoints and a step; the four training stages share this."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ganc.base.choosing_images import ChoosingImages
from ganc.base.engine_table import REFERENCE
from ganc.base.errors import DataError, RunError, SpecError, TooFewImagesError
from ganc.data import (
    EvaluationSet,
    PairedSet,
    Readings,
    TrainingSet,
    UnpairedSet,
    known_pairs,
    read_images,
    read_pairs,
    steps_per_epoch,
)
from ganc.data.lists import ImageList, has_subset
from ganc.data.measure import domain_levels
from ganc.engines.parts import require_engine_of_parts
from ganc.files.checkpoint import Checkpoint
from ganc.files.run_directory import RunDirectory
from ganc.metrics.evaluation import CACHE_BYTES, Evaluation, Unmeasured, evaluation_images
from ganc.models.spec import DiscriminatorSpec, GeneratorSpec
from ganc.models.task import Pairing, Task
from ganc.system.processes import Processes, join_processes
from ganc.system.runtime import select_device
from ganc.training.course import Course
from ganc.training.job import TrainingJob
from ganc.training.observer import Observer, Product, Recorder, Views
from ganc.training.precision import require_precision
from ganc.training.settings import DataSettings, RunSettings, Schedule
from ganc.training.start import RefitStart
from ganc.training.step import TrainingStep
from ganc.training.weights import Weight


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A checkpoint of what learns beside the step, with the networks that it trains.

    Attributes:
        sources, facts: as of a Stage.
    """

    output: Path
    task: Task
    sources: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a stage declares.

    Attributes:
        sources: content digests of the files that it was given, by role.
        facts: what its checkpoint records besides the common facts.
        choices: its own settings that determine the result; plain JSON.
        keep_best: evaluate before the first step too, and keep the networks with the best metric.
        choose_on: the images that choose the best; None takes the search images where there are some.
        added_weights: of the losses that were added to those of the task, by name.
        weights: of all its losses by name, and where they come from.
        notes: what its user should know of what it starts from, a line each.
        beside: further checkpoints, by the names that the step has for what learns beside it. Those are the roles in
            the sources too, where the result's digest takes the place of a given file's, and the labels of the views.
    """

    name: str
    task: Task
    sources: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping = field(default_factory=dict)
    choices: Mapping = field(default_factory=dict)
    keep_best: bool = False
    choose_on: ChoosingImages | None = None
    added_weights: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, Weight] = field(default_factory=dict)
    notes: Sequence[str] = ()
    beside: Mapping[str, Beside] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a step is trained on and with: images, processes, and the evaluation that watches it."""

    samples: TrainingSet
    processes: Processes
    evaluation: Evaluation | Unmeasured
    readings: Readings

    def truth(self, task: Task, data: DataSettings) -> EvaluationSet | None:
        """Return the partners of the evaluated images; None where the task has none, or the folder.

        Raises:
            DataError: an image has no partner, or several, or one of another size.
        """
        if task.pairing is not Pairing.PAIRED:
            return None
        shown, readings, way = self.evaluation.images, self.readings, data.direction
        pairs = known_pairs(data.folder, self.evaluation.subset, readings.source(way), readings.target(way))
        if pairs is None or pairs[0].names != shown.images.names:
            return None
        return EvaluationSet(pairs[1], shown.size)

    def course(self, schedule: Schedule) -> Course:
        """Return how a schedule lies over the images."""
        return Course(schedule, steps_per_epoch(self.samples, schedule.batch_size))


def chosen_readings(data: DataSettings, generator: GeneratorSpec, start: Checkpoint | None) -> Readings:
    """Return how images are read: with the generator's channels, and the levels that were chosen or inherited.

    Args:
        start: the checkpoint whose levels are inherited, such as the teacher's.

    Raises:
        DataError: the levels that were chosen are not those of that checkpoint, or cannot be measured.
    """
    channels = (generator.in_channels, generator.out_channels)
    recorded = start.readings.levels if start else {}
    chosen = domain_levels(data.levels_choice(), data.folder)
    if chosen and recorded and chosen != recorded:
        said, had = (", ".join(f"{letter} {one}" for letter, one in sorted(all.items())) for all in (chosen, recorded))
        raise DataError(f"--levels {data.levels} ({said}) differ from those of the input checkpoint ({had}); leave out")
    return Readings(channels, chosen or recorded, data.resize)


def prepare(
    task: Task, judge: DiscriminatorSpec | None, data: DataSettings, run: RunSettings, readings: Readings
) -> Surroundings:
    """Find the images, select the device and join the other processes, before any network is made.

    Args:
        judge: the spec of the discriminator that will see the crops; None where there is none.
        readings: how the images are read.

    Raises:
        DataError, StatisticsError: images or statistics are missing or do not fit.
        RunError: there is no such device, it has no mixed precision, or the engine does not train on it.
        LostProcessError: not all processes come.
        MissingDependencyError: the engine is not installed.
        SpecError: the crop is too small for the discriminator.
    """
    samples = training_set(task, data, run.seed, readings)
    if judge and min(data.crop_size) < judge.smallest_image:
        raise SpecError(
            f"--crop-size {min(data.crop_size)}: the discriminator needs at least {judge.smallest_image} pixels"
        )
    select_device(run.device)
    require_precision(run.amp)
    require_engine_of_parts(run.engine)
    processes = join_processes()
    with processes.first_one_first():  # statistics of many images take all cores once, not once for each process
        evaluation = _evaluation(data, run, readings)
    return Surroundings(samples=samples, processes=processes, evaluation=evaluation, readings=readings)


def _evaluation(data: DataSettings, run: RunSettings, readings: Readings) -> Evaluation | Unmeasured:
    """Return what watches the training; with one image of a domain there is nothing to measure, and it trains."""
    if run.dry_run:
        return _unmeasured(data, readings, "a dry run measures nothing")
    try:
        return Evaluation.of_folder(
            data.folder,
            data.direction,
            data.evaluated_size,
            readings=readings,
            statistics=run.statistics,
            feature_set=run.feature_set,
            reference=run.reference,
        )
    except TooFewImagesError as error:
        return _unmeasured(data, readings, str(error))


def _unmeasured(data: DataSettings, readings: Readings, reason: str) -> Unmeasured:
    reading = readings.source(data.direction)
    images, subset = evaluation_images(data.folder, data.direction.source, reading=reading)
    return Unmeasured(EvaluationSet(images, data.evaluated_size, CACHE_BYTES), subset, reason)


def training_set(task: Task, data: DataSettings, seed: int, readings: Readings | None = None) -> TrainingSet:
    """Return the training images, paired as the task wants them.

    Raises:
        DataError: images, lists or partners are missing, or sizes do not fit.
    """
    kind, images_of = IMAGE_SETS[task.pairing]
    return kind(
        *images_of(data, readings or Readings()),
        load_size=data.load_size,
        crop_size=data.crop_size,
        seed=seed,
        shuffle=data.shuffle,
        cache_bytes=data.cache_bytes,
    )


def _unpaired_images(data: DataSettings, readings: Readings) -> Sequence[ImageList]:
    way = data.direction
    found = ((way.source, readings.source(way)), (way.target, readings.target(way)))
    return [read_images(data.folder, f"train{letter}", reading) for letter, reading in found]


def _paired_images(data: DataSettings, readings: Readings) -> Sequence[ImageList]:
    way = data.direction
    return read_pairs(data.folder, f"train{way.source}", readings.source(way), readings.target(way))


IMAGE_SETS: Mapping[Pairing, tuple[type, Callable[[DataSettings, Readings], Sequence[ImageList]]]] = {
    Pairing.UNPAIRED: (UnpairedSet, _unpaired_images),
    Pairing.PAIRED: (PairedSet, _paired_images),
}


def assemble_job(
    stage: Stage,
    step: TrainingStep,
    around: Surroundings,
    views: Views,
    schedule: Schedule,
    data: DataSettings,
    run: RunSettings,
    start: RefitStart | None = None,
) -> TrainingJob:
    """Return the job of one stage; `start` is done before the first step.

    Raises:
        RunError: the processes see different files, or were started with different settings.
        DataError, TooFewImagesError: the images that are to choose the best network are missing.
    """
    course, choice = around.course(schedule), _choice(stage, around, data, run)
    chosen = {"choice": choice.facts()} if choice else {}
    directory = RunDirectory(run.directory, _identity(stage, around, schedule, data, run) | chosen)
    _require_alike(around.processes, directory.settings)
    observer = Observer()
    if around.processes.writes:
        product = _product(_with_schedule(stage, schedule), step, around, data, run)
        product = replace(product, start=start)
        observer = Recorder(course, replace(views, choice=choice), product, directory, run.eval_every)
    return TrainingJob(
        step=step,
        samples=around.samples,
        course=course,
        workers=data.workers,
        run=run,
        directory=directory,
        observer=observer,
        processes=around.processes,
        unmeasured=around.evaluation.reason if isinstance(around.evaluation, Unmeasured) else None,
        chosen_on=(choice or around.evaluation).subset if stage.keep_best else None,
        start=start,
        beside={role: one.output for role, one in stage.beside.items()},
        weights=stage.weights,
        notes=stage.notes,
    )


def _require_alike(processes: Processes, settings: Mapping) -> None:
    said = [json.loads(one) for one in processes.gather_bytes(json.dumps(settings).encode())]
    for index, theirs in enumerate(said):
        if names := [name for name in sorted(said[0] | theirs) if said[0].get(name) != theirs.get(name)]:
            raise RunError(
                f"process {index + 1} of {processes.count} differs from the first in {', '.join(names)}: start all of "
                "them with the same command, where they see the same files"
            )


def _choice(stage: Stage, around: Surroundings, data: DataSettings, run: RunSettings) -> Evaluation | Unmeasured | None:
    """Return what chooses a stage's best network, None where the images that it is reported on do.

    In a dry run, which measures nothing, it is the images that would.

    Raises:
        DataError: search images are asked for, and there are none.
        TooFewImagesError: there is one.
    """
    subset, reported = f"search{data.direction.source}", around.evaluation
    measures = isinstance(reported, Evaluation) or run.dry_run
    if not stage.keep_best or not measures or stage.choose_on is ChoosingImages.TEST:
        return None
    if stage.choose_on is None and not has_subset(data.folder, subset):
        return None
    images = read_images(data.folder, subset, reported.images.images.reading)
    if len(images) < 2:
        raise TooFewImagesError(
            f"{data.folder}: {subset} has 1 image, choosing the best network by it needs at least 2; "
            f"--choose-on {ChoosingImages.TEST} chooses on the test images"
        )
    return replace(reported, images=EvaluationSet(images, reported.images.size, CACHE_BYTES), subset=subset)


def _identity(stage: Stage, around: Surroundings, schedule: Schedule, data: DataSettings, run: RunSettings) -> dict:
    """Return all that determines the result of a run; a run directory belongs to one such set of values."""
    return {
        "stage": stage.name,
        "task": stage.task.to_json(),
        "direction": data.direction,
        "sources": dict(stage.sources),
        "data": around.samples.fingerprint,
        "load_size": data.load_size,
        "crop_size": data.crop_size,
        **({"eval_size": data.eval_size} if data.eval_size != data.crop_size else {}),
        **around.readings.facts,
        "shuffle": data.shuffle,
        "seed": run.seed,
        "amp": run.amp or False,
        **({"engine": run.engine} if run.engine != REFERENCE else {}),
        "processes": around.processes.count,
        "eval_every": run.eval_every,
        "metric": around.evaluation.facts(),
        **schedule.identity,
        **stage.choices,
    }


def _with_schedule(stage: Stage, schedule: Schedule) -> Stage:
    """Return the stage with the facts that the schedule adds to its checkpoint."""
    return replace(stage, facts={**stage.facts, "ema": schedule.ema}) if schedule.ema else stage


def _product(stage: Stage, step: TrainingStep, around: Surroundings, data: DataSettings, run: RunSettings) -> Product:
    facts = {"image_size": list(data.evaluated_size), "seed": run.seed, "data": around.samples.fingerprint}
    facts |= around.readings.facts
    common = Checkpoint(stage=stage.name, task=stage.task, direction=data.direction, networks={}, training=facts)
    beside = {
        role: Product(
            template=replace(common, task=one.task, training={**facts, **one.facts}, sources=one.sources),
            networks=step.beside[role].networks,
            output=one.output,
        )
        for role, one in stage.beside.items()
    }
    if stage.added_weights:
        facts = {**facts, "losses": dict(stage.added_weights)}
    return Product(
        template=replace(common, training={**facts, **stage.facts}, sources=stage.sources),
        networks=step.results,
        output=run.output,
        keep_best=stage.keep_best and isinstance(around.evaluation, Evaluation),
        weights=stage.added_weights,
        beside=beside,
    )
