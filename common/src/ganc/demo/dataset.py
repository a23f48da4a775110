"""The synthetic demo sets: plain-coated animals on meadow (A) and the same kind of animals striped (B); or, paired,
outlines (A) of animals of both coats beside the scenes that they are the outlines of (B)."""

import json
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from ganc.base.atomic_folder import replacing_folder
from ganc.base.errors import DataError
from ganc.base.json_text import JsonObject, read_json
from ganc.base.rng import keyed_generator
from ganc.data.images import Size
from ganc.data.lists import ImageList, list_path, read_images
from ganc.data.side_by_side import LETTERS
from ganc.demo.scene import draw_outlines, draw_scene

MARKER = "demo.json"
SMALLEST = 16


def write_demo_set(
    root: Path, train: int = 200, test: int = 60, size: int | Size = 64, seed: int = 0, *, paired: bool = False
) -> dict[str, ImageList]:
    """Write the demo set: folders trainA, trainB, testA, testB of PNG files, a list of each, and `demo.json`.

    The domains differ in the animals' coats only, and no animal is in both. A paired set has folders train and test
    instead, of files that are twice as wide: outlines on the left (A), the scene on the right (B). Equal arguments give
    byte-equal files with one version of Pillow. An older demo set at `root` is replaced if nothing else is in it.

    Args:
        root: the folder to make.
        train: training images of each domain.
        test: test images of each domain.
        size: width and height in pixels, or one number for both.
        seed: what the images are drawn from.
        paired: write pairs, one after the other with a plain and a striped animal.

    Returns:
        The images of each subset.

    Raises:
        DataError: a count below 1, or a size below 16.
        WriteError: `root` holds something else than a demo set, or something besides one, or cannot be written.
        FileFormatError: the `demo.json` of an older set is damaged.
    """
    width, height = (size, size) if isinstance(size, int) else size
    if min(train, test) < 1:
        raise DataError(f"train (={train}) and test (={test}) must be at least 1")
    if min(width, height) < SMALLEST:
        raise DataError(f"size (={width}x{height}) must be at least {SMALLEST}x{SMALLEST}")
    subsets = _subsets(train, test, paired)
    with replacing_folder(Path(root), MARKER, of_many=True, own=_written_files) as folder:
        for subset, count in subsets:
            _write_subset(folder, subset, count, (width, height), seed)
        settings = {
            "format": "ganc-demo-set",
            "version": 1,
            "train": train,
            "test": test,
            "size": (width, height),
            "seed": seed,
        } | ({"paired": True} if paired else {})
        (folder / MARKER).write_text(json.dumps(settings, sort_keys=True) + "\n", encoding="utf-8")
    return {subset: read_images(root, subset) for subset, _ in subsets}


def _subsets(train: int, test: int, paired: bool) -> list[tuple[str, int]]:
    """Return the names of a set's subsets, each with the number of its images."""
    letters = ("",) if paired else LETTERS
    return [(f"{kind}{letter}", count) for kind, count in (("train", train), ("test", test)) for letter in letters]


def _image_names(subset: str, count: int) -> list[str]:
    return [f"{subset}/{index:05d}.png" for index in range(count)]


def _written_files(root: Path) -> Callable[[str], bool]:
    """Return whether `write_demo_set` wrote a file of the set at `root`, by its POSIX path there.

    Raises:
        FileFormatError: `demo.json` does not say what was written.
    """
    said = JsonObject.of(read_json(root / MARKER, "the settings of a demo set"), root / MARKER)
    subsets = _subsets(said.take("train", int), said.take("test", int), said.take("paired", bool, False))
    lists = {list_path(root, subset).name for subset, _ in subsets}
    counted = dict(subsets)

    def is_written(name: str) -> bool:
        subset, _, image = name.partition("/")
        number = image.removesuffix(".png")
        known = number.isdecimal() and number.isascii() and int(number) < counted.get(subset, 0)
        return name == MARKER or name in lists or (known and name == f"{subset}/{int(number):05d}.png")

    return is_written


def _write_subset(folder: Path, subset: str, count: int, size: Size, seed: int) -> None:
    (folder / subset).mkdir()
    names = _image_names(subset, count)
    for index, name in enumerate(names):
        draw = keyed_generator(seed, f"demo.{subset}", index)
        if subset[-1] in LETTERS:
            image = draw_scene(draw, size, striped=subset.endswith("B"))
        else:
            image = _beside(*draw_outlines(draw, size, striped=index % 2 == 1))
        image.save(folder / name)
    list_path(folder, subset).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def _beside(left: Image.Image, right: Image.Image) -> Image.Image:
    joined = Image.new("RGB", (left.width + right.width, left.height))
    joined.paste(left)
    joined.paste(right, (left.width, 0))
    return joined
