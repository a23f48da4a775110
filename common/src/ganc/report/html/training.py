"""The training runs: what their losses and distances did from step to step."""

from collections.abc import Sequence

from ganc.base.text import counted
from ganc.report.html.charts import Series, line_chart
from ganc.report.html.text import clean, measured, real
from ganc.report.html.views import Chart, Section, numbered
from ganc.report.run_log import LogLine, Run

STAGES = ("replace", "distill", "supernet", "finetune")
MOST_RUNS = 24
MOST_SERIES = 12  # lines in one chart
MOST_LINES = 600  # of a log


def trained(runs: Sequence[Run]) -> Section:
    """Return the section of the runs: a chart of losses, and one of distances where there are several."""
    section = Section("training", "Training")
    if runs:
        section.lead = (
            "Losses are weighted, as they were minimised, and are means over the steps since the line before. A"
            " logarithmic axis is used where they differ much."
        )
    for number, run in enumerate(in_order(runs)[:MOST_RUNS]):
        section.charts += [chart for chart in (_losses(run, number), _distances(run, number)) if chart]
    return section


def in_order(runs: Sequence[Run]) -> list[Run]:
    """Return runs in the order of their stages, others behind them."""
    return sorted(
        runs, key=lambda run: (STAGES.index(run.stage) if run.stage in STAGES else len(STAGES), run.path.name)
    )


def title_of(run: Run) -> str:
    """Return a run's name, which no other in the folder has, and its stage where the name does not begin with it."""
    name = clean(run.path.name, 60)
    return name if not run.stage or name.startswith(run.stage) else f"{name} ({clean(run.stage, 60)})"


def progress(run: Run) -> str:
    """Return how far a run is, in words."""
    step = run.saved if run.saved is not None else (run.lines[-1].step if run.lines else 0)
    if run.finished:
        return f"ended after {counted(step, 'step')}"
    of = f" of {run.planned:,}" if run.planned and run.planned >= step else ""
    return f"has not ended: {step:,}{of} steps are done"


def _losses(run: Run, number: int) -> Chart | None:
    lines, note = _thinned([line for line in run.lines if line.losses])
    names = [name for name in run.loss_names if any(name in line.losses for line in lines)]
    if not names:
        return None
    if len(names) > MOST_SERIES:
        note += f" {len(names) - MOST_SERIES} of {len(names)} losses are left out."
        names = names[:MOST_SERIES]
    series = [Series(name, [(line.step, line.losses[name]) for line in lines if name in line.losses]) for name in names]
    rates = any(line.learning_rate is not None for line in lines)
    rows = [
        [f"{line.step:,}", *([f"{line.learning_rate:.3g}" if line.learning_rate is not None else "–"] if rates else [])]
        + [real(line.losses.get(name)) for name in names]
        for line in lines
    ]
    heads = ["step", *(["learning rate"] if rates else []), *(clean(name, 40) for name in names)]
    return Chart(
        f"losses-{number}",
        f"Losses of {title_of(run)}: {progress(run)}",
        line_chart(series, f"Losses of {title_of(run)} by step: {', '.join(names)}", "step"),
        {"run": clean(run.path.name), "losses": {one.name: [[*point] for point in one.points] for one in series}},
        numbered(rows, f"Losses of {clean(run.path.name)}", heads, 0),
        note=note.strip(),
    )


def _distances(run: Run, number: int) -> Chart | None:
    kernels = {label: run.kernels(label) for label in run.labels if run.kernels(label)}
    by_kernel = bool(kernels)
    values = kernels or {label: [(*point, None) for point in run.distances(label)] for label in run.labels}
    if max(map(len, values.values()), default=0) < 2:
        return None
    values = dict(list(values.items())[:MOST_SERIES])
    name = "Kernel distance" if by_kernel else "Fréchet distance"
    series = [
        Series(label, [point[:2] for point in points], [point[2] for point in points])
        for label, points in values.items()
    ]
    rows = [
        [f"{step:,}", clean(label, 40), measured(value, error)]
        for label, points in values.items()
        for step, value, error in points
    ]
    return Chart(
        f"distances-{number}",
        f"{name} while {title_of(run)} trained",
        line_chart(series, f"{name} of {', '.join(values)} by step, lower is better", "step"),
        {
            "run": clean(run.path.name),
            "distances": {label: [[*point] for point in points] for label, points in values.items()},
        },
        numbered(
            rows,
            f"{name} of {clean(run.path.name)}, on the images that the stage looked at",
            ["step", "generator", name],
            2,
        ),
        note="Lower is better. Lines up and down are standard errors." if by_kernel else "Lower is better.",
    )


def _thinned(lines: Sequence[LogLine]) -> tuple[Sequence[LogLine], str]:
    """Return evenly spread lines of a log, the last among them, and what was left out, in words."""
    if len(lines) <= MOST_LINES:
        return lines, ""
    every = -(-len(lines) // MOST_LINES)
    return lines[::-every][::-1], f" Every {every}th of {len(lines):,} lines of the log is shown."
