"""The best evaluation of a run and its networks, kept so that no kill separates the two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganc.base.atomic import writing
from ganc.base.errors import FileFormatError, RunError
from ganc.base.ranking_metric import ranking_metric
from ganc.files.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from ganc.files.run_directory import RunDirectory
from ganc.metrics import Measurement


class Best:
    """The best evaluation so far, as a part of the run's state; empty before there was one.

    The state names the networks by step and digest. New ones are written beside those that the last state names, and
    take their place when a state names them: a run that continues from a state finds the networks that it means.
    """

    def __init__(self, directory: RunDirectory):
        self.facts: dict = {}
        self._directory = directory

    def improves(self, measured: Mapping[str, Measurement]) -> bool:
        """Whether an evaluation is the best so far; a lower first value is better.

        What orders is the measurement's `ranking`; a state of an older ganc has only the Fréchet distance.
        """
        by = "ranking" if "ranking" in self.facts else "value"
        return not self.facts or _values(measured)[by] < self.facts[by]

    def keep(self, checkpoint: Checkpoint, measured: Mapping[str, Measurement]) -> None:
        """Write the networks of the best evaluation. Raises WriteError."""
        write_checkpoint(self._directory.next_best_path, checkpoint)
        metrics = {label: measurement.distance for label, measurement in measured.items()}
        named = {"step": checkpoint.training["steps"], "digest": checkpoint.digest}
        self.facts = {**named, **_values(measured), "metrics": metrics}

    def settle(self) -> None:
        """Drop what was written after the state from which the run continues.

        Raises:
            RunError: the networks that the state names are not there.
        """
        if self.facts and self._named(self._directory.next_best_path):
            self.commit()
        with writing(self._directory.next_best_path):
            self._directory.next_best_path.unlink(missing_ok=True)
        if self.facts:
            self.read()

    def commit(self) -> None:
        """Let the networks take the place of those before, now that the saved state names them. Raises WriteError."""
        if self._directory.next_best_path.is_file():
            with writing(self._directory.best_path):
                self._directory.next_best_path.replace(self._directory.best_path)

    def read(self) -> Checkpoint:
        """Return the best networks. Raises RunError where those that the state names are not there."""
        for path in (self._directory.next_best_path, self._directory.best_path):
            if checkpoint := self._named(path):
                return checkpoint
        raise RunError(
            f"{self._directory.best_path}: does not hold the best networks, of step {self.facts['step']}; "
            "use --restart to start over"
        )

    def state(self) -> dict:
        return self.facts

    def load(self, state: Mapping) -> None:
        self.facts = dict(state)

    def _named(self, path: Path) -> Checkpoint | None:
        """Return a file's networks if they are those that the state names; an older ganc's names their step alone."""
        try:
            checkpoint = read_checkpoint(path)
        except FileFormatError:  # not there, or damaged
            return None
        same = checkpoint.training.get("steps") == self.facts["step"]
        return checkpoint if same and self.facts.get("digest", checkpoint.digest) == checkpoint.digest else None


@dataclass(frozen=True)
class Outcome:
    """What training brought by the metric that chooses: the value before it, and the best one behind a step.

    Attributes:
        chosen_on: the images that chose, where the checkpoint's own metric is of others.
    """

    metric: str
    before: float
    best: float
    step: int
    chosen_on: str | None = None

    @property
    def helped(self) -> bool:
        """Whether the best network is not the one that it started from."""
        return self.best < self.before


def outcome(log: Sequence[Mapping], metric: Mapping | None) -> Outcome | None:
    """Return what a run that evaluates before its first step brought; None of another one.

    Args:
        log: lines of log.jsonl.
        metric: as the checkpoint says it.
    """
    lines = [line for line in log if line.get("metrics")]
    if metric is None or len(lines) < 2 or lines[0]["step"] != 0:
        return None
    label = next(iter(metric["values"]))
    chosen = metric.get("chosen_on")
    name = ranking_metric(metric["name"], (chosen or metric)["images"], (chosen or metric).get("kernel") is not None)
    by_kernel = name != metric["name"]
    if chosen:
        values = {line["step"]: line["choice"]["kernel" if by_kernel else "distance"] for line in lines}
    else:
        values = {line["step"]: line["kernels"][label][0] if by_kernel else line["metrics"][label] for line in lines}
    before = values.pop(0)
    step = min(values, key=lambda one: values[one])
    return Outcome(name, before, values[step], step, chosen["subset"] if chosen else None)


def _values(measured: Mapping[str, Measurement]) -> dict[str, float]:
    first = next(iter(measured.values()))
    return {"value": first.distance, "ranking": first.ranking}
