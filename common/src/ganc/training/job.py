"""A training job: any training step, run over a course, watched, saved, resumed and finished.

A job is an iterable with a length: each item is one step's progress. Commands wrap it in a progress bar, tests and
programs loop over it. The step says what is trained; the result is one checkpoint.
"""

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ganc.base.atomic import WriteError
from ganc.base.errors import FileFormatError, GancError, InterruptedRun, LostProcessError, RunError, SettingError
from ganc.base.rng import keyed_generator
from ganc.base.text import counted
from ganc.data import TrainingSet, batches
from ganc.files.checkpoint import Checkpoint, read_checkpoint
from ganc.files.run_directory import RunDirectory
from ganc.metrics import Measurement
from ganc.system.processes import Processes
from ganc.system.runtime import Tensor, paddle
from ganc.system.signals import noticed_signals
from ganc.training.course import Course
from ganc.training.observer import Observer, distances
from ganc.training.precision import LossGuard
from ganc.training.settings import RunSettings
from ganc.training.start import Note, RefitStart
from ganc.training.state import RunState, Snapshot
from ganc.training.step import TrainingStep, learners_of
from ganc.training.weights import Weight

SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Progress:
    """One finished step.

    Attributes:
        step: its number, from 1.
        tensors: its losses as they are on the device, shape () each.
        measured: by label, where it was evaluated.
        note: what was done before the first step; then `step` is 0.
    """

    step: int
    tensors: Mapping[str, Tensor] = field(repr=False)
    measured: Mapping[str, Measurement] = field(default_factory=dict)
    note: Note | None = None

    @cached_property
    def losses(self) -> dict[str, float]:
        """The losses as numbers; the first look waits for the device."""
        return {name: float(loss) for name, loss in self.tensors.items()}

    @property
    def metrics(self) -> dict[str, float]:
        """The Fréchet distances by label; none where it was not evaluated."""
        return distances(self.measured)

    @property
    def ranking(self) -> dict[str, float]:
        """The values that order networks on as many images, by label and which distance it is."""
        names = {label: "kernel" if one.ranks_by_kernel else "Fréchet" for label, one in self.measured.items()}
        return {f"{label} {names[label]}": one.ranking for label, one in self.measured.items()}


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """Everything that one run needs.

    Attributes:
        workers: threads that prepare batches ahead.
        observer: what is watched and written in this process.
        unmeasured: why no metric is measured; None where one is.
        chosen_on: the images that the best networks are chosen on; None where the last ones are the result.
        start: what is done before the first step; None is nothing.
        beside: further checkpoints that the run writes, by their roles in the sources of the result.
        weights: of the losses by name, and where they come from.
        notes: what a user should know of what it starts from, a line each.

    Raises:
        RunError: a batch has fewer images than there are processes.
    """

    step: TrainingStep
    samples: TrainingSet
    course: Course
    workers: int
    run: RunSettings
    directory: RunDirectory
    observer: Observer
    processes: Processes
    unmeasured: str | None = None
    chosen_on: str | None = None
    start: RefitStart | None = None
    beside: Mapping[str, Path] = field(default_factory=dict)
    weights: Mapping[str, Weight] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        size, count = self.course.schedule.batch_size, self.processes.count
        if size < count:
            raise RunError(f"--batch-size {size} over {count} processes: at least {count} are needed, one image each")

    def __len__(self) -> int:
        return len(self.course)

    def __iter__(self) -> Iterator[Progress]:
        """Train to the end and write the checkpoint; yields after each step, and while it prepares the first.

        Raises:
            InterruptedRun: Ctrl-C or SIGTERM; the state is saved.
            RunError: the run directory belongs to another run, or a loss is not finite.
            WriteError: the directory or the output cannot be written.
            LostProcessError: another process has failed or ended. Of this and the one above, where steps are saved, the
                message says how to go on from them.
        """
        unless = len(self) if self.run.restart_if_changed else None
        with self.observer.opened(self.run.restart, unless) as changed, noticed_signals() as signalled:
            if changed:
                yield Progress(0, {}, note=Note(f"starting over: {'; '.join(changed)}", lasting=True))
            try:
                yield from self._run(signalled)
            except (WriteError, LostProcessError) as error:
                raise type(error)(f"{error}{self._kept()}") from error

    def _run(self, signalled: Callable[[], int]) -> Iterator[Progress]:
        self._share_weights()
        done = self._resume()
        if self.start and not done:
            yield from self._prepare(self.start, signalled)
        self.observer.begin(done)
        yield from self._train(done, signalled)
        made = self.observer.made()
        # Before the output is written: if that fails, nothing but the writing has to be done again.
        self._save(len(self), made[-1][1].digest if made else None)
        self.observer.write(made)
        self.processes.wait_for_all()  # no process ends, or starts another run, before the files are written

    def _kept(self) -> str:
        """Return how to go on from what is saved, as the end of a message; empty where nothing is."""
        done, folder = self.directory.saved_steps(), self.directory.path
        if not done:
            return ""
        again = "the same command" + (" without --restart" if self.run.restart else "")
        if done < len(self):
            return f"; {done} of {len(self)} steps are saved in {folder}: {again} continues there"
        return (
            f"; all steps are saved in {folder}: {again} writes the output and trains nothing, "
            f"elsewhere with -o and --run-dir {folder}"
        )

    def finished(self) -> Checkpoint | None:
        """Return the checkpoint if this very run has already written it, and what belongs beside it, else None.

        Raises:
            RunError: not all processes see that.
        """
        checkpoint = self._finished()
        least, most = self.processes.largest_of([not checkpoint, bool(checkpoint)])
        if least and most:
            raise RunError(f"{self.run.output}: not all processes see it; they must share its folder")
        return checkpoint

    def _finished(self) -> Checkpoint | None:
        saved = None if self.run.restart else self.directory.finished_digest(len(self))
        if saved is None:
            return None
        checkpoint = _checkpoint_of(self.run.output, saved)
        if not checkpoint:
            return None
        beside = (_checkpoint_of(path, checkpoint.sources.get(role)) for role, path in self.beside.items())
        return checkpoint if all(beside) else None

    def rehearse(self, first: int = 0) -> Generator[float, None, None]:
        """Train from a step on and write nothing; yields each step's seconds. The job cannot be run afterwards."""
        self._share_weights()
        start = time.perf_counter()
        with contextlib.closing(self._batches(first)) as made:
            for step, batch in enumerate(made, first):
                for loss in self._update(batch, step).values():
                    float(loss)  # waits for the device
                yield time.perf_counter() - start
                start = time.perf_counter()

    def behind(self) -> int:
        """Return how many steps are saved from which the run will go on; 0 where it starts, or will be refused.

        Raises:
            RunError: the saved run's settings cannot be read.
        """
        return 0 if self.run.restart or self.changed() else self.directory.saved_steps()

    def changed(self) -> list[str]:
        """Return how a saved run differs from this one; raises as `behind`. A dry run has no metric to compare."""
        return self.directory.changes(len(self), besides=("metric", "choice") if self.run.dry_run else ())

    def _share_weights(self) -> None:
        for learner in learners_of(self.step).values():
            self.processes.share_weights(learner.networks.values())

    def _prepare(self, start: RefitStart, signalled: Callable[[], int]) -> Iterator[Progress]:
        """Do in the writing process what comes before the first step, and give its networks to the others.

        Nothing of it is saved before a step is: a run that is stopped here does it again.
        """
        if self.processes.writes:
            for note in start.run():
                yield Progress(0, {}, note=note)
                if signalled():
                    break
        if stopping := self.processes.largest(signalled()):
            raise InterruptedRun("stopped before the first step; run the same command again to start over", stopping)
        self._share_weights()

    def _train(self, done: int, signalled: Callable[[], int]) -> Iterator[Progress]:
        saved_at = time.monotonic()
        for number, batch in enumerate(self._batches(done), done + 1):
            losses = self._update(batch, number - 1)
            self._guard.add(losses)
            if self.course.ends_epoch(number) or self.course.ends(number):
                self._guard.check()  # before a line is written, and the best networks are kept
            measured = self.observer.after_step(number, losses)
            # A process that stopped or saved alone would leave the others waiting for it.
            due = time.monotonic() - saved_at > SAVE_SECONDS
            stopping, saving = self.processes.largest_of([signalled(), int(due)])
            if stopping or saving:
                self._save(number)
                saved_at = time.monotonic()
            if stopping:
                self.processes.wait_for_all()  # a launcher ends the others as soon as one has ended
                raise InterruptedRun(
                    f"stopped at step {number} of {len(self)}; run the same command again to continue", stopping
                )
            yield Progress(number, losses, measured)

    def _batches(self, done: int) -> Generator[tuple[np.ndarray, ...], None, None]:
        size, share = self.course.schedule.batch_size, self.processes
        return batches(self.samples, size, done, len(self), self.workers, process=share.index, processes=share.count)

    def _update(self, batch: tuple[np.ndarray, ...], step: int) -> Mapping[str, Tensor]:
        before = step % self.course.epoch_steps * self.course.schedule.batch_size
        self.processes.weigh(min(self.course.schedule.batch_size, len(self.samples) - before))
        paddle.seed(_dropout_seed(self.run.seed, step, self.processes.index))  # everything else is keyed
        source, target = batch
        return self.step.update(source, target, step, self.course.learning_rate(step))

    @cached_property
    def _state(self) -> RunState:
        return RunState.of(learners_of(self.step), self.observer.parts, self.processes)

    @cached_property
    def _guard(self) -> LossGuard:
        return LossGuard()

    def _save(self, done: int, finished: str | None = None) -> None:
        # In every process: what one of them lost is in the weights of all, which then wait for it, and save nothing.
        self._guard.check()
        self.observer.save({"step": done, "finished": finished}, self._state.collect())

    def _resume(self) -> int:
        """Load the saved state, if there is one, and return the number of steps done.

        Raises:
            RunError: the state cannot be read, is of a longer run, or is not the same in all processes.
        """
        # Where it starts over the writing process has removed the state, or is just about to.
        over = self.run.restart or (self.run.restart_if_changed and self.directory.changes(len(self)))
        saved = None if over else self.directory.load_state()
        done = saved[0]["step"] if saved else 0
        most, least = self.processes.largest_of([done, -done])
        if most != -least:
            raise RunError(f"{self.directory.path}: the processes see different states; they must share this folder")
        if done > len(self):
            raise RunError(
                f"{self.directory.path}: has already trained {counted(done, 'step')}, {len(self)} were asked for; "
                "use --restart to train anew"
            )
        if saved:
            try:
                self._state.load(Snapshot(*saved))
            except GancError as error:
                raise RunError(f"{self.directory.path}: {error}; use --restart to start over") from error
        return done


def finish(job: TrainingJob, watch: Callable[[Progress], object] | None = None) -> Checkpoint:
    """Train a job to its end, unless it has finished, and return the checkpoint that it wrote.

    Args:
        watch: is called with each step's progress.

    Raises:
        InterruptedRun: Ctrl-C or SIGTERM; the state is saved, and the same call goes on from it.
        GancError: as the job's iteration.
        SettingError: it is a dry run, which trains nothing.
    """
    if job.run.dry_run:
        raise SettingError("dry_run: trains nothing; ganc.training.rehearsal.rehearse gives a job's estimate")
    if (checkpoint := job.finished()) is not None:
        return checkpoint
    for progress in job:
        if watch:
            watch(progress)
    return read_checkpoint(job.run.output)


def _dropout_seed(seed: int, step: int, process: int) -> int:
    """Return what Paddle's generator is seeded with before a step: each process masks its own images by its own."""
    return int(keyed_generator(seed, "dropout", step, process).integers(2**31)) if process else seed + step


def _checkpoint_of(path: Path, digest: str | None) -> Checkpoint | None:
    """Return a file's checkpoint if it has this digest; None where there is none, another one, or a damaged file."""
    if not path.is_file():
        return None
    try:
        checkpoint = read_checkpoint(path)
    except FileFormatError:  # damaged since then: the run writes it again
        return None
    return checkpoint if checkpoint.digest == digest else None
