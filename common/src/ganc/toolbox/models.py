"""`ganc stats` and `evaluate`: what measures networks on images."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganc.base.resizing import Resize
from ganc.base.text import format_count
from ganc.cli.command import command
from ganc.cli.engines import engine_options
from ganc.cli.options import (
    FILE,
    FOLDER,
    device_option,
    direction_option,
    feature_set_option,
    grouped,
    json_option,
    setting_option,
)
from ganc.cli.tables import show, show_json, with_error
from ganc.cli.types import LEVELS, SIZE, WIDTHS, EnumChoice
from ganc.training.settings import RunSettings

if TYPE_CHECKING:
    from ganc.data import Reading
    from ganc.data.levels import LevelsChoice

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


@dataclass(frozen=True, kw_only=True)
class HowRead:
    """How the images of a domain are read."""

    resize: Resize
    levels: "LevelsChoice"
    channels: str

    def reading(self, folder: Path, letter: str) -> "Reading":
        """Return it for one domain of a folder. Raises DataError where levels cannot be measured."""
        from ganc.data import Reading
        from ganc.data.measure import domain_levels

        levels = domain_levels(self.levels, folder)
        return Reading(int(self.channels), levels.get(letter), self.resize)


reading_options = grouped(
    "read",
    HowRead,
    click.option("--resize", type=EnumChoice(Resize), default=Resize.BOTH.value, help="As in the training."),
    click.option("--levels", type=LEVELS, help="As in the training: MIN:MAX, MIN:MAX,MIN:MAX for A and B, or auto."),
    click.option("--channels", type=click.Choice(["1", "3", "4"]), default="3", help="Of the generator's images."),
)


@command()
@click.option("--data", "folder", type=FOLDER, required=True, help="Folder with trainB and testB.")
@click.option("--domain", type=click.Choice(["A", "B"]), default="B", help="Whose train and test images.")
@click.option("--size", type=SIZE, default="256", help="Bring images to N or WxH: the --eval-size of the training.")
@reading_options
@setting_option(RunSettings, "feature_set", default_text="untrained-conv3-v1")
@click.option("-o", "--output", type=FILE, required=True, help="The statistics to write (.npz).")
@device_option
def stats(folder: Path, domain: str, size, read, feature_set: str | None, output: Path, device: str):
    """Write the statistics that translations are compared with.

    Mean and covariance of the features of a domain's train and test images.

    \b
    ganc stats --data horse2zebra --domain B -o real_B.npz
    """
    from ganc.metrics import features, write_statistics
    from ganc.metrics.evaluation import domain_statistics
    from ganc.system.runtime import select_device

    chosen = features.feature_set(feature_set or features.DEFAULT_FEATURE_SET)
    select_device(device)
    statistics = domain_statistics(folder, domain, size, chosen, read.reading(folder, domain))
    write_statistics(output, statistics)
    row = {
        "file": str(output),
        "feature set": statistics.feature_set,
        "dimensions": len(statistics.mu),
        "images": statistics.images,
        "bytes": f"{output.stat().st_size:,}",
    }
    show([row])


@command()
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", "folder", type=FOLDER, required=True, help="Folder with trainA, trainB, testA, testB.")
@direction_option("Which way to translate.")
@click.option("--config", "widths", type=WIDTHS, help="Evaluate these widths of the checkpoints: a sub-network.")
@click.option("--size", type=SIZE, show_default="the first model's own", help="Image size, N or WxH.")
@setting_option(RunSettings, "statistics")
@feature_set_option
@click.option("--untouched", is_flag=True, help="Measure the untranslated images too.")
@click.option("--original", is_flag=True, help="Add costs and time of the published original, untrained.")
@click.option("--time/--no-time", "timed", default=False, help="Measure milliseconds an image at batch 1.")
@engine_options
@device_option
@json_option
def evaluate(models, direction, widths, size, engine, precision, device, as_json, **compared):
    """Compare generators: costs, size, time and metric.

    MODELS are checkpoints or exported folders. They translate the source domain's test images; a lower metric is
    better.

    \b
    ganc evaluate replace.safetensors finetune.safetensors dist/ --data horse2zebra --time
    """
    from ganc.engines.loading import open_model
    from ganc.report.comparison import Comparison, compare
    from ganc.system.runtime import select_device

    select_device(device)
    opened = [open_model(path, direction, widths, engine, precision) for path in models]
    rows = compare(opened, Comparison(size=size or opened[0].image_size, **compared))
    if as_json:
        show_json(rows)
    else:
        show([_readable(row) for row in rows])


def _readable(row: dict) -> dict:
    counts = {"macs": "MACs", "params": "parameters"}
    shown = {"model": row["model"]}
    shown |= {label: "-" if row[key] is None else format_count(row[key]) for key, label in counts.items()}
    shown["bytes"] = "-" if row["bytes"] is None else f"{row['bytes']:,}"
    if "milliseconds" in row:
        shown["ms an image"] = "-" if row["milliseconds"] is None else f"{row['milliseconds']:.1f}"
    shown[row["metric"]] = "-" if row["value"] is None else f"{row['value']:.3f}"
    shown["kernel distance"] = with_error(row["kernel"], row["kernel_error"])
    shown["images"] = row["images"] or "-"
    return shown
