"""What a model predicted of a metric, kept beside what was measured and never in its place.

The prediction of a metric stands in a column of its own, METRIC.predicted, with the model's error as its error. A row
of a sub-network that was not measured has no other metric, and stands on no images.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ganc.base.ranking_metric import is_predicted, predicted_metric
from ganc.results.table import RowTable, joined


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What one model says of N sub-networks.

    Attributes:
        metric: what was predicted.
        widths: (N, segments). macs, device_macs, params, values: (N,), each.
        error: the model's, of what it was not fitted to, in the metric's unit.
        model: its name. rank_correlations: by cross-validation, of each model that was tried.
    """

    metric: str
    widths: np.ndarray
    macs: np.ndarray
    device_macs: np.ndarray
    params: np.ndarray
    values: np.ndarray
    error: float
    model: str
    rank_correlations: Mapping[str, float]

    def facts(self) -> dict:
        """Return what is recorded of the model."""
        return {"metric": self.metric, "model": self.model, "error": self.error} | {
            "rank_correlations": dict(self.rank_correlations)
        }


def with_predictions(rows: RowTable, predictions: Predictions) -> RowTable:
    """Return the rows with these predictions in place of earlier ones; what has no row gets one, on no images.

    Args:
        rows: each sub-network once.
    """
    rows = without_predictions(rows)
    name, count = predicted_metric(predictions.metric), len(predictions.values)
    place_of = {tuple(widths): place for place, widths in enumerate(rows.widths.tolist())}
    places = np.array([place_of.get(tuple(widths), -1) for widths in predictions.widths.tolist()], np.int64)
    column, error = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    column[places[places >= 0]] = predictions.values[places >= 0]
    error[places[places >= 0]] = predictions.error
    measured = replace(rows, metrics=rows.metrics | {name: column}, errors=rows.errors | {name: error})
    new = places < 0
    if not new.any():
        return measured
    nothing = np.full(count, np.nan)
    only = RowTable(
        widths=predictions.widths.astype(np.int32),
        macs=predictions.macs.astype(np.int64),
        device_macs=predictions.device_macs.astype(np.int64),
        params=predictions.params.astype(np.int64),
        images=np.zeros(count, np.int64),
        metrics={name: predictions.values},
        errors={name: np.full(count, predictions.error)},
        latency_ms=nothing,
        latency_setup=np.full(count, -1, np.int16),
        setups=(),
        seconds=nothing,
    )
    return joined([measured, only.take(new)])


def without_predictions(rows: RowTable) -> RowTable:
    """Return the rows as they were measured; those of which there are predictions alone are left out."""
    metrics = {name: values for name, values in rows.metrics.items() if not is_predicted(name)}
    errors = {name: values for name, values in rows.errors.items() if not is_predicted(name)}
    if len(metrics) == len(rows.metrics):
        return rows
    return replace(rows, metrics=metrics, errors=errors).take(rows.measured)
