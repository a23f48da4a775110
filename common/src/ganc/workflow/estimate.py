"""How long the steps of a pipeline take, from what the rehearsal timed and how many images there are."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from ganc.base.errors import RunError
from ganc.base.text import format_duration
from ganc.files.run_directory import RunDirectory
from ganc.models.spec import GeneratorSpec
from ganc.system.runtime import available_cores
from ganc.training.settings import REFIT_STEPS, RefitSettings, RunSettings, Schedule
from ganc.workflow.configuration import Configuration
from ganc.workflow.networks import Networks

Kind = TypeVar("Kind")

EXPORT_SECONDS, REPORT_SECONDS = 30.0, 30.0  # writing and verifying the formats; the table with its timings
EAGER = 3.0  # how much slower the engine of evaluations in training is than the one that was timed
MOST_SAMPLES = 2000  # of a search whose configuration does not say how many: its space may be endless

# What is written by steps that are no training.
RESULTS = {"search": "search.h5", "export": "dist/model.json", "report": "report.html"}
# What each step of the pipeline is for, in its order.
STEPS = {
    "statistics": "features of the target's images, which all stages are compared with",
    "original": "train the original generator",
    "replace": "make a teacher of mobile blocks",
    "distill": "distill the teacher into a thinner student",
    "supernet": "train all sub-networks of the student",
    "search": "measure sub-networks",
    "finetune": "train the best one within the budget on",
    "export": "write the result for use, and verify it",
    "report": "compare all of them",
}


@dataclass(frozen=True, kw_only=True)
class Timings:
    """What a rehearsal measured, in seconds.

    Attributes:
        device: the device of training.
        start: until a stage's program is ready: Python, Paddle, and what compiles the metric.
        first, step: by stage, the first step of training and each one behind it.
        features, translation: of one image.
    """

    device: str
    start: float
    first: Mapping[str, float]
    step: Mapping[str, float]
    features: float
    translation: float

    @classmethod
    def of(cls, found: Mapping) -> "Timings":
        """Return the timings that `ganc.workflow.rehearsal` printed."""
        stages = found["stages"]
        first, step = ({name: one[key] for name, one in stages.items()} for key in ("first", "step"))
        others = {name: one for name, one in found.items() if name != "stages"}
        return cls(first=first, step=step, **others)


def rehearse(values: Mapping, generator: GeneratorSpec | None, cores: int | None, say: Callable[[str], object]) -> dict:
    """Return what `ganc.workflow.rehearsal` measures on this machine.

    Args:
        values: the pipeline's configuration; generator: the one to compress, None where it is trained.
        cores: to use; None for all.
        say: is called with a line about each stage when it was timed.

    Raises:
        RunError: it fails.
    """
    job = {"configuration": values, "teacher": generator and asdict(generator)}
    cores = cores or available_cores()
    threads = min(Configuration(values, []).threads or cores, cores)  # as Snakemake gives them to a stage
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    command, pipe, found = [sys.executable, "-m", "ganc.workflow.rehearsal"], subprocess.PIPE, dict[str, Any]()
    with tempfile.TemporaryFile("w+") as errors:
        given = json.dumps(job | {"began": time.time()})
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=environment)
        with process:
            try:
                for line in _answers(process, given):
                    found = json.loads(line)
                    if "stage" in found:
                        say(f"  {found['stage']}: {format_duration(found['step'])} a step")
            except BaseException:  # a signal too
                process.kill()
                raise
        if process.returncode:
            errors.seek(0)
            last = errors.read().strip().splitlines()[-1:] or ["it said nothing"]
            raise RunError(f"steps cannot be timed: {last[0]}")
    return found


def _answers(process: subprocess.Popen[str], given: str) -> Iterator[str]:
    """Hand a text to a process and yield the lines that it prints."""
    assert process.stdin
    assert process.stdout
    with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(given)
    yield from process.stdout


def steps_of(configuration: Configuration, stage: str, images: Mapping[str, int]) -> int:
    """Return how many steps a stage trains, of so many images by subset."""
    schedule = _setting(configuration, stage, Schedule)
    return schedule.steps(epoch_steps(images, schedule.batch_size, configuration.aside, paired=configuration.paired))


def epoch_steps(images: Mapping[str, int], batch_size: int, aside: int = 0, *, paired: bool = False) -> int:
    """Return the steps of an epoch; `aside` images are kept for the search, of pairs their partners too."""
    most = max(images.get("trainA", 0) - aside, images.get("trainB", 0) - (aside if paired else 0))
    return max(1, -(-most // batch_size))


def estimate(
    configuration: Configuration, networks: Networks, images: Mapping[str, int], timings: Timings
) -> dict[str, float]:
    """Return the seconds of each step of the pipeline by its name, in its order."""
    target = configuration.direction.target
    tested = _tested(configuration, images)
    compared = images.get(f"train{target}", 0) + images.get(f"test{target}", 0)
    found = {"statistics": timings.start + compared * timings.features}
    for stage in networks.trained:
        found[stage] = _training(configuration, stage, images, timings)
        views = 2 if stage == "supernet" else 1
        shown = tested * views * (timings.features + EAGER * timings.translation)
        found[stage] += _evaluations(configuration, stage) * shown
    if networks.space:
        searched = images_searched(configuration, images)
        samples = configuration.setting("search", "samples").samples or min(len(networks.space), MOST_SAMPLES)
        found["search"] = timings.start + samples * searched * (timings.features + timings.translation)
    found["export"] = timings.start + EXPORT_SECONDS
    found["report"] = timings.start + REPORT_SECONDS + 5 * tested * (timings.features + EAGER * timings.translation)
    return {name: found[name] for name in STEPS if name in found}


def images_searched(configuration: Configuration, images: Mapping[str, int]) -> int:
    """Return on how many images the search evaluates a sub-network: never on those that are trained on."""
    return configuration.aside or images.get(f"test{configuration.direction.source}", 0)


def _tested(configuration: Configuration, images: Mapping[str, int]) -> int:
    source = configuration.direction.source
    return images.get(f"test{source}") or images.get(f"train{source}", 0)


def left_of(seconds: Mapping[str, float], configuration: Configuration, images: Mapping[str, int]) -> dict[str, float]:
    """Return the seconds that are left of each step: 0 of what is written, and of a stage what is not yet trained."""
    out, left = Path(configuration.out), dict(seconds)
    results = RESULTS | {"statistics": f"real_{configuration.direction.target}.npz"}
    for name in seconds:
        if (out / results.get(name, f"{name}.safetensors")).exists():
            left[name] = 0.0
        elif done := RunDirectory(out / f"{name}.safetensors.run", {}).saved_steps():
            left[name] *= max(0.0, 1 - done / steps_of(configuration, name, images))
    return left


def _training(configuration: Configuration, stage: str, images: Mapping[str, int], timings: Timings) -> float:
    steps = steps_of(configuration, stage, images)
    refit = [one.images for one in configuration.settings(stage) if isinstance(one, RefitSettings)]
    prepared = REFIT_STEPS * sum(refit) * timings.step[stage]
    return timings.start + timings.first[stage] + steps * timings.step[stage] + prepared


def _evaluations(configuration: Configuration, stage: str) -> int:
    """Return how often a stage is evaluated: at its end, between its epochs, and in stage 5 before the first step."""
    every, schedule = _setting(configuration, stage, RunSettings).eval_every, _setting(configuration, stage, Schedule)
    between = (schedule.epochs + schedule.decay_epochs) // every if every else 0
    return 1 + between + (stage == "finetune")


def _setting(configuration: Configuration, stage: str, kind: type[Kind]) -> Kind:
    return next(one for one in configuration.settings(stage) if isinstance(one, kind))
