"""Rows of search results as commands print them."""

from collections.abc import Iterable
from dataclasses import asdict

from ganc.base.text import format_count
from ganc.models.family import format_widths


def results_rows(rows: Iterable, metric: str) -> list[dict]:
    """Return search rows for people: costs, the metric, and the kernel distance and latency where there are any."""
    from ganc.metrics.reference import kernel_metric  # numpy comes with it, for which --help does not wait

    rows = list(rows)
    kernel = kernel_metric(metric)
    further = {}
    if any(kernel in row.metrics for row in rows):
        further[kernel] = lambda row: _value(row, kernel)
    if any(row.latency_ms is not None for row in rows):
        further["ms an image"] = _latency
    return [
        {
            "widths": format_widths(row.widths),
            "MACs": format_count(row.macs),
            "device MACs": format_count(row.device_macs),
            "parameters": format_count(row.params),
            metric: _value(row, metric),
            **{name: text(row) for name, text in further.items()},
            "images": row.images,
        }
        for row in rows
    ]


def _value(row, metric: str) -> str:
    """Return a row's value of a metric with its standard error, where there is one."""
    value, error = row.metrics.get(metric), row.errors.get(metric)
    if value is None:
        return "-"
    return f"{value:.4f}" if error is None else f"{value:.4f} ± {error:.4f}"


def _latency(row) -> str:
    """Return a row's latency and what it was measured with."""
    if row.latency_ms is None:
        return "-"
    setup = (row.latency_engine, row.latency_precision, row.latency_device)
    return " ".join([f"{row.latency_ms:.4g}", *filter(None, setup)])


def results_json(rows: Iterable) -> list[dict]:
    """Return search rows for programs."""
    return [{**asdict(row), "widths": format_widths(row.widths)} for row in rows]
