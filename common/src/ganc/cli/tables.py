"""What commands print: tables for people, JSON for programs."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganc.base.ranking_metric import metric_head
from ganc.base.text import format_count, with_error
from ganc.cli.messages import note
from ganc.models.family import format_widths

if TYPE_CHECKING:
    from ganc.files.checkpoint import Checkpoint

# Follows a value that is not the lowest of its column but within the error of it.
NEAR = " ≈"


def show(rows: Sequence[Mapping], *, err: bool = False, right: Collection[str] = ()) -> None:
    """Print rows of equal keys as a table, numbers and the columns that are named by `right` to the right."""
    from tabulate import tabulate  # --help prints no table

    numeric = [key for key in rows[0] if all(isinstance(row[key], int | float) for row in rows)] if rows else []
    align = ["right" if key in numeric or key in right else "left" for key in rows[0]] if rows else None
    cells, heads = [list(row.values()) for row in rows], list(rows[0]) if rows else []
    click.echo(tabulate(cells, heads, colalign=align, disable_numparse=True), err=err)  # texts stay as they are


def show_json(value: object) -> None:
    """Print a value as JSON."""
    import json  # --help does without

    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def settings_line(name: str, **settings: object) -> None:
    """Print the one line of settings with which a stage starts, on stderr; and where a launcher writes, in one more."""
    note(f"{name}: " + ", ".join(f"{key} {value}" for key, value in settings.items()))
    logs, first = os.environ.get("PADDLE_LOG_DIR"), os.environ.get("PADDLE_TRAINER_ID") == "0"
    if logs and first:
        note(f"Paddle's launcher writes what each process says to {logs}; its --log_dir names another folder")


def size_text(size: Sequence[int]) -> str:
    """Return 256x256 for (256, 256)."""
    return "x".join(str(side) for side in size)


def near_line(metric: str) -> str:
    """Return the line below a table with values that are marked by NEAR."""
    return f"{NEAR.strip()} within the standard error of the lowest {metric}: which of them is better is not certain"


def show_rows(rows: Sequence[Mapping], facts: Sequence[Mapping] | Mapping, as_json: bool) -> None:
    """Print rows as a table, or `facts`, what programs get of the same, as JSON."""
    if as_json:
        show_json(facts)
    else:
        show(rows)


def checkpoint_facts(path: Path, checkpoint: "Checkpoint") -> dict:
    """Return what programs get of a checkpoint that was written."""
    spec, size = checkpoint.generator.spec, checkpoint.image_size
    costs = spec.costs(size)
    return {
        "file": str(path),
        "stage": checkpoint.stage,
        "digest": checkpoint.digest,
        "direction": checkpoint.direction,
        "networks": list(checkpoint.networks),
        "block": spec.block,
        "widths": format_widths(spec.widths),
        "image_size": list(size),
        "macs": costs.macs,
        "device_macs": costs.device_macs,
        "params": costs.params,
        "bytes": path.stat().st_size,
        "steps": checkpoint.training.get("steps"),
        "metric": checkpoint.training.get("metric"),
    }


def checkpoint_row(path: Path, checkpoint: "Checkpoint") -> dict:
    """Return what a checkpoint's table says: file, widths, MACs, parameters, bytes and metric."""
    spec = checkpoint.generator.spec
    size = checkpoint.image_size
    costs = spec.costs(size)
    metric = checkpoint.training.get("metric")
    head = metric_head(metric["name"], metric.get("verified")) if metric else "metric"
    return {
        "file": str(path),
        "block": spec.block,
        "widths": format_widths(spec.widths),
        f"MACs at {size_text(size)}": format_count(costs.macs),
        "parameters": format_count(costs.params),
        "bytes": f"{path.stat().st_size:,}",
        head: f"{metric['value']:.4f}" if metric else "-",
        **({"kernel distance": with_error(metric.get("kernel"), metric.get("kernel_error"))} if metric else {}),
        **(
            {"of": metric["subset"], "chosen on": metric["chosen_on"]["subset"]}
            if metric and "chosen_on" in metric
            else {}
        ),
    }
