"""Stage 6: a generator alone, as a ganc checkpoint and in the variants that engines run, verified before they count."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from ganc.base.atomic_folder import replacing_folder
from ganc.base.direction import Direction
from ganc.base.engine_table import FORMATS, PRECISIONS, WEB
from ganc.base.errors import SettingError, SpecError, TooFewImagesError
from ganc.base.rng import keyed_generator
from ganc.data import EvaluationSet, has_subset, read_images
from ganc.data.layout import FLOATS, IMAGE_FORMATS, ImageFormat
from ganc.engines.adapter import GraphEngine
from ganc.engines.compile import compile_graph
from ganc.engines.eager import EagerEngine
from ganc.engines.exported import open_variant
from ganc.engines.loading import variant_bytes
from ganc.files.card import CARD, CHECKPOINT, README, Variant, file_digest, write_card, written_files
from ganc.files.checkpoint import GENERATOR, Checkpoint, read_checkpoint, require_supernet, write_checkpoint
from ganc.files.choice import Selection
from ganc.metrics import Measurement
from ganc.metrics.evaluation import Evaluation, evaluation_images
from ganc.models.family import Widths
from ganc.models.generator import Generator
from ganc.models.task import Pairing
from ganc.system.runtime import select_device
from ganc.training.options import Options
from ganc_export.keywords import ExportOptions
from ganc_export.readme import Described, Row, card_text
from ganc_export.settings import ExportSettings, Source, selection_of
from ganc_export.variants import Material, require_possible, wanted_variants, ways_to_write, write_variant
from ganc_export.verify import LARGEST_ERROR, MULTIPLE, Comparison, Found, comparison
from ganc_export.web.page import ORIGINAL, PageMaterial, PageSettings, page_material

STAGE = "export"
CALIBRATION_IMAGES = 64
KEPT_FACTS = ("image_size", "levels", "resize", "metric")  # of the training, in the standalone checkpoint


@dataclass(frozen=True)
class Written:
    """One written variant.

    Attributes:
        bytes: what it takes on the disk.
        found: how far it is from the checkpoint.
        measured: how far its images are from the target; None without images.
    """

    variant: Variant
    bytes: int
    found: Found
    measured: Measurement | None = None


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        checkpoint: the standalone checkpoint.
        checkpoint_bytes: what its file takes.
        measured: how far its images are from the target, and untouched: how far the untranslated ones are; None
            without images.
        metric_name: what was measured, and whether the statistics are `verified`.
        unmeasured: why there is no metric although there are images; None where there is one.
        undetermined: names of images on which nothing could be compared, as the answer to them is rounding alone.
    """

    checkpoint: Checkpoint
    checkpoint_bytes: int
    variants: tuple[Written, ...]
    measured: Measurement | None = None
    untouched: Measurement | None = None
    metric_name: str = "metric"
    verified: bool = True
    unmeasured: str | None = None
    undetermined: tuple[str, ...] = ()


def standalone(checkpoint: Checkpoint, widths: Widths | None, role: str) -> Checkpoint:
    """Return a checkpoint of the generator alone, or of its sub-network.

    Args:
        role: what the source is, for the record: "checkpoint" or "supernet".

    Raises:
        SpecError: the widths do not fit.
    """
    state = checkpoint.generator
    training = {key: checkpoint.training[key] for key in KEPT_FACTS if key in checkpoint.training}
    if widths is not None and widths != state.spec.widths:
        state = state.leading(state.spec.narrowed(widths))
        training.pop("metric", None)  # it was another network's
    return Checkpoint(
        stage=STAGE,
        task=checkpoint.task,
        direction=checkpoint.direction,
        networks={GENERATOR: replace(state, spec=replace(state.spec, dropout=0.0))},
        training=training,
        sources={role: checkpoint.digest},
    )


def export(
    checkpoint: Checkpoint,
    output: Path,
    data: Path | None,
    variants: Sequence[Variant],
    layout: ImageFormat = FLOATS,
    page: PageSettings | None = None,
    **compared_with: object,
) -> Exported:
    """Write checkpoint, variants and cards into the folder `output`, all or nothing.

    Args:
        checkpoint: from `standalone`.
        data: images to verify on besides random ones, to measure the metric of all variants on, and to calibrate int8
            on.
        variants: of `ganc_export.variants.wanted_variants`.
        layout: what the variants take and give.
        page: of the format web; None takes what the settings have by default.
        compared_with: `statistics`, `feature_set` and `reference` of the metric, as of `Evaluation.of_folder`.

    Raises:
        SpecError: int8 without `data`, or the page cannot show the generator's images.
        FileFormatError: the page's original is no checkpoint, or is of the other direction only.
        MissingDependencyError: a package for one of the variants is not installed.
        ExportError: a variant's images differ from the checkpoint's, or it cannot be verified on this processor.
        InterruptedRun: Ctrl-C or SIGTERM came while the model was traced.
        WriteError: the folder cannot be written, or was not made by ganc, or something was put into it since.
    """
    require_possible(variants)
    calibration, subset = _calibration(checkpoint, data, variants)
    paged = any(FORMATS[one.format].page for one in variants)
    shown = _page(checkpoint, page or PageSettings()) if paged else None
    material = Material(checkpoint.generator, layout, calibration, page=shown)
    with replacing_folder(output, marker=CARD, own=written_files) as folder:
        write_checkpoint(folder / CHECKPOINT, checkpoint)
        state = read_checkpoint(folder / CHECKPOINT).generator
        engine = EagerEngine(Generator.from_state(state))
        compared = comparison(checkpoint, data, engine, state)
        measure, unmeasured = _measure(checkpoint, data, **compared_with) if data else (None, None)
        written = [_verified(folder, output, one, material, compared, measure) for one in variants]
        if shown and shown.original:
            _verify_original(folder, output, shown.original, layout)
        exported = Exported(
            checkpoint=checkpoint,
            checkpoint_bytes=(folder / CHECKPOINT).stat().st_size,
            variants=tuple(written),
            measured=measure.measure(engine) if measure else None,
            untouched=measure.measure_untouched() if measure else None,
            metric_name=measure.feature_set.name if measure else "metric",
            verified=not measure or measure.statistics.verified,
            unmeasured=unmeasured,
            undetermined=compared.undetermined,
        )
        (folder / README).write_text(card_text(_described(exported, layout, measure)), encoding="utf-8")
        card = _card(exported, layout, compared)
        card["files"] = {name: file_digest(folder / name) for name in (CHECKPOINT, README)}
        if calibration:
            card["calibration"] = {"pictures": len(calibration), "subset": subset}
        write_card(folder, card)
    return exported


def read_source(path: Path, direction: Direction | None, *, supernet: bool = False) -> Checkpoint:
    """Read a checkpoint, facing `direction` (None: its own), which must be a `supernet` where that is said.

    Raises:
        FileFormatError: it is none, no supernet, or of the other direction only.
    """
    checkpoint = read_checkpoint(path)
    if supernet:
        require_supernet(checkpoint, path)
    return checkpoint.facing(direction or checkpoint.direction, path)


def alone_of(source: Source, warn: Callable[[str], object] | None = None) -> Checkpoint:
    """Read what is exported; see `standalone`.

    Args:
        warn: as of `Selection.choose`.

    Raises:
        FileFormatError: the file is no checkpoint, no supernet where that is said, or of the other direction only.
        SpecError, SelectionError: there is no such sub-network.
    """
    checkpoint = read_source(source.path, source.direction, supernet=source.supernet is not None)
    widths = source.selection.choose(checkpoint, warn) if source.selection else None
    return standalone(checkpoint, widths, source.role)


def export_model(**options: Unpack[ExportOptions]) -> Exported:
    """Write a generator for use, a folder of checkpoint, models and card; return what was written.

    Args:
        options: `output`, `checkpoint` or `supernet`, `format`, `precision` and the other options of `ganc-export`,
            with `_` for `-`: `format=["onnx", "openvino"]`, `config="16_16_32_16_32_32_16_16"`.

    Raises:
        SettingError: there is no such option, or its value is not possible.
        GancError: as `export`.
    """
    given = Options("ganc_export.export_model", (Source, Selection, ExportSettings, PageSettings), options)
    how, source, page = given.make(ExportSettings), given.make(Source), given.values(PageSettings)
    if page and WEB not in how.formats:
        raise SettingError(f"{', '.join(page)}: of the format {WEB} alone; name it")
    said = {one.name: one.default for one in fields(Selection)} | given.values(Selection)
    alone = alone_of(replace(source, selection=selection_of(source.supernet, **said)))
    select_device(how.device)
    return export(
        alone,
        how.output,
        how.data,
        wanted_variants(how.formats, how.precisions),
        IMAGE_FORMATS[how.layout],
        PageSettings(**page),
        **how.compared_with,
    )


def _page(checkpoint: Checkpoint, settings: PageSettings) -> PageMaterial:
    """Return what the page of the format web is written from."""
    original = None
    if settings.original:
        original = standalone(read_source(settings.original, checkpoint.direction), None, "checkpoint")
    return page_material(checkpoint, original, settings)


def _verify_original(folder: Path, output: Path, original: Checkpoint, layout: ImageFormat) -> None:
    """Raise ExportError where the page's original is not what its checkpoint is."""
    state, name = original.generator, Path(WEB) / ORIGINAL
    engine = FORMATS[WEB].engine
    graph = GraphEngine(compile_graph(folder / name, engine), layout, state.spec.shape.size_multiple, name)
    compared = comparison(original, None, EagerEngine(Generator.from_state(state)), state)
    compared.of(graph, "f32", layout.bytes).require_close(f"{output / name}")


def _verified(
    folder: Path,
    output: Path,
    variant: Variant,
    material: Material,
    compared: Comparison,
    measure: Evaluation | None,
) -> Written:
    """Write a variant, load it again and compare it."""
    multiple = material.state.spec.shape.size_multiple
    for way in ways_to_write(variant, material):
        variant = write_variant(folder, variant, way)
        engine = open_variant(folder, variant, FORMATS[variant.format].engine, material.layout, multiple)
        found = compared.of(engine, variant.precision, material.layout.bytes)
        if found.is_close:
            break
    found.require_close(f"{output / variant.name}")
    return Written(variant, variant_bytes(folder, variant), found, measure.measure(engine) if measure else None)


def _calibration(
    checkpoint: Checkpoint, data: Path | None, variants: Sequence[Variant]
) -> tuple[tuple[np.ndarray, ...], str | None]:
    """Return float32 images (1, c, h, w) that a variant is calibrated on, drawn by key, and their subset."""
    calibrated = [one.precision for one in variants if PRECISIONS[one.precision].calibrated]
    if not calibrated:
        return (), None
    if data is None:
        raise SpecError(f"{calibrated[0]} is calibrated on images: name their folder with --data")
    source, reading = checkpoint.direction.source, checkpoint.readings.source(checkpoint.direction)
    if has_subset(data, f"train{source}"):
        images, subset = read_images(data, f"train{source}", reading), f"train{source}"
    else:
        images, subset = evaluation_images(data, source, reading=reading)
    order = keyed_generator(0, "export/calibration").permutation(len(images))[:CALIBRATION_IMAGES]
    resized = EvaluationSet(images, checkpoint.image_size)
    return tuple(resized[int(index)][None] for index in sorted(order)), subset


def _measure(checkpoint: Checkpoint, data: Path, **compared_with: Any) -> tuple[Evaluation | None, str | None]:
    """Return what measures an engine on the source domain's test images; None where these are too few, and why."""
    how = {"readings": checkpoint.readings, **compared_with}
    try:
        made = Evaluation.of_folder(data, checkpoint.direction, checkpoint.image_size, **how)
    except TooFewImagesError as error:
        return None, str(error)
    if checkpoint.task.pairing is Pairing.PAIRED:
        made = made.with_truth(data, checkpoint.direction, checkpoint.readings)
    return made, None


def _described(exported: Exported, layout: ImageFormat, measure: Evaluation | None) -> Described:
    """Return what the card for people tells."""
    rows = [Row(None, exported.checkpoint_bytes, measured=exported.measured)]
    for one in exported.variants:
        difference = (one.found.difference.largest, one.found.difference.mean)
        rows.append(Row(one.variant, one.bytes, difference, one.measured))
    return Described(exported.checkpoint, layout, rows, measure.facts() if measure else None, exported.untouched)


def _card(exported: Exported, layout: ImageFormat, compared: Comparison) -> dict:
    checkpoint = exported.checkpoint
    size = checkpoint.image_size
    spec = checkpoint.generator.spec
    return {
        "digest": checkpoint.digest,
        "direction": checkpoint.direction,
        "pairing": checkpoint.task.pairing.value,
        "generator": asdict(spec),
        "image_size": size,
        **checkpoint.readings.facts,
        "costs": asdict(spec.costs(size)),
        "metric": checkpoint.training.get("metric"),
        "sources": dict(checkpoint.sources),
        "input": {**layout.describe(), "size": f"width and height multiples of {spec.shape.size_multiple}"},
        "forms": [_variant_facts(written) for written in exported.variants],
        "verified": {
            "largest_difference": max(written.found.difference.largest for written in exported.variants),
            "batch_height_width": [(one.images.shape[0], *one.images.shape[2:]) for one in compared.batches],
            "allowed": {"error": LARGEST_ERROR, "multiple": MULTIPLE},
            "undetermined": list(compared.undetermined),
        },
    }


def _variant_facts(written: Written) -> dict:
    return {
        "format": written.variant.format,
        "precision": written.variant.precision,
        "files": dict(written.variant.files),
        "difference": asdict(written.found.difference),
        "error": written.found.worst and written.found.worst.facts,
        "metric": written.measured and written.measured.distance,
        **({"pairs": written.measured.pairs.values()} if written.measured and written.measured.pairs else {}),
    }
