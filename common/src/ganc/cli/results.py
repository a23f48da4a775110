"""Rows of search results as commands print them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ganc.base.ranking_metric import (
    PREDICTED_LATENCY,
    kernel_metric,
    metric_head,
    near_best,
    predicted_metric,
    unverified_line,
)
from ganc.base.text import even_decimals, format_count, with_error
from ganc.cli.tables import NEAR, near_line, show
from ganc.models.family import format_widths

if TYPE_CHECKING:
    from ganc.results.search_results import SearchResults
    from ganc.results.table import SearchRow

MILLISECONDS = "ms an image"


def show_results(results: "SearchResults", rows: "Iterable[SearchRow]", *, err: bool = False) -> None:
    """Print rows of search results as a table, and what orders them below it."""
    rows = list(rows)
    ranking, metric = results.ranking_name, results.metric_name
    close = near_best([row.metrics.get(ranking) for row in rows], [row.errors.get(ranking) for row in rows])
    marks = {row.widths: NEAR for row, is_close in zip(rows, close, strict=True) if is_close}
    verified = results.facts.get("statistics_verified")
    table = _table(rows, metric, ranking, marks, metric_head(metric, verified))
    show(table, err=err, right=[name for row in table[:1] for name in row if name.startswith(f"{MILLISECONDS} (")])
    if rows and not any(ranking in row.metrics for row in rows):
        click.echo(f"ordered by what is predicted of {ranking}; none of them was measured", err=err)
    elif rows and ranking != metric:
        click.echo(f"ordered by {ranking}: {rows[0].images} images are few for {metric}", err=err)
    if marks:
        click.echo(near_line(ranking), err=err)
    if verified is False:
        click.echo(unverified_line(metric), err=err)


def _table(rows: "Sequence[SearchRow]", metric: str, ranking: str, marks: Mapping, head: str) -> list[dict]:
    """Return search rows for people: costs, the metric, and the kernel distance and latency where there are any.

    Args:
        marks: what follows a row's value of `ranking`, by the row's widths.
        head: of the metric's column.
    """
    kernel, predicted = kernel_metric(metric), predicted_metric(ranking)
    further: dict[str, Callable[[SearchRow], str]] = {}
    if any(kernel in row.metrics for row in rows):
        further[kernel] = lambda row: _value(row, kernel) + (marks.get(row.widths, "") if ranking == kernel else "")
    if any(predicted in row.metrics for row in rows):
        further[f"{ranking}, predicted"] = lambda row: _value(row, predicted)
    if any(PREDICTED_LATENCY in row.metrics for row in rows):
        further[f"{MILLISECONDS}, predicted"] = lambda row: _value(row, PREDICTED_LATENCY)
    timed = [row for row in rows if row.latency_ms is not None]
    setups = {row.setup_text for row in timed}
    decimals = even_decimals(row.latency_ms for row in timed if row.latency_ms is not None)
    if len(setups) == 1:
        further[f"{MILLISECONDS} ({setups.pop()})"] = lambda row: _latency(row, decimals)
    elif setups:
        further[MILLISECONDS] = lambda row: f"{_latency(row, decimals)} {row.setup_text}".rstrip()
    return [
        {
            "widths": format_widths(row.widths),
            "MACs": format_count(row.macs),
            "device MACs": format_count(row.device_macs),
            "parameters": format_count(row.params),
            head: _value(row, metric),
            **{name: text(row) for name, text in further.items()},
            "images": row.images or "-",
        }
        for row in rows
    ]


def _value(row: "SearchRow", metric: str) -> str:
    return with_error(row.metrics.get(metric), row.errors.get(metric))


def _latency(row: "SearchRow", decimals: int) -> str:
    return "-" if row.latency_ms is None else f"{row.latency_ms:.{decimals}f}"


def results_json(rows: "Iterable[SearchRow]") -> list[dict]:
    """Return search rows for programs."""
    return [{**asdict(row), "widths": format_widths(row.widths)} for row in rows]
