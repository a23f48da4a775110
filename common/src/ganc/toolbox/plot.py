"""`ganc plot`: a chart of search results, or of training runs."""

from collections.abc import Sequence
from pathlib import Path

import click

from ganc.base.text import counted
from ganc.cli.command import command
from ganc.cli.messages import note, warn
from ganc.cli.options import json_option
from ganc.cli.paths import OUTPUT_FILE, STREAM, Written
from ganc.cli.tables import show_json

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


@command(page="report.md")
@click.argument(
    "inputs", nargs=-1, required=True, metavar="RESULTS | RUN...", type=click.Path(path_type=Path, allow_dash=True)
)
@click.option("-o", "--output", type=OUTPUT_FILE, help="The chart: .png, .svg or .pdf.")
@click.option("--original", type=float, help="The original generator's value of the metric, to draw beside them.")
@click.option("--published", is_flag=True, help="Draw published FIDs on horse2zebra too.")
@click.option(
    "--title", show_default="the number of sub-networks and their space, or the run's name", help="The chart's title."
)
@click.option(
    "--tensorboard",
    type=Written(path_type=Path),  # a file there is refused where it is written, as every output is
    metavar="FOLDER",
    help="A folder to write the runs into for TensorBoard, each into a folder of its own.",
)
@json_option
def plot(
    inputs: Sequence[Path],
    output: Path | None,
    original: float | None,
    published: bool,
    title: str | None,
    tensorboard: Path | None,
    as_json: bool,
) -> None:
    """Draw search results, or the losses of training runs.

    RESULTS is a file of ganc-search, or - for standard input: the metric of all sub-networks against their MACs, or
    milliseconds where the search lowered them, with the Pareto front. What was predicted and not measured has marks of
    its own, and is never on the front. The original is a note at the edge. --published draws published FIDs too: on the
    same axes where the metric is the FID of images of the same size, else in a panel of their own.

    RUN is the directory of a run, or its log: every loss and distance by step, several runs in the same panels.

    \b
    ganc plot search.h5 -o front.png
    ganc plot search.h5 --original 64.95 --published -o front.svg
    ganc plot distill.safetensors.run other.safetensors.run -o losses.png
    ganc plot distill.safetensors.run --tensorboard events
    """
    from ganc.report.front_plot import SUFFIXES
    from ganc.report.run_log import is_log, read_run

    if output is None and tensorboard is None:
        raise click.UsageError("nothing to write: name a chart with -o, or a folder with --tensorboard")
    if output and output.suffix not in SUFFIXES:
        raise click.UsageError(f"-o {output}: a chart's name ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    of_runs = [str(path) != STREAM and (path.is_dir() or is_log(path)) for path in inputs]
    if not any(of_runs):
        if len(inputs) > 1 or tensorboard or output is None:
            raise click.UsageError("--tensorboard and several inputs are for runs; of search results name one file")
        made = _plot_results(str(inputs[0]), output, original, title, published)
        if as_json:
            show_json(made)
        return
    if not all(of_runs) or original is not None or published:
        raise click.UsageError(
            "runs are drawn by themselves: name no search results, no --original and no --published with them"
        )
    runs = [read_run(path) for path in inputs]
    for run in runs:
        for said in run.notes:
            warn(f"{run.path}: {said}")
    made = _plot_runs(runs, output, title, tensorboard)
    if as_json:
        show_json(made)


def _plot_results(results: str, output: Path, original: float | None, title: str | None, published: bool) -> dict:
    """Draw search results; return what was drawn, for programs."""
    from ganc.report.front_plot import draw_results
    from ganc.report.front_points import front_notes
    from ganc.results.hdf5 import read_results
    from ganc.results.shards import lacking

    read = read_results(results)
    for said in lacking(results, read):
        warn(said)
    points = draw_results(read, output, original=original, title=title, with_published=published)
    for said in front_notes(points):
        warn(f"{read.source}: {said}")
    said = f"{counted(points.measured, 'sub-network')} in {output}"
    if predicted := len(points.predicted):
        said += f", and {predicted} that were only predicted"
    note(said)
    return {"file": str(output), "subnets": points.measured, "predicted": predicted, "front": len(points.front)}


def _plot_runs(runs: Sequence, output: Path | None, title: str | None, tensorboard: Path | None) -> dict:
    """Draw and write runs; return what was made, for programs."""
    from ganc.report.run_plot import draw_runs, names_of
    from ganc.report.tensorboard import write_events

    if output:
        draw_runs(runs, output, title=title)
        note(f"{counted(len(runs), 'run')} in {output}")
    events = []
    if tensorboard:
        for run, name in zip(runs, names_of(runs), strict=True):
            events.append(str(write_events(run, tensorboard / name)))
            note(f"{run.path} in {events[-1]}")
    return {"file": output and str(output), "runs": [str(run.path) for run in runs], "events": events}
