"""Search results as a chart: every sub-network's metric against its MACs, the Pareto front, and published results.

A published FID is only drawn on the same axis as a result that is a FID too, of images of the same size. Everything
else is drawn in a panel of its own below, which shares nothing but the MACs.
"""

from pathlib import Path

import numpy as np

from ganc.base.atomic import replacing
from ganc.base.errors import SelectionError
from ganc.base.extras import MATPLOTLIB, require
from ganc.models.spec import ORIGINAL
from ganc.report import published
from ganc.report.drawing import drawing
from ganc.report.published import Published
from ganc.results.search_results import SearchResults
from ganc.results.selection import pareto_front

# matplotlib is an extra; it is imported where it is used, behind the check that says how to install it.

SUFFIXES = (".png", ".svg", ".pdf")
FID = "inception-v3-fid"
# Each format's own note of when and by what it was made is left out: equal results give equal files.
METADATA = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None, "Producer": None}}

_ALL, _FEWER, _FRONT, _ORIGINAL, _PUBLISHED = "#7da7cf", "#d5d9de", "#b3402e", "#222222", "#3a7d54"
# More points than this are drawn as one for each cell of this grid, darker where there are more.
_MANY = 5_000
_GRID = (360, 240)


def draw_results(
    results: SearchResults, output: Path, *, original: float | None = None, title: str | None = None
) -> None:
    """Draw search results into a file whose suffix (.png, .svg or .pdf) says its format.

    The front is that of the rows on the most images; rows on fewer, which a race has dropped, are drawn fainter.

    Args:
        original: the original generator's value of the metric that is drawn, where it was measured.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        SelectionError: no row has a finite value of the metric.
        WriteError: the file cannot be written.
    """
    require(MATPLOTLIB)
    from matplotlib.figure import Figure

    kept = np.flatnonzero(np.isfinite(results.ranking))
    if not len(kept):
        raise SelectionError(f"{results.source}: no row has a value of {results.ranking_name}; run the search first")
    shared = results.ranking_name == FID and results.identity.image_size == published.IMAGE_SIZE
    with drawing():
        figure = Figure(figsize=(8, 5.5 if shared else 7.5), dpi=130, layout="constrained")
        axes = figure.subplots(1 if shared else 2, sharex=True, squeeze=False, height_ratios=[1] if shared else [3, 2])
        top, bottom = axes[0, 0], axes[-1, 0]
        top.set_xscale("log")
        _draw_points(top, results, kept)
        _draw_original(top, results, original)
        _draw_published(bottom, results, shared=shared, with_original=original is None or not shared)
        _label(top, bottom, results, title, shared=shared)
        with replacing(output) as temporary:
            suffix = Path(output).suffix
            figure.savefig(temporary, format=suffix[1:], metadata=METADATA[suffix])


def _draw_points(axes, results: SearchResults, kept: np.ndarray) -> None:
    gmacs, metric, images = results.rows.macs[kept] / 1e9, results.ranking[kept], results.rows.images[kept]
    whole = images == images.max()
    if not whole.all():
        counts = f"{images[~whole].min()}" if len(set(images[~whole])) == 1 else f"{images[~whole].min()} or more"
        _scatter(axes, gmacs[~whole], metric[~whole], _FEWER, f"{(~whole).sum():,} on fewer images ({counts})")
    _scatter(axes, gmacs[whole], metric[whole], _ALL, f"{whole.sum():,} sub-networks on {images.max()} images")
    front = np.flatnonzero(whole)[pareto_front(metric[whole], gmacs[whole])]
    front = front[np.argsort(gmacs[front], kind="stable")]
    # Between two points of the front the cheaper one is the best there is, so the line goes in steps.
    axes.step(gmacs[front], metric[front], where="post", color=_FRONT, linewidth=1.2, zorder=3)
    label = f"Pareto front ({len(front):,})"
    axes.plot(gmacs[front], metric[front], "o", color=_FRONT, markersize=3.5, label=label, zorder=4)


def _scatter(axes, gmacs: np.ndarray, metric: np.ndarray, colour: str, label: str) -> None:
    """Draw points; of many only one in each cell of a fine grid, with the more ink the more there are."""
    places, ink = np.arange(len(gmacs)), np.full(len(gmacs), 0.8)
    if len(gmacs) > _MANY:
        places, counts = _one_a_cell(np.log(gmacs), metric)
        ink = 0.15 + 0.85 * np.log1p(counts) / np.log1p(counts.max())
    size = 14 if len(gmacs) < 500 else 6 if len(gmacs) <= _MANY else 3
    settings = {"s": size, "color": colour, "linewidths": 0, "rasterized": len(places) > 1000, "zorder": 2}
    axes.scatter(gmacs[places], metric[places], alpha=ink, **settings)
    axes.scatter([], [], s=14, color=colour, linewidths=0, label=label)


def _one_a_cell(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the place of the first point in each occupied cell, and how many points the cell has."""
    cells = np.zeros(len(x), np.int64)
    for values, count in zip((x, y), _GRID, strict=True):
        spread = np.ptp(values) or 1.0
        cells = cells * count + np.minimum((values - values.min()) / spread * count, count - 1).astype(np.int64)
    _, places, counts = np.unique(cells, return_index=True, return_counts=True)
    return places, counts


def _draw_original(axes, results: SearchResults, original: float | None) -> None:
    """Draw the original's value where it is known. What it costs no file says: the published one's MACs are a note."""
    size = results.identity.image_size
    gmacs = ORIGINAL.costs(size).macs / 1e9
    note = f"published original: {gmacs:.3g} GMACs at {'x'.join(map(str, size))}"
    axes.annotate(
        note,
        (1, 0),
        xytext=(-4, 4),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        fontsize=7.5,
        color=_ORIGINAL,
        alpha=0.75,
    )
    if original is not None:
        label = f"original generator ({original:g}, as given)"
        axes.axhline(original, color=_ORIGINAL, linewidth=1, linestyle="--", zorder=1, label=label)


def _draw_published(axes, results: SearchResults, *, shared: bool, with_original: bool) -> None:
    """Draw published FIDs at their MACs, brought to the results' image size, with the methods' names."""
    size, theirs = results.identity.image_size, published.IMAGE_SIZE
    pixels = size[0] * size[1] / (theirs[0] * theirs[1])
    shown = [one for one in published.HORSE2ZEBRA if with_original or one is not published.ORIGINAL]
    for one in shown:
        middle, half = sum(one.fid) / 2, (one.fid[1] - one.fid[0]) / 2
        place = one.macs / 1e9 * pixels
        axes.errorbar([place], [middle], [half] if half else None, fmt="D", color=_PUBLISHED, markersize=4, capsize=3)
    if not shared:
        low, high = min(one.fid[0] for one in shown), max(one.fid[1] for one in shown)
        axes.set_ylim(low - 3, high + 5)
    axes.plot([], [], "D", color=_PUBLISHED, markersize=4, label=f"published on {published.DATA}")
    left, right = axes.get_xlim()
    axes.set_xlim(left / 1.6, right)  # room for names
    by_value = sorted(set(shown) - {published.ORIGINAL}, key=lambda one: one.fid)
    _name(axes, by_value[::2], pixels, -1)
    _name(axes, by_value[1::2], pixels, 1)
    _name(axes, [one for one in shown if one is published.ORIGINAL], pixels, -1)


def _name(axes, group: list[Published], pixels: float, side: int) -> None:
    """Write the methods' names, given by rising value, on one side of their points and apart from each other."""
    low, high = axes.get_ylim()
    lowest = -np.inf
    for one in group:
        middle = sum(one.fid) / 2
        lowest = max(middle, lowest + 0.07 * (high - low))
        axes.annotate(
            f"{one.method} (about)" if one.approximate else one.method,
            (one.macs / 1e9 * pixels, middle),
            xytext=(one.macs / 1e9 * pixels * 1.12**side, lowest),
            ha="left" if side > 0 else "right",
            va="center",
            fontsize=8,
            color=_PUBLISHED,
            arrowprops={"arrowstyle": "-", "color": _PUBLISHED, "linewidth": 0.5},
        )


def _label(top, bottom, results: SearchResults, title: str | None, *, shared: bool) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    size, theirs = ("x".join(map(str, each)) for each in (results.identity.image_size, published.IMAGE_SIZE))
    bottom.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    bottom.xaxis.set_major_formatter("{x:g}")
    bottom.xaxis.set_minor_formatter(NullFormatter())
    scaled = "" if size == theirs else f"; published MACs scaled from {theirs}"
    bottom.set_xlabel(f"GMACs of one {size} image (logarithmic){scaled}")
    top.set_ylabel(f"{results.ranking_name} (lower is better)")
    top.set_title(title or f"{results.measured:,} sub-networks of {results.identity.space}")
    if not shared:
        reason = "another metric" if results.ranking_name != FID else f"of {theirs} images"
        bottom.set_ylabel("FID, as published")
        bottom.set_title(f"FIDs on {published.DATA}: {reason}, not comparable with the values above", fontsize=9)
    for axes in {top, bottom}:
        axes.grid(alpha=0.25)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    top.legend(loc="upper right", fontsize=8, framealpha=0.9)
