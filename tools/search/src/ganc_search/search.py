"""The search itself: a strategy's rounds, evaluated group by group, each finished row written at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from ganc.base.errors import InterruptedRun
from ganc.models.convolutions import Costs
from ganc.models.spec import Widths
from ganc.results.journal import ResultsWriter
from ganc.results.table import SearchRow
from ganc_search.evaluate.memory import LARGEST_GROUP
from ganc_search.evaluate.processes import Measured, Team
from ganc_search.evaluate.shared_segments import Fits, cut_into_groups
from ganc_search.strategies.candidates import Strategy
from ganc_search.strategies.racing import Racing, both_steps, rung_metric

# Candidates that are looked up and cut into groups at once, where a round is long.
_BLOCK = 1 << 15


@dataclass(frozen=True)
class Latency:
    """How long sub-networks take, and on what: milliseconds a picture, and the engine, its precision, the device."""

    of: Callable[[Widths], float]
    engine: str
    precision: str
    device: str


@dataclass(frozen=True)
class SearchProgress:
    """One more finished sub-network, or under racing one more that was evaluated on some of the pictures.

    Attributes:
        best: the row with the lowest metric among those on the most pictures.
        done: how many there are so far. known: how many of them earlier runs had finished.
        total: how many there will be, at most; None where the strategy does not say.
    """

    row: SearchRow
    best: SearchRow
    done: int
    known: int
    total: int | None


class Search:
    """An iterable: each item is one more finished sub-network, whose row is already written.

    Args:
        strategy: asks for rounds of sub-networks and is sent their rows.
        team: evaluates them.
        writer: has the rows of earlier runs, and takes the new ones.
        costs_of: maps widths to costs.
        metric: the feature set's name, which the Fréchet distance has as its own.
        group_size: sub-networks that are evaluated together, at most; a kill loses one such group a rank.
        group_fits: whether some sub-networks may be a group; None for all that are few enough.
        racing: drop the worst of each round early; None evaluates all on all pictures.
        latency: measured for each row; None leaves it out.
        total: how many sub-networks the strategy asks for at most.
    """

    def __init__(
        self,
        strategy: Strategy,
        team: Team,
        writer: ResultsWriter,
        costs_of: Callable[[Widths], Costs],
        metric: str,
        *,
        group_size: int = LARGEST_GROUP,
        group_fits: Fits | None = None,
        racing: Racing | None = None,
        latency: Latency | None = None,
        total: int | None = None,
    ):
        self._strategy, self._team, self._writer, self._costs_of = strategy, team, writer, costs_of
        self._metric, self._racing, self._latency = metric, racing, latency
        self._group_size, self._group_fits = group_size, group_fits
        images, batch = team.evaluator.images, team.evaluator.whole_batch
        self._rungs = racing.rungs(images, batch) if racing else [images]
        self._total = total
        self._done = self._known = 0
        self._best: SearchRow | None = None

    def __iter__(self) -> Iterator[SearchProgress]:
        """Evaluate what earlier runs have not, and yield after each sub-network.

        Raises:
            InterruptedRun: a signal was noticed; every finished row is written.
        """
        candidates = next(self._strategy, None)
        while candidates is not None:
            yield from self._round(candidates)
            try:
                candidates = self._strategy.send(_Finished(candidates, self._writer))
            except StopIteration:
                candidates = None

    @property
    def done(self) -> int:
        """How many sub-networks are finished."""
        return self._done

    def _round(self, candidates: Sequence[Widths]) -> Iterator[SearchProgress]:
        for images in self._rungs:
            raced = []
            for start in range(0, len(candidates), _BLOCK):
                for row in self._rung(candidates[start : start + _BLOCK], images):
                    if self._racing and self._metric_on(row, images) in row.metrics:
                        raced.append(self._standing_on(row, images))
                    yield self._progress(row)
            if images < self._rungs[-1]:
                stay = self._racing.survivors(raced, self._metric)
                candidates = [widths for widths in candidates if widths in stay]

    def _rung(self, candidates: Sequence[Widths], images: int) -> Iterator[SearchRow]:
        """Yield the rows of the candidates on so many pictures, or more."""
        todo = []
        for widths in candidates:
            row = self._writer.done(widths)
            if row is None or not self._has(row, images):
                todo.append(widths)
            else:
                self._known += 1
                yield self._with_latency(row)
        ranks = self._team.ranks.count
        groups = cut_into_groups(todo, max(1, min(self._group_size, -(-len(todo) // ranks))), self._group_fits)
        for first in range(0, len(groups), ranks):
            self._stop_if_signalled()
            measured = self._team.measure(groups[first : first + ranks], images)
            yield from [self._written(one) for one in measured]  # all of them before anything else is done

    def _has(self, row: SearchRow, images: int) -> bool:
        """Whether a row has the metric on these pictures; a finished one needs no race."""
        whole = row.images >= self._rungs[-1] and self._metric in row.metrics
        return whole or (row.images >= images and self._metric_on(row, images) in row.metrics)

    def _metric_on(self, row: SearchRow, images: int) -> str:
        return self._metric if row.images == images else rung_metric(self._metric, images)

    def _standing_on(self, row: SearchRow, images: int) -> SearchRow:
        """Return the row as it was on these pictures, to compare it with the others of the rung."""
        value = row.metrics[self._metric_on(row, images)]
        return replace(row, images=images, metrics={self._metric: value}, errors={})

    def _written(self, measured: Measured) -> SearchRow:
        widths, measurement = measured.widths, measured.measurement
        row = SearchRow(
            widths=widths,
            **asdict(self._costs_of(widths)),
            images=measurement.images,
            metrics=measurement.values(self._metric),
            errors=measurement.errors(self._metric),
            seconds=measured.seconds,
            **self._latency_values(widths),
        )
        earlier = self._writer.done(widths)
        if earlier is not None and earlier.images != row.images:
            row = both_steps(earlier, row, self._metric)
        self._writer.append(row)
        return self._writer.done(widths)

    def _with_latency(self, row: SearchRow) -> SearchRow:
        if self._latency is None or row.latency_ms is not None:
            return row
        self._writer.append(replace(row, **self._latency_values(row.widths)))
        return self._writer.done(row.widths)

    def _latency_values(self, widths: Widths) -> dict:
        if self._latency is None:
            return {}
        latency = self._latency
        values = {"engine": latency.engine, "precision": latency.precision, "device": latency.device}
        return {"latency_ms": latency.of(widths), **{f"latency_{name}": value for name, value in values.items()}}

    def _progress(self, row: SearchRow) -> SearchProgress:
        self._done += 1
        if self._best is None or _better(row, self._best, self._metric):
            self._best = row
        return SearchProgress(row, self._best, self._done, self._known, self._planned())

    def _planned(self) -> int | None:
        if self._total is None or not self._racing:
            return self._total
        counts = [self._total]
        for _ in self._rungs[1:]:
            counts.append(self._racing.count(counts[-1]))
        return sum(counts)

    def _stop_if_signalled(self) -> None:
        if signal := self._team.signal():
            raise InterruptedRun("stopped before all sub-networks were evaluated", signal)


class _Finished(Sequence):
    """The rows of a round, looked up when they are asked for: a round may have millions."""

    def __init__(self, candidates: Sequence[Widths], writer: ResultsWriter):
        self._candidates, self._writer = candidates, writer

    def __len__(self) -> int:
        return len(self._candidates)

    def __getitem__(self, index: int) -> SearchRow:
        return self._writer.done(self._candidates[index])


def _better(row: SearchRow, best: SearchRow, metric: str) -> bool:
    if row.images != best.images:
        return row.images > best.images
    return not best.metrics[metric] <= row.metrics[metric]
