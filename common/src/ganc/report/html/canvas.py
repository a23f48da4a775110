"""An SVG drawing, built as a tree so that every text in it is escaped."""

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from ganc.report.html.text import clean

CHARACTER = 6.6  # pixels that a character of a label takes, about
SHAPES = ("circle", "square", "triangle", "diamond", "plus", "cross")
SERIES = 6  # colours of the style sheet


class Canvas:
    """A drawing of a width and height in pixels; colours are classes of the style sheet.

    Args:
        label: what the drawing shows, for who does not see it.
    """

    def __init__(self, width: float, height: float, label: str, kind: str):
        attributes = {"viewBox": f"0 0 {width:g} {height:g}", "class": f"drawing {kind}", "role": "img"}
        self.root = ElementTree.Element("svg", {**attributes, "aria-label": clean(label)})
        self.width, self.height = width, height

    def line(self, start: tuple[float, float], end: tuple[float, float], style: str) -> None:
        (x1, y1), (x2, y2) = start, end
        self._add("line", style, x1=x1, y1=y1, x2=x2, y2=y2)

    def path(self, points: Sequence[tuple[float, float]], style: str) -> None:
        """Draw straight lines from point to point."""
        self._add("path", style).set("d", "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points))

    def bar(self, corner: tuple[float, float], size: tuple[float, float], style: str) -> None:
        (x, y), (width, height) = corner, size
        self._add("rect", style, x=x, y=y, width=max(width, 0), height=height, rx=2)

    def text(self, place: tuple[float, float], text: str, style: str = "", anchor: str = "start") -> None:
        x, y = place
        element = self._add("text", style, x=x, y=y)
        element.set("text-anchor", anchor)
        element.text = clean(text)

    def mark(self, place: tuple[float, float], shape: str, size: float, style: str, title: str = "") -> None:
        """Draw one of SHAPES around a place; a title is shown when it is pointed at."""
        element = self._add("path", style)
        element.set("d", outline(place, shape, size))
        if title:
            ElementTree.SubElement(element, "title").text = clean(title)

    def to_html(self) -> str:
        return ElementTree.tostring(self.root, encoding="unicode", short_empty_elements=False)

    def _add(self, tag: str, style: str, **numbers: float) -> ElementTree.Element:
        element = ElementTree.SubElement(self.root, tag, {name: f"{value:.1f}" for name, value in numbers.items()})
        if style:
            element.set("class", style)
        return element


def outline(place: tuple[float, float], shape: str, size: float) -> str:
    """Return the path of a shape of about `size` pixels from its middle to its edge."""
    x, y = place
    if shape == "circle":
        return (
            f"M{x - size:.1f} {y:.1f}a{size:g} {size:g} 0 1 0 {2 * size:g} 0a{size:g} {size:g} 0 1 0 {-2 * size:g} 0Z"
        )
    if shape in ("plus", "cross"):
        turn = math.pi / 4 if shape == "cross" else 0
        ends = [
            (x + size * math.cos(turn + k * math.pi / 2), y + size * math.sin(turn + k * math.pi / 2)) for k in range(4)
        ]
        return "".join(f"M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}" for a, b in (ends[::2], ends[1::2]))
    corners = {"square": (4, math.pi / 4, 1.25), "diamond": (4, 0, 1.35), "triangle": (3, -math.pi / 2, 1.35)}
    count, turn, factor = corners[shape]
    points = [
        (
            x + factor * size * math.cos(turn + 2 * math.pi * k / count),
            y + factor * size * math.sin(turn + 2 * math.pi * k / count),
        )
        for k in range(count)
    ]
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points) + "Z"


def series_style(number: int) -> tuple[str, str]:
    """Return the style and the shape of the series with a number: no two of 30 have both in common."""
    return f"series-{number % SERIES} dash-{number % 5}", SHAPES[number % len(SHAPES)]


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return places near the given ones, in their order, at least `gap` apart and within bounds where there is room."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    last = low - gap
    for index in order:
        last = moved[index] = max(places[index], last + gap)
    next_one = high + gap
    for index in reversed(order):
        next_one = moved[index] = min(moved[index], next_one - gap)
    return moved
