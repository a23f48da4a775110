"""`ganc inspect`, `extract`, `profile`, `select` and `merge`: files and numbers, without running a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganc.base.text import counted, format_count
from ganc.cli.command import command
from ganc.cli.messages import note, warn
from ganc.cli.options import POSITIVE, json_option, measured_budget_options
from ganc.cli.paths import FILE, OUTPUT_FILE, STREAM, Written
from ganc.cli.streams import writing_output
from ganc.cli.tables import checkpoint_facts, show, show_json, size_text
from ganc.cli.types import BLOCK_COUNT, FAMILY, SIZE, WIDTHS
from ganc.models.family import (
    BLOCKS,
    DEFAULT_BLOCK,
    DEFAULT_BLOCK_COUNT,
    DEFAULT_FAMILY,
    ORIGINAL_BLOCK,
    Widths,
    format_widths,
)

if TYPE_CHECKING:
    from ganc.report.verify import Checked

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


@command(page="formats.md")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("others", nargs=-1, type=click.Path(path_type=Path), metavar="[ANCESTOR]...")
@click.option("--verify", is_flag=True, help="Check all of FILE's content, and that it was made from the ANCESTORs.")
@json_option
def inspect(file: Path, others: tuple[Path, ...], verify: bool, as_json: bool) -> None:
    """Say what a file of ganc is and what is in it, or check it.

    FILE is a checkpoint, search results, statistics, a run's directory, or an exported folder. With --verify, further
    files may follow; each must be one that FILE was made from, directly or by way of others that are named too.

    \b
    ganc inspect supernet.safetensors
    ganc inspect --verify finetune.safetensors supernet.safetensors replace.safetensors
    """
    if verify:
        _verify(file, others, as_json)
        return
    if others:
        raise click.UsageError("further files are for --verify; without it, name one")
    from ganc.report.describe import describe
    from ganc.report.plain import plain_lines

    described = describe(file)
    if as_json:
        show_json(described)
        return
    lines = plain_lines(described)
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        click.echo(f"{name:<{width}}  {value}")


def _verify(file: Path, others: tuple[Path, ...], as_json: bool) -> None:
    from ganc.report.verify import check_files_together, trace

    first, *rest = check_files_together(file, others)
    links = trace(first, rest)
    if as_json:
        show_json(
            {
                "files": [_checked(one) for one in (first, *rest)],
                "ancestors": [{**vars(link), "of": str(link.of), "ancestor": _text(link.ancestor)} for link in links],
            }
        )
        return
    show([_checked(one) | {"digest": one.digest[:16]} for one in (first, *rest)])
    for link in links:
        click.echo(
            f"{link.of}: its {link.role} {link.digest[:16]} is {_text(link.ancestor) or 'not among these files'}"
        )


def _checked(one: "Checked") -> dict:
    content = "sound" if one.proven else "reads well, but has no checksum"
    return {"file": str(one.path), "format": one.kind, "content": content, "digest": one.digest}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


@command(page="formats.md")
@click.argument("checkpoint", type=FILE)
@click.option(
    "--network",
    "names",
    metavar="NAME",
    multiple=True,
    required=True,
    help="One of its networks; may be given several times.",
)
@click.option("-o", "--output", type=OUTPUT_FILE, required=True, help="The smaller checkpoint to write.")
@json_option
def extract(checkpoint: Path, names: tuple[str, ...], output: Path, as_json: bool) -> None:
    """Write some of a checkpoint's networks as a checkpoint of its own.

    A file to give away needs no discriminators: they are most of it. ganc inspect lists a file's networks. The new file
    records the old one's digest.

    \b
    ganc extract replace.safetensors --network generator -o teacher.safetensors
    ganc extract replace.safetensors --network generator --network generator_b -o start.safetensors
    """
    from ganc.files.checkpoint import read_checkpoint, write_checkpoint

    made = read_checkpoint(checkpoint).extracted(names, checkpoint)
    write_checkpoint(output, made)
    if as_json:
        show_json(checkpoint_facts(output, made))
        return
    click.echo(f"{output}: {', '.join(made.networks)}, {output.stat().st_size / 1e6:.2f} MB, digest {made.digest}")


@command(page="method.md", renamed={"--image-size": "--size"})
@click.option("--widths", type=WIDTHS, required=True, help="Base widths: 16_16_32_16_32_32_16_16, or 64 for all.")
@click.option("--block", type=click.Choice(BLOCKS), default=DEFAULT_BLOCK, help=f"{ORIGINAL_BLOCK} is the original.")
@click.option("--n-blocks", type=BLOCK_COUNT, default=DEFAULT_BLOCK_COUNT, help="Residual blocks, a multiple of 3.")
@click.option("--family", type=FAMILY, default=DEFAULT_FAMILY, help="The family of generators.")
@click.option("--size", type=SIZE, default="256", help="Image size, N or WxH.")
@json_option
def profile(widths: Widths, block: str, n_blocks: int, family: str, size: tuple[int, int], as_json: bool) -> None:
    """Count what a generator costs.

    MACs (multiply-accumulates) of one image as published tables count them, those that a device computes, and
    parameters.

    \b
    ganc profile --widths 64 --block resnet
    ganc profile --widths 16_16_32_16_32_32_16_16 --json
    """
    from ganc.models.families import family_named
    from ganc.models.spec import GeneratorSpec

    widths = family_named(family).full_widths(widths)
    costs = GeneratorSpec(widths=widths, block=block, n_blocks=n_blocks, family=family).costs(size)
    if as_json:
        show_json({"macs": costs.macs, "device_macs": costs.device_macs, "params": costs.params})
        return
    show(
        [
            {
                "widths": format_widths(widths),
                "block": block,
                "image": size_text(size),
                "MACs": format_count(costs.macs),
                "device MACs": format_count(costs.device_macs),
                "parameters": format_count(costs.params),
            }
        ]
    )


@command(page="search.md")
@click.argument("results", type=click.Path(dir_okay=False, allow_dash=True))
@measured_budget_options
@click.option("--max-metric", type=float, help="At most this Fréchet distance.")
@click.option(
    "--pareto", is_flag=True, help="Only what no other beats in distance and MACs, or what the search lowered."
)
@click.option("--predicted", is_flag=True, help="Only what was predicted to be on the front, and not measured.")
@click.option("--top", type=POSITIVE, show_default="10, or all with --pareto or --json", help="Only the best so many.")
@json_option
def select(results: str, top: int | None, pareto: bool, predicted: bool, as_json: bool, **bounds: Any) -> None:
    """List the best sub-networks of search results.

    Those that satisfy all bounds, best first: by the kernel distance where the search had few images, else by the
    Fréchet distance, which --max-metric always bounds. RESULTS is a file of ganc-search; - is standard input.

    \b
    ganc select search.h5 --max-macs 2.7G --top 3
    ganc select search.h5 --pareto --json
    ganc select search.h5 --predicted
    """
    from ganc.cli.results import results_json, show_results
    from ganc.results.hdf5 import read_results
    from ganc.results.selection import select as select_rows
    from ganc.results.selection import select_predicted
    from ganc.results.shards import lacking

    measured_only = {
        "--pareto": pareto or None,
        "--max-latency": bounds["max_latency"],
        "--max-metric": bounds["max_metric"],
    }
    if predicted and (wrong := [name for name, value in measured_only.items() if value is not None]):
        raise click.UsageError(f"{wrong[0]} is for what was measured: leave it or --predicted out")
    read = read_results(results)
    for said in lacking(results, read):
        warn(said)
    most = top or (None if pareto or as_json else 10)
    if predicted:
        rows = select_predicted(read, max_macs=bounds["max_macs"], max_params=bounds["max_params"], top=most)
    else:
        rows = select_rows(read, pareto=pareto, top=most, **bounds)
    if as_json:
        show_json(results_json(rows))
    else:
        show_results(read, rows)


@command(page="search.md")
@click.argument("results", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=Written(dir_okay=False, allow_dash=True),
    required=True,
    help="The joined file; - writes to standard output.",
)
@json_option
def merge(results: tuple[Path, ...], output: str, as_json: bool) -> None:
    """Join the results of shards of one search.

    \b
    ganc merge shard1.h5 shard2.h5 shard3.h5 -o search.h5
    """
    if output == STREAM and as_json:
        raise click.UsageError("-o - and --json both write to standard output: leave one out")
    from ganc.results.hdf5 import read_results, write_results
    from ganc.results.search_results import merge_results
    from ganc.results.shards import lacking_of_merged

    parts = [read_results(path) for path in results]
    merged = merge_results(parts)
    for said in lacking_of_merged([*zip(results, parts, strict=True)], merged):
        warn(said)
    with writing_output():
        write_results(output, merged)
    predicted = len(merged) - merged.measured
    if as_json:
        counts = {"subnets": merged.measured, "predicted": predicted, "files": len(results)}
        show_json({"file": output, "digest": merged.digest, **counts})
        return
    files, subnets = counted(len(results), "file"), counted(merged.measured, "sub-network")
    said = f"{subnets} of {files} in {'standard output' if output == STREAM else output}"
    note(said + (f", and {predicted} that were only predicted" if predicted else ""))
