"""`ganc plot`: a chart of search results."""

from pathlib import Path

import click

from ganc.cli.command import command
from ganc.cli.paths import OUTPUT_FILE

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


@command(page="search.md")
@click.argument("results", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("-o", "--output", type=OUTPUT_FILE, required=True, help="The chart: .png, .svg or .pdf.")
@click.option("--original", type=float, help="The original generator's value of the metric, to draw beside them.")
@click.option("--title", show_default="the number of sub-networks and their space", help="The chart's title.")
def plot(results: str, output: Path, original: float | None, title: str | None):
    """Draw search results: metric against MACs, with the Pareto front.

    The original and published results are drawn beside them: on the same axis where the metric is the FID of
    images of the same size, else in a panel of their own. RESULTS is a file of ganc-search; - is standard input.

    \b
    ganc plot search.h5 -o front.png
    ganc plot search.h5 --original 64.95 -o front.svg
    """
    from ganc.report.front_plot import SUFFIXES, draw_results
    from ganc.results.hdf5 import read_results

    if output.suffix not in SUFFIXES:
        raise click.UsageError(f"-o {output}: a chart's name ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    read = read_results(results)
    draw_results(read, output, original=original, title=title)
    click.echo(f"{len(read)} sub-networks in {output}", err=True)
