"""`ganc translate`: running a generator on image files."""

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganc.base.direction import Direction
from ganc.base.errors import DataError
from ganc.base.image_files import QUALITY
from ganc.base.reading import LARGEST_LIST, read_stdin
from ganc.cli.command import command
from ganc.cli.engines import engine_options
from ganc.cli.options import device_option, direction_option, grouped, json_option
from ganc.cli.paths import Written
from ganc.cli.progress import progress_bar
from ganc.cli.tables import show_json
from ganc.cli.types import LEVELS, TARGET_SIZE, WIDTHS

if TYPE_CHECKING:  # numpy and Pillow are imported by the command only, for --help to be quick
    from ganc.data.levels import LevelsChoice
    from ganc.data.outputs import Plan
    from ganc.data.reading import Readings
    from ganc.engines import Engine
    from ganc.engines.tiles import Tiling
    from ganc.engines.translation import Translation

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.

SUFFIXES = {"png": ".png", "jpg": ".jpg", "webp": ".webp"}


@dataclass(frozen=True, kw_only=True)
class Files:
    """Which files are read and written."""

    images: Path
    output: Path
    recursive: bool
    image_format: str | None
    existing: str | None

    def plan(self) -> "Plan":
        """Return what goes where. Raises DataError where that cannot be."""
        from ganc.data.outputs import plan_file, plan_folder, plan_list, settle_existing

        suffix = SUFFIXES.get(self.image_format or "")
        if str(self.images) == "-":
            plan = plan_list(_listed_names(), self.output, suffix or ".png")
        elif self.images.is_dir():
            how = {"recursive": self.recursive, "earlier": self.existing is not None}
            plan = plan_folder(self.images, self.output, suffix or ".png", **how)
        elif not self.images.is_file():
            raise DataError(f"{self.images}: no such image or folder")
        else:
            named = not self.output.is_dir()
            plan = plan_file(self.images, self.output, suffix)
            if named:  # replaced, as by every command's -o
                return plan
        return settle_existing(plan, self.existing or "replace")


def _listed_names() -> list[str]:
    """Return the file names on standard input, one a line, or ended by null characters as find -print0 writes them."""
    content = read_stdin("file names", DataError, limit=LARGEST_LIST)
    separator = b"\0" if b"\0" in content else b"\n"
    return [os.fsdecode(name) for line in content.split(separator) if (name := line.rstrip(b"\r"))]


@dataclass(frozen=True, kw_only=True)
class Look:
    """How images are read, cut and written."""

    size: tuple[int, int, bool] | None
    levels: "LevelsChoice"
    alpha: str
    tile: int | None
    overlap: int | None
    quality: int | None

    def __post_init__(self) -> None:
        self._tiling()  # an overlap that is too wide for the tile is refused before anything is opened

    def _tiling(self) -> "Tiling | None":
        from ganc.engines.tiles import OVERLAP, Tiling

        if self.tile is None:
            return None
        return Tiling(self.tile, min(OVERLAP, self.tile // 2) if self.overlap is None else self.overlap)

    def translation(self, readings: "Readings", direction: Direction, plan: "Plan") -> "Translation":
        """Return the settings of the engine room for a model that reads images as `readings` say."""
        from ganc.data.levels import AUTO
        from ganc.data.measure import measured_levels
        from ganc.engines.translation import Translation

        reading = readings.source(direction)
        if self.levels == AUTO:
            sources = [pair.source for pair in plan.pairs]
            reading = replace(reading, levels=measured_levels(sources, skip_unreadable=True))
        elif isinstance(self.levels, tuple):
            reading = replace(reading, levels=self.levels[direction.source == "B"])
        return Translation(
            reading=reading,
            size=self.size and self.size[:2],
            keep_aspect=bool(self.size and self.size[2]),
            tiling=self._tiling(),
            keep_opacity=self.alpha == "keep",
            quality=self.quality or QUALITY,
        )


file_options = grouped(
    "files",
    Files,
    click.argument("images", type=click.Path(path_type=Path, allow_dash=True)),
    click.option("-o", "--output", type=Written(path_type=Path), required=True, help="An image, or a folder."),
    click.option("--recursive", is_flag=True, help="Translate folders in the folder too, and keep their names."),
    click.option(
        "--format",
        "image_format",
        type=click.Choice(list(SUFFIXES)),
        show_default="png, or as -o is named",
        help="What the results are written as.",
    ),
    click.option(
        "--existing",
        type=click.Choice(["fail", "skip", "replace"]),
        show_default="replace; fail where --recursive finds it",
        help="In a folder, what to do where an output is already there.",
    ),
)
look_options = grouped(
    "look",
    Look,
    click.option(
        "--size",
        type=TARGET_SIZE,
        show_default="as they are",
        help="Resize first: N is the shorter side and keeps the aspect, WxH is exact.",
    ),
    click.option(
        "--levels",
        type=LEVELS,
        show_default="the model's own",
        help="Stored values that become black and white: MIN:MAX, or auto for those of all images together.",
    ),
    click.option(
        "--alpha",
        type=click.Choice(["white", "keep"]),
        default="white",
        help="Lay transparent images on white, or give the results their opacity.",
    ),
    click.option("--tile", type=click.IntRange(min=16), help="Translate larger images in tiles of this side, blended."),
    click.option(
        "--overlap",
        type=click.IntRange(min=0),
        show_default="32, or half of a small tile",
        help="Pixels that neighbouring tiles share.",
    ),
    click.option("--quality", type=click.IntRange(1, 100), show_default=str(QUALITY), help="Of JPEG and WebP."),
)


@command(page="translate.md")
@click.argument("model", type=click.Path(path_type=Path))
@file_options
@direction_option("Which way to translate.")
@click.option("--config", "widths", type=WIDTHS, help="Use these widths of the checkpoint: a sub-network.")
@look_options
@engine_options
@device_option
@json_option
def translate(model: Path, files: Files, look: Look, as_json: bool, **opening: Any) -> None:
    """Translate an image or a folder of images.

    MODEL is a checkpoint, an exported folder, or one graph in it. IMAGES is a file, a folder, or - for a list of files
    on standard input. The last line says what was not translated, and why.

    \b
    ganc translate finetune.safetensors horse.jpg -o zebra.png
    ganc translate dist/ horses/ -o zebras/
    ganc translate dist/ horses/ -o zebras/ --engine openvino --precision bf16
    ganc translate dist/ panorama.jpg -o zebras.png --tile 512 --overlap 32
    find . -name '*.jpg' | ganc translate dist/ - -o zebras/ --format webp --quality 80
    """
    if look.quality is not None and not _has_quality(files):
        raise click.UsageError("--quality is for --format jpg or webp: PNG keeps everything")
    from ganc.data.outputs import prepare_outputs
    from ganc.engines.loading import open_model

    plan = files.plan()  # what cannot be written is refused before the model is opened
    prepare_outputs(plan)
    opened = open_model(model, **opening)
    _translate_all(opened.engine, plan, look.translation(opened.readings, opened.direction, plan))
    if as_json:
        pairs = [{"image": str(pair.source), "output": str(pair.output)} for pair in plan.pairs]
        show_json({"images": pairs, "passed_over": dict(plan.others)})
    else:
        count = len(plan.pairs)
        click.echo(f"{count} image{'' if count == 1 else 's'} in {files.output}{_passed_over(plan)}")


def _has_quality(files: Files) -> bool:
    """Whether what is written has a quality: by --format, else by the name of a single output."""
    suffix = SUFFIXES.get(files.image_format or "") or files.output.suffix.lower()
    return suffix in (".jpg", ".jpeg", ".webp")


def _passed_over(plan: "Plan") -> str:
    from ganc.data.scan import summary

    return f"; passed over: {summary(plan.others)}" if plan.others else ""


def _translate_all(engine: "Engine", plan: "Plan", how: "Translation") -> None:
    from ganc.engines.translation import translate_files

    failed: list[DataError] = []
    done = translate_files(engine, plan.pairs, how)
    with progress_bar(len(plan.pairs), "image", silent=len(plan.pairs) == 1 or not sys.stderr.isatty()) as bar:
        for _, error in done:
            bar.update()
            if error is not None:
                failed.append(error)
    if failed:
        for error in failed[1:]:
            click.echo(str(error), err=True)
        if len(plan.pairs) == 1:
            raise failed[0]
        said = f"{len(failed)} of {len(plan.pairs)} images could not be translated"
        raise DataError(f"{said}: {failed[0]}{_passed_over(plan)}")
