"""Command line of stage 4."""

import contextlib
import os
import sys
from pathlib import Path

import click

from ganc.cli.command import command
from ganc.cli.options import FILE, FOLDER, POSITIVE, budget_options, device_option
from ganc.cli.tables import settings_line, show, size_text
from ganc.cli.types import SHARD, SIZE, SPACE


@command("ganc-search")
@click.option("--supernet", type=FILE, required=True, help="The supernet's checkpoint, from ganc-supernet.")
@click.option("--data", "folder", type=FOLDER, required=True, help="Folder with searchA.txt or testA, and trainB.")
@click.option("--direction", type=click.Choice(["AtoB", "BtoA"]), default="AtoB", help="Which way to translate.")
@click.option("-o", "--output", required=True, help="The results file (HDF5); - writes it to standard output.")
@click.option("--run-dir", type=FOLDER, help="With -o -: where finished rows are kept, to go on from.")
@click.option("--space", type=SPACE, show_default="the supernet's", help="A named space or lists, 32,24/32,16/….")
@budget_options
@click.option("--samples", type=POSITIVE, show_default="all within the budget", help="So many random sub-networks.")
@click.option("--shard", type=SHARD, default="1/1", help="Evaluate part K of N; ganc merge joins them.")
@click.option(
    "--stats", "statistics", type=FILE, show_default="made from --data", help="Target statistics, from ganc stats."
)
@click.option("--feature-set", help="Feature set of a --stats file that does not name its own.")
@click.option("--size", "image_size", type=SIZE, show_default="the supernet's", help="Picture size, N or WxH.")
@click.option("--batch-size", type=POSITIVE, default=8, help="Pictures translated at once.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Seed of --samples.")
@click.option("--top", type=POSITIVE, default=5, help="Rows of the table that is printed.")
@click.option("--restart", is_flag=True, help="Throw earlier results away instead of going on.")
@device_option
def main(output, top, shard, max_macs, max_params, **settings):
    """Stage 4: evaluate a supernet's sub-networks.

    Writes what each costs and how good it is. The same command run again goes on where it was stopped.

    \b
    ganc-search --supernet supernet.safetensors --data horse2zebra --stats real_B.npz \\
                --max-macs 2.7G -o search.h5
    ganc-search … --samples 500 --shard 3/16 -o shard3.h5
    ganc-search … -o - | ganc-finetune … --results - -o finetune.safetensors
    """
    from ganc_search.candidates import Budget
    from ganc_search.stage import SearchJob, SearchSettings

    if settings["run_dir"] and output != "-":
        raise click.UsageError("--run-dir is for -o -: a results file is its own place to go on from")
    with _results_to_stdout(output == "-") as stdout:
        job = SearchJob(
            SearchSettings(
                output=None if output == "-" else Path(output),
                part=shard[0],
                parts=shard[1],
                budget=Budget(max_macs=max_macs, max_params=max_params),
                **settings,
            )
        )
        _run(job)
        _show(job, output, top)
        if stdout is not None:
            from ganc.files.results import write_results

            write_results(stdout, job.results)


@contextlib.contextmanager
def _results_to_stdout(piped: bool):
    """Keep standard output for the results alone: whatever else is printed meanwhile, also by libraries, is diverted.

    Yields the binary stream to write to, None where results go to a file.
    """
    if not piped:
        yield None
        return
    if sys.stdout.isatty():
        raise click.UsageError("-o - writes HDF5 to standard output: pipe it into a command or a file")
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "wb") as stdout:
        os.dup2(2, 1)
        try:
            yield stdout
        finally:
            sys.stdout.flush()
            os.dup2(stdout.fileno(), 1)


def _run(job) -> None:
    from tqdm import tqdm

    settings = job.settings
    settings_line(
        "ganc-search",
        space=job.space.text,
        candidates=len(job),
        shard=f"{settings.part}/{settings.parts}",
        pictures=f"{len(job.evaluation.pictures)} of {job.evaluation.subset} at {size_text(job.image_size)}",
        metric=job.metric,
    )
    if job.fell_back:
        click.echo(
            f"warning: {settings.folder} has no search{settings.direction[0]}.txt, so the search looks at the test "
            "pictures; 'ganc data split' sets pictures aside for it",
            err=True,
        )
    quiet = not sys.stderr.isatty()
    with tqdm(total=len(job), unit="subnet", file=sys.stderr, mininterval=15 if quiet else 0.2, ascii=quiet) as bar:
        for progress in job:
            best = progress.best
            bar.set_postfix_str(f"best {best.metrics[job.metric]:.4f} at {best.macs / 1e9:.3g} G", refresh=False)
            bar.update()


def _show(job, output: str, top: int) -> None:
    from ganc.cli.results import results_rows
    from ganc.files.selection import select

    show(results_rows(select(job.results, top=top), job.metric), err=output == "-")
    written = "standard output" if output == "-" else f"{output} ({Path(output).stat().st_size:,} bytes)"
    click.echo(f"{len(job.results)} sub-networks in {written}", err=output == "-")
