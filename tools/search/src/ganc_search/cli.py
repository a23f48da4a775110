"""Command line of stage 4."""

import contextlib
import os
import sys
from pathlib import Path

import click

from ganc.base.engine_table import REFERENCE, graph_engines
from ganc.cli.command import command
from ganc.cli.engines import EngineChoice
from ganc.cli.options import (
    FILE,
    FOLDER,
    NOT_NEGATIVE,
    POSITIVE,
    device_option,
    feature_set_option,
    grouped,
    measured_budget_options,
)
from ganc.cli.tables import settings_line, show, size_text
from ganc.cli.types import BUDGET, SHARD, SIZE, SPACE

PART = click.FloatRange(0, 1)


def _evolution(**values):
    from ganc_search.strategies.evolution import EvolutionSettings

    return EvolutionSettings(**values)


evolution_options = grouped(
    "evolution",
    _evolution,
    click.option("--population", type=POSITIVE, default=100, help="Evolution: sub-networks a generation."),
    click.option("--generations", type=NOT_NEGATIVE, default=500, help="Evolution: generations of children at most."),
    click.option("--parent-ratio", type=PART, default=0.25, help="Evolution: parents, as a part of the population."),
    click.option("--mutation-ratio", type=PART, default=0.5, help="Evolution: children made by mutation, as a part."),
    click.option(
        "--mutation",
        "mutation_probability",
        type=PART,
        default=0.3,
        help="Evolution: probability that a mutation draws a width anew.",
    ),
    click.option(
        "--patience", type=POSITIVE, default=10, help="Evolution: end after so many generations without a better front."
    ),
    click.option(
        "--evaluations", type=POSITIVE, show_default="no bound", help="Evolution: end after so many sub-networks."
    ),
)


@command("ganc-search")
@click.option("--supernet", type=FILE, required=True, help="The supernet's checkpoint, from ganc-supernet.")
@click.option("--data", "folder", type=FOLDER, required=True, help="Folder with searchA.txt or testA, and trainB.")
@click.option("--direction", type=click.Choice(["AtoB", "BtoA"]), default="AtoB", help="Which way to translate.")
@click.option("-o", "--output", help="The results file (HDF5); - writes it to standard output.")
@click.option("--run-dir", type=FOLDER, help="With -o -: where finished rows are kept, to go on from.")
@click.option("--space", type=SPACE, show_default="the supernet's", help="A named space or lists, 32,24/32,16/….")
@measured_budget_options
@click.option(
    "--strategy",
    type=click.Choice(["exhaustive", "random", "evolution"]),
    show_default="random with --samples, else exhaustive",
    help="Which sub-networks to look at.",
)
@click.option("--samples", type=POSITIVE, help="So many random sub-networks.")
@evolution_options
@click.option("--racing", is_flag=True, help="First on a part of the pictures; drop the worst, the rest on more.")
@click.option(
    "--racing-keep",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=1 / 3,
    show_default="1/3",
    help="The part of a round that goes on, each time.",
)
@click.option(
    "--latency",
    type=click.Choice(["measured", "table"]),
    help="Add milliseconds a picture: each sub-network timed, or summed up from its stages.",
)
@click.option(
    "--latency-engine",
    type=EngineChoice(["auto", *graph_engines()]),
    default="auto",
    help="What latencies are measured in; auto is the fastest installed.",
)
@click.option("--shard", type=SHARD, default="1/1", help="Evaluate part K of N; ganc merge joins them.")
@click.option(
    "--stats", "statistics", type=FILE, show_default="made from --data", help="Target statistics, from ganc stats."
)
@feature_set_option
@click.option("--size", "image_size", type=SIZE, show_default="the supernet's", help="Picture size, N or WxH.")
@click.option(
    "--engine",
    type=EngineChoice(["auto", *graph_engines(), REFERENCE]),
    default="auto",
    help="What runs the generator; auto is the fastest installed.",
)
@click.option("--batch-size", type=POSITIVE, default=8, help="Pictures whose features are computed at once.")
@click.option("--memory", type=BUDGET, show_default="a quarter of the machine's", help="Bytes to use, such as 4G.")
@click.option("--group-size", type=POSITIVE, default=32, help="Sub-networks evaluated together, at most.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Seed of random sub-networks.")
@click.option(
    "--rank-check",
    type=click.IntRange(min=3),
    help="Only compare the ranks of N random ones on two halves of the pictures.",
)
@click.option(
    "--top",
    type=POSITIVE,
    default=5,
    help="Rows of the table that is printed; of an evolution all of its Pareto front are.",
)
@click.option("--restart", is_flag=True, help="Throw earlier results away instead of going on.")
@device_option
def main(output, top, shard, max_macs, max_params, max_latency, rank_check, racing, racing_keep, **settings):
    """Stage 4: evaluate a supernet's sub-networks.

    Writes what each costs and how good it is. The same command run again goes on where it was stopped.

    \b
    ganc-search --supernet supernet.safetensors --data horse2zebra --stats real_B.npz \\
                --max-macs 2.7G -o search.h5
    ganc-search … --strategy evolution --racing -o search.h5
    ganc-search … --samples 500 --shard 3/16 -o shard3.h5
    ganc-search … -o - | ganc-finetune … --results - -o finetune.safetensors
    ganc-search … --rank-check 50
    """
    _check_usage(output, shard, max_latency, rank_check, racing, **settings)
    from ganc_search.job import SearchJob, SearchSettings
    from ganc_search.strategies.candidates import Budget
    from ganc_search.strategies.racing import Racing

    settings["strategy"] = settings["strategy"] or ("random" if settings["samples"] else "exhaustive")
    with _results_to_stdout(output == "-") as stdout:
        prepared = SearchSettings(
            output=None if output in (None, "-") else Path(output),
            part=shard[0],
            parts=shard[1],
            budget=Budget(max_macs=max_macs, max_params=max_params, max_latency=max_latency),
            racing=Racing(racing_keep) if racing else None,
            **settings,
        )
        if rank_check:
            _show_rank_check(prepared, rank_check)
            return
        if settings["latency"]:
            click.echo("measuring latencies first", err=True)
        job = SearchJob(prepared)
        _run(job)
        if not job.ranks.writes:
            return
        _show(job, output, top)
        if stdout is not None:
            from ganc.results.hdf5 import write_results

            write_results(stdout, job.results)


def _check_usage(output, shard, max_latency, rank_check, racing, *, run_dir, strategy, samples, latency, **_) -> None:
    """Refuse options that do not go together."""
    if rank_check is not None:
        given = {"-o": output, "--max-latency": max_latency, "--latency": latency, "--racing": racing}
        given |= {"--samples": samples, "--strategy": strategy, "--shard": None if shard == (1, 1) else shard}
        if superfluous := [name for name, value in given.items() if value]:
            raise click.UsageError(
                f"--rank-check compares random sub-networks and writes nothing: leave out {superfluous[0]}"
            )
    elif output is None:
        raise click.UsageError("Missing option '-o' / '--output'.")
    if run_dir and output != "-":
        raise click.UsageError("--run-dir is for -o -: a results file is its own place to go on from")
    if strategy == "random" and samples is None:
        raise click.UsageError("--strategy random needs --samples, how many")
    if strategy not in (None, "random") and samples is not None:
        raise click.UsageError(f"--samples draws at random; --strategy {strategy} does not")
    if strategy == "evolution" and shard != (1, 1):
        raise click.UsageError("--strategy evolution has no shards: a generation needs all rows of the one before")
    if max_latency is not None and latency is None:
        raise click.UsageError("--max-latency needs --latency measured or --latency table")


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
    from ganc_search.progress import ProgressLine

    if not job.ranks.writes:
        for _ in job:
            pass
        return
    settings = job.settings
    evolving = settings.strategy == "evolution"
    settings_line(
        "ganc-search",
        space=job.space.text,
        candidates=f"at most {job.total}" if evolving else job.total,
        shard=f"{settings.part}/{settings.parts}",
        pictures=f"{len(job.evaluation.pictures)} of {job.evaluation.subset} at {size_text(job.image_size)}",
        metric=job.metric,
        engine=job.engine,
    )
    if job.fell_back:
        click.echo(
            f"warning: {settings.folder} has no search{settings.direction[0]}.txt, so the search looks at the test "
            "pictures; 'ganc data split' sets pictures aside for it",
            err=True,
        )
    with ProgressLine(job.metric, sys.stderr, unit=job.unit, at_most=evolving) as line:
        for progress in job:
            line.show(progress)


def _show(job, output: str, top: int) -> None:
    from ganc.cli.results import results_rows
    from ganc.results.selection import select

    evolved = job.settings.strategy == "evolution"  # it ends with a front, not with one point
    best = select(job.results, pareto=evolved, top=None if evolved else top)
    show(results_rows(best, job.metric), err=output == "-")
    written = "standard output" if output == "-" else f"{output} ({Path(output).stat().st_size:,} bytes)"
    click.echo(f"{len(job.results)} sub-networks in {written}", err=output == "-")


def _show_rank_check(settings, count: int) -> None:
    from ganc_search.rank_check import check_ranks

    result = check_ranks(settings, count)
    show(
        [
            {
                "metric": result.metric,
                "sub-networks": result.subnets,
                "pictures": f"{result.images[0]} and {result.images[1]}",
                "Spearman": f"{result.spearman:.3f}",
                "Kendall": f"{result.kendall:.3f}",
            }
        ]
    )
    click.echo(result.meaning)
