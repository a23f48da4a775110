"""The search: its front, every measured sub-network, and what a file predicts of those that were not measured."""

from collections.abc import Callable

import numpy as np

from ganc.base.ranking_metric import PREDICTED_LATENCY, predicted_metric
from ganc.base.text import even_decimals
from ganc.models.family import format_widths
from ganc.report.front_points import Points, fewer_name, front_notes
from ganc.report.gather import Findings, stage_of
from ganc.report.html.charts import Group, key, scatter_chart
from ganc.report.html.text import clean, count, measured
from ganc.report.html.views import MOST_ROWS, Chart, Section, Table, numbered
from ganc.results.table import SearchRow

MILLISECONDS = "ms an image"
MOST_POINTS = 900  # of a kind that are drawn
MOST_SEARCHES = 6


def searched(found: Findings) -> Section:
    """Return the section of the searches, a chart each."""
    section = Section("search", "The search")
    chosen = {file.facts["networks"]["generator"]["widths"] for file in found.files if stage_of(file) == "finetune"}
    for number, (name, results) in enumerate(list(found.searches.items())[:MOST_SEARCHES]):
        points = Points.of(results, chosen)
        if len(points):
            section.charts.append(front_chart(points, f"front-{number}", name))
    if found.unfinished and found.searches:
        section.lead = "The search has not ended: these are the rows so far."
    return section


def front_chart(points: Points, identity: str, name: str) -> Chart:
    """Return the chart of a search's metric against what it lowered beside it."""
    metric, places = points.results.ranking_name, _drawn(points)
    note = "The steps join the front: between two of its points the cheaper one is the best there is."
    for said in front_notes(points):
        note += f" {said[0].upper()}{said[1:]}."
    if len(places) < len(points):
        note += f" {len(places):,} of {len(points):,} points are drawn."
    if len(points.fewer) and not len(points.fewer_in_view()):
        note += f" {len(points.fewer):,} on fewer images are not drawn: their values are far from the others'."
    groups = _groups(points)
    cost = "milliseconds" if points.timed else "MACs"
    said = f"{metric} of {points.measured} sub-networks against their {cost}; {len(points.front)} are on the front"
    return Chart(
        identity,
        f"Distance against {cost}, from {clean(name)}",
        scatter_chart(groups, said, points.cost_name, f"{metric}, lower is better"),
        {"metric": metric, "points": _data(points, places)},
        _table(points, name),
        key(groups),
        note,
    )


def _groups(points: Points) -> list[Group]:
    kinds = [
        ("predicted, not measured", "triangle", "mark predicted", 3.0, points.predicted),
        ("measured", "circle", "mark plain", 2.8, points.others),
        ("Pareto front", "diamond", "mark front", 4.4, points.front),
    ]
    groups = [
        Group(f"{name} ({len(places):,})", shape, style, _said(points, places), size, line=places is points.front)
        for name, shape, style, size, places in kinds
    ]
    if len(points.fewer):
        groups.insert(0, Group(fewer_name(points), "cross", "mark few", _said(points, points.fewer_in_view()), 3.2))
    groups.append(Group("fine-tuned", "circle", "mark chosen", _said(points, points.picked), 9.0))
    return [group for group in groups if group.points]


def _said(points: Points, places: np.ndarray) -> list[tuple[float, float, str]]:
    costs = points.costs
    values = points.predictions if places is points.predicted else points.values
    return [
        (float(costs[i]), float(values[i]), f"{_widths(points, i)}: {_cost(points, i)}, {values[i]:.4g}")
        for i in thinned(places).tolist()
    ]


def _drawn(points: Points) -> list[int]:
    """Return the rows whose data a chart has."""
    parts = (points.front, points.others, points.fewer, points.predicted)
    return [place for part in parts for place in thinned(part).tolist()]


def thinned(places: np.ndarray) -> np.ndarray:
    """Return at most MOST_POINTS of the places, evenly spread."""
    return places if len(places) <= MOST_POINTS else places[np.linspace(0, len(places) - 1, MOST_POINTS).astype(int)]


def _cost(points: Points, index: int) -> str:
    return f"{points.costs[index]:.3g} ms" if points.timed else f"{count(points.costs[index])} MACs"


def _widths(points: Points, index: int) -> str:
    return format_widths(points.results.rows.widths[index].tolist())


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _data(points: Points, places: list[int]) -> list[dict]:
    rows = points.results.rows
    front, picked = set(points.front.tolist()), set(points.picked.tolist())
    return [
        {
            "widths": _widths(points, index),
            "macs": int(rows.macs[index]),
            "params": int(rows.params[index]),
            "images": int(rows.images[index]),
            **({"milliseconds": _number(points.costs[index])} if points.timed else {}),
            "value": _number(points.values[index]),
            "predicted": _number(points.predictions[index]),
            "front": index in front,
            "fine_tuned": index in picked,
        }
        for index in places
    ]


def _table(points: Points, name: str) -> Table:
    listed, front = points.listed(), set(points.front.tolist())
    rows = {place: points.results.rows[place] for place in listed[:MOST_ROWS]}
    heads: dict[str, Callable[[SearchRow], str]] = {
        "MACs": lambda row: count(row.macs),
        "parameters": lambda row: count(row.params),
        **_milliseconds(list(rows.values())),
        **_values(list(rows.values()), points.results.ranking_name),
        "images": lambda row: f"{row.images:,}" if row.images else "–",
    }
    texts = [
        [_widths(points, place), _kind(points, place, front), *(text(row) for text in heads.values())]
        for place, row in rows.items()
    ]
    cost = "milliseconds" if points.timed else "MACs"
    caption = f"Sub-networks of {clean(name)}: the front by rising {cost}, then the others by distance"
    return numbered(texts, caption, ["widths", "kind", *heads], 2, left_out=max(0, len(listed) - MOST_ROWS))


def _kind(points: Points, place: int, front: set[int]) -> str:
    if not np.isfinite(points.values[place]):
        return "predicted"
    return "front" if place in front else ""


def _milliseconds(rows: list[SearchRow]) -> dict[str, Callable[[SearchRow], str]]:
    """Return the columns of latencies: what they were timed in stands above them, or in each row where it differs."""
    timed = [row for row in rows if row.latency_ms is not None]
    setups = {row.setup_text for row in timed}
    decimals = even_decimals(row.latency_ms for row in timed if row.latency_ms is not None)

    def latency(row: SearchRow) -> str:
        return "–" if row.latency_ms is None else f"{row.latency_ms:.{decimals}f}"

    columns: dict[str, Callable[[SearchRow], str]] = {}
    if len(setups) == 1:
        columns[f"{MILLISECONDS} ({clean(setups.pop())})"] = latency
    elif setups:
        columns |= {MILLISECONDS: latency, "timed in": lambda row: clean(row.setup_text) or "–"}
    if any(PREDICTED_LATENCY in row.metrics for row in rows):
        columns[f"{MILLISECONDS}, predicted"] = lambda row: _value(row, PREDICTED_LATENCY)
    return columns


def _values(rows: list[SearchRow], metric: str) -> dict[str, Callable[[SearchRow], str]]:
    """Return the columns of the metric: what was measured, and beside it what was predicted."""
    predicted = predicted_metric(metric)
    columns: dict[str, Callable[[SearchRow], str]] = {metric: lambda row: _value(row, metric)}
    if any(predicted in row.metrics for row in rows):
        columns[f"{metric}, predicted"] = lambda row: _value(row, predicted)
    return columns


def _value(row: SearchRow, metric: str) -> str:
    return measured(row.metrics.get(metric), row.errors.get(metric))
