"""What benchmarks/search_quality.py replays: spaces whose every sub-network is known, measured or made up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ganc.base.ranking_metric import kernel_metric
from ganc.base.rng import keyed_generator
from ganc.metrics import Measurement
from ganc.models.family import Widths
from ganc.models.space import SearchSpace, parse_space
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts
from ganc.results.hdf5 import read_results
from ganc.results.search_results import SearchIdentity, SearchResults
from ganc_search.strategies.racing import Racing, rung_metric

MADE_UP = "16,12,8/16,12,8/12,10,8/12,10,8/12,10,8/12,10,8/16,12,8/16,12,8"  # 6,561 sub-networks
BATCH = 8


@dataclass(frozen=True, eq=False)
class Measured:
    """A space with the value of each of its N sub-networks, in the order of the space.

    Attributes:
        metric, ranking: the Fréchet distance's name, and that of what orders sub-networks.
        macs, values, errors: (N,); the values are those of `ranking` on all images.
        steps: the values on the first so many images.
    """

    name: str
    space: SearchSpace
    costs_of: SubnetCosts
    identity: SearchIdentity
    metric: str
    ranking: str
    images: int
    macs: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    steps: Mapping[int, np.ndarray] = field(default_factory=dict)
    whole_batch: int = BATCH

    @cached_property
    def place_of(self) -> dict[Widths, int]:
        return {widths: place for place, widths in enumerate(self.space)}

    @property
    def has_steps(self) -> bool:
        """Whether a race can be replayed."""
        parts = {*Racing().rungs(self.images, self.whole_batch)[:-1]}
        return bool(parts) and parts <= {*self.steps}

    def evaluator(self) -> "Replay":
        return Replay(self)


class Replay:
    """Measures by looking it up, in the place of ganc-search's evaluator; `spent` counts whole evaluations."""

    def __init__(self, table: Measured):
        self._table, self._done = table, {}
        self.metric, self.ranking = table.metric, table.ranking
        self.images, self.whole_batch = table.images, table.whole_batch

    @property
    def spent(self) -> float:
        return sum(self._done.values()) / self.images

    def fits(self, group: Sequence[Widths]) -> bool:
        return True

    def measure(self, group: Sequence[Widths], images: int) -> list[Measurement]:
        values = self._table.values if images == self.images else self._table.steps[images]
        self._done |= dict.fromkeys(map(tuple, group), images)
        found = [float(values[self._table.place_of[tuple(widths)]]) for widths in group]
        by_kernel = self.ranking == kernel_metric(self.metric)
        return [Measurement(one, one if by_kernel else None, None, images) for one in found]


def measured_table(path: Path) -> Measured:
    """Return the table of a file that holds every sub-network of its space, on all images."""
    results = read_results(path)
    rows, ranking = results.rows, results.ranking_name
    space, images = parse_space(results.identity.space), int(rows.images.max())
    wanted = np.array([*space])
    if rows.widths.shape != wanted.shape or (rows.widths != wanted).any() or (rows.images != images).any():
        raise SystemExit(f"{path}: holds not every sub-network of {space.text} on all images; measure it: --supernet")
    steps = {count: rows.metrics[rung_metric(ranking, count)] for count in _rungs(results, images)}
    spec = dict(results.identity.generator_spec)
    return Measured(
        name=path.name,
        space=space,
        costs_of=SubnetCosts(GeneratorSpec(**spec | {"widths": tuple(spec["widths"])}), results.identity.image_size),
        identity=results.identity,
        metric=results.metric_name,
        ranking=ranking,
        images=images,
        macs=rows.macs.astype(np.float64),
        values=results.ranking,
        errors=rows.errors.get(ranking, np.full(len(rows), np.nan)),
        steps=steps,
    )


def _rungs(results: SearchResults, images: int) -> list[int]:
    """Return the numbers of images at which a race has measured every sub-network."""
    found = results.rows.metrics
    names = {count: rung_metric(results.ranking_name, count) for count in Racing().rungs(images, BATCH)[:-1]}
    return [count for count, name in names.items() if name in found and not np.isnan(found[name]).any()]


def made_up(count: int) -> Iterator[Measured]:
    """Yield spaces with metrics that are made up: each falls with every width, saturates, and has terms of pairs.

    A twentieth of the spread is noise from one sub-network to the next; few images add more of it.
    """
    space = parse_space(MADE_UP)
    costs_of = SubnetCosts(GeneratorSpec(widths=space.largest), (64, 64))
    widths = np.array([*space])
    narrow = np.log(widths / widths.max(axis=0)) / np.log(widths.min(axis=0) / widths.max(axis=0))
    for number in range(count):
        draws = keyed_generator(number, "benchmark/made-up")
        weights, powers = draws.exponential(1.0, 8), draws.uniform(0.6, 2.0, 8)
        pairs = np.triu(draws.normal(0, 0.6, (8, 8)), 1)
        rough = 0.8 * draws.normal() * np.sin(3 * narrow @ draws.normal(0, 1, 8))
        values = narrow**powers @ weights + np.einsum("ni,ij,nj->n", narrow, pairs, narrow) + rough
        values = 0.3 + 0.3 * np.tanh(1.5 * (values - values.min()) / np.ptp(values))
        values += 0.05 * values.std() * draws.normal(size=len(values))
        noise = {images: 0.3 * values.std() * np.sqrt(1 / images - 1 / 40) * np.sqrt(40) for images in (16, 24)}
        yield Measured(
            name=f"made-up metric {number}",
            space=space,
            costs_of=costs_of,
            identity=SearchIdentity("made-up", {}, MADE_UP, "made-up", "", "", "", (64, 64)),
            metric="made-up",
            ranking="made-up",
            images=40,
            macs=costs_of.of_many(widths)[0].astype(np.float64),
            values=values,
            errors=np.full(len(values), values.std()),
            steps={images: values + scale * draws.normal(size=len(values)) for images, scale in noise.items()},
        )
