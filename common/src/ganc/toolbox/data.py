"""`ganc data`: making, checking and splitting image folders."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganc.base.errors import DataError
from ganc.base.text import counted
from ganc.cli.command import Group, command
from ganc.cli.options import POSITIVE, json_option
from ganc.cli.paths import FOLDER, OUTPUT_FOLDER
from ganc.cli.tables import show, show_json, show_rows
from ganc.cli.types import LEVELS, SIZE, EnumChoice
from ganc.models.task import TaskName

if TYPE_CHECKING:
    from ganc.data.levels import LevelsChoice

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


@click.group(cls=Group)
def data() -> None:
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
@click.option("--paired", is_flag=True, help="Draw pairs for pix2pix, side by side in one file.")
@json_option
def demo(folder: Path, train: int, test: int, size: tuple[int, int], seed: int, paired: bool, as_json: bool) -> None:
    """Draw images to try ganc on.

    FOLDER becomes a set of plain-coated animals (A) and striped ones (B) on meadows. With --paired it becomes a set of
    outlines (A, left) beside the animals that they are the outlines of (B, right). An earlier set there is replaced if
    nothing else is in it.

    \b
    ganc data demo images
    ganc data demo pairs --paired
    """
    from ganc.demo.dataset import write_demo_set

    written = write_demo_set(folder, train, test, size, seed, paired=paired)
    made = {name: len(found) for name, found in written.items()}
    show_rows([_counts(folder, made)], {"folder": str(folder), "images": made}, as_json=as_json)


task_option = click.option(
    "--task",
    type=EnumChoice(TaskName),
    show_default="pix2pix where images lie side by side, else cyclegan",
    help="pix2pix: the images of two folders belong together by their names.",
)


@command("check")
@click.argument("folder", type=FOLDER)
@task_option
@click.option("--minimum", type=SIZE, default="1", help="Report images smaller than N or WxH.")
@click.option("--levels", type=LEVELS, help="Check with these stored values as black and white, MIN:MAX.")
@json_option
def check(folder: Path, task: TaskName | None, minimum: tuple[int, int], levels: "LevelsChoice", as_json: bool) -> None:
    """Find everything that is wrong with a folder of images.

    Reports missing, unreadable, undersized and repeated images, those that are both trained and tested on, and 16-bit
    images that would come out nearly black; with --task pix2pix, images without a partner, and partners of different
    sizes; notes what is in the folder and not used.

    \b
    ganc data check horse2zebra --minimum 256
    ganc data check facades --task pix2pix
    """
    from ganc.data.check import check_folder, count_images
    from ganc.data.levels import AUTO
    from ganc.data.measure import domain_levels

    if levels == AUTO:
        raise click.UsageError("--levels auto fits any folder: name MIN:MAX to check them")
    findings = check_folder(folder, minimum, domain_levels(levels, folder), paired=task is TaskName.PIX2PIX)
    problems = sum(finding.problem for finding in findings)
    if as_json:
        found = [{**vars(finding), "file": str(finding.file)} for finding in findings]
        counts = None if problems else count_images(folder)
        show_json({"folder": str(folder), "problems": problems, "findings": found, "images": counts})
    else:
        for finding in findings:
            click.echo(str(finding))
    if problems:
        raise DataError(f"{folder}: {problems} problem{'s' if problems > 1 else ''}, listed above")
    if not as_json:
        show([_counts(folder, count_images(folder))])
        click.echo(f"{folder}: no problems found")


@command("split")
@click.argument("folder", type=FOLDER)
@click.option("--search", "count", type=POSITIVE, required=True, help="Images to set aside for the search.")
@click.option("--domain", type=click.Choice(["A", "B"]), default="A", help="The domain to take them from.")
@task_option
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Seed of the choice.")
@json_option
def split(folder: Path, count: int, domain: str, task: TaskName | None, seed: int, as_json: bool) -> None:
    """Set training images aside for the search.

    Writes searchA.txt and takes those images out of trainA.txt. Of side-by-side images that is search.txt and
    train.txt; with --task pix2pix their partners in trainB are set aside too.

    \b
    ganc data split horse2zebra --search 120
    """
    from ganc.data.split import search_lists, split_search

    paired = task is TaskName.PIX2PIX
    result = split_search(folder, count, seed, domain, paired=paired)
    if as_json:
        show_json({"folder": str(folder), "domain": domain, **vars(result)})
        return
    kept = "already set aside" if result.already_done else "set aside"
    lists = " and ".join(f"{name}.txt" for name in search_lists(folder, domain, paired=paired))
    click.echo(f"{folder}: {counted(result.search, 'image')} {kept} in {lists}, {result.train} left to train")


def _counts(folder: Path, counts: Mapping[str, int | None]) -> dict:
    return {"folder": str(folder)} | {name: "-" if count is None else count for name, count in counts.items()}


for tool in (demo, check, split):
    data.add_command(tool)
