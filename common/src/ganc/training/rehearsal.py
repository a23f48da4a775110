"""What a run would take on this machine, from a few of its own steps. Nothing is written."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from ganc.system.memory import peak_bytes
from ganc.system.runtime import engine_threads, paddle
from ganc.training.job import TrainingJob
from ganc.training.observer import Recorder
from ganc.training.settings import REFIT_STEPS

STEPS, ENOUGH_SECONDS = 4, 8.0  # that are timed of each part, fewer where they take longer together


@dataclass(frozen=True, kw_only=True)
class Part:
    """Steps of a run that do the same work.

    Attributes:
        first: the first of them, from 0 over the whole run.
        steps: how many they are, and step_seconds: what each takes.
        gan: whether they have a GAN loss.
    """

    first: int
    steps: int
    step_seconds: float
    gan: bool


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """The estimate of a run.

    Attributes:
        device, threads: where it ran.
        parts: the steps that are left: first those without a GAN loss, then those with one.
        evaluations: that are left, one before the first step among them where the best networks are kept.
        evaluation_seconds: what the translations of each take, those of the images that choose too, without features.
        refit_seconds: what the refit before the first step takes, by how many steps it is worth; 0 where there is none.
        peak_bytes: the most memory that the process had so far, of the device on a GPU.
    """

    device: str
    threads: int
    parts: tuple[Part, ...]
    evaluations: int
    evaluation_seconds: float
    refit_seconds: float
    peak_bytes: int

    @property
    def steps(self) -> int:
        """How many steps are left."""
        return sum(part.steps for part in self.parts)

    @property
    def step_seconds(self) -> float:
        """What each of the steps that are left takes on average; 0 where none is."""
        return sum(part.steps * part.step_seconds for part in self.parts) / max(1, self.steps)

    @property
    def seconds(self) -> float:
        """How long the run takes from here on."""
        return self.refit_seconds + self.steps * self.step_seconds + self.evaluations * self.evaluation_seconds


def rehearse(job: TrainingJob) -> Rehearsal:
    """Return the estimate of a job, which cannot be run afterwards."""
    device, behind = paddle.get_device(), job.behind()
    parts = tuple(_timed(job, behind))
    left = range(behind + 1, len(job) + 1)
    evaluations = int(job.chosen_on is not None and not behind)
    refitted = job.start.images if job.start and not behind else 0
    trained = sum(part.steps * part.step_seconds for part in parts)
    evaluations += sum(job.course.ends(done) or job.course.ends_epoch(done, job.run.eval_every) for done in left)
    return Rehearsal(
        device=device,
        threads=engine_threads(),
        parts=parts,
        evaluations=evaluations,
        evaluation_seconds=_evaluation_seconds(job) if evaluations else 0.0,
        refit_seconds=REFIT_STEPS * refitted * trained / max(1, len(left)),
        peak_bytes=peak_bytes(device),
    )


def _timed(job: TrainingJob, behind: int) -> Iterator[Part]:
    """Time the steps that are left; all of them together have used the memory that the run will use."""
    begins = int(min(max(job.step.gan_from, behind), len(job)))
    for first, end, gan in ((behind, begins, False), (begins, len(job), True)):
        if first < end:
            yield Part(first=first, steps=end - first, step_seconds=_step_seconds(job, first, end), gan=gan)


def _step_seconds(job: TrainingJob, first: int, end: int) -> float:
    """Return the least seconds of a step behind the first, in which graphs are compiled, or of the only one."""
    seconds: list[float] = []
    with closing(job.rehearse(first)) as steps:
        for one in islice(steps, end - first):
            seconds.append(one)
            enough = len(seconds) > STEPS or (len(seconds) > 1 and sum(seconds) > ENOUGH_SECONDS)
            if job.processes.largest(enough):  # one that stopped alone would leave the others waiting for it
                break
    return min(seconds[1:] or seconds)


def _evaluation_seconds(job: TrainingJob) -> float:
    if not isinstance(job.observer, Recorder):
        return 0.0
    views = job.observer.views
    images, seconds = views.evaluation.images, []
    for engine in views.engines.values():
        engine(images[0][None])  # the first call prepares
        start = time.perf_counter()
        engine(images[0][None])
        seconds.append(time.perf_counter() - start)
    choosing = len(views.choice.images) if views.choice else 0  # which the first network alone translates
    return sum(seconds) * len(images) + seconds[0] * choosing
