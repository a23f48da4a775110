"""Rounds of sub-networks, evaluated group by group; each finished row is written at once."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from ganc.base.errors import InterruptedRun
from ganc.models.convolutions import Costs
from ganc.models.family import Widths
from ganc.models.space import SearchSpace
from ganc.results.journal import ResultsWriter
from ganc.results.objective import Objective
from ganc.results.table import SearchRow
from ganc_search.evaluate.processes import Measured, Team
from ganc_search.evaluate.shared_segments import cut_into_groups
from ganc_search.latency import LatencyModel
from ganc_search.strategies import Strategy
from ganc_search.strategies.racing import Racing, both_steps, rung_metric, step_metrics

# Candidates that are looked up and cut into groups at once, where a round is long.
_BLOCK = 1 << 15


class SearchProgress(NamedTuple):
    """One more finished sub-network, or under racing one more that was evaluated on some of the images.

    `best` is the row with the lowest metric among those on the most images; `known` ones were finished by earlier runs.
    """

    row: SearchRow
    best: SearchRow
    known: bool


class Rounds:
    """Evaluates what strategies ask for, unless the results have it already.

    Args:
        writer: has the rows of earlier runs, and takes the new ones.
        space: in which the sub-networks have to be.
        group_size: sub-networks that are evaluated together, at most; a kill loses one such group a process.
        racing: None evaluates all on all images; it keeps what is best by `objective`.
        spare_front: a race keeps what nothing in its round beats, however much that is. Rounds that were chosen to add
            to the front have little else.
        latency: None leaves it out.
    """

    def __init__(
        self,
        team: Team,
        writer: ResultsWriter,
        space: SearchSpace,
        costs_of: Callable[[Widths], Costs],
        *,
        group_size: int = 32,
        racing: Racing | None = None,
        objective: Objective = Objective.PARETO,
        spare_front: bool = False,
        latency: LatencyModel | None = None,
    ):
        self._team, self._writer, self._space, self._costs_of = team, writer, space, costs_of
        self._group_size, self._racing, self._objective, self._latency = group_size, racing, objective, latency
        self._spare_front = spare_front
        evaluator = team.evaluator
        self._metric, self._ranking = evaluator.metric, evaluator.ranking
        self._cheap = team.cheap
        self._rungs = racing.rungs(evaluator.images, evaluator.whole_batch) if racing else [evaluator.images]
        self._best: SearchRow | None = None

    def run(self, strategy: Strategy) -> Iterator[SearchProgress]:
        """Evaluate what a strategy asks for, until it asks for nothing, and yield after each sub-network.

        Raises:
            InterruptedRun: a signal was noticed; every finished row is written.
            SpecError: the strategy asks for a sub-network that is not in the space.
        """
        while len(candidates := strategy.ask()):
            yield from self._round(candidates)
            strategy.tell(self._writer.done(widths) for widths in candidates)

    def planned(self, candidates: int | None) -> int | None:
        """Return how many evaluations a round of so many takes: under racing some are evaluated on several parts.

        Where fronts are spared it is how many it takes at most.
        """
        if candidates is None or not self._racing:
            return candidates
        if self._spare_front:
            return candidates * len(self._rungs)
        counts = [candidates]
        for _ in self._rungs[1:]:
            counts.append(self._racing.count(counts[-1]))
        return sum(counts)

    def _round(self, candidates: Sequence[Widths]) -> Iterator[SearchProgress]:
        for images in self._rungs:
            raced = []
            for start in range(0, len(candidates), _BLOCK):
                for row, known in self._rung(candidates[start : start + _BLOCK], images):
                    if self._racing and self._metric_on(row, images) in row.metrics:
                        raced.append(self._measured_on(row, images))
                    yield self._progress(row, known)
            if self._racing and images < self._rungs[-1]:
                stay = self._racing.survivors(raced, self._ranking, self._objective, self._spare_front)
                candidates = [widths for widths in candidates if widths in stay]

    def _rung(self, candidates: Sequence[Widths], images: int) -> Iterator[tuple[SearchRow, bool]]:
        """Yield the rows of the candidates on so many images, or more, and whether they were known."""
        todo = []
        for widths in candidates:
            row = self._writer.done(widths)
            if row is None or not self._has(row, images):
                self._space.require(widths)
                todo.append(tuple(widths))
            else:
                self._stop_if_signalled()
                yield self._with_latency(row), True
        processes = self._team.processes.count
        largest = max(1, min(self._group_size, -(-len(todo) // processes)))
        groups = cut_into_groups(todo, largest, self._team.evaluator.fits)
        for first in range(0, len(groups), processes):
            self._stop_if_signalled()
            cheaply = self._is_cheap(images)
            measured = self._team.measure(groups[first : first + processes], images, cheaply)
            yield from [(self._written(one, cheaply), False) for one in measured]  # all of them before anything else
            if self._latency:  # which rows may lack after a signal
                self._stop_if_signalled()

    def _stop_if_signalled(self) -> None:
        if signal := self._team.signal():
            raise InterruptedRun("stopped before all sub-networks were evaluated", signal)

    def _has(self, row: SearchRow, images: int) -> bool:
        """Whether a row has the metric on these images; a finished one needs no race."""
        whole = row.images >= self._rungs[-1] and self._ranking in row.metrics
        return whole or self._metric_on(row, images) in row.metrics

    def _is_cheap(self, images: int) -> bool:
        """Whether a step on so many images is measured by the cheap features."""
        return self._cheap is not None and images < self._rungs[-1]

    def _metric_on(self, row: SearchRow, images: int) -> str:
        """Return the column that has a row's value of the step on so many images."""
        if self._cheap and self._is_cheap(images):
            return rung_metric(self._cheap.ranking, images)
        return self._ranking if row.images == images else rung_metric(self._ranking, images)

    def _measured_on(self, row: SearchRow, images: int) -> SearchRow:
        """Return the row as it was on these images, to compare it with the others of the rung."""
        value = row.metrics[self._metric_on(row, images)]
        return replace(row, images=images, metrics={self._ranking: value}, errors={})

    def _written(self, measured: Measured, cheaply: bool) -> SearchRow:
        widths, measurement = measured.widths, measured.measurement
        values: dict[str, Any] = {
            "images": measurement.images,
            "metrics": measurement.values(self._metric),
            "errors": measurement.errors(self._metric),
        }
        if cheaply and self._cheap:  # in columns of their own; of the metric itself the row has nothing yet
            values = {"images": 0, "metrics": step_metrics(measurement.values(self._cheap.metric), measurement.images)}
        row = SearchRow(
            widths=widths,
            **asdict(self._costs_of(widths)),
            **values,
            seconds=measured.seconds,
            **self._latency_columns(widths),
        )
        earlier = self._writer.done(widths)
        if earlier is not None and (cheaply or earlier.images != row.images):
            row = both_steps(earlier, row, {self._metric, self._ranking})
            row = replace(row, **self._latency_columns(widths))
        self._writer.append(row)
        return self._writer.done(widths) or row

    def _latency_columns(self, widths: Widths) -> dict:
        """Return what a row that was just measured says of its latency; nothing after a signal.

        What was measured is then written at once; when the search goes on, the rows are known and are timed.
        """
        if self._latency is None or self._team.signal():
            return {}
        try:
            return self._latency.columns(widths)
        except InterruptedRun:  # of whoever watches; it is raised again once all rows are written
            return {}

    def _with_latency(self, row: SearchRow) -> SearchRow:
        """Return a row with a latency in what this search times in; one of another engine or precision is replaced."""
        if self._latency is None or (row.latency_ms is not None and row.setup == self._latency.setup):
            return row
        self._writer.append(replace(row, **self._latency.columns(row.widths)))
        return self._writer.done(row.widths) or row

    def _progress(self, row: SearchRow, known: bool) -> SearchProgress:
        def order(one: SearchRow) -> tuple[int, float]:
            return -one.images, one.metrics.get(self._ranking, math.inf)

        self._best = row if self._best is None else min(self._best, row, key=order)
        return SearchProgress(row, self._best, known)
