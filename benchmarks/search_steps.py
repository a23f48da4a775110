"""How well the cheap steps of a race stand for the metric: their order of sub-networks, and what survives.

    python benchmarks/search_steps.py supernet.safetensors DIR --metric inception-v3-fid --cheap efficientnet-lite0 \\
        inception-v3-fid-bf16

Random sub-networks are measured on all images by the metric, and on a race's first parts of them by the metric itself
and by each of the cheap feature sets. Then rounds of some of them are raced in thought, many times over: a third is
kept after each step, by the step's values and MACs, as ganc-search keeps it. `--random-weights` takes random numbers
for Inception's weights, where there are none: times are those of the real ones, values are not FIDs.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from inception_weights import random_weights
from tabulate import tabulate

from ganc.base.rng import keyed_generator
from ganc.metrics.inception.weights import write_weights
from ganc.models.family import Widths
from ganc.results.ranking import front
from ganc.results.table import SearchRow
from ganc_search.evaluate.shared_segments import SharedEvaluator, cut_into_groups
from ganc_search.rank_check import correlations
from ganc_search.settings import SearchSettings
from ganc_search.setup import SearchInputs
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import sample
from ganc_search.strategies.racing import Racing

ROUND, ROUNDS = 27, 1000
VALUE = "value"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("supernet", type=Path)
    parser.add_argument("data", type=Path, help="folder of images")
    parser.add_argument("--metric", help="the feature set of the whole evaluation", default="inception-v3-fid")
    parser.add_argument("--cheap", nargs="+", default=["efficientnet-lite0", "inception-v3-fid-bf16"])
    parser.add_argument("--count", type=int, default=60, help="sub-networks")
    parser.add_argument("--random-weights", action="store_true", help="random numbers for Inception's weights")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.random_weights:
            weights = Path(folder) / "inception.safetensors"
            write_weights(weights, random_weights())
            os.environ["GANC_INCEPTION"] = str(weights)
        show(
            SearchSettings(supernet=arguments.supernet, folder=arguments.data, feature_set=arguments.metric), arguments
        )


def show(settings: SearchSettings, arguments: argparse.Namespace) -> None:
    """Print a row for each feature set of the first steps."""
    inputs = SearchInputs(settings)
    subnets = sample(Allowed(inputs.space, settings.budget, inputs.costs_of), arguments.count, settings.seed)
    whole = inputs.evaluator
    Racing().require_effect(whole.images, whole.whole_batch)
    truth, seconds = values_of(whole, subnets, whole.images)
    rungs = Racing().rungs(whole.images, whole.whole_batch)[:-1]
    rows = [{"first steps": f"none: all on {whole.images} images", "ms an image": 1000 * seconds / whole.images}]
    for name in (arguments.metric, *arguments.cheap):
        raced = SearchInputs(replace(settings, racing=Racing(features=name)))
        evaluator = raced.cheap_evaluator or whole
        steps = [values_of(evaluator, subnets, images) for images in rungs]
        ranks = [correlations(values, truth) for values, _ in steps]
        kept = survival([values for values, _ in steps], truth, subnets, inputs)
        rows.append(
            {
                "first steps": f"{evaluator.ranking} on {' and '.join(map(str, rungs))}",
                "ms an image": 1000 * steps[0][1] / rungs[0],
                "Spearman": " / ".join(f"{spearman:.3f}" for spearman, _ in ranks),
                "Kendall": " / ".join(f"{kendall:.3f}" for _, kendall in ranks),
                "best survives, %": 100 * kept[0],
                "front that survives, %": 100 * kept[1],
            }
        )
    print(f"{len(subnets)} sub-networks of {inputs.space.text}, {whole.ranking} on {whole.images} images;", end=" ")
    print(f"{ROUNDS:,} rounds of {min(ROUND, len(subnets))}\n")
    print(tabulate(rows, headers="keys", tablefmt="github", floatfmt=".3g"))


def values_of(evaluator: SharedEvaluator, subnets: Sequence[Widths], images: int) -> tuple[np.ndarray, float]:
    """Return what orders the sub-networks (N,), on the first images, and the seconds that each took."""
    found: dict[Widths, float] = {}
    start = time.perf_counter()
    for group in cut_into_groups(subnets, 32, evaluator.fits):
        measured = evaluator.measure(group, images)
        found |= {
            widths: one.values(evaluator.metric)[evaluator.ranking] for widths, one in zip(group, measured, strict=True)
        }
    return np.array([found[widths] for widths in subnets]), (time.perf_counter() - start) / len(subnets)


def survival(
    steps: Sequence[np.ndarray], truth: np.ndarray, subnets: Sequence[Widths], inputs: SearchInputs
) -> tuple[float, float]:
    """Return how often the best of a round survives its steps, and how much of the round's front does."""
    rows = [
        [
            SearchRow(widths=one, **asdict(inputs.costs_of(one)), images=1, metrics={VALUE: value})
            for one, value in zip(subnets, values, strict=True)
        ]
        for values in (*steps, truth)
    ]
    best, fronts = [], []
    for number in range(ROUNDS):
        places = keyed_generator(0, "benchmark/rounds", number).permutation(len(subnets))[:ROUND]
        kept = {subnets[place] for place in places}
        wanted = [rows[-1][place] for place in places]
        for step in rows[:-1]:
            kept = Racing().survivors([row for row in step if row.widths in kept], VALUE)
        best.append(min(wanted, key=lambda row: row.metrics[VALUE]).widths in kept)
        true_front = {row.widths for row in front(wanted, VALUE)}
        fronts.append(len(true_front & kept) / min(len(true_front), len(kept)))
    return float(np.mean(best)), float(np.mean(fronts))


if __name__ == "__main__":
    main()
