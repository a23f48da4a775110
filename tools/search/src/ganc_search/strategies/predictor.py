"""Search by predictions: measure a few sub-networks, fit the metric over the widths, measure what promises most.

Once-for-All (arXiv 1908.09791, section 3.3) predicts the accuracy of sub-networks from a sample of them, and searches
among predictions alone. Here the model is fitted again to what it proposed, and what counts in the end was measured.
"""

import math
from collections.abc import Iterable

import numpy as np

from ganc.models.family import Widths
from ganc.results.objective import Objective
from ganc.results.predictions import Predictions
from ganc.results.table import SearchRow
from ganc_search.predict.costs import KnownCosts
from ganc_search.predict.field import Prospects, candidates, prospects
from ganc_search.predict.gain import Stair, most_gained
from ganc_search.predict.latencies import FastOnes, Milliseconds
from ganc_search.predict.models import Fitted, candidates_for, fit_best, scaled_widths
from ganc_search.predict.readings import Readings
from ganc_search.predict.spread import spread_sample
from ganc_search.settings import FEWEST, PredictorSettings
from ganc_search.strategies.allowed import Allowed


def rounds_of(total: int, settings: PredictorSettings) -> tuple[int, int]:
    """Return how many of `total` sub-networks the first round has, and each later one; the last may have fewer."""
    first = min(total, max(FEWEST, math.ceil(settings.first * total)))
    return first, max(1, math.ceil((total - first) / settings.refits))


class Predictor:
    """The strategy that lowers what `objective` says, `metric` and a cost or `metric` alone, with few measurements.

    A first sample is spread over the space. A model is fitted to what was measured; all other sub-networks are
    predicted, and those are measured next that are expected to add the most to the front (`ganc_search.predict.gain`),
    either because they are predicted on it or because the model is unsure of them. Then it is fitted anew, until the
    samples are used up. Every sub-network that it asks for is allowed, and none is asked for twice.

    Args:
        samples: how many sub-networks it asks for.

    Attributes:
        total: how many it asks for; a space may have fewer.
        predictions: of what was measured and of the predicted front, by the last model; None before the first.
    """

    def __init__(
        self,
        allowed: Allowed,
        metric: str,
        seed: int,
        samples: int,
        settings: PredictorSettings | None = None,
        objective: Objective = Objective.PARETO,
    ):
        self._settings = settings or PredictorSettings()
        self._allowed, self._metric, self._seed = allowed, metric, seed
        self._milliseconds = Milliseconds(allowed.space, allowed.latencies_of)
        self._fast = FastOnes(allowed, self._milliseconds)
        self._costs = KnownCosts(objective, allowed, self._milliseconds)
        self.total = min(samples, len(allowed.space) if allowed.listed is None else len(allowed.listed))
        first, self._step = rounds_of(self.total, self._settings)
        self._readings = Readings(metric)
        self._asked = spread_sample(allowed, first, seed, self._fast)
        self._seen = set(self._asked)
        self._turn = 0
        self.predictions: Predictions | None = None

    def ask(self) -> list[Widths]:
        """Return the present round, the largest first."""
        return sorted(self._asked, reverse=True)

    def tell(self, rows: Iterable[SearchRow]) -> None:
        """Fit the model to all that was measured, and choose what is measured next."""
        for row in rows:
            self._readings.add(row)
            if row.latency_ms is not None and self._allowed.tells_latencies:
                self._milliseconds.timed[row.widths] = row.latency_ms
        left = min(self._step, self.total - len(self._seen))
        widths, values, whole = self._readings.fitted()
        self._turn += 1
        if len(values) < FEWEST or not whole.any():
            spare = spread_sample(self._allowed, self.total, self._seed, self._fast)
            self._asked = [one for one in spare if one not in self._seen][: max(left, 0)]
        else:
            self._asked = self._proposed(widths, values, whole, left)
        self._seen.update(self._asked)

    def _proposed(self, widths: np.ndarray, values: np.ndarray, whole: np.ndarray, count: int) -> list[Widths]:
        names = [self._settings.model] if self._settings.model else candidates_for(len(values))
        space = self._allowed.space
        model = fit_best(scaled_widths(space, widths), values, names, self._seed)
        self._costs.fit()
        self._fast.begin(count)
        cost, largest = self._costs.of(widths), self._costs.of(np.array([space.largest]))
        dearest = float(max(cost.max(), largest.max()))
        stair = Stair(values[whole], cost[whole], dearest)
        near = [tuple(one) for one in widths[whole][stair.front].tolist()]
        parts = candidates(self._allowed, self._fast, near, self._seed, self._turn)
        best, front = prospects(parts, space, model, self._costs.of, stair, self._seen)
        beaten = stair.beats(front.mean, front.cost)
        self.predictions = self._predicted(model, widths, front.take(np.flatnonzero(~beaten)))
        if count <= 0:
            return []
        listed = [tuple(one) for one in best.widths.tolist()]
        predicted = best.mean, best.deviation, best.cost
        ranked = most_gained(
            (values[whole], cost[whole]), predicted, count, lambda place: self._fast.are(listed[place])
        )
        return [listed[place] for place in ranked]

    def _predicted(self, model: Fitted, measured: np.ndarray, front: Prospects) -> Predictions:
        widths = np.concatenate([measured, front.widths])
        macs, device_macs, params = self._allowed.costs(widths)
        return Predictions(
            metric=self._metric,
            widths=widths,
            macs=macs,
            device_macs=device_macs,
            params=params,
            values=np.concatenate([model.left_out, front.mean]),
            error=model.error,
            model=str(model.name),
            rank_correlations=dict(model.correlations),
            latencies=self._latencies(len(measured), front.widths),
            latency_error=self._milliseconds.error,
        )

    def _latencies(self, measured: int, widths: np.ndarray) -> np.ndarray | None:
        """Return the predicted milliseconds of widths behind so many rows that have measured ones; None without any."""
        if not self._milliseconds.fitted:
            return None
        made = self._milliseconds.predicted(widths) if len(widths) else np.empty(0)
        return np.concatenate([np.full(measured, np.nan), made])
