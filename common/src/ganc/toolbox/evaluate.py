"""`ganc evaluate`: generators, or folders of images, measured and compared."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ganc.base.errors import DataError
from ganc.base.ranking_metric import MOST_SUBSETS, metric_head, near_by_kernel, unverified_line
from ganc.base.text import format_count, with_error
from ganc.cli.command import command
from ganc.cli.engines import engine_options
from ganc.cli.options import (
    device_option,
    direction_option,
    feature_set_option,
    json_option,
    reference_option,
    setting_option,
)
from ganc.cli.paths import FOLDER
from ganc.cli.streams import require_output
from ganc.cli.tables import NEAR, near_line, show, show_json
from ganc.cli.types import SIZE, WIDTHS
from ganc.training.settings import RunSettings


@command(page="metric.md", moved={"original": "Metric"})
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--data",
    "folder",
    type=FOLDER,
    help="Folder with trainA, trainB, testA, testB; of pairs side by side train and test. Without it, see above.",
)
@direction_option("Which way to translate.")
@click.option("--config", "widths", type=WIDTHS, help="Evaluate these widths of the checkpoints: a sub-network.")
@click.option(
    "--size", type=SIZE, show_default="the first model's own; of folders the images' own", help="Image size, N or WxH."
)
@setting_option(RunSettings, "statistics")
@feature_set_option
@reference_option
@click.option(
    "--kid-subsets",
    type=click.IntRange(1, MOST_SUBSETS),
    help="Kernel distance by so many random subsets too; published: 100.",
)
@click.option(
    "--kid-subset-size",
    type=click.IntRange(min=2),
    show_default="1000",
    help="With --kid-subsets: images in one, at most.",
)
@click.option("--untouched", is_flag=True, help="With --json, a row for the untranslated images; tables have it.")
@click.option("--original", is_flag=True, help="Add costs and time of the published original, untrained.")
@click.option("--time/--no-time", "timed", default=False, help="Measure milliseconds an image at batch 1.")
@engine_options
@device_option
@json_option
def evaluate(
    models: tuple[Path, ...],
    folder: Path | None,
    kid_subsets: int | None,
    kid_subset_size: int | None,
    device: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare generators: costs, size, time and metric. Or measure a folder of images.

    MODELS are checkpoints or exported folders. They translate the source domain's test images; a lower distance is
    better, and one that is no lower than that of the untouched images is no better than doing nothing. Models of pairs
    are measured against the ground truth too.

    Without --data two folders of images are compared, or a folder with a file of statistics, as pytorch-fid compares
    them. Images then keep their size, unless --size or the statistics name one.

    \b
    ganc evaluate replace.safetensors finetune.safetensors dist/ --data horse2zebra --time
    ganc evaluate zebras/ horse2zebra/testB
    ganc evaluate zebras/ real_B.npz --kid-subsets 100
    """
    from ganc.system.runtime import select_device

    if kid_subset_size is not None and kid_subsets is None:
        raise click.UsageError("--kid-subset-size is for --kid-subsets, which says how many there are")
    from ganc.metrics.kernel import subsets_asked

    require_output()
    options["subsets"] = subsets_asked(kid_subsets, kid_subset_size)
    if folder is None:
        _require_two_folders(models, options)
    select_device(device)
    if folder is None:
        _evaluate_folder(models[0], models[1], options, as_json)
    else:
        _evaluate_models(models, {"folder": folder, **options}, as_json)


def _require_two_folders(models: tuple[Path, ...], options: Mapping) -> None:
    from ganc.files.card import CARD
    from ganc.metrics.folders import said_of_models

    if absent := [path for path in models if not path.exists()]:
        raise DataError(f"{absent[0]}: no such folder or file")
    if len(models) != 2 or not models[0].is_dir() or (models[0] / CARD).is_file():
        raise click.UsageError(
            "Missing option '--data': models need images to translate; without it, name a folder of images and a "
            "second folder or a file of statistics"
        )
    if unfit := said_of_models(options):
        names = {"statistics": "--stats", "widths": "--config", "timed": "--time"}
        raise click.UsageError(f"{names.get(unfit[0], '--' + unfit[0])} is for models and needs --data")


def _evaluate_folder(folder: Path, target: Path, options: Mapping, as_json: bool) -> None:
    from ganc.metrics.folders import FolderMeasure, measure_folder

    how = FolderMeasure(size=options["size"], feature_set=options["feature_set"], subsets=options["subsets"])
    row = measure_folder(folder, target, how)
    if as_json:
        show_json(row)
        return
    head = metric_head(row["metric"], row["verified"])
    shown = {"folder": row["folder"], "target": row["target"], head: f"{row['value']:.3f}"}
    shown |= _kernel_columns(row) | {"images": row["images"], "of": row["target_images"] or "-"}
    show([shown])
    if not row["verified"]:
        click.echo(unverified_line(row["metric"]))


def _evaluate_models(models: tuple[Path, ...], options: dict, as_json: bool) -> None:
    from ganc.engines.loading import open_model
    from ganc.report.comparison import Comparison, compare

    how = [options.pop(name) for name in ("direction", "widths", "engine", "precision")]
    opened = [open_model(path, *how) for path in models]
    options["size"] = options["size"] or opened[0].image_size
    options["untouched"] = options["untouched"] or not as_json
    rows = compare(opened, Comparison(**options))
    if as_json:
        show_json(rows)
    else:
        _show_compared(rows)


def _kernel_columns(row: Mapping, mark: str = "") -> dict[str, str]:
    columns = {"kernel distance": with_error(row["kernel"], row["kernel_error"]) + mark}
    if "kernel_subsets" in row:
        columns["by subsets: mean, deviation of one"] = _subsets_text(row)
    return columns


def _subsets_text(row: Mapping) -> str:
    """Return mean and deviation without the sign of a standard error, which the deviation is not."""
    found = row["kernel_subsets"]
    if found is None:
        return "-"
    if found["size"] == row["images"] == row["target_images"]:
        return f"{found['mean']:.4f} (one subset holds all {found['size']} images)"
    said = with_error(found["mean"], found["deviation"]).replace(" ± ", ", ")
    return f"{said} ({found['subsets']} of {found['size']})"


def _show_compared(rows: list[dict]) -> None:
    """Print the table, which models it cannot tell apart, and which are no better than doing nothing."""
    from ganc.metrics.judgement import Judgement, sentence

    if reason := rows[0].get("unmeasured"):
        show([_readable(row, "") for row in rows])
        click.echo(f"no metric: {reason}")
        return
    models = [row for row in rows if "judgement" in row]
    close = near_by_kernel(*([row[key] for row in models] for key in ("kernel", "kernel_error", "images")))
    near = [row["model"] for row, is_close in zip(models, close, strict=True) if is_close]
    show([_readable(row, NEAR if row["model"] in near else "") for row in rows])
    if near:
        click.echo(near_line("kernel distance"))
    if not models[0]["verified"]:
        click.echo(unverified_line(models[0]["metric"]))
    for row in models:
        if said := sentence(row["model"], Judgement(row["judgement"])):
            click.echo(said)


def _readable(row: dict, mark: str) -> dict:
    from ganc.metrics.pairs import pair_columns
    from ganc.report.comparison import engine_text

    counts = {"macs": "MACs", "params": "parameters"}
    shown = {"model": row["model"]}
    shown |= {label: "-" if row[key] is None else format_count(row[key]) for key, label in counts.items()}
    shown["bytes"] = "-" if row["bytes"] is None else f"{row['bytes']:,}"
    if "milliseconds" in row:
        shown["ms an image"] = "-" if row["milliseconds"] is None else f"{row['milliseconds']:.1f}"
        shown["engine"] = engine_text(row)
    head = metric_head(row["metric"] or "metric", row.get("verified"))
    shown[head] = "-" if row["value"] is None else f"{row['value']:.3f}"
    shown |= _kernel_columns(row, mark) | pair_columns(row)
    shown["images"] = row["images"] or "-"
    return shown
