"""What the metric says of images whose quality is known: parts `table` and `few-images` of metric.py."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from scipy.stats import kendalltau
from tabulate import tabulate

from ganc.base.engine_table import fastest_engine, graph_engines
from ganc.base.rng import keyed_generator
from ganc.data import EvaluationSet, read_images, to_uint8
from ganc.engines import Engine
from ganc.engines.loading import run_network
from ganc.engines.networks import read_network
from ganc.metrics import LITE0, UNTRAINED, FeatureSet, Measurement, Reference, feature_set, statistics_of

SHARED = Path(__file__).parents[2] / "shared"
DATA = SHARED / "data" / "horse2zebra"
MANY = SHARED / "data" / "horse2zebra-large"
GENERATOR = SHARED / "reference" / "gan-compression-horse2zebra" / "latest_net_G.pth"

COUNTS = (15, 30, 60, 120, 240, 480)
DRAWS = 20
BATCH = 8


def add_parsers(commands) -> None:
    """Add both parts to metric.py's subparsers."""
    table = commands.add_parser("table", help="a good generator's images, and worse ones, by ganc's own commands")
    few = commands.add_parser("few-images", help="how both distances, and the order of models, depend on the number")
    for parser, data in ((table, DATA), (few, MANY)):
        parser.add_argument("--data", type=Path, default=data, help="folder with trainA, trainB, testA and testB")
        parser.add_argument("--generator", type=Path, default=GENERATOR, help="a trained one, for ganc import")
    few.add_argument("--feature-set", default=LITE0)
    few.add_argument("--size", type=int, default=256)


def absent(arguments: argparse.Namespace) -> bool:
    """Say what is not on this machine, and whether anything is."""
    missing = [path for path in (arguments.data, arguments.generator) if not path.exists()]
    if missing:
        print(f"skipped: {missing[0].name} is not on this machine; name one with --data or --generator")
    return bool(missing)


# --- table: the commands that a user has


def show_table(arguments: argparse.Namespace) -> None:
    """Print the table of docs/metric.md, measured by `ganc import`, `translate`, `stats` and `evaluate`."""
    if absent(arguments):
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ganc("import", arguments.generator, "-o", folder / "generator.safetensors")
        ganc("translate", folder / "generator.safetensors", arguments.data / "testA", "-o", folder / "translated")
        write_spoilt(arguments.data / "testA", folder)
        print_markdown(table_rows(arguments.data, folder))


def ganc(*words: object) -> str:
    """Run one of ganc's commands and return what it printed."""
    program = Path(sys.executable).with_name("ganc")
    return subprocess.run([program, *map(str, words)], check=True, capture_output=True, text=True).stdout


def write_spoilt(originals: Path, folder: Path) -> None:
    """Write folders of images that are worse than the translated ones in a known way."""
    draws = keyed_generator(0, "benchmark/noise")
    for name in ("half", "blurred", "noisy"):
        (folder / name).mkdir()
    for place, path in enumerate(sorted((folder / "translated").iterdir())):
        image = Image.open(path).convert("RGB")
        blurred = image.filter(ImageFilter.GaussianBlur(2))
        noisy = np.asarray(image) + draws.normal(0, 20, (*image.size[::-1], 3))
        source = next(originals.glob(f"{path.stem}.*"))
        half = image if place % 2 else Image.open(source).convert("RGB")
        half.save(folder / "half" / path.name)
        blurred.save(folder / "blurred" / path.name)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / "noisy" / path.name)


def table_rows(data: Path, folder: Path) -> Iterator[dict]:
    for part in ("train+test", "train"):
        for name in (UNTRAINED, LITE0):
            options = ("--data", data, "--feature-set", name, "--reference", part)
            ganc("stats", *options, "-o", folder / f"{name}-{part}.npz")
    shown = {
        "untouched horses": (data / "testA", "train+test"),
        "half of them translated": (folder / "half", "train+test"),
        "all translated": (folder / "translated", "train+test"),
        "translated, then blurred (radius 2)": (folder / "blurred", "train+test"),
        "translated, then noise (sigma 20)": (folder / "noisy", "train+test"),
        "real zebras, testB against trainB": (data / "testB", "train"),
    }
    for title, (images, part) in shown.items():
        untrained, lite0 = (
            json.loads(ganc("evaluate", images, folder / f"{name}-{part}.npz", "--json")) for name in (UNTRAINED, LITE0)
        )
        yield {
            "images": title,
            "untrained Fréchet": f"{untrained['value']:.1f}",
            "Lite0 Fréchet": f"{lite0['value']:.1f}",
            "Lite0 kernel x 1000": f"{1000 * lite0['kernel']:.1f} ± {1000 * lite0['kernel_error']:.1f}",
        }


# --- few-images: features of many images, and of models whose order is known


@dataclass(frozen=True)
class Mixture:
    """A model between doing nothing and a trained generator: part of its image over the source, blurred, with noise."""

    part: float
    blur: float = 0.0
    noise: float = 0.0

    def __str__(self) -> str:
        return f"{self.part:g} translated, blur {self.blur:g}, noise {self.noise:g}"

    def images(self, sources: np.ndarray, translated: np.ndarray, stream: int) -> np.ndarray:
        """Return its images, uint8 (n, h, w, 3), of sources and translations of this type."""
        mixed = (1 - self.part) * sources.astype(np.float64) + self.part * translated
        if self.noise:
            mixed += keyed_generator(stream, "benchmark/mixture").normal(0, self.noise, mixed.shape)
        mixed = mixed.clip(0, 255).astype(np.uint8)
        if not self.blur:
            return mixed
        return np.stack([np.asarray(Image.fromarray(one).filter(ImageFilter.GaussianBlur(self.blur))) for one in mixed])


# Neighbours differ about as much as good sub-networks of one supernet do.
MIXTURES = (
    *(Mixture(part) for part in (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.5, 0.0)),
    *(Mixture(1.0, blur=blur) for blur in (0.5, 1.0)),
    *(Mixture(1.0, noise=noise) for noise in (5.0, 10.0)),
)


def show_few_images(arguments: argparse.Namespace) -> None:
    """Print how distances change with the number of images, and how well they order models whose order is known."""
    if absent(arguments):
        return
    size, chosen = (arguments.size, arguments.size), feature_set(arguments.feature_set)
    engine = translator(arguments.generator)
    images = read_images(arguments.data, "testA") + read_images(arguments.data, "trainA")
    zebras = read_images(arguments.data, "trainB") + read_images(arguments.data, "testB")
    target = Reference(statistics_of(features_of(zebras, size, chosen), chosen, image_size=size, data_fingerprint=""))
    models = features_of_mixtures(EvaluationSet(images, size), engine, chosen)
    print(f"{chosen.name}, {len(images)} horses at {size[0]}x{size[1]} against {len(zebras)} zebras\n")
    print_markdown(drift_rows(models[0], target))
    print_markdown(order_rows(models, target))


def translator(generator: Path) -> Engine:
    with tempfile.TemporaryDirectory() as folder:
        ganc("import", generator, "-o", Path(folder) / "generator.safetensors")
        return run_network(read_network(Path(folder) / "generator.safetensors"), fastest_engine(graph_engines()))


def features_of(images, size: tuple[int, int], chosen: FeatureSet) -> np.ndarray:
    batches = EvaluationSet(images, size).batches(chosen.batch)
    return np.concatenate([chosen(to_uint8(batch)) for batch in batches])


def features_of_mixtures(images: EvaluationSet, engine: Engine, chosen: FeatureSet) -> np.ndarray:
    """Return (models, images, d)."""
    parts = []
    for stream, batch in enumerate(images.batches(BATCH)):
        sources, translated = to_uint8(batch), to_uint8(engine(batch))
        parts.append([chosen(model.images(sources, translated, stream)) for model in MIXTURES])
    return np.concatenate([np.stack(part) for part in parts], axis=1)


def drawn(count: int, of: int, draw: int) -> np.ndarray:
    """Return which images a draw picks."""
    return np.sort(keyed_generator(draw, "benchmark/few images").permutation(of)[:count])


def measured(features: np.ndarray, target: Reference, count: int) -> list[Measurement]:
    return [target.measure(features[drawn(count, len(features), draw)]) for draw in range(DRAWS)]


def drift_rows(features: np.ndarray, target: Reference) -> Iterator[dict]:
    """Yield both distances of one model on ever more images: mean and spread over draws."""
    whole = target.measure(features)
    for count in COUNTS:
        found = measured(features, target, count)
        row = {"images": count}
        for name, title, factor in (("distance", "Fréchet", 1), ("kernel", "kernel x 1000", 1000)):
            values = [getattr(one, name) for one in found]
            row[title] = f"{factor * np.mean(values):.1f} ± {factor * np.std(values, ddof=1):.1f}"
            row[f"{title}, mean against all"] = f"{100 * (np.mean(values) / getattr(whole, name) - 1):+.1f} %"
        yield row | {"kernel's error, mean": f"{1000 * np.mean([one.kernel_error for one in found]):.1f}"}
    yield {"images": len(features), "Fréchet": f"{whole.distance:.1f}", "kernel x 1000": f"{1000 * whole.kernel:.1f}"}


def both_distances(models: np.ndarray, target: Reference, count: int) -> np.ndarray:
    """Return (models, draws, 2): each model's distances on so many of its images."""
    return np.array([[(one.distance, one.kernel) for one in measured(part, target, count)] for part in models])


def order_rows(models: np.ndarray, target: Reference) -> Iterator[dict]:
    """Yield how well models are ordered: Kendall's coefficient with their order by the same distance on all images.

    All models see one draw's images; or each sees a draw of its own; or every second model sees half as many.
    """
    whole = [target.measure(features) for features in models]
    for count in COUNTS:
        found, fewer = both_distances(models, target, count), both_distances(models, target, count // 2)
        row = {"images": count}
        for place, (name, title) in enumerate((("distance", "Fréchet"), ("kernel", "kernel"))):
            true = [getattr(one, name) for one in whole]
            columns = found[:, :, place]
            shifted = np.stack([np.roll(values, shift) for shift, values in enumerate(columns)])
            unequal = np.where(np.arange(len(models))[:, None] % 2, fewer[:, :, place], columns)
            for how, values in (("same images", columns), ("other images", shifted), ("half as many", unequal)):
                row[f"{title}, {how}"] = f"{np.mean([kendalltau(true, one).statistic for one in values.T]):.2f}"
        yield row


def print_markdown(rows: Iterator[dict]) -> None:
    print(tabulate(list(rows), headers="keys", tablefmt="github", disable_numparse=True, missingval="-"), "\n")
