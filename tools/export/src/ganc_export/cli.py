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
@click.option("-o", "--output", type=FOLDER, required=True, help="The folder to write.")
@click.option(
    "--format", "formats", type=click.Choice(["paddle"]), multiple=True, default=["paddle"], help="What to write."
)
@click.option("--data", type=FOLDER, show_default="random ones", help="Folder of pictures to verify and measure on.")
@click.option(
    "--direction", type=click.Choice(["AtoB", "BtoA"]), show_default="the file's own", help="Which generator."
)
@click.option(
    "--device", default="cpu", help="Where to verify: cpu, gpu or gpu:N; what is written does not depend on it."
)
def main(checkpoint, supernet, selection, output: Path, formats, data, direction, device):
    """Stage 6: write a generator for use.

    A folder with a standalone checkpoint and a Paddle inference model, compared with each other before it is written.

    \b
    ganc-export --checkpoint finetune.safetensors -o dist/ --format paddle
    ganc-export --supernet supernet.safetensors --config 16_16_32_16_32_32_16_16 -o dist/
    """
    if (checkpoint is None) == (supernet is None):
        raise click.UsageError("name a generator with --checkpoint, or a supernet with --supernet (one of the two)")
    if supernet is not None and selection is None:
        raise click.UsageError("--supernet needs --config or --results, which say the sub-network")
    from ganc.models.spec import format_widths
    from ganc.runtime import select_device
    from ganc_export.stage import export, read_source, standalone

    source = read_source(checkpoint or supernet, direction, stages=("supernet",) if supernet else None)
    widths = selection.choose(source) if selection else None
    alone = standalone(source, widths, "supernet" if supernet else "checkpoint")
    used = select_device(device)
    chosen = format_widths(alone.generator.spec.widths)
    settings_line("ganc-export", source=checkpoint or supernet, widths=chosen, device=used)
    show(_rows(export(alone, output, data), output))


def _rows(exported, output: Path) -> list[dict]:
    from ganc.files.selection import format_count

    spec = exported.checkpoint.generator.spec
    size = tuple(exported.checkpoint.training.get("image_size", (256, 256)))
    costs = spec.costs(size)
    return [
        {
            "file": str(output / name),
            f"MACs at {size_text(size)}": format_count(costs.macs),
            "parameters": format_count(costs.params),
            "bytes": f"{size_in_bytes:,}",
            exported.metric_name: f"{exported.metrics[name]:.4f}" if name in exported.metrics else "-",
            "difference": f"{exported.difference:.1e}" if number else "-",
        }
        for number, (name, size_in_bytes) in enumerate(exported.bytes.items())
    ]
