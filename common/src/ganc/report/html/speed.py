"""Times on engines: the original beside the compressed generators, on each engine that was timed."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from ganc.report.gather import Findings
from ganc.report.html.charts import Bar, bar_chart
from ganc.report.html.text import clean, measured, milliseconds, real, times
from ganc.report.html.views import Chart, Section, Table, numbered
from ganc.report.json_results import TimedRow

MOST_BARS = 24


def timed(found: Findings) -> Section:
    """Return the section of the times on engines, from what `ganc bench --json` printed."""
    section = Section("speed", "Time on engines")
    for number, (name, rows) in enumerate(sorted(found.timed.items())):
        bars = [bar for case in _cases(rows) for bar in case]
        shown = bars[:MOST_BARS]
        section.charts.append(
            Chart(
                f"speed-{number}",
                f"Milliseconds an image, from {clean(name)}",
                bar_chart(shown, "Milliseconds an image on each engine, the original beside the compressed"),
                [asdict(row) for row in rows],
                _times(rows, name),
                note=f"{len(bars) - len(shown)} further bars are in the table only." if len(bars) > len(shown) else "",
            )
        )
    return section


def _cases(rows: Sequence[TimedRow]) -> list[list[Bar]]:
    """Return the bars of each engine, precision, batch and threads: the original's, then the models'."""
    cases: dict[str, list[TimedRow]] = {}
    for row in rows:
        cases.setdefault(row.case, []).append(row)
    groups = sorted(cases.values(), key=lambda group: min(row.compressed_ms for row in group))
    return [
        [
            Bar(
                f"original · {group[0].case}",
                group[0].original_ms,
                milliseconds(group[0].original_ms),
                style="bar before",
            )
        ]
        + [
            Bar(
                f"{row.model} · {row.case}",
                row.compressed_ms,
                f"{milliseconds(row.compressed_ms)}, {_faster(row)}",
                style="bar last",
            )
            for row in group
        ]
        for group in groups
    ]


def _faster(row: TimedRow) -> str:
    """Return how a generator's time compares with the original's, in words."""
    return times(row.original_ms, row.compressed_ms, "faster", "slower") or "as fast"


def _times(rows: Sequence[TimedRow], name: str) -> Table:
    heads = ["model", "engine", "precision", "batch", "threads", "original, ms", "compressed, ms", "times faster"]
    further: dict[str, Callable[[TimedRow], str]] = {
        "format": lambda row: clean(row.format),
        "image": lambda row: clean(row.size),
        "bytes": lambda row: "" if row.bytes is None else f"{row.bytes:,}",
        "difference": lambda row: "" if row.difference is None else real(row.difference),
        "Fréchet distance": lambda row: "" if row.distance is None else real(row.distance),
        "kernel distance": lambda row: "" if row.kernel is None else measured(row.kernel, row.kernel_error),
    }
    known = {head: say for head, say in further.items() if any(map(say, rows))}
    texts = [
        [
            *(clean(text) for text in (row.model, row.engine, row.precision)),
            f"{row.batch}",
            f"{row.threads}",
            _with_spread(row.original_ms, row.original_spread_ms),
            _with_spread(row.compressed_ms, row.compressed_spread_ms),
            f"{row.speedup:.2f}",
            *(say(row) or "–" for say in known.values()),
        ]
        for row in rows
    ]
    caption = f"Medians of milliseconds an image, in brackets the interquartile range; from {clean(name)}"
    return numbered(texts, caption, [*heads, *known], 3)


def _with_spread(value: float, spread: float) -> str:
    return f"{value:.3g} ({spread:.2g})"
