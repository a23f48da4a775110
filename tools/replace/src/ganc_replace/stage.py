"""Stage 1: a CycleGAN or pix2pix with mobile (or original) blocks, from scratch or from another checkpoint."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Unpack

from ganc.base.direction import Direction
from ganc.base.errors import SpecError
from ganc.data import EvaluationSet, Readings, TrainingSet
from ganc.engines.eager import EagerEngine
from ganc.files.checkpoint import DISCRIMINATOR, GENERATOR, REVERSE, Checkpoint, read_checkpoint
from ganc.metrics.evaluation import evaluation_images
from ganc.models.convolutions import NetworkSpec, NetworkState
from ganc.models.generator import Generator
from ganc.models.network import Network
from ganc.models.spec import DiscriminatorSpec, GeneratorSpec
from ganc.models.task import Task
from ganc.training.assembly import Stage, Surroundings, assemble_job, chosen_readings, prepare
from ganc.training.average import averaged
from ganc.training.gan import Guide, fresh_states, gan_specs, gan_step, networks_of
from ganc.training.init_from import InitFrom
from ganc.training.job import Progress, TrainingJob, finish
from ganc.training.observer import ReturnTrip, Views
from ganc.training.options import Options, recipe_defaults
from ganc.training.settings import NO_REFIT, DataSettings, RefitSettings, RunSettings, Schedule
from ganc.training.start import RefitStart, Refitted
from ganc.training.teachers import FrozenTeacher
from ganc_replace.keywords import ReplaceOptions
from ganc_replace.settings import NEEDS, RECIPES, SCHEDULE, USUAL, ReplaceSettings

STAGE = "replace"


def train(*, watch: Callable[[Progress], object] | None = None, **options: Unpack[ReplaceOptions]) -> Checkpoint:
    """Train the networks to their end, write its checkpoint and return it; called again, it goes on where it stopped.

    Args:
        watch: is called with each step's progress: `step`, `losses` and, where it was evaluated, `metrics`.
        options: `data`, `output` and the other options of `ganc-replace`, with `_` for `-`: `crop_size=64`, `lr=1e-3`.

    Raises:
        SettingError: there is no such option, or its value is not possible.
        GancError: a file, the images or the settings cannot be used; the message says which.
    """
    kinds = (ReplaceSettings, Schedule, DataSettings, RunSettings, RefitSettings)
    defaults = SCHEDULE | recipe_defaults(options, USUAL, RECIPES)
    own = {name: value for name, value in options.items() if name != "recipe"}
    return finish(replace_job(*Options("ganc_replace.train", kinds, own, defaults).all(NEEDS)), watch)


def replace_job(
    settings: ReplaceSettings,
    schedule: Schedule,
    data: DataSettings,
    run: RunSettings,
    refit: RefitSettings = NO_REFIT,
) -> TrainingJob:
    """Return the job that trains a CycleGAN or a pix2pix.

    Args:
        refit: whether generators are refitted, before the first step, on those of the checkpoint that they start from.

    Raises:
        GancError: a file, the images or the settings cannot be used; the message says which.
    """
    generator, init_from = settings.generator, settings.init_from
    if refit.images and not init_from:
        raise SpecError("--refit: there is nothing to refit to; name the original with --init-from, or leave it out")
    init = InitFrom.read(init_from, data.direction) if init_from else None
    start = init.checkpoint if init else None
    original = _original(settings, data, start)
    task = settings.task_of(start.task if start else None, init_from)
    for size in (data.crop_size, data.evaluated_size):
        generator.require_size(*size)
    specs = gan_specs(task, generator, settings.discriminator_width)
    if not task.gan_weight:
        specs = _without_training(specs, start)
    readings = chosen_readings(data, generator, start)
    judge = specs.get(DISCRIMINATOR) if task.gan_weight else None
    around = prepare(task, judge if isinstance(judge, DiscriminatorSpec) else None, data, run, readings)
    states = fresh_states(specs, run.seed)
    facts = {"tensors_taken": init.taken(states), **init.facts} if init else {}
    networks = networks_of(init.into(states, other_blocks=True) if init else states)
    notes = _notes(init, states, refit, data.direction) if init else ()
    refit = NO_REFIT if init and init.whole(generator) else refit  # it would be fitted to itself
    guide = _guide(original, settings.original_weight, run.engine)
    step = averaged(gan_step(task, networks, run, around.processes, guide), schedule.ema)
    stage = Stage(
        name=STAGE,
        task=task,
        sources=(init.sources if init else {})
        | ({"original": original.digest} if original and settings.original else {}),
        facts=facts,
        choices={
            "generator": asdict(generator),
            "discriminator_width": settings.discriminator_width or task.discriminator_width,
            **({"original_weight": settings.original_weight} if settings.original_weight else {}),
            **refit.choices,
        },
        weights=settings.weights(task),
        notes=notes,
    )
    views = _views(step.results, task, around, data)
    return assemble_job(
        stage, step, around, views, schedule, data, run, _refit_start(start, networks, around.samples, refit)
    )


def _notes(init: InitFrom, states: Mapping[str, NetworkState], refit: RefitSettings, way: Direction) -> tuple[str, ...]:
    """Return what the file that the networks start from does not bring, and what it leaves nothing to do for."""
    notes = []
    if GENERATOR + REVERSE in states and GENERATOR + REVERSE not in init.checkpoint.networks:
        notes.append(f"{init.path} has no generator from {way.target} to {way.source}: that one starts fresh")
    if refit.images and init.whole(states[GENERATOR].spec):
        notes.append(f"there is nothing to refit: {init.path} has such blocks already, which are taken as they are")
    return tuple(notes)


def _views(results: Mapping[str, Generator], task: Task, around: Surroundings, data: DataSettings) -> Views:
    """Return what is evaluated and drawn of the generators that become the result."""
    return Views(
        evaluation=around.evaluation,
        engines={"generator": EagerEngine(results[GENERATOR])},
        back=_return_trip(results[GENERATOR + REVERSE], data, around.readings) if task.both_ways else None,
        truth=around.truth(task, data),
    )


def _return_trip(reverse: Generator, data: DataSettings, readings: Readings) -> ReturnTrip:
    """Return what shows the reverse direction beside the other one."""
    source, target = data.direction.source, data.direction.target
    images, _ = evaluation_images(data.folder, target, reading=readings.target(data.direction))
    return ReturnTrip(
        engine=EagerEngine(reverse), images=EvaluationSet(images, data.evaluated_size), source=source, target=target
    )


def _without_training(specs: dict[str, NetworkSpec], start: Checkpoint | None) -> dict[str, NetworkSpec]:
    """Return the specs where no discriminator trains: those that the checkpoint has are handed on as they are."""
    handed_on = start.networks if start else {}
    generators = {name: spec for name, spec in specs.items() if isinstance(spec, GeneratorSpec)}
    return generators | {name: handed_on[name].spec for name in specs if name in handed_on and name not in generators}


def _original(settings: ReplaceSettings, data: DataSettings, start: Checkpoint | None) -> Checkpoint | None:
    """Return the checkpoint whose images are imitated; without one of its own, that of --init-from.

    Raises:
        FileFormatError: it is none, or of another direction.
        SpecError: its images have other channels.
    """
    if not (path := settings.original):
        return start
    original = read_checkpoint(path).facing(data.direction, path)
    for name in ("in_channels", "out_channels"):
        theirs, ours = getattr(original.generator.spec, name), getattr(settings.generator, name)
        if theirs != ours:
            raise SpecError(f"{path}: its generator has {name} {theirs}, this run's {ours}; choose another --original")
    return original


def _guide(original: Checkpoint | None, weight: float, engine: str) -> Guide | None:
    """Return what the generators learn from besides, where that has a weight."""
    if original is None or not weight:
        return None
    names = [name for name in (GENERATOR, GENERATOR + REVERSE) if name in original.networks]
    return Guide(weight, *(FrozenTeacher(Generator.from_state(original.networks[name]), engine) for name in names))


def _refit_start(
    start: Checkpoint | None, networks: dict[str, Network], samples: TrainingSet, refit: RefitSettings
) -> RefitStart | None:
    """Return the refit of both generators, or of the one that the checkpoint has."""
    if not refit.images or start is None:
        return None
    fitted = {
        name: Refitted(teacher=Generator.from_state(start.networks[name]), student=networks[name], domain=domain)
        for domain, name in enumerate((GENERATOR, GENERATOR + REVERSE))
        if name in networks and name in start.networks
    }
    return RefitStart(fitted, samples, refit.images)
