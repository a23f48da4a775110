"""The search: its front, every measured sub-network, and what a file predicts of those that were not measured."""

import numpy as np

from ganc.models.family import format_widths
from ganc.report.front_points import Points, fewer_name, front_notes
from ganc.report.gather import Findings, stage_of
from ganc.report.html.charts import Group, key, scatter_chart
from ganc.report.html.text import clean, count, measured
from ganc.report.html.views import MOST_ROWS, Chart, Section, Table, numbered

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
    rows, metric = points.results.rows, points.results.ranking_name
    errors = rows.errors.get(metric, np.full(len(rows), np.nan))
    timed = bool(np.isfinite(rows.latency_ms).any())
    front = set(points.front.tolist())
    texts = []
    listed = points.listed()
    for index in listed[:MOST_ROWS]:
        value, known = points.values[index], bool(np.isfinite(points.values[index]))
        texts.append(
            [
                _widths(points, index),
                ("front" if index in front else "") if known else "predicted",
                count(rows.macs[index]),
                count(rows.params[index]),
                *([f"{rows.latency_ms[index]:.3g}" if np.isfinite(rows.latency_ms[index]) else "–"] if timed else []),
                measured(float(value), float(errors[index])) if known else f"{points.predictions[index]:.4g}",
                f"{rows.images[index]:,}" if known else "–",
            ]
        )
    heads = ["widths", "kind", "MACs", "parameters", *(["ms"] if timed else []), metric, "images"]
    cost = "milliseconds" if points.timed else "MACs"
    caption = f"Sub-networks of {clean(name)}: the front by rising {cost}, then the others by distance"
    return numbered(texts, caption, heads, 2, left_out=max(0, len(listed) - MOST_ROWS))
