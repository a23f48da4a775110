"""How long a pipeline takes on this machine: a few steps of each kind, timed on networks of the real widths and sizes.

    python -m ganc.workflow.rehearsal < JOB.json > TIMINGS.json

A process of its own, since it needs Paddle for seconds and what started it waits for hours. Weights and images are
drawn, no file of the run is read or written. TIMINGS.json gets a line of each stage as soon as that was timed, and a
last one with all that was found.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ganc.base.direction import Direction
from ganc.base.engine_table import engines_of_parts, usable_engines
from ganc.base.errors import GancError
from ganc.base.rng import keyed_generator
from ganc.engines.loading import run_network
from ganc.files.checkpoint import GENERATOR, Checkpoint
from ganc.metrics.features import feature_set
from ganc.models.convolutions import initial_state
from ganc.models.family import Widths
from ganc.models.generator import Generator
from ganc.models.spec import GeneratorSpec, spec_from_json
from ganc.models.task import PUBLISHED, Task, TaskName
from ganc.system.processes import Processes
from ganc.system.runtime import select_device
from ganc.training.assembly import Stage
from ganc.training.average import averaged
from ganc.training.distillation_job import Distillation, distillation_step
from ganc.training.gan import Guide, fresh_states, gan_specs, gan_step, networks_of
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule
from ganc.training.teachers import FrozenTeacher
from ganc.workflow.configuration import Configuration
from ganc.workflow.networks import Networks

STEPS, STAGE_SECONDS = 3, 6.0  # steps that are timed, fewer where they take longer together
GAN_FROM = 1000  # the step from which one that is timed has a GAN loss


def main() -> None:
    """Time what the job on standard input says, and write seconds as JSON."""
    job = json.load(sys.stdin)
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries print what is not part of the answer

        def say(found: dict) -> None:
            answer.write(json.dumps(found) + "\n")
            answer.flush()

        say(_timings(job, say))


def _timings(job: dict, say: Callable[[dict], None]) -> dict:
    configuration = Configuration(job["configuration"], [])
    networks = Networks.of(configuration, job["teacher"] and spec_from_json(GeneratorSpec, job["teacher"]))
    (run,) = _of_kind(configuration.settings(configuration.behind_teacher), RunSettings)
    device = select_device(run.device)
    # What every stage does before its first step is what this process has done: Python starts and imports Paddle.
    start = max(time.process_time(), time.time() - job["began"])
    result: dict[str, Any] = {"device": device, "stages": {}}
    for stage in networks.trained:
        result["stages"][stage] = _stage_seconds(stage, configuration, networks)
        say({"stage": stage, **result["stages"][stage]})
    images = _image_seconds(configuration, networks)
    return result | images | {"start": start + images["start"]}


def _stage_seconds(stage: str, configuration: Configuration, networks: Networks) -> dict[str, float]:
    """Return the seconds of a stage's first step, in which graphs are compiled, and of a step behind it, on average."""
    settings = configuration.settings(stage)
    (data,), (schedule,) = (_of_kind(settings, kind) for kind in (DataSettings, Schedule))
    made = _cycle if stage in ("original", "replace") else _distillation
    task = PUBLISHED[configuration.task_name or TaskName.CYCLEGAN]
    step = averaged(made(stage, settings, networks, task), schedule.ema)
    width, height = data.crop_size
    generator = keyed_generator(0, "rehearsal", 0)
    spec = networks.trained[stage]
    shapes = ((schedule.batch_size, channels, height, width) for channels in (spec.in_channels, spec.out_channels))
    source, target = (generator.uniform(-1, 1, shape).astype(np.float32) for shape in shapes)

    def one_step(number: int) -> None:
        for loss in step.update(source, target, number, schedule.learning_rate).values():
            float(loss)  # waits for the device

    without = _share_without_gan(settings, task)
    kinds = {number: share for number, share in ((0, without), (GAN_FROM, 1 - without)) if share}
    timed = {number: _timed(partial(_from, number, one_step)) for number in kinds}
    return {
        "first": sum(one["first"] for one in timed.values()),
        "step": sum(kinds[number] * one["step"] for number, one in timed.items()),
    }


def _from(first: int, one_step: Callable[[int], None], number: int) -> None:
    one_step(first + number)


def _share_without_gan(settings: list, task: Task) -> float:
    """Return which part of a stage's steps have no GAN loss."""
    (schedule,) = _of_kind(settings, Schedule)
    epochs = schedule.epochs + schedule.decay_epochs
    for one in _of_kind(settings, DistillationSettings):
        return one.epochs_without_gan(epochs) / epochs if one.applied_to(task).gan_weight else 1.0
    return 0.0


def _distillation(stage: str, settings: list, networks: Networks, task: Task) -> Any:
    (data,), (run,) = (_of_kind(settings, kind) for kind in (DataSettings, RunSettings))
    (losses,) = _of_kind(settings, DistillationSettings)
    teacher = Checkpoint(
        stage="import",
        task=task,
        direction=Direction.A_TO_B,
        networks={GENERATOR: initial_state(networks.teacher, 0, "rehearsal/teacher")},
    )
    plan = Distillation(
        stage=Stage(name=stage, task=losses.applied_to(task)),
        teacher=teacher,
        student=initial_state(networks.trained[stage], 0, "rehearsal/student"),
        discriminator=None,
        settings=losses,
        subnets_of=partial(_subnets, networks) if stage == "supernet" else lambda step: [None],
        views={},
    )
    return distillation_step(plan, data, run, Processes(), GAN_FROM)


def _subnets(networks: Networks, step: int) -> Sequence[Widths | None]:
    """Return sub-networks such as a supernet's step trains."""
    if networks.space is None:
        return [None]
    drawn = networks.space.draw(keyed_generator(0, "rehearsal/widths", step))
    return [networks.space.largest, networks.space.smallest, drawn] if networks.sandwiched else [drawn]


def _cycle(stage: str, settings: list, networks: Networks, task: Task) -> Any:
    (run,) = _of_kind(settings, RunSettings)
    cycle = settings[0]
    task = cycle.applied_to(task)
    specs = gan_specs(task, networks.trained[stage], cycle.discriminator_width)
    trained = {name: spec for name, spec in specs.items() if task.gan_weight or isinstance(spec, GeneratorSpec)}
    guide = None
    if cycle.original_weight and networks.original:
        guided: Any = Generator.from_state(initial_state(networks.original, 0, "rehearsal/original"))
        guide = Guide(cycle.original_weight, FrozenTeacher(guided, run.engine))
    return gan_step(task, networks_of(fresh_states(trained, 0)), run, Processes(), guide)


def _image_seconds(configuration: Configuration, networks: Networks) -> dict[str, float]:
    """Return the seconds of features of an image and of its translation, and as `start` those of compiling both."""
    width, height = networks.image_size
    features = feature_set(configuration.feature_set)
    count = max(2, min(features.batch, 8))
    pixels = keyed_generator(0, "rehearsal/pixels", 0).integers(0, 256, (count, height, width, 3)).astype(np.uint8)
    student = networks.trained[configuration.behind_teacher]
    engine = run_network(initial_state(student, 0, "rehearsal/student"), usable_engines(engines_of_parts())[0])
    image = np.zeros((1, student.in_channels, height, width), np.float32)
    timed = [_timed(lambda number: features(pixels), STEPS - 1), _timed(lambda number: engine(image), STEPS - 1)]
    return {
        "features": timed[0]["step"] / count,
        "translation": timed[1]["step"],
        "start": sum(max(0.0, one["first"] - one["step"]) for one in timed),
    }


def _timed(call: Callable[[int], object], most: int = STEPS) -> dict[str, float]:
    """Return the seconds of the first call and the least of those behind it."""
    seconds: list[float] = []
    while len(seconds) < 2 or (len(seconds) <= most and sum(seconds[1:]) < STAGE_SECONDS):
        start = time.perf_counter()
        call(len(seconds))
        seconds.append(time.perf_counter() - start)
    return {"first": seconds[0], "step": min(seconds[1:])}


def _of_kind(settings: list, kind: type) -> list:
    return [one for one in settings if isinstance(one, kind)]


if __name__ == "__main__":
    try:
        main()
    except GancError as error:
        sys.exit(str(error))
