"""Comparing generators side by side: costs, size, time and metric, one row each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganc.base.direction import Direction
from ganc.base.errors import SpecError
from ganc.engines.eager import EagerEngine
from ganc.engines.loading import Model
from ganc.engines.timing import milliseconds_per_image
from ganc.metrics import Measurement
from ganc.metrics.evaluation import Evaluation
from ganc.models.generator import Generator
from ganc.models.spec import ORIGINAL, GeneratorSpec


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What to measure, and on which images.

    Attributes:
        size: (width, height) of the images.
        untouched: add a row for the untranslated images.
        original: add a row for an untrained generator of the published size: costs and time only.
        timed: measure milliseconds an image at batch 1.
    """

    folder: Path
    size: tuple[int, int]
    statistics: Path | None = None
    feature_set: str | None = None
    untouched: bool = False
    original: bool = False
    timed: bool = False


def compare(models: Sequence[Model], wanted: Comparison) -> list[dict]:
    """Return one row a model: what it is, what it costs, how far its images are from the target, on how many.

    The keys are model, macs, device_macs, params, bytes, milliseconds (if timed), metric, value, kernel, kernel_error,
    images, and those of `Evaluation.facts`.

    Raises:
        SpecError: the models translate in different directions, or the size does not fit one of them.
        GancError: images or statistics cannot be used.
    """
    for model in models:
        model.spec.require_size(*wanted.size)
    evaluation = _evaluation(models, wanted)
    rows = []
    if wanted.untouched:
        rows.append(_row("untouched images", None, None, evaluation, evaluation.measure_untouched(), wanted))
    engines = []
    if wanted.original:
        engines.append(_original_engine())
        rows.append(_row("original (untrained)", ORIGINAL, None, evaluation, None, wanted))
    for model in models:
        engines.append(model.engine)
        measured = evaluation.measure(model.engine)
        rows.append(_row(str(model.path), model.spec, model.bytes, evaluation, measured, wanted))
    if wanted.timed:
        timed_rows = [row for row in rows if row["macs"] is not None]
        channels = [ORIGINAL.in_channels] * wanted.original + [model.spec.in_channels for model in models]
        for row, milliseconds in zip(timed_rows, milliseconds_per_image(engines, wanted.size, channels), strict=True):
            row["milliseconds"] = milliseconds
    return rows


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
    costs = spec.costs(wanted.size) if spec else None
    row = {
        "model": name,
        "macs": costs and costs.macs,
        "device_macs": costs and costs.device_macs,
        "params": costs and costs.params,
        "bytes": size_in_bytes,
    }
    if wanted.timed:
        row["milliseconds"] = None
    facts = evaluation.facts()
    return row | {
        "metric": facts["name"],
        "value": measured and measured.distance,
        "kernel": measured and measured.kernel,
        "kernel_error": measured and measured.kernel_error,
        "images": measured and measured.images,
        **{name: fact for name, fact in facts.items() if name not in ("name", "images")},
    }
