"""Published FIDs in a chart of search results: on its axes where they compare, else in a panel of their own."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganc.report import published
from ganc.report.drawing import GREEN, plain, show
from ganc.report.html.scales import spanning
from ganc.report.published import Published

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROOM = 14  # points from a mark to its name


def draw_beside(axes: "Axes") -> None:
    """Draw published FIDs of compressed generators among points of the same kind; the axes reach as far as they do."""
    shown = published.COMPRESSED
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    costs, values = [one.macs for one in shown], [value for one in shown for value in one.fid]
    show(axes.xaxis, spanning([left, right / 1.2, *(cost * 1.2 for cost in costs)], 0, 1, logarithmic=True))
    show(axes.yaxis, spanning([low, high, *values], 0, 1, logarithmic=axes.get_yscale() == "log"))
    _draw(axes, shown)


def draw_panel(axes: "Axes", reason: str) -> None:
    """Draw published FIDs at their own MACs, apart from results that do not compare with them; `reason` says why."""
    shown = published.HORSE2ZEBRA
    costs = [one.macs for one in shown]
    show(axes.xaxis, spanning([min(costs) / 2.5, max(costs)], 0, 1, logarithmic=True))  # room for names
    show(axes.yaxis, spanning([value for one in shown for value in one.fid], 0, 1))
    _draw(axes, shown)
    theirs = "x".join(map(str, published.IMAGE_SIZE))
    axes.set_xlabel(f"MACs of one {theirs} image (logarithmic)")
    axes.set_ylabel("FID, as published")
    axes.set_title(f"FIDs on {published.DATA}: {reason}, not comparable with the values above", fontsize=9)
    plain(axes)


def _draw(axes: "Axes", shown: Sequence[Published]) -> None:
    for one in shown:
        middle, half = sum(one.fid) / 2, (one.fid[1] - one.fid[0]) / 2
        error = [half] if half else None
        axes.errorbar([one.macs], [middle], error, fmt="s", color=GREEN, markersize=4.5, capsize=3, zorder=5)
    axes.plot([], [], "s", color=GREEN, markersize=4.5, label=f"published on {published.DATA}")
    by_value = sorted(shown, key=lambda one: one.fid)
    compressed = [one for one in by_value if one is not published.ORIGINAL]
    _name(axes, compressed[::2], -1)
    _name(axes, compressed[1::2], 1)
    _name(axes, [one for one in by_value if one is published.ORIGINAL], -1)


def _name(axes: "Axes", group: Sequence[Published], side: int) -> None:
    """Write the methods' names, given by rising value, on one side of their points and apart from each other."""
    low, high = axes.get_ylim()
    lowest = -math.inf
    for one in group:
        middle = sum(one.fid) / 2
        lowest = max(middle, lowest + 0.07 * (high - low))
        axes.annotate(
            f"{one.method} (about)" if one.approximate else one.method,
            (one.macs, middle),
            xytext=(side * _ROOM, lowest),
            textcoords=("offset points", "data"),
            ha="left" if side > 0 else "right",
            va="center",
            fontsize=8,
            color=GREEN,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.8},  # readable among points
            arrowprops={"arrowstyle": "-", "color": GREEN, "linewidth": 0.5},
        )
