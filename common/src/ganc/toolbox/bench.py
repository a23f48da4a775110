"""`ganc bench`: how much faster compressed generators are than the original."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ganc.base.engine_table import ENGINES, PRECISIONS, REFERENCE
from ganc.base.errors import SettingError
from ganc.base.extras import MATPLOTLIB, require
from ganc.base.text import with_error
from ganc.bench.plan import Wanted
from ganc.cli.command import command
from ganc.cli.engines import PRECISION, EngineChoice
from ganc.cli.messages import note
from ganc.cli.options import POSITIVE, direction_option, feature_set_option, json_option, setting_option
from ganc.cli.paths import FOLDER, OUTPUT_FILE
from ganc.cli.streams import require_output
from ganc.cli.tables import show, show_json, size_text
from ganc.cli.types import strict
from ganc.training.settings import RunSettings

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.

MODEL = click.Path(exists=True, path_type=Path)


def _several(flag: str, name: str, kind: click.ParamType, **settings: Any) -> Callable:
    """Return an option that can be repeated, each value one or several joined by commas; doubles count once."""

    def read(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple:
        parts = [part.strip() for value in values for part in value.split(",")]
        return tuple(dict.fromkeys(strict(kind).convert(part, parameter, ctx) for part in parts))

    return click.option(flag, name, multiple=True, callback=read, **settings)


@command(page="deployment.md")
@click.argument("models", nargs=-1, required=True, type=MODEL)
@click.option(
    "--original",
    type=MODEL,
    show_default="an untrained one of the published size",
    help="What to compare with. Time does not depend on weights, so an untrained one will do.",
)
@_several(
    *("--engine", "engines", EngineChoice()),
    metavar="NAME",
    show_default=f"all installed but {REFERENCE}",
    help=f"{', '.join(ENGINES)}.",
)
@_several(
    *("--precision", "precisions", PRECISION),
    metavar="NAME",
    default=Wanted.precisions,
    help=f"{', '.join(PRECISIONS)}.",
)
@_several(
    "--batch", "batches", POSITIVE, metavar="N", default=[str(batch) for batch in Wanted.batches], help="Images a call."
)
@_several("--threads", "threads", POSITIVE, metavar="N", show_default="the cores", help="Threads of the engine.")
@setting_option(Wanted, "size")
@setting_option(Wanted, "repeats")
@setting_option(Wanted, "min_seconds")
@direction_option("Which generator.")
@click.option(
    "--data", type=FOLDER, help="Folder with trainA and so on, or pairs side by side: compare and measure on it too."
)
@setting_option(RunSettings, "statistics")
@feature_set_option
@setting_option(Wanted, "device")
@click.option("--chart", type=OUTPUT_FILE, help="Also draw the times as bars, a PNG.")
@json_option
def bench(chart: Path | None, as_json: bool, **wanted: Any) -> None:
    """Time generators against the original one.

    MODELS are checkpoints or exported folders. Every engine is combined with every precision, batch size and number of
    threads: repeat these options, or join values by commas. What is not possible is left out, with a line that says
    why. The original and all models take turns; times are medians, in brackets the interquartile range. With --data the
    table says too how far the images are from the checkpoint's, and the metric.

    \b
    ganc bench finetune.safetensors
    ganc bench dist/ --data horse2zebra --precision f32,int8
    ganc bench dist/ --original replace.safetensors --engine openvino --precision f32,bf16 --batch 1,16
    ganc bench dist/ --threads 1,2 --json --chart bench.png > bench.json
    """
    from ganc.bench.run import bench as run
    from ganc.report.speed_chart import draw_chart

    require_output()
    if chart:
        require(MATPLOTLIB)
    try:
        chosen = Wanted(**wanted)
    except SettingError as error:  # values that do not go together
        raise click.UsageError(str(error)) from error
    rows = run(chosen, note)
    if chart:
        draw_chart(rows, chosen.size, chart)
    if as_json:
        show_json(rows)
    else:
        show([_readable(row) for row in rows])


def _readable(row: dict) -> dict:
    measured: dict[str, str] = {}
    if "metric" in row:
        metric, difference = row["metric"], row["difference"]
        measured |= {"difference": f"{difference['largest']:.1e}", "on average": f"{difference['mean']:.1e}"}
        measured |= {metric["name"]: f"{metric['distance']:.4f}"}
        measured |= {"kernel distance": with_error(metric["kernel"], metric["kernel_error"])}
    return {
        **{key: row[key] for key in ("model", "engine", "format", "precision")},
        "bytes": f"{row['bytes']:,}",
        "image": size_text(row["size"]),
        **{key: row[key] for key in ("batch", "threads")},
        "original, ms an image": f"{_ms(row['original_ms'])} ({_ms(row['original_spread_ms'])})",
        "compressed, ms an image": f"{_ms(row['compressed_ms'])} ({_ms(row['compressed_spread_ms'])})",
        "ms a batch": f"{_ms(row['original_batch_ms'])} -> {_ms(row['compressed_batch_ms'])}",
        "times faster": f"{row['speedup']:.2f}",
        **measured,
    }


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.{0 if milliseconds >= 1000 else 1 if milliseconds >= 10 else 2}f}"
