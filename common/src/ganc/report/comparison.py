"""Comparing generators side by side: costs, size, time and metric, one row each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ganc.base.direction import Direction
from ganc.base.errors import SpecError, TooFewImagesError
from ganc.base.target_images import TargetImages
from ganc.engines.eager import EagerEngine
from ganc.engines.loading import Model
from ganc.engines.timing import milliseconds_per_image
from ganc.metrics import Measurement, judged
from ganc.metrics.evaluation import Evaluation
from ganc.metrics.kernel import Subsets
from ganc.models.generator import Generator
from ganc.models.spec import ORIGINAL, GeneratorSpec

UNTOUCHED = "untouched images"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What to measure, and on which images.

    Attributes:
        size: (width, height) of the images.
        subsets: measure the kernel distance by random subsets too.
        untouched: add a row for the untranslated images; they are measured in any case.
        original: add a row for an untrained generator of the published size: costs and time only.
        timed: measure milliseconds an image at batch 1.
    """

    folder: Path
    size: tuple[int, int]
    statistics: Path | None = None
    feature_set: str | None = None
    reference: TargetImages = TargetImages.TRAIN_AND_TEST
    subsets: Subsets | None = None
    untouched: bool = False
    original: bool = False
    timed: bool = False


def compare(models: Sequence[Model], wanted: Comparison) -> list[dict]:
    """Return one row a model: what it is, what it costs, how far its images are from the target, on how many.

    The keys are model, macs, device_macs, params, bytes, milliseconds (if timed), metric, value, kernel, kernel_error,
    images, kernel_subsets (if wanted) and those of `Evaluation.facts`; for a model also untouched_value,
    untouched_kernel and untouched_kernel_error, the distances of the untranslated images, and judgement (`Judgement`,
    as text). Where nothing can be measured, the distances are None and `unmeasured` says why, in place of the facts,
    the judgement and the row of the untouched images.

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
    rows, features = [], evaluation.features(None)
    untouched = evaluation.measure_features(features)
    if wanted.untouched:
        rows.append(
            _row(UNTOUCHED, None, None, evaluation, untouched, wanted) | _by_subsets(evaluation, features, wanted)
        )
    if wanted.original:
        rows.append(
            _row("original (untrained)", ORIGINAL, None, evaluation, None, wanted)
            | _by_subsets(evaluation, None, wanted)
        )
    for model in models:
        features = evaluation.features(model.engine)
        measured = evaluation.measure_features(features)
        row = _row(str(model.path), model.spec, model.bytes, evaluation, measured, wanted)
        rows.append(row | _by_subsets(evaluation, features, wanted) | _beside(untouched, measured))
    return _timed(rows, models, wanted)


def _unmeasured(models: Sequence[Model], wanted: Comparison, reason: str) -> list[dict]:
    """Return the rows of a comparison without a metric."""
    shown = [("original (untrained)", ORIGINAL, None)] if wanted.original else []
    shown += [(str(model.path), model.spec, model.bytes) for model in models]
    nothing = dict.fromkeys(("metric", "value", "kernel", "kernel_error", "images")) | {"unmeasured": reason}
    return [_costs(*one, wanted) | nothing for one in shown]


def _timed(rows: list[dict], models: Sequence[Model], wanted: Comparison) -> list[dict]:
    """Fill in the milliseconds an image where they are wanted; rows that cost nothing have none."""
    if wanted.timed:
        timed_rows = [row for row in rows if row["macs"] is not None]
        engines = [_original_engine()] if wanted.original else []
        engines += [model.engine for model in models]
        channels = [ORIGINAL.in_channels] * wanted.original + [model.spec.in_channels for model in models]
        for row, milliseconds in zip(timed_rows, milliseconds_per_image(engines, wanted.size, channels), strict=True):
            row["milliseconds"] = milliseconds
    return rows


def _by_subsets(evaluation: Evaluation, features: np.ndarray | None, wanted: Comparison) -> dict:
    """Return what a row says of the kernel distance by subsets: nothing where it is not wanted."""
    if wanted.subsets is None:
        return {}
    found = None if features is None else evaluation.reference.kernel_of_subsets(features, wanted.subsets)
    return {"kernel_subsets": found and asdict(found)}


def _beside(untouched: Measurement, measured: Measurement) -> dict:
    """Return what is said of a model beside its own distances."""
    return {
        "untouched_value": untouched.distance,
        "untouched_kernel": untouched.kernel,
        "untouched_kernel_error": untouched.kernel_error,
        "judgement": judged(measured, untouched).value,
    }


def _evaluation(models: Sequence[Model], wanted: Comparison) -> Evaluation:
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
    return Evaluation.of_folder(
        wanted.folder,
        Direction(directions[0]),
        wanted.size,
        readings=readings,
        statistics=wanted.statistics,
        feature_set=wanted.feature_set,
        reference=TargetImages(wanted.reference),
    )


def _original_engine() -> EagerEngine:
    generator = Generator(ORIGINAL)
    generator.initialise(0, "original")
    return EagerEngine(generator)


def _row(
    name: str,
    spec: GeneratorSpec | None,
    size_in_bytes: int | None,
    evaluation: Evaluation,
    measured: Measurement | None,
    wanted: Comparison,
) -> dict:
    facts = evaluation.facts()
    return _costs(name, spec, size_in_bytes, wanted) | {
        "metric": facts["name"],
        "value": measured and measured.distance,
        "kernel": measured and measured.kernel,
        "kernel_error": measured and measured.kernel_error,
        "images": measured and measured.images,
        **{name: fact for name, fact in facts.items() if name not in ("name", "images")},
    }


def _costs(name: str, spec: GeneratorSpec | None, size_in_bytes: int | None, wanted: Comparison) -> dict:
    costs = spec.costs(wanted.size) if spec else None
    row = {
        "model": name,
        "macs": costs and costs.macs,
        "device_macs": costs and costs.device_macs,
        "params": costs and costs.params,
        "bytes": size_in_bytes,
    }
    return row | {"milliseconds": None} if wanted.timed else row
