"""Comparing generators side by side: costs, size, time and metric, one row each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ganc.base.engine_table import REFERENCE, engine_row
from ganc.base.errors import SpecError, TooFewImagesError
from ganc.base.target_images import TargetImages
from ganc.data import resize, to_float, to_uint8
from ganc.engines import Engine
from ganc.engines.loading import Model, open_model, run_network
from ganc.engines.timing import milliseconds_per_image
from ganc.metrics import Measurement, judged
from ganc.metrics.evaluation import Evaluation
from ganc.metrics.kernel import Subsets
from ganc.metrics.pairs import VALUES as PAIR_VALUES
from ganc.models.convolutions import initial_state
from ganc.models.spec import ORIGINAL, GeneratorSpec

UNTOUCHED = "untouched images"
EXACT = "f32"  # the precision of the published original


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What to measure, and on which images.

    Attributes:
        size: (width, height) of the images.
        subsets: measure the kernel distance by random subsets too.
        untouched: add a row for the untranslated images; they are measured in any case.
        differences: say how far each model's images are from the first model's, whose images are kept in memory.
        original: add a row for an untrained generator of the published size: costs and time only.
        timed: measure milliseconds an image at batch 1, and say in which engine and precision.
    """

    folder: Path
    size: tuple[int, int]
    statistics: Path | None = None
    feature_set: str | None = None
    reference: TargetImages | None = None
    subsets: Subsets | None = None
    untouched: bool = False
    differences: bool = False
    original: bool = False
    timed: bool = False


def compare(models: Sequence[Model], wanted: Comparison) -> list[dict]:
    """Return one row a model: what it is, what it costs, how far its images are from the target, on how many.

    The keys are model, macs, device_macs, params, bytes, milliseconds, engine and precision (if timed), metric, value,
    kernel, kernel_error, images, kernel_subsets (if wanted) and those of `Evaluation.facts`; where a model was trained
    on pairs mae, mae_error, ssim and ssim_error, the distances to the ground truth; for a model also untouched_value,
    untouched_kernel and untouched_kernel_error, the distances of the untranslated images, judgement (`Judgement`, as
    text), and l1, if differences are wanted: the mean absolute difference of 8-bit values to the first model's. Where
    nothing can be measured, the distances are None and `unmeasured` says why, in place of the facts, the judgement and
    the row of the untouched images.

    Raises:
        SpecError: the models translate in different directions, or the size does not fit one of them.
        GancError: images or statistics cannot be used.
    """
    for model in models:
        model.spec.require_size(*wanted.size)
    try:
        evaluation = _evaluation(models, wanted)
    except TooFewImagesError as error:
        return _timed(_unmeasured(models, wanted, str(error)), models, wanted)
    rows = []
    untouched, features = evaluation.measure_images(evaluation.translations(None))
    if wanted.untouched:
        rows.append(
            _row(UNTOUCHED, None, None, evaluation, untouched, wanted) | _by_subsets(evaluation, features, wanted)
        )
    if wanted.original:
        rows.append(
            _row("original (untrained)", ORIGINAL, None, evaluation, None, wanted)
            | _by_subsets(evaluation, None, wanted)
        )
    differences = Differences()
    for model in models:
        made = evaluation.translations(model.engine)
        measured, features = evaluation.measure_images(differences.noted(made) if wanted.differences else made)
        row = _row(str(model.path), model.spec, model.bytes, evaluation, measured, wanted)
        if wanted.differences:
            row["l1"] = differences.mean
        rows.append(row | _by_subsets(evaluation, features, wanted) | _beside(untouched, measured))
    return _timed(rows, models, wanted)


def compare_images(
    models: Sequence[Model], images: Iterable[np.ndarray], size: tuple[int, int], *, timed: bool = False
) -> list[dict]:
    """Return one row a model: costs, and how far its images are from the first model's; there is no metric.

    Args:
        images: uint8 (h, w, c) with the models' channels, of any size; each is gone before the next one is asked for.
        size: (width, height) that they are resized to.

    Raises:
        SpecError: as `compare`.
    """
    for model in models:
        model.spec.require_size(*size)
    _require_alike(models)
    totals, values, count = [0] * len(models), 0, 0
    for image in images:
        source = to_float(resize(image, size))[None]
        made = [to_uint8(model.engine(source)) for model in models]
        totals = [total + _distance(one, made[0]) for total, one in zip(totals, made, strict=True)]
        values, count = values + made[0].size, count + 1
    reason, rows = "there is no target to compare with: these images are of no data folder", []
    for model, total in zip(models, totals, strict=True):
        row = _costs(str(model.path), model.spec, model.bytes, size, timed=timed)
        rows.append(row | {"l1": total / values} | _nothing(reason) | {"images": count})
    return _with_times(rows, [_Timed.of(model) for model in models], size) if timed else rows


def _distance(image: np.ndarray, other: np.ndarray) -> int:
    """Return the sum of the absolute differences of 8-bit values."""
    return int(np.abs(image.astype(np.int16) - other).sum(dtype=np.int64))


class Differences:
    """How far models' images are from those of the first one, which are kept.

    Attributes:
        mean: of the last model, the mean absolute difference of 8-bit values, 0 to 255.
    """

    def __init__(self) -> None:
        self._first: list[np.ndarray] = []
        self.mean = 0.0

    def noted(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield a model's images, uint8 of equal shapes for all models; `mean` is right when they have ended."""
        first, total, count = not self._first, 0, 0
        for place, batch in enumerate(batches):
            if first:
                self._first.append(batch)
            total += _distance(batch, self._first[place])
            count += batch.size
            yield batch
        self.mean = total / count if count else 0.0


def _unmeasured(models: Sequence[Model], wanted: Comparison, reason: str) -> list[dict]:
    """Return the rows of a comparison without a metric."""
    shown: list[tuple[str, GeneratorSpec, int | None]] = []
    if wanted.original:
        shown.append(("original (untrained)", ORIGINAL, None))
    shown += [(str(model.path), model.spec, model.bytes) for model in models]
    nothing = _nothing(reason) | ({"l1": None} if wanted.differences else {})
    return [_costs(*one, wanted.size, timed=wanted.timed) | nothing for one in shown]


def _nothing(reason: str) -> dict:
    """Return what stands in place of a metric."""
    return dict.fromkeys(("metric", "value", "kernel", "kernel_error", "images")) | {"unmeasured": reason}


def _timed(rows: list[dict], models: Sequence[Model], wanted: Comparison) -> list[dict]:
    """Fill in the milliseconds an image where they are wanted; rows that cost nothing have none."""
    if wanted.timed:
        timed_rows = [row for row in rows if row["macs"] is not None]
        original = [_original(models)] if wanted.original else []
        _with_times(timed_rows, [*original, *map(_Timed.of, models)], wanted.size)
    return rows


@dataclass(frozen=True)
class _Timed:
    """What is timed: a network in an engine, what the engine runs it in, and the channels that it takes."""

    engine: Engine
    precision: str
    channels: int

    @classmethod
    def of(cls, model: Model) -> "_Timed":
        return cls(model.engine, model.precision, model.spec.in_channels)


def _with_times(rows: list[dict], timed: Sequence[_Timed], size: tuple[int, int]) -> list[dict]:
    """Fill in the milliseconds an image, and in what: those of one engine do not compare with another's."""
    found = milliseconds_per_image([one.engine for one in timed], size, [one.channels for one in timed])
    for row, one, milliseconds in zip(rows, timed, found, strict=True):
        row |= {"milliseconds": milliseconds, "engine": one.engine.name, "precision": one.precision}
    return rows


def in_same_engine(first: Model, compressed: Model) -> dict | None:
    """Return the milliseconds an image of two models by turns in the engine, precision and size of the second.

    Args:
        first: a checkpoint's, in whatever engine.

    Returns:
        engine, precision, original_ms and compressed_ms, as `ganc bench` calls them; None where that engine does not
        run checkpoints here in that precision.
    """
    engine, precision = compressed.runs_in
    row = engine_row(engine)
    if precision not in row.of_checkpoints or not all(package.installed for package in row.packages):
        return None
    again = (
        first
        if first.runs_in == compressed.runs_in
        else open_model(first.path, first.direction, None, *compressed.runs_in)
    )
    channels = [first.spec.in_channels, compressed.spec.in_channels]
    found = milliseconds_per_image([again.engine, compressed.engine], compressed.image_size, channels)
    return {"engine": engine, "precision": precision, "original_ms": found[0], "compressed_ms": found[1]}


def engine_text(row: Mapping) -> str:
    """Return what a timed row of a comparison ran in, for people."""
    return f"{row['engine']} {row['precision']}" if row["engine"] else "-"


def _by_subsets(evaluation: Evaluation, features: np.ndarray | None, wanted: Comparison) -> dict:
    """Return what a row says of the kernel distance by subsets: nothing where it is not wanted."""
    if wanted.subsets is None:
        return {}
    found = None if features is None else evaluation.reference.kernel_of_subsets(features, wanted.subsets)
    return {"kernel_subsets": found and asdict(found)}


def _beside(untouched: Measurement, measured: Measurement) -> dict:
    """Return what is said of a model beside its own distances."""
    pairs = untouched.pairs.values() if untouched.pairs else {}
    return {
        **{f"untouched_{name}": value for name, value in pairs.items()},
        "untouched_value": untouched.distance,
        "untouched_kernel": untouched.kernel,
        "untouched_kernel_error": untouched.kernel_error,
        "judgement": judged(measured, untouched).value,
    }


def _require_alike(models: Sequence[Model]) -> None:
    """Raise SpecError where the models translate in different directions, or read images differently."""
    directions = sorted({model.direction for model in models})
    if len(directions) > 1:
        raise SpecError(
            f"the models translate in different directions ({', '.join(directions)}): compare one at a time"
        )
    readings = models[0].readings
    for model in models:
        if model.readings != readings:
            raise SpecError(
                f"{models[0].path} and {model.path} read images differently (levels, channels or resizing): compare one"
                " at a time"
            )


def _evaluation(models: Sequence[Model], wanted: Comparison) -> Evaluation:
    _require_alike(models)
    direction, readings = models[0].direction, models[0].readings
    evaluation = Evaluation.of_folder(
        wanted.folder,
        direction,
        wanted.size,
        readings=readings,
        statistics=wanted.statistics,
        feature_set=wanted.feature_set,
        reference=wanted.reference,
    )
    paired = any(model.paired for model in models)
    return evaluation.with_truth(wanted.folder, direction, readings) if paired else evaluation


def _original(models: Sequence[Model]) -> _Timed:
    """Return the published original in the models' one engine, so that times compare; else in Paddle."""
    engines = {model.engine.name for model in models}
    row = engine_row(engines.pop() if len(engines) == 1 else REFERENCE)
    if EXACT not in row.of_checkpoints or not all(package.installed for package in row.packages):
        row = engine_row(REFERENCE)
    return _Timed(run_network(initial_state(ORIGINAL, 0, "original"), row.name, EXACT), EXACT, ORIGINAL.in_channels)


def _row(
    name: str,
    spec: GeneratorSpec | None,
    size_in_bytes: int | None,
    evaluation: Evaluation,
    measured: Measurement | None,
    wanted: Comparison,
) -> dict:
    facts = evaluation.facts()
    return _costs(name, spec, size_in_bytes, wanted.size, timed=wanted.timed) | {
        "metric": facts["name"],
        "value": measured and measured.distance,
        "kernel": measured and measured.kernel,
        "kernel_error": measured and measured.kernel_error,
        "images": measured and measured.images,
        **_pairs(evaluation, measured),
        **{name: fact for name, fact in facts.items() if name not in ("name", "images")},
    }


def _pairs(evaluation: Evaluation, measured: Measurement | None) -> dict:
    """Return what a row says of the ground truth: nothing where there is none."""
    if evaluation.truth is None:
        return {}
    return measured.pairs.values() if measured and measured.pairs else dict.fromkeys(PAIR_VALUES)


def _costs(
    name: str, spec: GeneratorSpec | None, size_in_bytes: int | None, size: tuple[int, int], *, timed: bool
) -> dict:
    costs = spec.costs(size) if spec else None
    row = {
        "model": name,
        "macs": costs and costs.macs,
        "device_macs": costs and costs.device_macs,
        "params": costs and costs.params,
        "bytes": size_in_bytes,
    }
    return row | dict.fromkeys(("milliseconds", "engine", "precision")) if timed else row
