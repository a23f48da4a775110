"""What a model predicted of a metric, kept beside what was measured and never in its place.

The prediction of a metric stands in a column of its own, METRIC.predicted, with the model's error as its error. A row
of a sub-network that was not measured has no other metric, and stands on no images.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ganc.base.ranking_metric import PREDICTED_LATENCY, is_predicted, predicted_metric
from ganc.results.table import RowTable, joined


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What one model says of N sub-networks.

    Attributes:
        metric: what was predicted.
        widths: (N, segments). macs, device_macs, params, values: (N,), each.
        error: the model's, of what it was not fitted to, in the metric's unit.
        model: its name. rank_correlations: by cross-validation, of each model that was tried.
        latencies: (N,) milliseconds an image, NaN where nothing is said; None where none were predicted.
        latency_error: of the model of these.
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
    latencies: np.ndarray | None = None
    latency_error: float = math.nan

    @property
    def columns(self) -> dict[str, tuple[np.ndarray, float]]:
        """Each predicted column's values (N,) and its error, by its name."""
        found = {predicted_metric(self.metric): (self.values, self.error)}
        if self.latencies is not None:
            found[PREDICTED_LATENCY] = (self.latencies, self.latency_error)
        return found

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
    count = len(predictions.values)
    place_of = {tuple(widths): place for place, widths in enumerate(rows.widths.tolist())}
    places = np.array([place_of.get(tuple(widths), -1) for widths in predictions.widths.tolist()], np.int64)
    metrics, errors = dict(rows.metrics), dict(rows.errors)
    only_metrics, only_errors = {}, {}
    for name, (values, error) in predictions.columns.items():
        only_metrics[name] = values
        only_errors[name] = np.where(np.isnan(values), np.nan, error)
        for kept, column in ((metrics, values), (errors, only_errors[name])):
            kept[name] = np.full(len(rows), np.nan)
            kept[name][places[places >= 0]] = column[places >= 0]
    measured = replace(rows, metrics=metrics, errors=errors)
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
        metrics=only_metrics,
        errors=only_errors,
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
