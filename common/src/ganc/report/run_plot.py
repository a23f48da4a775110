"""Training runs as a chart: a panel for each loss and for each thing that was evaluated, a line for each run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganc.base.atomic import replacing
from ganc.base.errors import RunError
from ganc.base.extras import MATPLOTLIB, require
from ganc.report.drawing import SERIES, drawing
from ganc.report.front_plot import METADATA
from ganc.report.run_log import Run

# matplotlib is an extra; it is imported where it is used, behind the check that says how to install it.

DASHES, MARKERS = ("-", "--", ":", "-."), ("o", "s", "^", "D", "v", "P", "X")
LOGARITHMIC_FROM = 12
MOST_PANELS = 24
MOST_MARKS = 20  # points of a line that are marked


@dataclass(frozen=True)
class Panel:
    """A quantity of all runs: for each run that has it its number, and (step, value, standard error or None)."""

    title: str
    lines: Sequence[tuple[int, Sequence[tuple[int, float, float | None]]]]


def draw_runs(runs: Sequence[Run], output: Path, *, title: str | None = None) -> None:
    """Draw runs into a file whose suffix (.png, .svg or .pdf) says its format.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        RunError: no run has a line in its log.
        WriteError: the file cannot be written.
    """
    require(MATPLOTLIB)
    from matplotlib.figure import Figure

    panels = list(_panels(runs))[:MOST_PANELS]
    if not panels:
        raise RunError(f"{', '.join(str(run.path) for run in runs)}: no line in the log; no epoch has ended yet")
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    with drawing():
        figure = Figure(figsize=(4 * columns + 0.6, 2.7 * rows + 0.9), dpi=130, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=False):
            _draw(axes, panel)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        names = [f" {name}" if name.startswith("_") else name for name in names_of(runs)]  # a legend leaves out _names
        if len(runs) > 1:
            handles = [grid[0].plot([], [], **_look(number), label=name)[0] for number, name in enumerate(names)]
            figure.legend(handles=handles, loc="outside lower center", ncols=min(len(runs), 3), frameon=False)
        figure.suptitle(title or (names[0] if len(runs) == 1 else f"{len(runs)} runs"), fontsize=11)
        with replacing(output) as temporary:
            suffix = Path(output).suffix
            figure.savefig(temporary, format=suffix[1:], metadata=METADATA[suffix])


def names_of(runs: Sequence[Run]) -> list[str]:
    """Return a name for each run: its folder's, with as much of the path before it as tells it from the others."""
    # Names become folders below another: nothing in them may lead out of it, neither ".." nor the root.
    places = [path.relative_to(path.anchor).parts for path in (run.path.resolve() for run in runs)]
    for count in range(1, max(map(len, places)) + 1):
        names = ["/".join(place[-count:]) for place in places]
        if len(set(names)) == len(set(places)):
            break
    return names


def _panels(runs: Sequence[Run]) -> Iterator[Panel]:
    def panel(title: str, values: Sequence[Sequence[tuple]]) -> Iterator[Panel]:
        lines = [(number, points) for number, points in enumerate(values) if points]
        if lines:
            yield Panel(title, lines)

    for name in dict.fromkeys(name for run in runs for name in run.loss_names):
        yield from panel(f"loss: {name}", [[(*point, None) for point in run.losses(name)] for run in runs])
    for label in dict.fromkeys(label for run in runs for label in run.labels):
        yield from panel(f"kernel distance: {label}", [run.kernels(label) for run in runs])
        yield from panel(f"Fréchet distance: {label}", [[(*p, None) for p in run.distances(label)] for run in runs])


def _draw(axes: Any, panel: Panel) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    values = [value for _, points in panel.lines for _, value, _ in points]
    if min(values) > 0 and max(values) > LOGARITHMIC_FROM * min(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")  # the usual one writes mathematics, which `drawing` shows as it stands
        axes.yaxis.set_minor_formatter(NullFormatter())
    for number, points in panel.lines:
        steps, heights, errors = zip(*points, strict=True)
        look = _look(number) | {"markevery": -(-len(points) // MOST_MARKS)}
        axes.plot(steps, heights, **look)
        if any(errors):
            axes.errorbar(steps, heights, [error or 0 for error in errors], fmt="none", ecolor=look["color"], capsize=2)
    axes.set_title(panel.title, fontsize=9.5)
    axes.set_xlabel("step", fontsize=8)
    axes.xaxis.get_major_locator().set_params(integer=True, nbins=5)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _look(number: int) -> dict:
    """Return how a run's line looks: runs differ in more than the colour."""
    return {
        "color": SERIES[number % len(SERIES)],
        "linestyle": DASHES[number % len(DASHES)],
        "marker": MARKERS[number % len(MARKERS)],
        "markersize": 3.5,
        "linewidth": 1.3,
        "markerfacecolor": "white",
    }
