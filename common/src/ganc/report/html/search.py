"""The search: its front, every measured sub-network, and what a file predicts of those that were not measured."""

import numpy as np

from ganc.models.family import format_widths
from ganc.report.gather import Findings, stage_of
from ganc.report.html.charts import Group, key, scatter_chart
from ganc.report.html.text import clean, count, measured
from ganc.report.html.views import Chart, Section, Table, numbered
from ganc.results.search_results import SearchResults
from ganc.results.selection import pareto_front

PREDICTED = ".predicted"  # the end of a column's name with what was predicted of a metric, and not measured
MOST_POINTS = 900  # that are drawn, beside the front
MOST_SEARCHES = 6


def searched(found: Findings) -> Section:
    """Return the section of the searches, a chart each."""
    section = Section("search", "The search")
    chosen = {
        tuple(file.facts["networks"]["generator"]["widths"].split("_"))
        for file in found.files
        if stage_of(file) == "finetune"
    }
    for number, (name, results) in enumerate(list(found.searches.items())[:MOST_SEARCHES]):
        chart = front_chart(results, f"front-{number}", name, chosen)
        if chart:
            section.charts.append(chart)
    if found.unfinished and found.searches:
        section.lead = "The search has not ended: these are the rows so far."
    return section


def front_chart(results: SearchResults, identity: str, name: str, chosen: set[tuple[str, ...]]) -> Chart | None:
    """Return the chart of a search's metric against MACs, None where no row has a value."""
    rows, values = results.rows, results.ranking
    kept = np.flatnonzero(np.isfinite(values))
    predictions = rows.metrics.get(results.ranking_name + PREDICTED, np.full(len(rows), np.nan))
    predicted = np.flatnonzero(np.isfinite(predictions) & ~np.isfinite(values))
    if not len(kept) and not len(predicted):
        return None
    whole = kept[rows.images[kept] == rows.images[kept].max(initial=0)]
    front = whole[pareto_front(values[whole], rows.macs[whole])]
    front = front[np.argsort(rows.macs[front], kind="stable")]
    picked = np.array([i for i in kept if tuple(map(str, rows.widths[i].tolist())) in chosen], int)
    others = np.setdiff1d(whole, front)
    fewer = np.setdiff1d(kept, whole)
    groups = [
        _group(f"on fewer images ({len(fewer):,})", ("cross", "mark few", 3.2), _thinned(fewer), results, values),
        _group(
            f"predicted, not measured ({len(predicted):,})",
            ("triangle", "mark predicted", 4),
            _thinned(predicted),
            results,
            predictions,
        ),
        _group(f"measured ({len(others):,})", ("circle", "mark plain", 3.2), _thinned(others), results, values),
        _group(
            f"Pareto front ({len(front):,})",
            ("diamond", "mark front", 4.4),
            _thinned(front),
            results,
            values,
            line=True,
        ),
        _group("fine-tuned", ("circle", "mark chosen", 9), picked[:20], results, values),
    ]
    groups = [group for group in groups if group.points]
    listed = np.concatenate(
        [
            front,
            *(np.sort(part)[np.argsort(values[np.sort(part)])] for part in (others, fewer)),
            predicted[np.argsort(predictions[predicted])],
        ]
    ).astype(int)
    drawn = sum(len(group.points) for group in groups if group.name != "fine-tuned")
    note = "The steps join the front: between two of its points the cheaper one is the best there is."
    if drawn < len(listed):
        note += f" {drawn:,} of {len(listed):,} points are drawn; the front is among them."
    return Chart(
        identity,
        f"Distance against MACs, from {clean(name)}",
        scatter_chart(
            groups,
            f"{results.ranking_name} of {len(kept)} measured sub-networks against their MACs; {len(front)} are on the"
            " Pareto front",
            "MACs of one image",
            f"{results.ranking_name}, lower is better",
        ),
        {
            "metric": results.ranking_name,
            "points": [_datum(results, values, predictions, i, front, picked) for i in _drawn(listed, front)],
        },
        _table(results, listed, front, predictions, name),
        key(groups),
        note,
    )


def _group(
    name: str,
    look: tuple[str, str, float],
    places: np.ndarray,
    results: SearchResults,
    values: np.ndarray,
    *,
    line: bool = False,
) -> Group:
    shape, style, size = look
    macs = results.rows.macs
    points = [
        (float(macs[i]), float(values[i]), f"{_widths(results, i)}: {count(macs[i])} MACs, {values[i]:.4g}")
        for i in places
    ]
    return Group(name, shape, style, points, size, line)


def _thinned(places: np.ndarray) -> np.ndarray:
    """Return at most MOST_POINTS of the places, evenly spread."""
    return places if len(places) <= MOST_POINTS else places[np.linspace(0, len(places) - 1, MOST_POINTS).astype(int)]


def _drawn(listed: np.ndarray, front: np.ndarray) -> list[int]:
    return [*_thinned(front).tolist(), *_thinned(np.setdiff1d(listed, front)).tolist()]


def _datum(results, values, predictions, index: int, front: np.ndarray, picked: np.ndarray) -> dict:
    value, predicted = values[index], predictions[index]
    return {
        "widths": _widths(results, index),
        "macs": int(results.rows.macs[index]),
        "params": int(results.rows.params[index]),
        "images": int(results.rows.images[index]),
        "value": float(value) if np.isfinite(value) else None,
        "predicted": float(predicted) if np.isfinite(predicted) else None,
        "front": bool(index in front),
        "fine_tuned": bool(index in picked),
    }


def _widths(results: SearchResults, index: int) -> str:
    return format_widths(results.rows.widths[index].tolist())


def _table(results: SearchResults, listed, front: np.ndarray, predictions: np.ndarray, name: str) -> Table:
    rows, metric = results.rows, results.ranking_name
    errors = rows.errors.get(metric, np.full(len(rows), np.nan))
    latency = np.isfinite(rows.latency_ms).any()
    heads = ["widths", "", "MACs", "parameters", *(["ms"] if latency else []), metric, "images"]
    on_front = set(front.tolist())
    texts = []
    for index in listed.tolist():
        value, error = results.ranking[index], errors[index]
        known = np.isfinite(value)
        kind = ("front" if index in on_front else "") if known else "predicted"
        texts.append(
            [
                _widths(results, index),
                kind,
                count(rows.macs[index]),
                count(rows.params[index]),
                *([f"{rows.latency_ms[index]:.3g}" if np.isfinite(rows.latency_ms[index]) else "–"] if latency else []),
                measured(float(value), float(error)) if known else f"{predictions[index]:.4g}",
                f"{rows.images[index]:,}" if known else "–",
            ]
        )
    return numbered(
        texts, f"Sub-networks of {clean(name)}: the front by rising MACs, then the others by distance", heads, 2
    )
