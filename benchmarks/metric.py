"""What changes the metric, and what it costs; docs/metric.md shows the output.

    python benchmarks/metric.py effects horse2zebra [--feature-set inception-v3-fid]
    python benchmarks/metric.py features [--size 256] [--repeats 7]
    python benchmarks/metric.py distances [--scipy]
    python benchmarks/metric.py table [--data horse2zebra] [--generator latest_net_G.pth]
    python benchmarks/metric.py few-images [--data horse2zebra] [--generator latest_net_G.pth]
    python benchmarks/metric.py ranks out/demo/supernet.safetensors out/demo/source --space …

`effects` takes the source domain's test images as they are for a generator's output, so that it needs no model. With
`--feature-set random-inception`, and always in `features`, Inception-v3 has random weights: its times are those of the
real one, its distances are no FID.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import metric_quality
import metric_ranks
import numpy as np
from inception_weights import random_weights
from metric_ranks import RANDOM, random_inception
from PIL import Image
from tabulate import tabulate

from ganc.base.engine_table import graph_engines, usable_engines
from ganc.base.rng import keyed_generator
from ganc.data import EvaluationSet, ImageList, read_images, to_uint8
from ganc.data.images import load_rgb
from ganc.engines.compile import stream_graph
from ganc.metrics import FeatureSet, Measurement, Reference, feature_set, frechet_distance_from_features, statistics_of
from ganc.metrics.inception.network import inception_network
from ganc.metrics.pretrained.features import NetworkFeatures, engines

DRAWS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    effects = commands.add_parser("effects", help="what changes the distance")
    effects.add_argument("data", type=Path, help="folder with testA, trainB and testB")
    effects.add_argument("--feature-set", default="untrained-conv3-v1", help=f"a feature set's name, or {RANDOM}")
    effects.add_argument("--size", type=int, default=128, help="resize to; should differ from the files' own size")
    features = commands.add_parser("features", help="milliseconds an image by engine and arrangement")
    features.add_argument("--size", type=int, default=256)
    features.add_argument("--repeats", type=int, default=7)
    distances = commands.add_parser("distances", help="milliseconds of a distance, 120 images of 2048 dimensions")
    distances.add_argument("--scipy", action="store_true", help="compare with scipy's matrix square root, seconds")
    metric_quality.add_parsers(commands)
    metric_ranks.add_parser(commands)
    arguments = parser.parse_args()
    parts = {"effects": show_effects, "features": show_features, "distances": show_distances}
    parts |= {"table": metric_quality.show_table, "few-images": metric_quality.show_few_images}
    parts["ranks"] = metric_ranks.show_ranks
    parts[arguments.command](arguments)


@dataclass(frozen=True)
class Domain:
    """Images that are made into features once, and looked up by index afterwards."""

    features: np.ndarray

    def some(self, stream: str, draw: int, count: int) -> np.ndarray:
        """Return the features of `count` images that a draw picks."""
        order = keyed_generator(draw, f"benchmark/{stream}").permutation(len(self.features))
        return self.features[np.sort(order[:count])]


def show_effects(arguments: argparse.Namespace) -> None:
    """Print one table an effect."""
    size = (arguments.size, arguments.size)
    chosen = random_inception() if arguments.feature_set == RANDOM else None
    chosen = chosen or feature_set(arguments.feature_set)
    source, test, train = (read_images(arguments.data, subset) for subset in ("testA", "testB", "trainB"))
    print(f"{arguments.feature_set}, {len(source)} images of testA at {arguments.size}x{arguments.size}\n")
    shown, tests, trains = (features_of(images, size, chosen) for images in (source, test, train))
    both = reference(np.concatenate([trains, tests]), chosen)
    alone = reference(tests, chosen)
    print_table("Reference", reference_rows(shown, both, alone))
    print_table("Number of images, and which", count_rows(Domain(shown), both))
    print_table("Number of images of the very target domain", count_rows(Domain(tests), reference(trains, chosen)))
    print_table("Resize filter of the images; the reference's is ganc's", filter_rows(source, size, chosen, both))
    if isinstance(chosen, NetworkFeatures) and "openvino" in usable_engines(graph_engines()):
        print_table("Precision of the features, OpenVINO", precision_rows(source, size, chosen, shown, both))


def features_of(images: ImageList, size: tuple[int, int], chosen: FeatureSet) -> np.ndarray:
    """Return the features as the metric computes them."""
    batches = EvaluationSet(images, size).batches(chosen.batch)
    return np.concatenate([chosen(to_uint8(batch)) for batch in batches])


def reference(features: np.ndarray, chosen: FeatureSet) -> Reference:
    return Reference(statistics_of(features, chosen, image_size=(0, 0), data_fingerprint=""))


def reference_rows(shown: np.ndarray, both: Reference, alone: Reference) -> Iterator[dict]:
    for name, target in (("trainB + testB", both), ("testB alone", alone)):
        yield {"reference": name, "images in it": target.statistics.images, **columns(target.measure(shown))}


def count_rows(domain: Domain, target: Reference) -> Iterator[dict]:
    """Yield the distances of ever more images, each over several draws: mean and spread."""
    largest = len(domain.features)
    for count in [*(count for count in (10, 20, 40, 80) if count < largest), largest]:
        draws = range(DRAWS if count < largest else 1)
        measured = [target.measure(domain.some("count", draw, count)) for draw in draws]
        distances, kernels = ([getattr(m, name) for m in measured] for name in ("distance", "kernel"))
        yield {
            "images": count,
            "draws": len(draws),
            "distance": spread(distances),
            "kernel distance": spread(kernels),
            "its standard error, mean": f"{np.mean([m.kernel_error for m in measured]):.3g}",
        }


def filter_rows(images: ImageList, size: tuple[int, int], chosen: FeatureSet, target: Reference) -> Iterator[dict]:
    for name, made in filters(size).items():
        resized = np.stack([made(load_rgb(path)) for path in images.paths])
        parts = [chosen(resized[start : start + chosen.batch]) for start in range(0, len(resized), chosen.batch)]
        features = np.concatenate(parts)
        yield {"filter": name, **columns(target.measure(features))}


def filters(size: tuple[int, int]) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return ways to resize, by name; without antialiasing a pixel sees its nearest neighbours only."""

    def antialiased(kind: Image.Resampling) -> Callable[[np.ndarray], np.ndarray]:
        return lambda image: np.asarray(Image.fromarray(image).resize(size, kind))

    def sampled(kind: Image.Resampling) -> Callable[[np.ndarray], np.ndarray]:
        def resized(image: np.ndarray) -> np.ndarray:
            height, width = image.shape[:2]
            matrix = (width / size[0], 0, 0, 0, height / size[1], 0)
            return np.asarray(Image.fromarray(image).transform(size, Image.Transform.AFFINE, matrix, kind))

        return resized

    kinds = Image.Resampling
    return {
        "bicubic antialiased (ganc)": antialiased(kinds.BICUBIC),
        "Lanczos antialiased": antialiased(kinds.LANCZOS),
        "bilinear antialiased": antialiased(kinds.BILINEAR),
        "box (area)": antialiased(kinds.BOX),
        "bicubic": sampled(kinds.BICUBIC),
        "bilinear": sampled(kinds.BILINEAR),
        "nearest": sampled(kinds.NEAREST),
    }


def precision_rows(
    images: ImageList, size: tuple[int, int], chosen: NetworkFeatures, exact: np.ndarray, target: Reference
) -> Iterator[dict]:
    from ganc.metrics.pretrained.graph import feature_graph

    batches = [to_uint8(batch) for batch in EvaluationSet(images, size).batches(4)]
    for precision in ("f32", "bf16"):
        run = stream_graph(feature_graph(chosen.network, size), "openvino", precision)
        features = np.concatenate(run(batches))
        difference = np.linalg.norm(features - exact) / np.linalg.norm(exact - exact.mean(axis=0))
        yield {"precision": precision, "difference / spread": f"{difference:.2g}", **columns(target.measure(features))}


def show_features(arguments: argparse.Namespace) -> None:
    """Time every engine and arrangement in turn, so that a machine that drifts favours none."""
    from ganc.metrics.pretrained.graph import feature_graph

    network, count = inception_network(random_weights()), 16
    shape = (count, arguments.size, arguments.size, 3)
    images = keyed_generator(0, "benchmark/pictures").integers(0, 256, shape).astype(np.uint8)
    graph = feature_graph(network, shape[1:3])
    runs: dict[tuple, Callable[[], object]] = {}
    for engine in usable_engines(graph_engines()):
        for streams, threads in ((1, 2), (2, 1)):
            run = stream_graph(graph, engine, streams=streams, threads=threads)
            for batch in (1, 2, 4, 8):
                parts = [images[start : start + batch] for start in range(0, count, batch)]
                runs[engine, f"{streams} x {threads}", batch] = lambda run=run, parts=parts: run(parts)
    if "openvino" in usable_engines(graph_engines()):
        halves = stream_graph(graph, "openvino", "bf16")
        parts = [images[start : start + 4] for start in range(0, count, 4)]
        runs["openvino, bf16", "2 x 1", 4] = lambda: halves(parts)
    for engine in engines():
        whole = NetworkFeatures(network, engine)
        runs[f"ganc: {engine}", "", count] = lambda whole=whole: whole(images)
    rows = [
        {"engine": engine, "streams x threads": setup, "batch": batch, **times}
        for (engine, setup, batch), times in timed(runs, arguments.repeats, count, "ms an image").items()
    ]
    print_table(f"Inception-v3 features of {arguments.size}x{arguments.size} images, f32 unless said", rows)


def timed(runs: dict, repeats: int, count: int, label: str) -> dict[object, dict[str, float]]:
    """Return the milliseconds of each run over `count`, after one run to warm up.

    Processor time does not count what other processes take meanwhile; two busy cores give two seconds a second.
    """
    seconds: dict[object, list[tuple[float, float]]] = {key: [] for key in runs}
    for repeat in range(repeats + 1):
        for key, run in runs.items():
            start = time.perf_counter(), time.process_time()
            run()
            if repeat:
                seconds[key].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    rows = {}
    for key, values in seconds.items():
        wall, processor = ([1000 / count * value for value in column] for column in zip(*values, strict=True))
        rows[key] = {label: statistics.median(wall), "lowest": min(wall), "processor": statistics.median(processor)}
    return rows


def show_distances(arguments: argparse.Namespace) -> None:
    """Time the distances, and compare with scipy on request."""
    draws = keyed_generator(0, "benchmark/distances")
    target = np.abs(draws.standard_normal((1474, 2048))) * 0.4
    features = np.abs(draws.standard_normal((120, 2048))) * 0.42
    reals = statistics_of(target, _Dimensions(), image_size=(0, 0), data_fingerprint="")
    prepared = Reference(reals)
    runs = {
        "frechet_distance_from_features": lambda: frechet_distance_from_features(features, reals.mu, reals.sigma),
        "Reference.measure (Fréchet and kernel)": lambda: prepared.measure(features),
        "Reference made and first measure": lambda: Reference(reals).measure(features),
    }
    rows = [{"": name, **times} for name, times in timed(runs, 20, 1, "ms").items()]
    if arguments.scipy:
        start = time.perf_counter()
        expected = by_scipy(features, reals.mu, reals.sigma)
        seconds = time.perf_counter() - start
        difference = abs(runs["frechet_distance_from_features"]() / expected - 1)
        rows.append({"": f"scipy.linalg.sqrtm (differs by {difference:.1e} relative)", "ms": 1000 * seconds})
    print_table("120 images against a reference of 1474, 2048 dimensions", rows)


def by_scipy(features: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> float:
    from scipy.linalg import sqrtm

    mean, covariance = features.mean(axis=0), np.cov(features, rowvar=False)
    root = np.trace(sqrtm(covariance @ sigma)).real
    return np.sum((mean - mu) ** 2) + np.trace(covariance + sigma) - 2 * root


class _Dimensions:
    """A feature set for numbers drawn at random."""

    name, digest, dimensions, batch = "random numbers", "", 2048, 1


def columns(measured: Measurement) -> dict:
    return {
        "distance": f"{measured.distance:.3f}",
        "kernel distance": f"{measured.kernel:.4g} ± {measured.kernel_error:.2g}",
    }


def spread(values: list[float]) -> str:
    return f"{np.mean(values):.4g} ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else f"{values[0]:.4g}"


def print_table(title: str, rows) -> None:
    shown = [{key: f"{cell:.1f}" if isinstance(cell, float) else cell for key, cell in row.items()} for row in rows]
    print(f"{title}\n\n{tabulate(shown, headers='keys', tablefmt='github', disable_numparse=True)}\n")


if __name__ == "__main__":
    main()
