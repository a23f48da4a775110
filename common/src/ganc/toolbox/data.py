"""`ganc data`: making, checking and splitting image folders."""

from pathlib import Path

import click

from ganc.base.errors import DataError
from ganc.cli.command import Group, command
from ganc.cli.options import POSITIVE
from ganc.cli.paths import FOLDER, OUTPUT_FOLDER
from ganc.cli.tables import show
from ganc.cli.types import LEVELS, SIZE

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


@click.group(cls=Group)
def data():
    """Make, check and split folders of images.

    \b
    ganc data check horse2zebra
    """


@command("demo")
@click.argument("folder", type=OUTPUT_FOLDER)
@click.option("--train", type=POSITIVE, default=200, help="Training images of each domain.")
@click.option("--test", type=POSITIVE, default=60, help="Test images of each domain.")
@click.option("--size", type=SIZE, default="64", help="Image size, N or WxH.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Seed of every image.")
def demo(folder: Path, train: int, test: int, size, seed: int):
    """Draw images to try ganc on.

    FOLDER becomes a set of plain-coated animals (A) and striped ones (B) on meadows.

    \b
    ganc data demo images
    """
    from ganc.demo.dataset import write_demo_set

    _show_counts(folder, {name: len(found) for name, found in write_demo_set(folder, train, test, size, seed).items()})


@command("check")
@click.argument("folder", type=FOLDER)
@click.option("--minimum", type=SIZE, default="1", help="Report images smaller than N or WxH.")
@click.option("--levels", type=LEVELS, help="Check with these stored values as black and white, MIN:MAX.")
def check(folder: Path, minimum, levels):
    """Find everything that is wrong with a folder of images.

    Reports missing, unreadable, undersized and repeated images, those that are both trained and tested on, and 16-bit
    images that would come out nearly black; notes what is in the folder and not used.

    \b
    ganc data check horse2zebra --minimum 256
    """
    from ganc.data.check import check_folder, count_images
    from ganc.data.levels import AUTO
    from ganc.data.measure import domain_levels

    if levels == AUTO:
        raise click.UsageError("--levels auto fits any folder: name MIN:MAX to check them")
    findings = check_folder(folder, minimum, domain_levels(levels, folder))
    for finding in findings:
        click.echo(str(finding))
    if problems := sum(finding.problem for finding in findings):
        raise DataError(f"{folder}: {problems} problem{'s' if problems > 1 else ''}, listed above")
    _show_counts(folder, count_images(folder))
    click.echo(f"{folder}: no problems found")


@command("split")
@click.argument("folder", type=FOLDER)
@click.option("--search", "count", type=POSITIVE, required=True, help="Images to set aside for the search.")
@click.option("--domain", type=click.Choice(["A", "B"]), default="A", help="The domain to take them from.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Seed of the choice.")
def split(folder: Path, count: int, domain: str, seed: int):
    """Set training images aside for the search.

    Writes searchA.txt and takes those images out of trainA.txt.

    \b
    ganc data split horse2zebra --search 120
    """
    from ganc.data.split import split_search

    result = split_search(folder, count, seed, domain)
    kept = "already set aside" if result.already_done else "set aside"
    click.echo(f"{folder}: {result.search} images {kept} in search{domain}.txt, {result.train} left to train")


def _show_counts(folder: Path, counts) -> None:
    show([{"folder": str(folder)} | {name: "-" if count is None else count for name, count in counts.items()}])


for tool in (demo, check, split):
    data.add_command(tool)
