"""What is watched and written while a run trains. The writing process has a Recorder, the others a plain Observer."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ganc.base.atomic import require_writable
from ganc.data import EvaluationSet, save_image, strip, to_uint8
from ganc.engines import Engine
from ganc.files.checkpoint import Checkpoint, write_checkpoint
from ganc.files.run_directory import RunDirectory
from ganc.metrics import Measurement
from ganc.metrics.evaluation import Evaluation, Unmeasured
from ganc.models.network import Network
from ganc.training.best import Best
from ganc.training.course import Course
from ganc.training.means import LossMeans
from ganc.training.start import RefitStart
from ganc.training.state import Snapshot, Stateful

SAMPLES = 6


class Observer:
    """Watches nothing and writes nothing, as in every process but the writing one.

    Attributes:
        parts: what belongs to the run's state, by name.
    """

    parts: Mapping[str, Stateful] = {}

    def opened(self, restart: bool, unless: int | None = None) -> AbstractContextManager[Sequence[str]]:
        """Return the context in which the run may write; it gives why the run starts over.

        Args:
            restart, unless: as of `RunDirectory.opened`.
        """
        return contextlib.nullcontext(())

    def begin(self, done: int) -> None:
        """Note that the run starts, or continues, after `done` steps."""

    def after_step(self, number: int, losses: Mapping) -> Mapping[str, Measurement]:
        """Note a step, numbered from 1, and its losses; return what was measured by label where it was evaluated."""
        return {}

    def save(self, facts: Mapping, state: Snapshot) -> None:
        """Write the run's state."""

    def made(self) -> Sequence[tuple[Path, Checkpoint]]:
        """Return what the run made and where each belongs, the result last."""
        return ()

    def write(self, made: Sequence[tuple[Path, Checkpoint]]) -> None:
        """Write what the run made."""


@dataclass(frozen=True, kw_only=True)
class ReturnTrip:
    """The reverse direction of a CycleGAN, which sample strips show beside the direction that is evaluated.

    Attributes:
        engine: translates target images back.
        images: of the target domain.
        source, target: the letters of the domains.
    """

    engine: Engine
    images: EvaluationSet
    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Views:
    """What is evaluated and shown while a run trains.

    Attributes:
        evaluation: what measures; or the images to show where nothing can be measured.
        engines: what is evaluated, by label; the first one's metric is the checkpoint's.
        companions: what is only shown in sample strips beside them, such as the teacher.
        back: of a CycleGAN, whose strips show both directions and the ways back.
        truth: what the evaluated images should become, where that is known; strips end with it.
        choice: what the best network is chosen by where other images choose it than `evaluation` reports it on.
    """

    evaluation: Evaluation | Unmeasured
    engines: Mapping[str, Engine]
    companions: Mapping[str, Engine] = field(default_factory=dict)
    back: ReturnTrip | None = None
    truth: EvaluationSet | None = None
    choice: Evaluation | Unmeasured | None = None

    def measure(self) -> dict[str, Measurement]:
        """Return each engine's measurement by label, the checkpoint's first; nothing where nothing can be measured."""
        if isinstance(self.evaluation, Unmeasured):
            return {}
        return {label: self.evaluation.measure(engine) for label, engine in self.engines.items()}

    def measure_choice(self, measured: Mapping[str, Measurement]) -> dict[str, Measurement]:
        """Return what the best network is chosen by: the first engine on the images of `choice`, else `measured`."""
        if not isinstance(self.choice, Evaluation) or not measured:
            return dict(measured)
        label, engine = next(iter(self.engines.items()))
        return {label: self.choice.measure(engine)}

    def strip(self) -> np.ndarray:
        """Return some sources and what becomes of them side by side, uint8 (h, w, 3)."""
        sources = _first(self.evaluation.images)
        engines = {**self.companions, **self.engines}
        shown = {"input": sources} | {label: engine(sources) for label, engine in engines.items()}
        if self.back:
            shown = _there_and_back(next(iter(self.engines.values())), sources, self.back)
        if self.truth:
            shown["ground truth"] = _first(self.truth)
        columns = [to_uint8(column) for column in shown.values()]
        return strip(list(zip(*columns, strict=False)), list(shown))

    def metric(self, measured: Mapping[str, Measurement], label: str | None = None) -> dict | None:
        """Return what a checkpoint says of an evaluation, None where nothing was measured; no label is the first."""
        if not measured:
            return None
        own = measured[label or next(iter(measured))]
        values = {"value": own.distance, "kernel": own.kernel, "kernel_error": own.kernel_error}
        return self.evaluation.facts() | values | {"values": distances(measured)}


@dataclass(frozen=True, kw_only=True)
class Product:
    """The checkpoint that a run makes.

    Attributes:
        template: the checkpoint without its networks, steps and metric.
        networks: what goes into it, by name.
        keep_best: the checkpoint is the best of all evaluations, one before the first step included.
        weights: of the losses that were added to those of the task, by name; each line of the log has them.
        start: what was done before the first step, if anything was.
        beside: further checkpoints, by their roles in this one's sources; their metrics have the roles as labels.
    """

    template: Checkpoint
    networks: Mapping[str, Network]
    output: Path
    keep_best: bool = False
    weights: Mapping[str, float] = field(default_factory=dict)
    start: RefitStart | None = None
    beside: Mapping[str, "Product"] = field(default_factory=dict)

    def after(self, steps: int, metric: Mapping | None) -> Checkpoint:
        """Return the checkpoint of the networks as they are now."""
        networks = {name: network.state() for name, network in self.networks.items()}
        started = self.start.facts if self.start else {}
        facts = {**self.template.training, **started, "steps": steps, **({"metric": dict(metric)} if metric else {})}
        return replace(self.template, networks=networks, training=facts)


def _first(images: EvaluationSet) -> np.ndarray:
    """Return the images of a strip, float32 (n, c, h, w)."""
    return np.stack([images[index] for index in range(min(SAMPLES, len(images)))])


def _there_and_back(engine: Engine, sources: np.ndarray, back: ReturnTrip) -> dict[str, np.ndarray]:
    """Return a CycleGAN's columns: images of either domain, their translations, and what these become on the way back.

    The domain with fewer images ends the strip.
    """
    a, b, targets = back.source, back.target, _first(back.images)
    there, other = engine(sources), back.engine(targets)
    return {
        a: sources,
        f"{a} to {b}": there,
        f"{a} to {b} to {a}": back.engine(there),
        b: targets,
        f"{b} to {a}": other,
        f"{b} to {a} to {b}": engine(other),
    }


class LastMeasured:
    """The last evaluation, as a part of the run's state."""

    def __init__(self) -> None:
        self.values: dict[str, Measurement] = {}

    def state(self) -> dict:
        return {label: measurement.to_json() for label, measurement in self.values.items()}

    def load(self, state: Mapping) -> None:
        self.values = {label: Measurement(**values) for label, values in state.items()}


class Recorder(Observer):
    """Keeps a run's directory: log, samples, state and best networks; evaluates, and writes the checkpoint.

    Args:
        course: the run's steps.
        views: what is evaluated and shown, an attribute too.
        eval_every: epochs between evaluations; 0 evaluates after the last step only.
    """

    def __init__(self, course: Course, views: Views, product: Product, directory: RunDirectory, eval_every: int):
        super().__init__()
        self._course, self._product = course, product
        self.views = views
        self._directory, self._eval_every = directory, eval_every
        self._losses, self._measured, self._best = LossMeans(), LastMeasured(), Best(directory)
        self.parts = {"losses": self._losses, "metrics": self._measured, "best": self._best}
        if product.start:
            self.parts["refit"] = product.start

    @contextlib.contextmanager
    def opened(self, restart: bool, unless: int | None = None) -> Iterator[Sequence[str]]:
        """Check what the run will need at its end, then hold its directory.

        Raises:
            DataError: an image of the evaluation cannot be read.
            RunError: the directory belongs to another run, or another process uses it.
            WriteError: an output or the directory cannot be written.
        """
        for product in (self._product, *self._product.beside.values()):
            require_writable(product.output)
        self.views.evaluation.check()
        if self.views.choice:
            self.views.choice.check()
        with self._directory.opened(restart, unless) as changed:
            yield changed

    def begin(self, done: int) -> None:
        """Drop what was logged and kept beyond `done` steps; evaluate before the first step if the best is kept.

        Raises:
            RunError: the best networks of the state from which the run continues are not there.
        """
        self._directory.cut_log(done if done else -1)
        if self._product.keep_best:
            self._best.settle()
        if self._product.keep_best and not self._best.facts:
            chosen = self._evaluate(0)
            self._directory.log({"step": 0, **_logged(self._measured.values), **chosen})

    def after_step(self, number: int, losses: Mapping) -> Mapping[str, Measurement]:
        """Evaluate where it is time to, and write a line of the log after that and at the end of an epoch.

        Raises:
            RunError: a loss since the last line was not finite; it is named.
        """
        self._losses.add(losses)
        evaluates = self._course.ends(number) or self._course.ends_epoch(number, self._eval_every)
        if not (evaluates or self._course.ends_epoch(number)):
            return {}
        means = self._losses.means()
        self._losses.clear()
        chosen = self._evaluate(number) if evaluates else {}
        measured: Mapping[str, Measurement] = self._measured.values if evaluates else {}
        place = {"step": number, "epoch": self._course.epoch(number - 1)}
        rate = {"learning_rate": self._course.learning_rate(number - 1)}
        weights = {"weights": dict(self._product.weights)} if self._product.weights else {}
        self._directory.log({**place, **rate, "losses": means, **weights, **_logged(measured), **chosen})
        return measured

    def save(self, facts: Mapping, state: Snapshot) -> None:
        """Write the run's state in one file."""
        self._directory.save_state({**facts, **state.facts}, state.arrays)
        self._best.commit()

    def made(self) -> Sequence[tuple[Path, Checkpoint]]:
        """Return the checkpoint, the best one where the best is kept, behind what belongs beside it.

        The checkpoint names the digests of the others.

        Raises:
            RunError: the best networks are not there.
        """
        checkpoint = self._best.read() if self._product.keep_best else self._checkpoint(len(self._course))
        beside = {
            role: (one.output, one.after(len(self._course), self.views.metric(self._measured.values, role)))
            for role, one in self._product.beside.items()
        }
        digests = {role: made.digest for role, (_, made) in beside.items()}
        whole = replace(checkpoint, sources={**checkpoint.sources, **digests})
        return (*beside.values(), (self._product.output, whole))

    def write(self, made: Sequence[tuple[Path, Checkpoint]]) -> None:
        """Write checkpoints in their order. Raises WriteError."""
        for path, checkpoint in made:
            write_checkpoint(path, checkpoint)

    def _evaluate(self, number: int) -> dict:
        """Measure, keep the networks if they are the best so far, and show them; return what a line of the log says of
        the images that chose, nothing where these are the same."""
        measured = self._measured.values = self.views.measure()
        said = {}
        if self._product.keep_best:
            chosen = self.views.measure_choice(measured)
            said = {"choice": next(iter(chosen.values())).to_json()} if self.views.choice else {}
            if self._best.improves(chosen):
                checkpoint = self._checkpoint(number)
                self._best.keep(_with_choice(checkpoint, self.views.choice, said.get("choice", {})), chosen)
        save_image(self._directory.sample_path(number), self.views.strip())
        return said

    def _checkpoint(self, steps: int) -> Checkpoint:
        return self._product.after(steps, self.views.metric(self._measured.values))


def _with_choice(checkpoint: Checkpoint, choice: Evaluation | Unmeasured | None, measured: Mapping) -> Checkpoint:
    """Return the checkpoint with what chose it, beside its metric on the images that it is reported on."""
    if choice is None:
        return checkpoint
    values = {"value": measured["distance"], **{name: measured[name] for name in ("kernel", "kernel_error", "images")}}
    metric = {**checkpoint.training["metric"], "chosen_on": {"subset": choice.subset, **values}}
    return replace(checkpoint, training={**checkpoint.training, "metric": metric})


def distances(measured: Mapping[str, Measurement]) -> dict[str, float]:
    """Return the Fréchet distances by label."""
    return {label: measurement.distance for label, measurement in measured.items()}


def _logged(measured: Mapping[str, Measurement]) -> dict:
    """Return what a line of the log says of an evaluation; nothing where there was none."""
    if not measured:
        return {}
    kernels = {label: [m.kernel, m.kernel_error] for label, m in measured.items()}
    return {"metrics": distances(measured), "kernels": kernels}
