"""The rows of a search by what a chart shows them as: on the front, measured, on fewer images, only predicted."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ganc.base.ranking_metric import PREDICTED_LATENCY, predicted_metric
from ganc.results.objective import Objective
from ganc.results.search_results import SearchResults
from ganc.results.selection import beaten, pareto_front

MOST_PICKED = 20


@dataclass(frozen=True)
class Points:
    """The rows of a search by what they are; all of these are places of rows.

    Attributes:
        values: (N,) of the metric that orders the rows, NaN where not measured; predictions: what was predicted of it.
        costs: (N,), what the front is drawn against: MACs, or milliseconds, which are predicted ones where a row that
            was not measured has none of its own; NaN where there are none.
        timed: whether they are milliseconds, as where the search lowered latencies, all of one set-up.
        predicted: only that, and not behind the front; a search may have measured more than the model knew.
        front: by rising costs; others: measured on as many images; fewer: measured on fewer.
        picked: those that were fine-tuned. unplaced: those with a value, measured or predicted, and no cost.
    """

    results: SearchResults
    values: np.ndarray
    predictions: np.ndarray
    costs: np.ndarray
    timed: bool
    front: np.ndarray
    others: np.ndarray
    fewer: np.ndarray
    predicted: np.ndarray
    picked: np.ndarray
    unplaced: np.ndarray

    @classmethod
    def of(cls, results: SearchResults, chosen: Iterable[str] = ()) -> "Points":
        """Return the points of a search; `chosen` are the widths of what was fine-tuned."""
        rows, values = results.rows, results.ranking
        known, unknown = np.isfinite(values), np.full(len(rows), np.nan)
        predictions = rows.metrics.get(predicted_metric(results.ranking_name), unknown)
        timed = results.objective is Objective.LATENCY and not _why_not_timed(results)
        costs = rows.macs.astype(np.float64)
        if timed:
            own = known | ~np.isnan(rows.latency_ms)
            costs = np.where(own, rows.latency_ms, rows.metrics.get(PREDICTED_LATENCY, unknown))
        placed = np.isfinite(costs)
        kept = np.flatnonzero(known & placed)
        whole = kept[rows.images[kept] == rows.images[kept].max(initial=0)]
        front = whole[pareto_front(values[whole], costs[whole])]
        # What a race dropped by other features was measured, though not in the metric that orders the rows.
        guessed = np.isfinite(predictions) & ~rows.measured
        predicted = np.flatnonzero(guessed & placed)
        behind = beaten(predictions[predicted], costs[predicted], values[front], costs[front])
        tuned = [row for widths in sorted(chosen) for row in _places(rows.widths, widths)]
        return cls(
            results=results,
            values=values,
            predictions=predictions,
            costs=costs,
            timed=timed,
            front=front[np.argsort(costs[front], kind="stable")],
            others=np.setdiff1d(whole, front),
            fewer=np.setdiff1d(kept, whole),
            predicted=predicted[~behind],
            picked=np.intersect1d(np.array(tuned[:MOST_PICKED], int), kept),
            unplaced=np.flatnonzero((known | guessed) & ~placed),
        )

    @property
    def measured(self) -> int:
        return len(self.front) + len(self.others) + len(self.fewer)

    def __len__(self) -> int:
        return self.measured + len(self.predicted)

    def listed(self) -> list[int]:
        """Return the rows for a table: the front by rising costs, then others by value, what is predicted last.

        What has no place in a chart is in it, too.
        """
        known = np.isfinite(self.values[self.unplaced])
        measured = (self.others, self.fewer, self.unplaced[known])
        parts = [part[np.argsort(self.values[part], kind="stable")] for part in measured]
        last = np.concatenate([self.predicted, self.unplaced[~known]])
        last = last[np.argsort(self.predictions[last], kind="stable")]
        return np.concatenate([self.front, *parts, last]).astype(int).tolist()

    @property
    def cost_name(self) -> str:
        """What the costs are, for an axis."""
        if not self.timed:
            return "MACs of one image"
        (setup,) = self.results.rows.setup_texts
        return f"milliseconds of one image, {setup}"

    @property
    def comparable(self) -> np.ndarray:
        """The values that mean the same: those on the most images, and what is predicted of them."""
        whole = np.concatenate([self.front, self.others])
        return np.concatenate([self.values[whole], self.predictions[self.predicted]])

    def fewer_in_view(self) -> np.ndarray:
        """Return the rows on fewer images that a chart has room for.

        A distance may be many times larger on fewer images, and what a race has dropped is: with all of it in view the
        other points would lie on a line. They have at least a third of the height.
        """
        values = self.comparable
        spread = float(np.ptp(values)) if len(values) else 0.0
        if not spread:
            return self.fewer
        fewer = self.values[self.fewer]
        return self.fewer[(fewer >= values.min() - spread) & (fewer <= values.max() + spread)]


def _why_not_timed(results: SearchResults) -> str | None:
    """Return why the front of a search that lowered latency cannot be drawn against it, and is against MACs; or None.

    Times of two engines, precisions or machines do not compare.
    """
    setups = results.rows.setup_texts
    if results.objective is not Objective.LATENCY or len(setups) == 1:
        return None
    why = f"its latencies are of different set-ups ({'; '.join(setups)})" if setups else "no row has one"
    return f"the search lowered latency, but {why}: the front is against MACs"


def front_notes(points: Points) -> list[str]:
    """Return what is to be said of a front: where it is not against the cost that was lowered, what is not drawn."""
    notes = [said for said in [_why_not_timed(points.results)] if said]
    measured = int(np.isfinite(points.values[points.unplaced]).sum())
    if measured:
        of = measured + points.measured
        notes.append(f"not drawn, as there is no latency: {measured:,} of {of:,} measured sub-networks")
    if predicted := len(points.unplaced) - measured:
        of = predicted + len(points.predicted)
        notes.append(f"not drawn, as no latency was predicted: {predicted:,} of {of:,} predicted sub-networks")
    return notes


def fewer_name(points: Points) -> str:
    """Return the name of the rows on fewer images, with how many of them are out of view."""
    images = points.results.rows.images[points.fewer]
    counts = f"{images.min()}" if len(set(images)) == 1 else f"{images.min()} or more"
    beyond = len(points.fewer) - len(points.fewer_in_view())
    return f"{len(points.fewer):,} on fewer images ({counts}" + (f"; {beyond:,} out of view)" if beyond else ")")


def _places(widths: np.ndarray, chosen: str) -> np.ndarray:
    numbers = [int(part) for part in chosen.split("_")]
    return np.flatnonzero((widths == numbers).all(axis=1)) if len(numbers) == widths.shape[1] else np.array([], int)
