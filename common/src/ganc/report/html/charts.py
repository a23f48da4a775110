"""The charts of a report: lines over steps, points over MACs, bars and distances side by side.

Each is drawn twice, for a wide and for a narrow place; the style sheet shows the one that fits. What tells series apart
is always a shape or a dash too, never the colour alone.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ganc.report.html.canvas import CHARACTER, Canvas, outline, series_style, spread
from ganc.report.html.scales import FARTHEST, Scale, is_wide, spanning
from ganc.report.html.text import clean, tick

WIDE, NARROW = 860, 440
LINE = 15  # pixels from one line of text to the next
MARKS = 14  # points of a line that are marked, at most

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line: values over steps. `half` is each value's error, None where it has none."""

    name: str
    points: Sequence[Point]
    half: Sequence[float | None] = ()


@dataclass(frozen=True)
class Group:
    """Points that mean the same: drawn alike, with one entry in the key.

    Attributes:
        points: (x, y, what is said of it).
        line: whether they are joined, in steps.
    """

    name: str
    shape: str
    style: str
    points: Sequence[tuple[float, float, str]]
    size: float = 4.0
    line: bool = False


@dataclass(frozen=True)
class Bar:
    """A row of a bar chart.

    Attributes:
        text: the value in words, behind the bar.
        half: its error; style: a class of the style sheet.
    """

    name: str
    value: float
    text: str
    half: float | None = None
    style: str = "bar"


def both(draw: Callable[[int, str], Canvas]) -> Markup:
    """Return what `draw` makes for the wide and the narrow place."""
    return Markup(draw(WIDE, "wide").to_html() + draw(NARROW, "narrow").to_html())


def line_chart(series: Sequence[Series], label: str, x_name: str, height: int = 280) -> Markup:
    """Draw lines with their names at their right ends."""

    def draw(width: int, kind: str) -> Canvas:
        names = [clean(one.name, 16) for one in series]
        right = width - 12 - CHARACTER * max(map(len, names))
        canvas = Canvas(width, height, label, kind)
        x = spanning([x for one in series for x, _ in one.points], 58, right - 10)
        y = _heights(series, height)
        _axes(canvas, x, y, x_name)
        ends = [y.place(one.points[-1][1]) for one in series]
        for number, (one, end) in enumerate(zip(series, spread(ends, LINE, 14, height - 42), strict=True)):
            _line(canvas, one, number, x, y)
            last = (x.place(one.points[-1][0]) + 6, y.place(one.points[-1][1]))
            style, _ = series_style(number)
            canvas.path([last, (right - 4, end), (right, end)], f"leader {style}")
            canvas.text((right + 4, end + 4), names[number], f"name {style}")
        return canvas

    return both(draw)


def _heights(series: Sequence[Series], height: int) -> Scale:
    """Return the scale of values and their errors: from 0 on, but logarithmic where values differ much."""
    values = [y for one in series for _, y in one.points]
    if is_wide(values):
        return spanning(values, height - 40, 12, logarithmic=True)
    halves = [(y, half or 0) for one in series for (_, y), half in zip(one.points, one.half, strict=False)]
    reach = [end for y, half in halves for end in (y - half, y + half)]
    return spanning(values + reach, height - 40, 12, zero=True)


def _line(canvas: Canvas, one: Series, number: int, x: Scale, y: Scale) -> None:
    style, shape = series_style(number)
    places = [(x.place(a), y.place(b)) for a, b in one.points]
    for place, (_, value), half in zip(places, one.points, one.half, strict=False):
        if half and (not y.logarithmic or value > half):
            ends = [min(max(y.place(value + sign * half), 12), y.start) for sign in (-1, 1)]
            canvas.line((place[0], ends[0]), (place[0], ends[1]), f"error {style}")
    canvas.path(places, f"line {style}")
    every = -(-len(places) // MARKS)
    shown = sorted({*range(0, len(places), every), len(places) - 1})
    for index in shown:
        step, value = one.points[index]
        canvas.mark(places[index], shape, 3.2, f"mark {style}", f"{one.name}, step {step:g}: {value:.5g}")


def scatter_chart(groups: Sequence[Group], label: str, x_name: str, y_name: str, height: int = 380) -> Markup:
    """Draw groups of points, the last on top; the horizontal axis is logarithmic where that shows more."""

    def draw(width: int, kind: str) -> Canvas:
        canvas = Canvas(width, height, label, kind)
        xs = [x for group in groups for x, _, _ in group.points]
        ys = [y for group in groups for _, y, _ in group.points]
        x = spanning(xs, 58, width - 14, logarithmic=bool(xs) and min(xs) > 0 and max(xs) > 3 * min(xs))
        y = spanning(ys, height - 42, 26, logarithmic=is_wide(ys))
        _axes(canvas, x, y, x_name)
        canvas.text((4, 12), y_name, "axis-name")
        for group in groups:
            places = [(x.place(a), y.place(b)) for a, b, _ in group.points]
            if group.line and len(places) > 1:
                canvas.path(_steps(sorted(places)), "line front-line")
            for place, (_, _, said) in zip(places, group.points, strict=True):
                canvas.mark(place, group.shape, group.size, group.style, said)
        return canvas

    return both(draw)


def _steps(places: Sequence[Point]) -> list[Point]:
    """Return a path through places in steps: between two of them the left one's height is what can be had."""
    path = [places[0]]
    for (_, before), (x, y) in itertools.pairwise(places):
        path += [(x, before), (x, y)]
    return path


def key(groups: Iterable[Group]) -> list[tuple[Markup, str]]:
    """Return each group's mark, drawn small, and its name."""
    return [(_small(group), group.name) for group in groups if group.points]


def _small(group: Group) -> Markup:
    path = outline((9, 9), group.shape, min(group.size + 1, 6))
    return Markup(
        '<svg class="small" viewBox="0 0 18 18" aria-hidden="true"><path class="{}" d="{}"></path></svg>'
    ).format(group.style, path)


def bar_chart(bars: Sequence[Bar], label: str, *, reference: tuple[float, str] | None = None) -> Markup:
    """Draw one bar below the other, each with its name above it and its value behind it.

    Args:
        reference: a value that all are compared with, drawn as a line with its name below.
    """

    def draw(width: int, kind: str) -> Canvas:
        step, bottom = 40, 22 if reference else 4
        canvas = Canvas(width, step * len(bars) + bottom + 6, label, kind)
        longest = CHARACTER * max(len(bar.text) for bar in bars) + 16
        values = [bar.value + (bar.half or 0) for bar in bars] + ([reference[0]] if reference else [])
        end = width - (14 if reference else longest)
        values += [bar.value - (bar.half or 0) for bar in bars]  # an estimate of a distance may fall below 0
        x = Scale(max(min(0, *values), -FARTHEST), min(max(0, *values), FARTHEST) or 1.0, 4, end)
        if reference:
            place = x.place(reference[0])
            canvas.line((place, 6), (place, step * len(bars) + 6), "reference")
            canvas.text((place, canvas.height - 6), reference[1], "axis-name", anchor="end" if place > 90 else "start")
        for number, bar in enumerate(bars):
            _bar(canvas, bar, x, 6 + step * number, reference is not None)
        return canvas

    return both(draw)


def _bar(canvas: Canvas, bar: Bar, x: Scale, top: float, values_above: bool) -> None:
    end = x.place(bar.value)
    canvas.text((4, top + 12), clean(bar.name, 60), "name")
    zero = x.place(0)
    canvas.bar((min(zero, end), top + 18), (abs(end - zero), 13), bar.style)
    if bar.half:
        canvas.path(
            [(x.place(bar.value - bar.half), top + 24.5), (x.place(bar.value + bar.half), top + 24.5)],
            "whisker",
        )
    if values_above:  # a line would cross a text behind the bar
        canvas.text((canvas.width - 20, top + 12), bar.text, "value", anchor="end")
    else:
        canvas.text((max(zero, x.place(bar.value + (bar.half or 0))) + 8, top + 29), bar.text, "value")


def _axes(canvas: Canvas, x: Scale, y: Scale, x_name: str) -> None:
    for value in y.ticks(5):
        place = y.place(value)
        canvas.line((x.start, place), (x.end, place), "grid")
        canvas.text((x.start - 6, place + 4), tick(value), "tick", anchor="end")
    for value in x.ticks(6 if canvas.width > NARROW else 4):
        place = x.place(value)
        canvas.line((place, y.start), (place, y.start + 4), "axis")
        canvas.text((place, y.start + 18), tick(value), "tick", anchor="middle")
    canvas.line((x.start, y.start), (x.end, y.start), "axis")
    canvas.text((x.end, y.start + 34), x_name, "axis-name", anchor="end")
