"""`ganc report`: what a pipeline made, as one HTML file."""

from dataclasses import asdict
from pathlib import Path

import click

from ganc.cli.command import command
from ganc.cli.messages import note, warn
from ganc.cli.options import json_option
from ganc.cli.paths import FOLDER, OUTPUT_FILE
from ganc.cli.tables import show_json

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.

SUFFIXES = (".html", ".htm")


@command(page="report.md")
@click.argument("folder", type=FOLDER)
@click.option("-o", "--output", type=OUTPUT_FILE, required=True, help="The report, a file named .html.")
@json_option
def report(folder: Path, output: Path, as_json: bool) -> None:
    """Show all that a pipeline made as one HTML file.

    Costs, times, the search's front, losses, images, files with what each was made from, and settings. FOLDER is what
    the workflow, or stages called by hand, wrote to: checkpoints with their runs, search results, an exported folder,
    strip.jpg, and what `ganc evaluate --json` and `ganc bench --json` printed into files there. What
    is missing or damaged is named in the report. The page holds its pictures and data, and loads nothing.

    \b
    ganc report out/demo -o report.html
    """
    from ganc.base.extras import JINJA2, require

    if output.suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"-o {output}: a report's name ends in {' or '.join(SUFFIXES)}")
    require(JINJA2)
    from ganc.report.front_points import Points, front_notes
    from ganc.report.gather import gather
    from ganc.report.html.page import write_report
    from ganc.results.shards import lacking

    found = gather(folder)
    made = write_report(found, output)
    for name, results in found.searches.items():
        for said in lacking(found.folder / name, results):
            warn(said)
        for said in front_notes(Points.of(results)):
            warn(f"{name}: {said}")
    if as_json:
        show_json(
            {
                "file": str(output),
                "bytes": made.bytes,
                "files": [file.name for file in found.files],
                "runs": [run.path.name for run in found.runs],
                "searches": list(found.searches),
                "missing": [asdict(gap) for gap in made.gaps],
            }
        )
        return
    note(f"{output}: {made.bytes / 1e6:.2f} MB")
