"""`ganc stats`, and the options of how images are read and translated."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganc.base.resizing import Resize
from ganc.base.target_images import TargetImages
from ganc.cli.command import command
from ganc.cli.options import (
    device_option,
    grouped,
    json_option,
    setting_option,
)
from ganc.cli.paths import FOLDER, OUTPUT_FILE
from ganc.cli.tables import show_rows
from ganc.cli.types import LEVELS, SIZE, EnumChoice
from ganc.training.settings import DEFAULT_FEATURES, RunSettings

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


@command(page="metric.md")
@click.option(
    "--data",
    "folder",
    type=FOLDER,
    required=True,
    help="Folder with trainB and testB; of pairs side by side train and test.",
)
@click.option("--domain", type=click.Choice(["A", "B"]), default="B", help="Whose train and test images.")
@click.option("--size", type=SIZE, default="256", help="Bring images to N or WxH: the --eval-size of the training.")
@reading_options
@setting_option(RunSettings, "feature_set", default_text=DEFAULT_FEATURES)
@setting_option(RunSettings, "reference", default_text=TargetImages.TRAIN_AND_TEST.value)
@click.option("-o", "--output", type=OUTPUT_FILE, required=True, help="The statistics to write (.npz).")
@device_option
@json_option
def stats(
    folder: Path,
    domain: str,
    size: tuple[int, int],
    read: HowRead,
    output: Path,
    device: str,
    as_json: bool,
    **compared: Any,
) -> None:
    """Write the statistics that translations are compared with.

    Mean and covariance of the features of a domain's images, and the features.

    \b
    ganc stats --data horse2zebra --domain B -o real_B.npz
    """
    from ganc.metrics import features, write_statistics
    from ganc.metrics.evaluation import domain_statistics
    from ganc.system.runtime import select_device

    chosen = features.feature_set(compared["feature_set"])
    select_device(device)
    reading = read.reading(folder, domain)
    statistics = domain_statistics(folder, domain, size, chosen, reading, compared["reference"])
    write_statistics(output, statistics)
    facts = {
        "file": str(output),
        "feature_set": statistics.feature_set,
        "dimensions": len(statistics.mu),
        "images": statistics.images,
        "bytes": output.stat().st_size,
    }
    row = {name.replace("_", " "): value for name, value in facts.items()} | {"bytes": f"{facts['bytes']:,}"}
    show_rows([row], facts | {"digest": statistics.digest}, as_json=as_json)
