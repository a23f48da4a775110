"""A training job: any training step, run over a schedule, watched, saved, resumed and finished.

A job is an iterable with a length: each item is one step's progress. Commands wrap it in a progress bar, tests and
programs loop over it. What is trained is the step's business; what comes out is one checkpoint.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ganc.base.atomic import require_writable
from ganc.base.errors import FileFormatError, InterruptedRun, RunError
from ganc.data import TrainingSet, batches, save_picture, steps_per_epoch, strip, to_uint8
from ganc.engines import Engine
from ganc.files.checkpoint import Checkpoint, flatten_networks, read_checkpoint, write_checkpoint
from ganc.files.run_directory import RunDirectory
from ganc.metrics import Measurement
from ganc.metrics.evaluation import Evaluation
from ganc.models.convolutions import NetworkState
from ganc.system.processes import Ranks
from ganc.system.runtime import paddle
from ganc.system.signals import noticed_signals
from ganc.training.settings import Schedule
from ganc.training.step import TrainingStep

SAVE_SECONDS = 60.0
SAMPLES = 6


@dataclass(frozen=True)
class Progress:
    """One finished step: its number from 1, the losses, and the metrics where it was evaluated."""

    step: int
    losses: Mapping[str, float]
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(kw_only=True)
class TrainingJob:
    """Everything that one run needs.

    Attributes:
        template: the checkpoint to be made, without its networks' final tensors and training facts.
        views: engines that are evaluated, by label; the first one's metric is the checkpoint's.
        companions: engines that are only shown in sample strips, such as the teacher.
        keep_best: evaluate before the first step too, and keep the networks with the best metric.
    """

    template: Checkpoint
    step: TrainingStep
    samples: TrainingSet
    schedule: Schedule
    workers: int
    seed: int
    run: RunDirectory
    output: Path
    restart: bool
    evaluation: Evaluation
    eval_every: int
    views: Mapping[str, Engine]
    companions: Mapping[str, Engine]
    ranks: Ranks
    keep_best: bool = False

    def __post_init__(self):
        if self.schedule.batch_size < self.ranks.count:
            raise RunError(
                f"--batch-size {self.schedule.batch_size} over {self.ranks.count} processes: "
                f"at least {self.ranks.count} are needed, one picture each"
            )
        self._epoch_steps = steps_per_epoch(self.samples, self.schedule.batch_size)
        self._total = self.schedule.steps(self._epoch_steps)
        self._measured: dict[str, Measurement] = {}
        self._best: dict | None = None
        self._summed, self._sums = 0, {}  # the losses since the last line of the log, for their means

    def __len__(self) -> int:
        return self._total

    @property
    def first_label(self) -> str:
        """The label of the view whose metric is the checkpoint's."""
        return next(iter(self.views))

    def __iter__(self) -> Iterator[Progress]:
        """Train to the end and write the checkpoint; yields after each step.

        Raises:
            InterruptedRun: Ctrl-C or SIGTERM; the state is saved.
            RunError: the run directory belongs to another run, or a loss is not finite.
        """
        if not self.ranks.writes:
            with noticed_signals() as signalled:
                yield from self._train(0 if self.restart else self._resume(), signalled)
            return
        require_writable(self.output)
        self.evaluation.check()
        with self.run.opened(self.restart), noticed_signals() as signalled:
            yield from self._train(self._resume(), signalled)

    def finished(self) -> Checkpoint | None:
        """Return the checkpoint if this very run has already written it, else None."""
        if self.restart or not self.output.is_file():
            return None
        saved = self.run.finished_digest(self._total)
        if saved is None:
            return None
        try:
            checkpoint = read_checkpoint(self.output)
        except FileFormatError:  # damaged since then: the run writes it again
            return None
        return checkpoint if checkpoint.digest == saved else None

    def _train(self, start: int, signalled: Callable[[], int]) -> Iterator[Progress]:
        saved_at = time.monotonic()
        if self.keep_best and self._best is None and self.ranks.writes:
            self.run.log({"step": 0, **_logged(self._evaluate(0))})
        for number, batch in enumerate(self._batches(start), start + 1):
            epoch = (number - 1) // self._epoch_steps
            rate = self.schedule.learning_rate * self.schedule.factor(epoch)
            losses = self._update(batch, number - 1, rate)
            self._sum(losses)
            measured = self._evaluate(number) if self._evaluates_after(number) else {}
            self._log(number, epoch, rate, measured)
            # A process that stopped alone would leave the others waiting for its gradients.
            if stopping := self.ranks.largest(signalled()):
                self._save(number)
                raise InterruptedRun(
                    f"stopped at step {number} of {self._total}; the same command goes on from there", stopping
                )
            if time.monotonic() - saved_at > SAVE_SECONDS:
                self._save(number)
                saved_at = time.monotonic()
            yield Progress(number, losses, _distances(measured))
        self._finish()

    def _batches(self, start: int) -> Iterator:
        size, rank, count = self.schedule.batch_size, self.ranks.rank, self.ranks.count
        return batches(self.samples, size, start, self._total, self.workers, rank=rank, ranks=count)

    def _update(self, batch: tuple[np.ndarray, np.ndarray], step: int, rate: float) -> dict[str, float]:
        """Run the step, unless the batch that ends an epoch is too small to give every rank a picture."""
        in_epoch = step % self._epoch_steps
        if len(self.samples) - in_epoch * self.schedule.batch_size < self.ranks.count:
            return {}
        paddle.seed(self.seed + step)  # for dropout; everything else is keyed
        return self.step.update(*batch, step, rate)

    def _evaluates_after(self, number: int) -> bool:
        if not self.ranks.writes:
            return False
        every = self.eval_every * self._epoch_steps
        return number == self._total or (every > 0 and number % every == 0)

    def _evaluate(self, number: int) -> dict[str, Measurement]:
        measured = {label: self.evaluation.measure(engine) for label, engine in self.views.items()}
        self._measured = measured
        if self.keep_best:
            value = measured[self.first_label].distance
            if self._best is None or value < self._best["value"]:
                self._best = {"step": number, "value": value, "metrics": _distances(measured)}
                write_checkpoint(self.run.best_path, self._checkpoint(number, self._states(), measured))
        self._write_samples(number)
        return measured

    def _write_samples(self, number: int) -> None:
        count = min(SAMPLES, len(self.evaluation.pictures))
        inputs = np.stack([self.evaluation.pictures[index] for index in range(count)])
        shown = {"input": inputs} | {
            label: engine(inputs) for label, engine in {**self.companions, **self.views}.items()
        }
        columns = [to_uint8(images) for images in shown.values()]
        save_picture(self.run.sample_path(number), strip(list(zip(*columns, strict=True)), list(shown)))

    def _sum(self, losses: Mapping[str, float]) -> None:
        if losses:
            self._summed += 1
            self._sums = {name: self._sums.get(name, 0.0) + value for name, value in losses.items()}

    def _log(self, number: int, epoch: int, rate: float, measured: Mapping[str, Measurement]) -> None:
        """Log the mean losses once an epoch, and whatever was evaluated."""
        if not self.ranks.writes or not (number % self._epoch_steps == 0 or measured or number == self._total):
            return
        losses = {name: total / self._summed for name, total in self._sums.items()}
        entry = {"step": number, "epoch": epoch, "learning_rate": rate, "losses": losses}
        self.run.log(entry | _logged(measured))
        self._summed, self._sums = 0, {}

    def _states(self) -> dict[str, NetworkState]:
        return {name: network.state() for name, network in self.step.networks.items()}

    def _save(self, number: int, digest: str | None = None) -> None:
        if not self.ranks.writes:
            return
        tensors = flatten_networks(self._states())
        for name, optimizer in self.step.optimizers.items():
            tensors |= {f"optimizer.{name}.{key}": array for key, array in optimizer.state().items()}
        tensors |= {f"pool.{name}": pool.state() for name, pool in self.step.pools.items()}
        sums = {"count": self._summed, "sums": self._sums}
        measured = {label: asdict(measurement) for label, measurement in self._measured.items()}
        facts = {"step": number, "metrics": measured, "best": self._best, "losses": sums, "finished": digest}
        self.run.save_state(facts, tensors)

    def _resume(self) -> int:
        """Load the saved state, if there is one, and return the number of steps done."""
        saved = self.run.load_state()
        if saved is None:
            if self.ranks.writes:
                self.run.cut_log(-1)
            return 0
        facts, tensors = saved
        if facts["step"] > self._total:
            raise RunError(
                f"{self.run.path}: has already trained {facts['step']} steps, {self._total} were asked for; "
                "use --restart to train anew"
            )

        def belonging(prefix: str) -> dict[str, np.ndarray]:
            return {key.removeprefix(prefix): array for key, array in tensors.items() if key.startswith(prefix)}

        for name, network in self.step.networks.items():
            network.load(belonging(f"{name}."))
        for name, optimizer in self.step.optimizers.items():
            optimizer.load(belonging(f"optimizer.{name}."))
        for name, pool in self.step.pools.items():
            pool.load(tensors[f"pool.{name}"])
        self._measured = {label: Measurement(**values) for label, values in facts["metrics"].items()}
        self._best = facts["best"]
        self._summed, self._sums = facts["losses"]["count"], facts["losses"]["sums"]
        if self.ranks.writes:
            self.run.cut_log(facts["step"])
        return facts["step"]

    def _finish(self) -> None:
        if not self.ranks.writes:
            return
        if self.keep_best:
            checkpoint = read_checkpoint(self.run.best_path)
        else:
            checkpoint = self._checkpoint(self._total, self._states(), self._measured)
        write_checkpoint(self.output, checkpoint)
        self._save(self._total, checkpoint.digest)

    def _checkpoint(
        self, steps: int, networks: dict[str, NetworkState], measured: Mapping[str, Measurement]
    ) -> Checkpoint:
        first = measured[self.first_label]
        metric = {"value": first.distance, "kernel": first.kernel, "kernel_error": first.kernel_error}
        facts = {
            "steps": steps,
            "seed": self.seed,
            "data": self.samples.fingerprint,
            "metric": self.evaluation.facts() | metric | {"values": _distances(measured)},
        }
        return Checkpoint(
            stage=self.template.stage,
            task=self.template.task,
            direction=self.template.direction,
            networks=networks,
            training={**self.template.training, **facts},
            sources=self.template.sources,
        )


def _distances(measured: Mapping[str, Measurement]) -> dict[str, float]:
    return {label: measurement.distance for label, measurement in measured.items()}


def _logged(measured: Mapping[str, Measurement]) -> dict:
    """Return what a line of the log says of an evaluation; nothing where there was none."""
    if not measured:
        return {}
    kernels = {label: [m.kernel, m.kernel_error] for label, m in measured.items()}
    return {"metrics": _distances(measured), "kernels": kernels}
