"""What a run would take on this machine, from a few of its own steps. Nothing is written."""

import time
from contextlib import closing
from dataclasses import dataclass

from ganc.system.memory import peak_bytes
from ganc.system.runtime import engine_threads, paddle
from ganc.training.job import TrainingJob
from ganc.training.observer import Recorder

STEPS, ENOUGH_SECONDS = 4, 8.0  # that are timed, fewer where they take longer together


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """The estimate of a run.

    Attributes:
        device, threads: where it ran.
        steps: that are left, and step_seconds: what each takes.
        evaluations: that are left, and evaluation_seconds: what the translations of each take, without features.
        peak_bytes: the most memory that the process had so far, of the device on a GPU.
    """

    device: str
    threads: int
    steps: int
    step_seconds: float
    evaluations: int
    evaluation_seconds: float
    peak_bytes: int

    @property
    def seconds(self) -> float:
        """How long the run takes from here on."""
        return self.steps * self.step_seconds + self.evaluations * self.evaluation_seconds


def rehearse(job: TrainingJob) -> Rehearsal:
    """Return the estimate of a job, which cannot be run afterwards."""
    device, behind = paddle.get_device(), job.behind()
    seconds = _step_seconds(job)
    left = range(behind + 1, len(job) + 1)
    evaluations = sum(job.course.ends(done) or job.course.ends_epoch(done, job.run.eval_every) for done in left)
    return Rehearsal(
        device=device,
        threads=engine_threads(),
        steps=len(left),
        step_seconds=seconds,
        evaluations=evaluations,
        evaluation_seconds=_evaluation_seconds(job) if evaluations else 0.0,
        peak_bytes=peak_bytes(device),
    )


def _step_seconds(job: TrainingJob) -> float:
    """Return the least seconds of a step behind the first, in which graphs are compiled, or of the only one."""
    seconds: list[float] = []
    with closing(job.rehearse()) as steps:
        for one in steps:
            seconds.append(one)
            if len(seconds) > STEPS or (len(seconds) > 1 and sum(seconds) > ENOUGH_SECONDS):
                break
    return min(seconds[1:] or seconds)


def _evaluation_seconds(job: TrainingJob) -> float:
    if not isinstance(job.observer, Recorder):
        return 0.0
    views = job.observer.views
    images, total = views.evaluation.images, 0.0
    for engine in views.engines.values():
        engine(images[0][None])  # the first call prepares
        start = time.perf_counter()
        engine(images[0][None])
        total += time.perf_counter() - start
    return total * len(images)
