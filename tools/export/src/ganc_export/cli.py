"""Command line of stage 6."""

from pathlib import Path

import click

from ganc.cli.command import command
from ganc.cli.options import FILE, FOLDER, grouped, selection_parts
from ganc.cli.tables import settings_line, show, size_text


def _maybe_selection(widths, results, **bounds):
    from ganc.cli.selection import Selection, has_bounds

    if widths is None and results is None:
        if has_bounds(bounds):
            raise click.UsageError("--max-… and --rank select from search results: name them with --results")
        return None
    return Selection(widths=widths, results=results, **bounds)


@command("ganc-export")
@click.option("--checkpoint", type=FILE, help="The checkpoint whose generator is exported.")
@click.option("--supernet", type=FILE, help="Or a supernet; --config or --results says the sub-network.")
@grouped("selection", _maybe_selection, *selection_parts)
@click.option(
    "-o", "--output", type=FOLDER, required=True, help="The folder to write; an earlier export there is replaced."
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(["paddle", "onnx", "openvino"]),
    multiple=True,
    default=["paddle"],
    help="What to write; may be given several times.",
)
@click.option(
    "--precision",
    "precisions",
    type=click.Choice(["f32", "f16", "bf16", "int8"]),
    multiple=True,
    default=["f32"],
    help="May be given several times; each format is written in those that it has: paddle f32, onnx f32, f16, int8, "
    "openvino all.",
)
@click.option(
    "--io",
    "pictures",
    type=click.Choice(["float32", "uint8", "uint8-nhwc", "uint8-nchw"]),
    default="float32",
    help="What goes in and out: floats in [-1, 1], NCHW, or bytes (uint8: NHWC), converted inside the model.",
)
@click.option(
    "--data",
    type=FOLDER,
    show_default="random ones",
    help="Folder of pictures to verify and measure on; int8 is calibrated on its training pictures.",
)
@click.option(
    "--direction", type=click.Choice(["AtoB", "BtoA"]), show_default="the file's own", help="Which generator."
)
@click.option(
    "--device", default="cpu", help="Where to verify: cpu, gpu or gpu:N; what is written does not depend on it."
)
def main(checkpoint, supernet, selection, output: Path, formats, precisions, pictures, data, direction, device):
    """Stage 6: write a generator for use.

    A folder with a standalone checkpoint and a model for each format and precision, each of them loaded again and
    compared with the checkpoint before anything counts as written.

    \b
    ganc-export --checkpoint finetune.safetensors -o dist/ --format onnx --format openvino
    ganc-export --checkpoint finetune.safetensors -o dist/ --format openvino --precision int8 --data horse2zebra
    ganc-export --supernet supernet.safetensors --config 16_16_32_16_32_32_16_16 -o dist/
    """
    if (checkpoint is None) == (supernet is None):
        raise click.UsageError("name a generator with --checkpoint, or a supernet with --supernet (one of the two)")
    if supernet is not None and selection is None:
        raise click.UsageError("--supernet needs --config or --results, which say the sub-network")
    from ganc.base.errors import SpecError
    from ganc.data.layout import IMAGE_FORMATS
    from ganc.models.spec import format_widths
    from ganc.system.runtime import select_device
    from ganc_export.forms import wanted_forms

    try:
        forms = wanted_forms(formats, precisions)
    except SpecError as error:
        raise click.UsageError(str(error)) from error
    if data is None and "int8" in precisions:
        raise click.UsageError("int8 is calibrated on pictures: name their folder with --data")
    from ganc_export.stage import export, read_source, standalone

    source = read_source(checkpoint or supernet, direction, stages=("supernet",) if supernet else None)
    widths = selection.choose(source) if selection else None
    alone = standalone(source, widths, "supernet" if supernet else "checkpoint")
    used = select_device(device)
    chosen = format_widths(alone.generator.spec.widths)
    settings_line("ganc-export", source=checkpoint or supernet, widths=chosen, device=used)
    show(_rows(export(alone, output, data, forms, IMAGE_FORMATS[pictures]), output))


def _rows(exported, output: Path) -> list[dict]:
    from ganc.files.card import CHECKPOINT

    rows = [_row(exported, output / CHECKPOINT, exported.checkpoint_bytes, exported.checkpoint_metric, None)]
    for written in exported.forms:
        rows.append(_row(exported, output / written.form.name, written.bytes, written.metric, written.difference))
    return rows


def _row(exported, path: Path, size_in_bytes: int, metric: float | None, difference) -> dict:
    from ganc.base.text import format_count

    spec = exported.checkpoint.generator.spec
    size = tuple(exported.checkpoint.training.get("image_size", (256, 256)))
    costs = spec.costs(size)
    return {
        "file": str(path),
        f"MACs at {size_text(size)}": format_count(costs.macs),
        "parameters": format_count(costs.params),
        "bytes": f"{size_in_bytes:,}",
        exported.metric_name: "-" if metric is None else f"{metric:.4f}",
        "difference": "-" if difference is None else f"{difference.largest:.1e}",
        "on average": "-" if difference is None else f"{difference.mean:.1e}",
    }
