"""Command line of stage 4."""

import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from ganc.base.engine_table import engines_of_parts, graph_engines
from ganc.base.settings import settings_of
from ganc.base.text import counted, format_bytes, format_count, format_duration
from ganc.cli.command import command
from ganc.cli.engines import EngineChoice
from ganc.cli.help import REQUIRED, RUN
from ganc.cli.messages import note, warn
from ganc.cli.options import (
    POSITIVE,
    Shown,
    device_option,
    dry_run_option,
    feature_set_option,
    grouped,
    measured_budget_options,
    reference_option,
    setting_option,
    setting_options,
    stage_options,
)
from ganc.cli.progress import progress_bar
from ganc.cli.streams import require_output, writing_output
from ganc.cli.tables import settings_line, show, show_json, show_rows, size_text
from ganc.cli.types import SHARD, SPACE
from ganc.models.family import format_widths
from ganc.training.settings import RunSettings
from ganc_search.settings import (
    AUTO,
    NEEDS,
    PIPE,
    Budget,
    EvolutionSettings,
    LatencyKind,
    PredictorSettings,
    SearchSettings,
    StrategyName,
)
from ganc_search.strategies.racing import Racing

if TYPE_CHECKING:
    from tqdm import tqdm

    from ganc.results.search_results import SearchResults
    from ganc_search.search import Search

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


# A table that is further off, as a part of the times, had better not be used.
LARGEST_TABLE_ERROR = 0.05


def _settings(racing: bool, keep: float, features: str | None, **values: Any) -> SearchSettings:
    budget = Budget(**{name: values.pop(name) for name in ("max_macs", "max_params", "max_latency")})
    evolution = EvolutionSettings(**{name: values.pop(name) for name in settings_of(EvolutionSettings)})
    predictor = PredictorSettings(**{name: values.pop(name) for name in settings_of(PredictorSettings)})
    raced = Racing(keep, features)  # made in any case, so that a wrong number is refused
    values |= {"budget": budget, "evolution": evolution, "predictor": predictor, "racing": raced if racing else None}
    return SearchSettings(**values)


def _engine_option(name: str, engines: tuple[str, ...], words: str) -> Callable[[Callable], Callable]:
    words = f"{words}; {AUTO} is the fastest installed."
    return click.option(name, type=EngineChoice((AUTO, *engines)), default=AUTO, help=words)


search_options = grouped(
    "settings",
    _settings,
    *setting_options(SearchSettings),
    _engine_option("--engine", engines_of_parts(), "What runs the generator"),
    _engine_option("--latency-engine", graph_engines(), "What latencies are measured in"),
    setting_option(RunSettings, "statistics"),
    feature_set_option,
    reference_option,
    device_option,
    click.option("--space", type=SPACE, show_default="the supernet's", help="A named space or lists, 32,24/32,16/…."),
    measured_budget_options,
    click.option(
        "--shard",
        type=SHARD,
        default="1/1",
        help="Evaluate part K of N, or slurm: that of this task of an array; ganc merge joins them.",
    ),
    click.option("--racing", is_flag=True, help="First on a part of the images; drop the worst, the rest on more."),
    *setting_options(Racing),
    *setting_options(EvolutionSettings),
    *setting_options(PredictorSettings),
)


def _say_that_memory_is_gone(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        note("--memory has no effect any more: --group-size bounds what is held in memory")


@command("ganc-search", page="search.md", moved={"output": REQUIRED, "batch-size": RUN}, needs=NEEDS)
@search_options
@click.option(
    "--rank-check", type=click.IntRange(min=3), help="Only compare the ranks of N on two halves of the images."
)
@click.option("--top", type=POSITIVE, default=5, help="Rows to print; a front is printed whole.")
@click.option(
    "--memory",
    hidden=True,
    expose_value=False,
    callback=_say_that_memory_is_gone,
    help="Has no effect any more; see --group-size.",
)
@dry_run_option
@stage_options
def main(settings: SearchSettings, rank_check: int | None, top: int, dry_run: bool, shown: Shown) -> None:
    """Stage 4: evaluate a supernet's sub-networks.

    Writes what each costs and how good it is. The same command run again continues where it stopped.

    \b
    ganc-search --supernet supernet.safetensors --data horse2zebra --stats real_B.npz \\
                --max-macs 2.7G -o search.h5
    ganc-search … --strategy evolution --racing -o search.h5
    ganc-search … --strategy predictor --samples 150 -o search.h5
    ganc-search … --samples 500 --shard 3/16 -o shard3.h5
    sbatch --array=1-16 --wrap 'ganc-search … --shard slurm -o shards/$SLURM_ARRAY_TASK_ID.h5'
    my-own-strategy | ganc-search … --configs - -o search.h5
    ganc-search … -o - | ganc-finetune … --results - -o finetune.safetensors
    ganc-search … --rank-check 50
    """
    if rank_check:
        require_output()
        _refuse_beside_rank_check(settings, dry_run)
        _show_rank_check(settings, rank_check, shown)
        return
    if dry_run:
        _show_dry_run(settings, shown)
        return
    if settings.output is None:
        raise click.UsageError("Missing option '-o': name the results to write.")
    if settings.output == PIPE and shown.as_json:
        raise click.UsageError("-o - and --json both write to standard output: leave one out")
    with _results_to_stdout() if settings.output == PIPE else contextlib.nullcontext() as stdout:
        from ganc.results.hdf5 import write_results
        from ganc_search.search import Search

        # Closed after the search has failed, too, so that the message has a line of its own.
        with contextlib.closing(_TimingProgress(settings.latency)) as timed, Search(settings, timed) as search:
            timed.close()
            _run(search)
            _say_how_good_the_table_is(search)
            if not search.processes.writes:
                return
            results = search.results()
        _show(results, settings, top, shown)
        if stdout is not None:
            with writing_output():
                write_results(stdout, results)


class _TimingProgress:
    """A bar of what is timed before the search has a bar of its own: the turns of a table, or each sub-network."""

    def __init__(self, kind: LatencyKind | None) -> None:
        self._unit = " turns" if kind is LatencyKind.TABLE else " sub-networks"
        self._bar: tqdm | None = None
        self._closed = False

    def __call__(self, done: int, total: int | None) -> None:
        if self._closed:  # the search's own bar is there
            return
        if self._bar is None:
            self._bar = progress_bar(total, self._unit)
            self._bar.set_description_str("measuring latencies first")
        self._bar.total = total
        self._bar.update(max(0, done - self._bar.n))

    def close(self) -> None:
        self._closed = True
        if self._bar is not None:
            self._bar.close()


def _say_how_good_the_table_is(search: "Search") -> None:
    error = search.latency.table_error if search.latency else None
    if error is None:
        return
    said = f"the table of latencies is {error:.1%} off on average, on sub-networks that it was not fitted to"
    if error > LARGEST_TABLE_ERROR:
        warn(f"{said}: take --latency measured, or measure it anew on a quiet machine")
    else:
        note(said)


def _show_dry_run(settings: SearchSettings, shown: Shown) -> None:
    from ganc_search.rehearsal import rehearse

    found, output = rehearse(settings), None if settings.output is None else str(settings.output)
    if shown.as_json:
        show_json({**asdict(found), "seconds": found.seconds, "would_write": output})
        return
    smallest, largest = map(format_count, found.macs)
    row = {"space": found.space, "MACs": f"{smallest} to {largest}", "engine": found.engine, "metric": found.metric}
    show([row | {"images": f"{found.images} of {found.subset}"}])
    most = "at most " if settings.strategy == StrategyName.EVOLUTION else ""
    each = f"{most}{found.candidates:,} {found.unit} of {format_duration(found.seconds_each)} each"
    click.echo(f"time: {each}: {format_duration(found.seconds)} or less, as many share segments; latencies besides")
    click.echo(f"memory: {format_bytes(found.peak_bytes)} at the peak of a few of them")
    click.echo(f"would write {output or 'nothing: name a file with -o'}; no results were written")


def _refuse_beside_rank_check(settings: SearchSettings, dry_run: bool) -> None:
    given: dict[str, object] = {"-o": settings.output, "--latency": settings.latency, "--dry-run": dry_run}
    given |= {"--max-latency": settings.budget.max_latency is not None}
    given |= {"--racing": settings.racing, "--shard": settings.shard != (1, 1)}
    given |= {"--samples, --configs or --strategy": settings.strategy != StrategyName.EXHAUSTIVE}
    if superfluous := [name for name, value in given.items() if value]:
        raise click.UsageError(f"--rank-check compares random ones and writes nothing: leave out {superfluous[0]}")


@contextlib.contextmanager
def _results_to_stdout() -> Iterator[BinaryIO]:
    """Keep standard output for the results alone: whatever else is printed meanwhile, also by libraries, is diverted.

    Yields the binary stream to write to.
    """
    require_output()
    if sys.stdout.isatty():
        raise click.UsageError("-o - writes HDF5 to standard output: pipe it into a command or a file")
    sys.stdout.flush()
    stdout = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        yield stdout
    finally:
        sys.stdout.flush()
        os.dup2(stdout.fileno(), 1)
        with contextlib.suppress(OSError):  # it was flushed, or has failed, before
            stdout.close()


def _run(search: "Search") -> None:
    """Run a search behind a line of its settings and a progress bar; one that helps another process says nothing."""
    writes = search.processes.writes
    if search.strategy is not None:  # as it is in a process that writes
        _say_what_is_searched(search)
    behind = None if writes and len(search.results()) else 0
    with progress_bar(search.total, f" {search.unit}", silent=not writes, smoothing=0, behind=behind) as bar:
        known = 0
        for progress in search.run():
            best = progress.best
            value = best.metrics.get(search.ranking, math.nan)
            bar.set_postfix_str(f"best {value:.4f} {format_widths(best.widths)}", refresh=False)
            if progress.known:
                known += 1
                if not bar.disable:
                    bar.initial += 1  # what earlier runs finished is left out of the speed
            elif known and known == bar.n:
                bar.write(f"continues after {known} of {search.evaluations}", file=sys.stderr)
                known = 0
            bar.update()


def _say_what_is_searched(search: "Search") -> None:
    from ganc.data.side_by_side import stored_as

    settings, evaluation = search.settings, search.inputs.evaluation
    settings_line(
        "ganc-search",
        space=search.inputs.space.text,
        candidates=search.candidates,
        shard="/".join(map(str, settings.shard)),
        images=f"{len(evaluation.images)} of {evaluation.subset} at {size_text(search.inputs.image_size)}",
        metric=search.ranking,
        engine=search.engine,
    )
    if search.left_out:
        named = f"{search.left_out} of the sub-networks that --configs names"
        note(f"left out: {named}, not within {settings.budget.text}")
    if evaluation.subset.startswith("test"):
        lists = stored_as(settings.folder, f"search{settings.direction.source}")[0]
        warn(
            f"{settings.folder} has no {lists}.txt, so the search looks at the test images; "
            "'ganc data split' sets images aside for it"
        )
    else:
        note(f"{evaluation.subset} chooses; for a report, ganc evaluate measures what was chosen on the test images")


def _show(results: "SearchResults", settings: SearchSettings, top: int, shown: Shown) -> None:
    from ganc.cli.results import results_json, show_results
    from ganc.results.selection import only_predicted, select

    # What lowers two objectives ends with a front, not with one point.
    fronted = settings.strategy in (StrategyName.EVOLUTION, StrategyName.PREDICTOR)
    has_front = fronted and not settings.objective.is_single
    # A shard may be empty; of a whole search that was refused.
    best = list(select(results, pareto=has_front, top=None if has_front else top)) if len(results) else []
    if shown.as_json:
        found: dict[str, Any] = {"metric": results.metric_name, "ordered_by": results.ranking_name}
        found |= {"objective": str(results.objective), "best": results_json(best)}
        show_json({"file": str(settings.output), "digest": results.digest, "subnets": results.measured, **found})
        return
    piped = settings.output == PIPE
    output = settings.output or PIPE
    if not len(results):
        shard = "--shard {}/{}".format(*settings.shard)
        note(f"no sub-network of {shard} satisfies {settings.budget.text}: {output} has no rows, and is this part")
        return
    show_results(results, best, err=piped)
    written = "standard output" if piped else f"{output} ({output.stat().st_size:,} bytes)"
    click.echo(f"{counted(results.measured, 'sub-network')} in {written}", err=piped)
    if further := len(only_predicted(results)):
        click.echo(f"{further} more are predicted to be on the front: 'ganc select --predicted' lists them", err=piped)


def _show_rank_check(settings: SearchSettings, count: int, shown: Shown) -> None:
    from ganc_search.rank_check import check_ranks

    result = check_ranks(settings, count)
    row = {"metric": result.metric, "sub-networks": result.subnets, "images": "{} and {}".format(*result.images)}
    row |= {"Spearman": f"{result.spearman:.3f}", "Kendall": f"{result.kendall:.3f}"}
    show_rows([row], result.to_json(), as_json=shown.as_json)
    if not shown.as_json:
        click.echo(result.meaning)
