"""How good what was timed is: its difference to the checkpoint, and the metric, on a folder of images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganc.base.engine_table import REFERENCE
from ganc.bench.networks import open_network, runs_on_gpu
from ganc.bench.plan import Wanted
from ganc.engines import Engine
from ganc.engines.loading import run_network
from ganc.engines.networks import read_network
from ganc.files.card import CHECKPOINT, without_card
from ganc.files.checkpoint import read_checkpoint
from ganc.metrics.evaluation import Evaluation

COMPARED = 8  # images that the difference is of


def add_quality(rows: Sequence[dict], data: Path, wanted: Wanted) -> None:
    """Add to rows of `ganc.bench.run.bench` what each model's images are like in each engine and precision.

    `difference` has the largest and the mean absolute difference to the checkpoint's images, of values in [-1, 1];
    `metric` its name and the distances to the target's images.

    Raises:
        GancError: images or statistics cannot be used.
    """
    if any(runs_on_gpu(row["engine"]) for row in rows):
        from ganc.system.runtime import select_device  # Paddle comes with it, which other engines run without

        select_device(wanted.device)
    for model in dict.fromkeys(row["model"] for row in rows):
        judge = _Judge(Path(model), data, wanted)
        found: dict[tuple[str, str], dict] = {}
        for row in rows:
            if row["model"] == model:
                case = row["engine"], row["precision"]
                if case not in found:
                    found[case] = judge.of(open_network(Path(model), wanted.direction, *case)[0])
                row |= found[case]


class _Judge:
    """Compares a model's engines with its checkpoint, and measures them."""

    def __init__(self, path: Path, data: Path, wanted: Wanted):
        folder = without_card(path)
        checkpoint = read_checkpoint(folder / CHECKPOINT if folder.is_dir() else folder)
        direction = wanted.direction or checkpoint.direction
        self._evaluation = Evaluation.of_folder(
            data,
            direction,
            wanted.size,
            readings=checkpoint.readings,
            statistics=wanted.statistics,
            feature_set=wanted.feature_set,
        )
        images = self._evaluation.images
        self._images = [images[index][None] for index in range(min(COMPARED, len(images)))]
        reference = run_network(read_network(path, wanted.direction), REFERENCE)
        self._expected = [reference(image) for image in self._images]

    def of(self, engine: Engine) -> dict:
        """Return the facts of one engine."""
        pairs = zip(self._images, self._expected, strict=True)
        differences = [np.abs(engine(image) - expected) for image, expected in pairs]
        difference = {
            "largest": float(max(one.max() for one in differences)),
            "mean": float(np.mean([one.mean() for one in differences])),
        }
        measured = self._evaluation.measure(engine)
        kernel = {"kernel": measured.kernel, "kernel_error": measured.kernel_error, "images": measured.images}
        name = self._evaluation.feature_set.name
        return {"difference": difference, "metric": {"name": name, "distance": measured.distance, **kernel}}
