"""Command line of stage 6."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganc.base.direction import Direction
from ganc.base.engine_table import FORMATS, PRECISIONS
from ganc.base.ranking_metric import metric_head, unverified_line
from ganc.base.text import counted, format_bytes, format_count, format_duration, with_error
from ganc.cli.command import command
from ganc.cli.engines import PRECISION
from ganc.cli.messages import warn
from ganc.cli.options import (
    Shown,
    direction_option,
    dry_run_option,
    feature_set_option,
    grouped,
    reference_option,
    selection_parts,
    setting_option,
    setting_options,
    stage_options,
)
from ganc.cli.paths import FILE, FOLDER, OUTPUT_FOLDER
from ganc.cli.tables import settings_line, show, show_json, size_text
from ganc.models.family import format_widths
from ganc.training.settings import RunSettings
from ganc_export.settings import ExportSettings, Source, selection_of

if TYPE_CHECKING:
    from ganc.files.card import Variant
    from ganc.files.checkpoint import Checkpoint
    from ganc.metrics import Measurement
    from ganc_export.stage import Exported
    from ganc_export.verify import Difference
    from ganc_export.web.page import PageSettings

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


def _source(checkpoint: Path | None, supernet: Path | None, direction: Direction | None, **said: Any) -> Source:
    whole = Source(checkpoint=checkpoint, supernet=supernet, direction=direction)
    return replace(whole, selection=selection_of(supernet, **said))


def _settings(**values: Any) -> ExportSettings:
    settings = ExportSettings(**values)
    _variants(settings)  # so that what no format has is wrong usage
    return settings


def _variants(settings: ExportSettings) -> "tuple[Variant, ...]":
    from ganc_export.variants import wanted_variants

    return wanted_variants(settings.formats, settings.precisions)


def _page(**settings: Any) -> "PageSettings | None":
    """Return what was said of the page; None where nothing was."""
    given = {name: value for name, value in settings.items() if value not in (None, (), True)}
    if not given:
        return None
    from ganc_export.web.page import PageSettings

    return PageSettings(**given)


@command("ganc-export", page="deployment.md", moved={"precision": "Files"})
@grouped(
    "source",
    _source,
    click.option("--checkpoint", type=FILE, help="The checkpoint whose generator is exported."),
    click.option("--supernet", type=FILE, help="Or a supernet; --config or --results says the sub-network."),
    *selection_parts,
    direction_option("Which generator.", default_text="the file's own"),
)
@grouped(
    "settings",
    _settings,
    *setting_options(
        ExportSettings,
        types={"output": OUTPUT_FOLDER, "formats": click.Choice(list(FORMATS)), "precisions": PRECISION},
    ),
    setting_option(RunSettings, "statistics"),
    feature_set_option,
    reference_option,
)
@grouped(
    "page",
    _page,
    click.option(
        "--original",
        type=FILE,
        help="Of web: the checkpoint of the generator that was compressed; the page runs it beside, if asked to.",
    ),
    click.option("--title", show_default="a general one", help="Of web: the page's heading."),
    click.option(
        "--sample",
        "samples",
        type=FILE,
        multiple=True,
        show_default="drawn ones",
        help="Of web: an image to try, of which the folder gets a copy; may be given several times.",
    ),
    click.option(
        "--runtime",
        type=FOLDER,
        show_default="ganc's cache, filled from npm's registry",
        help="Of web: a folder with the onnxruntime-web package of npm.",
    ),
    click.option(
        "--webgpu/--no-webgpu", default=True, help="Of web: also write what WebGPU needs, 27 MB, for browsers with it."
    ),
)
@dry_run_option
@stage_options
def main(source: Source, settings: ExportSettings, page: "PageSettings | None", dry_run: bool, shown: Shown) -> None:
    """Stage 6: write a generator for use.

    A folder with a standalone checkpoint and a model for each format and precision, each of them loaded again and
    compared with the checkpoint before anything counts as written.

    \b
    ganc-export --checkpoint finetune.safetensors -o dist/ --format onnx --format openvino
    ganc-export --checkpoint finetune.safetensors -o dist/ --format openvino --precision int8 --data horse2zebra
    ganc-export --checkpoint finetune.safetensors -o dist/ --format web --original replace.safetensors
    ganc-export --supernet supernet.safetensors --config 16_16_32_16_32_32_16_16 -o dist/
    """
    variants = _variants(settings)
    calibrated = [one.precision for one in variants if PRECISIONS[one.precision].calibrated]
    if settings.data is None and calibrated:
        raise click.UsageError(f"{calibrated[0]} is calibrated on images: name their folder with --data")
    if page is not None and not any(FORMATS[one.format].page for one in variants):
        raise click.UsageError("--original, --title, --sample, --runtime and --no-webgpu are of --format web: name it")
    from ganc.data.layout import IMAGE_FORMATS
    from ganc.system.runtime import select_device
    from ganc_export.stage import alone_of, export

    alone = alone_of(source, warn)
    used = select_device(settings.device)
    chosen = format_widths(alone.generator.spec.widths)
    settings_line("ganc-export", source=source.path, widths=chosen, device=used)
    if dry_run:
        _show_dry_run(alone, settings, variants, shown)
        return
    output, layout = settings.output, IMAGE_FORMATS[settings.layout]
    exported = export(alone, output, settings.data, variants, layout, page, **settings.compared_with)
    if shown.as_json:
        from ganc_export.facts import exported_json

        show_json(exported_json(exported, output))
    else:
        _show(exported, output)


def _show_dry_run(alone: "Checkpoint", settings: ExportSettings, variants: "Sequence[Variant]", shown: Shown) -> None:
    """Print what would be written, and how long verifying takes."""
    from ganc_export.rehearsal import rehearse

    found, output = rehearse(alone, settings.data, variants), settings.output
    if shown.as_json:
        names = [str(output / one.name) for one in variants]
        show_json({**asdict(found), "seconds": found.seconds, "would_write": names})
        return
    costs, size = alone.generator.spec.costs(alone.image_size), size_text(alone.image_size)
    row = {f"MACs at {size}": format_count(costs.macs), "parameters": format_count(costs.params)}
    show([{"file": str(output / one.name), "format": one.format, "precision": one.precision} | row for one in variants])
    each = f"{counted(found.variants, 'variant')} on {counted(found.images, 'image')}"
    each += f", {format_duration(found.image_seconds)} each in Paddle"
    click.echo(f"time: {each}: about {format_duration(found.seconds)} besides what writing and a metric take")
    click.echo(f"memory: {format_bytes(found.peak_bytes)} at the peak of a translation; nothing was written")


def _show(exported: "Exported", output: Path) -> None:
    """Print the table, and which of what it shows is no better than doing nothing."""
    from ganc.files.card import CHECKPOINT
    from ganc.metrics.judgement import judged, sentence

    measured = {output / CHECKPOINT: exported.measured}
    rows = [_row(exported, output / CHECKPOINT, exported.checkpoint_bytes, exported.measured, None)]
    for written in exported.variants:
        path = output / written.variant.name
        measured[path] = written.measured
        rows.append(_row(exported, path, written.bytes, written.measured, written.found.difference))
    if exported.untouched:
        rows.append(
            dict.fromkeys(rows[0], "-") | {"file": "untouched images"} | _distances(exported, exported.untouched)
        )
    show(rows)
    if not exported.verified:
        click.echo(unverified_line(exported.metric_name))
    for name in exported.undetermined:
        click.echo(f"{name} says nothing: what the network makes of it is rounding (docs/metric.md)")
    if exported.unmeasured:
        click.echo(f"no metric: {exported.unmeasured}")
    if exported.untouched:
        said = [sentence(str(path), judged(one, exported.untouched)) for path, one in measured.items() if one]
        for line in filter(None, said):
            click.echo(line)


def _distances(exported: "Exported", measured: "Measurement | None") -> dict:
    from ganc.metrics.pairs import pair_columns

    head = metric_head(exported.metric_name, exported.verified)
    if measured is None:
        return {head: "-"}
    kernel = with_error(measured.kernel, measured.kernel_error)
    pairs = pair_columns(measured.pairs.values() if measured.pairs else None)
    return {head: f"{measured.distance:.4f}", "kernel distance": kernel} | pairs


def _row(
    exported: "Exported",
    path: Path,
    size_in_bytes: int,
    measured: "Measurement | None",
    difference: "Difference | None",
) -> dict:
    spec = exported.checkpoint.generator.spec
    size = exported.checkpoint.image_size
    costs = spec.costs(size)
    return {
        "file": str(path),
        f"MACs at {size_text(size)}": format_count(costs.macs),
        "parameters": format_count(costs.params),
        "bytes": f"{size_in_bytes:,}",
        **_distances(exported, measured),
        "difference": "-" if difference is None else f"{difference.largest:.1e}",
        "on average": "-" if difference is None else f"{difference.mean:.1e}",
    }
