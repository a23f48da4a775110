"""Whether feature sets order sub-networks alike, and as the truth does: part `ranks` of metric.py."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from inception_weights import random_weights
from scipy.stats import kendalltau, spearmanr
from tabulate import tabulate

from ganc.base.engine_table import fastest_engine, graph_engines
from ganc.base.rng import keyed_generator
from ganc.data import EvaluationSet, ImageList, read_images, to_float, to_uint8
from ganc.demo.dataset import MARKER
from ganc.demo.scene import draw_scene
from ganc.engines.loading import run_network
from ganc.files.checkpoint import read_checkpoint
from ganc.metrics import LITE0, UNTRAINED, FeatureSet, Reference, feature_set, statistics_of
from ganc.metrics.inception.network import inception_network
from ganc.metrics.pretrained.features import NetworkFeatures
from ganc.models.convolutions import NetworkState
from ganc.models.family import Widths
from ganc.models.space import SearchSpace, parse_space

RANDOM = "random-inception"
BATCH = 8


def add_parser(commands) -> None:
    """Add the part to metric.py's subparsers."""
    ranks = commands.add_parser("ranks", help="how feature sets order the sub-networks of a supernet")
    ranks.add_argument("supernet", type=Path, help="its checkpoint")
    ranks.add_argument("data", type=Path, help="folder with testA, trainB, testB; of a demo set the truth is drawn")
    ranks.add_argument("--space", required=True, help="the search space that the supernet was trained in")
    ranks.add_argument("--size", type=int, default=64)
    ranks.add_argument("--count", type=int, default=60, help="sub-networks, the largest and the smallest among them")


def show_ranks(arguments: argparse.Namespace) -> None:
    """Print how each distance orders the sub-networks: beside the truth, and beside the other distances.

    The truth is the mean distance of pixels: to the same animals drawn with stripes where the data is a demo set, else
    to the images of the largest sub-network.
    """
    size = (arguments.size, arguments.size)
    state = read_checkpoint(arguments.supernet).generator
    chosen = some_subnets(parse_space(arguments.space), arguments.count)
    images = read_images(arguments.data, "testA")
    engine = fastest_engine(graph_engines())
    made = [translated(state, widths, images, size, engine) for widths in chosen]
    drawn = arguments.data / MARKER
    if drawn.exists():
        wanted = striped_scenes(json.loads(drawn.read_text()), len(images), size)
    else:
        wanted, made, chosen = made[0], made[1:], chosen[1:]  # the largest would be its own truth
    truth = [float(np.abs(one - wanted).mean()) for one in made]
    values = {"pixel distance" if drawn.exists() else "distance to the largest's": truth}
    for features in (feature_set(LITE0), feature_set(UNTRAINED), random_inception()):
        target = target_of(arguments.data, size, features)
        found = [measured(one, features, target) for one in made]
        values |= {
            f"{features.name} {kind}": list(one)
            for kind, one in zip(("Fréchet", "kernel"), zip(*found, strict=True), strict=True)
        }
    print(
        f"{len(chosen)} sub-networks, {len(images)} images at {size[0]}x{size[1]}: Kendall's / Spearman's coefficient\n"
    )
    print(tabulate(list(rank_rows(values)), headers="keys", tablefmt="github"))


def some_subnets(space: SearchSpace, count: int) -> list[Widths]:
    """Return the largest, the smallest, and distinct ones drawn between them."""
    chosen = {space.largest: None, space.smallest: None}
    draw = keyed_generator(0, "benchmark/ranks")
    while len(chosen) < min(count, len(space)):
        chosen[space.draw(draw)] = None
    return list(chosen)


def translated(
    state: NetworkState, widths: Widths, images: ImageList, size: tuple[int, int], engine: str
) -> np.ndarray:
    """Return what a sub-network makes of the images, (n, 3, h, w) in [-1, 1]."""
    run = run_network(state.leading(state.spec.narrowed(widths)), engine)
    return np.concatenate([run(batch) for batch in EvaluationSet(images, size).batches(BATCH)])


def striped_scenes(drawn: dict, count: int, size: tuple[int, int]) -> np.ndarray:
    """Return testA of a demo set with striped animals in the place of the plain ones, (n, 3, h, w) in [-1, 1]."""
    if tuple(drawn["size"]) != size:
        raise SystemExit(
            f"--size {size[0]}: the demo set is drawn at {drawn['size'][0]}; its truth is at that size alone"
        )
    seed = drawn["seed"]
    draws = ((keyed_generator(seed, "demo.testA", at), keyed_generator(seed, "stripes", at)) for at in range(count))
    return np.stack([to_float(np.asarray(draw_scene(one, size, striped=False, stripes=two))) for one, two in draws])


def random_inception() -> FeatureSet:
    return NetworkFeatures(inception_network(random_weights()))


def target_of(data: Path, size: tuple[int, int], features: FeatureSet) -> Reference:
    images = EvaluationSet(read_images(data, "trainB") + read_images(data, "testB"), size)
    found = np.concatenate([features(to_uint8(batch)) for batch in images.batches(BATCH)])
    return Reference(statistics_of(found, features, image_size=size, data_fingerprint=""))


def measured(made: np.ndarray, features: FeatureSet, target: Reference) -> tuple[float, float]:
    """Return the Fréchet and the kernel distance of images (n, 3, h, w)."""
    parts = (made[at : at + BATCH] for at in range(0, len(made), BATCH))
    found = target.measure(np.concatenate([features(to_uint8(part)) for part in parts]))
    return found.distance, found.kernel


def rank_rows(values: dict[str, list[float]]) -> Iterator[dict]:
    for title, one in values.items():
        row = {"": title, "lowest": f"{min(one):.4g}", "highest": f"{max(one):.4g}"}
        for other, theirs in values.items():
            row[f"with {other}"] = f"{kendalltau(one, theirs).statistic:.2f} / {spearmanr(one, theirs).statistic:.2f}"
        yield row
