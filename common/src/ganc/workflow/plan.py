"""What `ganc compress` will do: the pipeline's configuration, its networks, and how long each step takes here."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ganc.base.atomic import WriteError, replacing, require_writable, write_error
from ganc.base.differences import differences
from ganc.base.direction import Direction
from ganc.base.errors import FileFormatError, RunError, SettingError
from ganc.base.extras import JINJA2, MATPLOTLIB, PADDLE, SNAKEMAKE
from ganc.base.json_text import JsonObject, read_json
from ganc.base.lock import lock
from ganc.base.text import format_count
from ganc.files.checkpoint import Checkpoint
from ganc.models.task import Pairing, TaskName
from ganc.workflow import inputs
from ganc.workflow.configuration import Configuration
from ganc.workflow.estimate import Timings, estimate, left_of, rehearse
from ganc.workflow.networks import Networks
from ganc.workflow.preset_names import USUAL, Preset
from ganc.workflow.presets import SCRATCH, Given, configuration_of, scheduled
from ganc.workflow.search_images import require_search_images
from ganc.workflow.stage_options import ConfigurationError
from ganc.workflow.task import settled_task

CONFIGURATION, PLAN, LOCK = "compress.yaml", "compress.json", "compress.lock"  # in the folder of the run
FORMAT, VERSION = "ganc-compress", 1
TIMING = "timing a few steps of each stage"
_STAGES = ("distill", "supernet", "search", "finetune", "export")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks for. Paths are as they were given.

    Attributes:
        data, out: None where the configuration says them.
        teacher: None: it is trained, or the configuration says it.
        task: None is what the teacher's file tells, else a CycleGAN.
        configuration: a file, which says all that the rest of the options would.
        size: (width, height) of the images; None takes the teacher's, else the images' own up to 256x256.
        cores: how many to use; None is all.
        restart: plan anew in a folder that was begun otherwise.
    """

    data: Path | None
    out: Path | None
    teacher: Path | None
    configuration: Path | None = None
    max_macs: int | None = None
    preset: Preset | None = None
    size: tuple[int, int] | None = None
    direction: Direction | None = None
    task: TaskName | None = None
    cores: int | None = None
    restart: bool = False

    def __post_init__(self) -> None:
        chosen: dict[str, object] = {"--max-macs": self.max_macs, "--preset": self.preset, "--size": self.size}
        chosen |= {"--direction": self.direction, "--task": self.task}
        needed = {"--data": self.data, "-o": self.out}
        if self.configuration:
            if given := [option for option, value in chosen.items() if value is not None]:
                raise SettingError(f"{given[0]}: the configuration says it; leave --config or {given[0]} out")
        elif absent := [option for option, value in needed.items() if value is None]:
            raise SettingError(f"{absent[0]} is missing: name it, or a configuration with --config")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be done.

    Attributes:
        values: the pipeline's configuration, with absolute paths.
        seconds: of each step, by its name, on this machine.
        device: of the training.
        networks: what is trained.
        notes: what its user should know, a line each.
        record: what is written beside the run, so that the same request goes on with the same plan.
        restart: whether another plan may be there, which this one takes the place of.
    """

    values: Mapping
    networks: Networks
    seconds: Mapping[str, float]
    device: str
    images: Mapping[str, int]
    notes: tuple[str, ...] = ()
    record: Mapping = field(default_factory=dict)
    restart: bool = False

    @property
    def out(self) -> Path:
        return Path(self.values["out"])

    @property
    def configuration(self) -> Configuration:
        return Configuration(self.values, [])


def make_plan(request: Request, say: Callable[[str], object] = lambda text: None) -> Plan:
    """Check all inputs, choose what is left to choose, and time a few steps. Nothing is written.

    Args:
        say: is called with a line about what takes seconds.

    Raises:
        GancError: an input cannot be used; the message says which and what to do.
    """
    try:
        return _made(request, say)
    except ConfigurationError as error:
        if not request.configuration:
            raise
        raise ConfigurationError(f"{request.configuration}: {error}") from error


def _made(request: Request, say: Callable[[str], object]) -> Plan:
    """Return the plan; errors of the configuration do not name its file yet."""
    inputs.require_packages(PADDLE, SNAKEMAKE)
    said = _said(request)
    out = Path(said["out"])
    require_own_folder(out, said.get("data"))
    if request.configuration:
        checked(said)
    direction, task = request.direction or Configuration(said, []).direction, Configuration(said, []).task_name
    teacher = inputs.read_teacher(Path(file), direction, task) if (file := _generator_file(said)) else None
    how, data = ("task: " if request.configuration else "--task "), said.get("data")
    if settled := settled_task(task, teacher, Path(data) if data else None, how):
        said["task"] = settled.value  # what a teacher's file tells counts for its images too
    images = _images(said, paired=_is_paired(said, teacher))
    generator = teacher.generator.spec if teacher else None
    identity = _identity(request, said, direction, teacher)
    kept = _kept(out, identity, request.restart)
    if kept:
        values, timed = kept["configuration"], kept["timings"]
    else:
        values, timed = _chosen(request, said, teacher, images, say)
    configuration, timings = checked(values), Timings.of(timed)
    networks = Networks.of(configuration, generator)
    seconds = estimate(configuration, networks, images, timings)
    return Plan(
        values=values,
        networks=networks,
        seconds=left_of(seconds, configuration, images) if kept else seconds,
        device=timings.device,
        images=images,
        notes=(*configuration.notes, *_notes(request.max_macs, networks)),
        restart=request.restart,
        record={"format": FORMAT, "version": VERSION, "request": identity, "configuration": values, "timings": timed},
    )


def _chosen(
    request: Request,
    said: Mapping,
    teacher: Checkpoint | None,
    images: Mapping[str, int],
    say: Callable[[str], object],
) -> tuple[Mapping, Mapping]:
    """Return the configuration, and the seconds that steps take by which its epochs were chosen."""
    generator = teacher.generator.spec if teacher else None
    if request.configuration:
        configuration = checked(said)
        Networks.of(configuration, generator)
        require_search_images(configuration, images, preset=False)
        say(TIMING)
        return said, rehearse(said, generator, request.cores, say)
    preset = request.preset or USUAL
    direction = request.direction or Direction.A_TO_B
    given = Given(
        data=said["data"],
        out=said["out"],
        teacher=said.get("teacher"),
        generator=generator,
        size=request.size or _size(said["data"], teacher, direction, preset),
        images=images,
        direction=direction,
        max_macs=request.max_macs,
        gpu=inputs.has_gpu(),
        task=Configuration(said, []).task_name,
    )
    values = configuration_of(given, preset)
    unscheduled = scheduled(values, preset, images, None)
    configuration = checked(unscheduled)
    Networks.of(configuration, generator)
    require_search_images(configuration, images, preset=True)
    say(TIMING)
    timed = rehearse(unscheduled, generator, request.cores, say)
    return scheduled(values, preset, images, Timings.of(timed)), timed


def _notes(max_macs: int | None, networks: Networks) -> list[str]:
    macs = networks.teacher.costs(networks.image_size).macs
    if max_macs is None or max_macs < macs:
        return []
    return [f"--max-macs is no less than what the teacher has, {format_count(macs)} MACs: its blocks are the reduction"]


def _identity(request: Request, said: Mapping, direction: Direction, teacher: Checkpoint | None) -> dict:
    """Return what makes a request another one, as plain JSON."""
    asked: dict[str, object] = {"preset": request.preset, "max_macs": request.max_macs, "size": request.size}
    asked |= {"said": said, "direction": direction, "teacher": teacher.digest if teacher else None}
    return json.loads(json.dumps(asked))


def _said(request: Request) -> dict:
    """Return what the user says of the configuration: all of it, or which files there are. Paths are absolute."""
    given = {"data": request.data, "teacher": request.teacher, "out": request.out}
    named = {key: os.path.abspath(path) for key, path in given.items() if path is not None}
    named |= {"task": request.task.value} if request.task else {}
    if not request.configuration:
        return named
    folder = request.configuration.absolute().parent
    values = inputs.read_configuration(request.configuration)
    return Configuration(values | named, [folder, folder.parent]).absolute()


def _generator_file(said: Mapping) -> str | None:
    """Return the file of the generator that a configuration starts from, if it is there already."""
    start = (said.get("replace") or {}).get("init-from")
    found = said.get("teacher") or said.get("start") or start
    return found if found and (found != start or os.path.exists(start)) else None


def _is_paired(said: Mapping, teacher: Checkpoint | None) -> bool:
    """Whether images have to have partners: a generator that is there says it, else the task of stage 1."""
    if teacher:
        return teacher.task.pairing is Pairing.PAIRED
    return Configuration(said, []).paired


def _images(said: Mapping, *, paired: bool) -> dict[str, int]:
    """Return how many images there are, or will be drawn, by subset."""
    if said.get("demo") is None:
        return inputs.checked_images(Path(said["data"]), paired=paired) if said.get("data") else {}
    drawn = Configuration(said, []).parameters("demo")
    return {f"{kind}{letter}": drawn[kind] for kind in ("train", "test") for letter in "AB"}


def _size(data: str, teacher: Checkpoint | None, direction: Direction, preset: Preset) -> tuple[int, int]:
    if teacher and inputs.tells_size(teacher):
        return teacher.image_size
    side = inputs.usual_side(Path(data), direction.source)
    side = side if teacher else min(side, SCRATCH[preset][2])
    return side, side


def require_own_folder(out: Path, data: str | None) -> None:
    """Raise WriteError unless a folder can be written, is empty or of an earlier run, and is not that of the images."""
    if data and Path(os.path.realpath(out)).is_relative_to(os.path.realpath(data)):
        raise WriteError(f"{out}: is in the folder of the images, which is only read; choose another")
    require_writable(out / PLAN)
    if out.is_dir() and not (out / PLAN).is_file() and {path.name for path in out.iterdir()} - {LOCK}:
        raise WriteError(f"{out}: is not empty and not of ganc compress; choose another folder")


def _kept(out: Path, identity: Mapping, restart: bool) -> Mapping | None:
    """Return what an earlier call chose for the same request, None where there is none or it is not to count.

    Raises:
        RunError: it was another request: hours of work would be thrown away.
        FileFormatError: the record cannot be read.
    """
    if restart or not (out / PLAN).is_file():
        return None
    again = "--restart plans anew, and does again what is then another"
    try:
        record = JsonObject.of(read_json(out / PLAN, "a plan of ganc compress"), out / PLAN).members
    except FileFormatError as error:
        raise FileFormatError(f"{error}; {again}") from error
    whole = {"request", "configuration", "timings"} <= record.keys()
    if record.get("format") != FORMAT or record.get("version") != VERSION or not whole:
        raise FileFormatError(f"{out / PLAN}: is no plan that this ganc knows; {again}")
    if changed := differences(record["request"], identity):
        raise RunError(f"{out}: was begun otherwise: {'; '.join(changed[:3])}; {again}, or choose another folder")
    return record


@contextlib.contextmanager
def held(out: Path) -> Iterator[int]:
    """Make the run's folder, and hold it within the block; yields what a process has to inherit to hold it too.

    Raises:
        RunError: another process holds it.
        WriteError: it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / LOCK).open("a")
    except OSError as error:
        raise write_error(out, error) from error
    with file:
        lock(file, out, "wait for it, or choose another folder")
        yield file.fileno()


def write_plan(plan: Plan) -> None:
    """Write the plan and its configuration into the run's folder, while that is held.

    Raises:
        RunError: since it was looked at, another process has begun it otherwise.
        WriteError: they cannot be written.
    """
    begun = _kept(plan.out, plan.record["request"], plan.restart)
    if begun and begun["configuration"] != plan.record["configuration"]:
        raise RunError(f"{plan.out}: another process has begun it meanwhile; give the command again")
    # The plan first: by it the folder is known as a run's.
    with replacing(plan.out / PLAN) as temporary:
        temporary.write_text(json.dumps(plan.record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with replacing(plan.out / CONFIGURATION) as temporary:
        temporary.write_text(
            "# Written by ganc compress. To change it, copy it and name another folder (-o) with it;\n"
            "# snakemake --configfile goes on here.\n"
            + yaml.safe_dump(dict(plan.values), sort_keys=False, allow_unicode=True, width=1000),
            encoding="utf-8",
        )


def checked(values: Mapping) -> Configuration:
    """Return the configuration of these values, checked as the pipeline checks it. Raises GancError."""
    configuration = Configuration(values, [])
    inputs.require_commands([*_STAGES, *(["replace"] if not configuration.has("teacher") else [])])
    configuration.check()
    inputs.require_packages(JINJA2, *([MATPLOTLIB] if configuration.searches else []))
    inputs.require_lite0(configuration)
    return configuration
