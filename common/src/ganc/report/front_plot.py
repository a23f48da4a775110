"""Search results as a chart: every sub-network's metric against its MACs or milliseconds, and the Pareto front.

The points fill the picture. What lies far from them, as the original does, is a note at the edge that it lies beyond.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganc.base.atomic import replacing
from ganc.base.errors import SelectionError
from ganc.base.extras import MATPLOTLIB, require
from ganc.base.text import format_count
from ganc.models.spec import ORIGINAL
from ganc.report import published
from ganc.report.drawing import BLACK, BLUE, GREY, PURPLE, VERMILLION, drawing, plain, show
from ganc.report.front_points import Points, fewer_name
from ganc.report.html.scales import is_wide, spanning
from ganc.report.published_panel import draw_beside, draw_panel
from ganc.results.search_results import SearchResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# matplotlib is an extra; it is imported where it is used, behind the check that says how to install it.

SUFFIXES = (".png", ".svg", ".pdf")
FID = "inception-v3-fid"
# Each format's own note of when and by what it was made is left out: equal results give equal files.
METADATA = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None, "Producer": None}}

# More points than this are drawn as one for each cell of this grid, darker where there are more.
_MANY = 5_000
_GRID = (360, 240)
_WIDE = 3  # MACs that differ by this factor are drawn on a logarithmic axis, as in the report


@dataclass(frozen=True)
class Look:
    """How one kind of points is drawn; kinds differ in colour and in shape. Of a hollow mark only the edge is drawn."""

    colour: str
    marker: str
    hollow: bool = False

    def settings(self, colours: Any) -> dict[str, Any]:
        """Return what matplotlib's scatter takes, with `colours` one colour or one for each point."""
        if self.hollow:
            return {"marker": self.marker, "facecolors": "none", "edgecolors": colours, "linewidths": 0.8}
        return {"marker": self.marker, "color": colours, "linewidths": 0.9 if self.marker == "x" else 0}


MEASURED, FEWER, PREDICTED = Look(BLUE, "o"), Look(GREY, "x"), Look(PURPLE, "^", hollow=True)


def draw_results(
    results: SearchResults,
    output: Path,
    *,
    original: float | None = None,
    title: str | None = None,
    with_published: bool = False,
) -> Points:
    """Draw search results into a file whose suffix (.png, .svg or .pdf) says its format; return the points.

    The front is that of the rows on the most images; rows on fewer, which a race has dropped, are drawn fainter, and
    what was only predicted as hollow marks of another shape and colour.

    Args:
        original: the original generator's value of the metric that is drawn, where it was measured.
        with_published: draw published FIDs too: on the same axes where the metric is the FID of images of their size,
            else in a panel of their own, which shares nothing with the other.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        SelectionError: no row has a finite value of the metric, and of what it is drawn against.
        WriteError: the file cannot be written.
    """
    require(MATPLOTLIB)
    from matplotlib.figure import Figure

    points = Points.of(results)
    if not points.measured:
        needed = f"a value of {results.ranking_name}" + (" and a latency" if points.timed else "")
        raise SelectionError(f"{results.source}: no row has {needed}; run the search first")
    same = results.ranking_name == FID and results.identity.image_size == published.IMAGE_SIZE
    beside = same and not points.timed  # published FIDs have MACs
    apart = with_published and not beside
    with drawing():
        figure = Figure(figsize=(8, 8 if apart else 5.5), dpi=130, layout="constrained")
        axes = figure.subplots(2 if apart else 1, squeeze=False, height_ratios=[3, 2] if apart else [1])[:, 0]
        _draw_points(axes[0], points)
        if with_published and beside:
            draw_beside(axes[0])
        _draw_original(axes[0], points, original, with_fid=with_published and beside)
        _label(axes[0], points, title)
        if apart:
            draw_panel(axes[1], _reason(points))
        with replacing(output) as temporary:
            suffix = Path(output).suffix
            figure.savefig(temporary, format=suffix[1:], metadata=METADATA[suffix])
    return points


def _reason(points: Points) -> str:
    """Return why published values are not drawn among the points."""
    if points.results.ranking_name != FID:
        return "another metric"
    return "against MACs" if points.results.identity.image_size == published.IMAGE_SIZE else "of 256x256 images"


def _draw_points(axes: "Axes", points: Points) -> None:
    drawn, values = points.costs, points.values
    in_view = points.fewer_in_view()
    known = np.concatenate([points.comparable, values[in_view]])
    costs = drawn[np.concatenate([points.front, points.others, points.predicted, in_view]).astype(int)]
    _span(axes, costs, known)
    if len(points.fewer):
        _scatter(axes, drawn[in_view], values[in_view], fewer_name(points), FEWER)
    if len(points.predicted):
        place = points.predicted
        name = f"{len(place):,} predicted, not measured"
        _scatter(axes, drawn[place], points.predictions[place], name, PREDICTED)
    whole = np.concatenate([points.front, points.others]).astype(int)
    name = f"{len(whole):,} sub-networks on {points.results.rows.images[whole].max()} images"
    _scatter(axes, drawn[whole], values[whole], name, MEASURED)
    # Between two points of the front the cheaper one is the best there is, so the line goes in steps.
    axes.step(drawn[points.front], values[points.front], where="post", color=VERMILLION, linewidth=1.4, zorder=3)
    look: dict[str, Any] = {"color": VERMILLION, "markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.5}
    name = f"Pareto front ({len(points.front):,})"
    axes.plot(drawn[points.front], values[points.front], "D", label=name, zorder=4, **look)


def _span(axes: "Axes", costs: np.ndarray, values: np.ndarray) -> None:
    """Let the axes reach from the first to the last of the points, logarithmic where that shows more."""
    wide = bool(costs.min() > 0 and costs.max() > _WIDE * costs.min())
    show(axes.xaxis, spanning(costs.tolist(), 0, 1, logarithmic=wide))
    show(axes.yaxis, spanning(values.tolist(), 0, 1, logarithmic=is_wide(values.tolist())))


def _scatter(axes: "Axes", costs: np.ndarray, values: np.ndarray, label: str, look: Look) -> None:
    """Draw points; of many only one in each cell of a fine grid, with the more ink the more there are."""
    from matplotlib.colors import to_rgba_array

    places, ink = np.arange(len(costs)), np.full(len(costs), 0.8)
    if len(costs) > _MANY:
        places, counts = _one_a_cell(np.log(costs), values)
        ink = 0.15 + 0.85 * np.log1p(counts) / np.log1p(counts.max())
    size = 18 if len(costs) < 500 else 8 if len(costs) <= _MANY else 3
    colours = to_rgba_array([look.colour] * len(places), ink) if len(places) else [look.colour]
    axes.scatter(
        costs[places], values[places], s=size, rasterized=len(places) > 1000, zorder=2, **look.settings(colours)
    )
    axes.scatter([], [], s=18, label=label, **look.settings(look.colour))


def _one_a_cell(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the place of the first point in each occupied cell, and how many points the cell has."""
    cells = np.zeros(len(x), np.int64)
    for values, count in zip((x, y), _GRID, strict=True):
        spread = np.ptp(values) or 1.0
        cells = cells * count + np.minimum((values - values.min()) / spread * count, count - 1).astype(np.int64)
    _, places, counts = np.unique(cells, return_index=True, return_counts=True)
    return places, counts


def _draw_original(axes: "Axes", points: Points, original: float | None, *, with_fid: bool) -> None:
    """Say at the edge where the original is. What it costs no file says: the published one's MACs are a note."""
    fid = ", FID {:g} to {:g}".format(*published.ORIGINAL.fid) if with_fid else ""
    macs = format_count(ORIGINAL.costs(points.results.identity.image_size).macs)
    notes = [] if points.timed else [f"published original: {macs}MACs{fid} →"]
    if original is not None:
        low, high = axes.get_ylim()
        said = f"original generator ({original:g}, as given)"
        if low <= original <= high:
            axes.axhline(original, color=BLACK, linewidth=1, linestyle="--", zorder=1, label=said)
        else:
            notes.insert(0, f"{said} {'↓' if original < low else '↑'}")
    # Beside the name of the axis, where no point is.
    place = ("axes fraction", axes.xaxis.label)
    axes.annotate("\n".join(notes), (1, 1), xycoords=place, ha="right", va="top", fontsize=8, color=BLACK)


def _label(axes: "Axes", points: Points, title: str | None) -> None:
    results = points.results
    logarithmic = " (logarithmic)" if axes.get_xscale() == "log" else ""
    size = "x".join(map(str, results.identity.image_size))
    axes.set_xlabel(points.cost_name.replace("image", f"{size} image", 1) + logarithmic, loc="left")
    axes.set_ylabel(f"{results.ranking_name} (lower is better)")
    axes.set_title(title or f"{points.measured:,} sub-networks of {results.identity.space}")
    plain(axes)
    axes.figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
