"""The pipeline's last step: the table of what each stage made, and a strip of images.

    python -m ganc.workflow.report --data out/demo/data --stats out/demo/real_B.npz \
        --models out/demo/replace.safetensors … out/demo/dist --strip strip.jpg --table report.md --rows report.json
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from ganc.base.atomic import place_of, replacing, require_writable
from ganc.base.errors import GancError
from ganc.base.ranking_metric import near_by_kernel
from ganc.base.temporaries import remove_leftovers
from ganc.base.text import format_count, with_error
from ganc.data import EvaluationSet, ImageList, known_pairs, save_image, strip, to_uint8
from ganc.engines.loading import Model, open_model
from ganc.files.checkpoint import read_checkpoint
from ganc.metrics.evaluation import evaluation_images
from ganc.metrics.judgement import Judgement, sentence
from ganc.metrics.pairs import pair_columns
from ganc.models.family import ORIGINAL_BLOCK
from ganc.report.comparison import UNTOUCHED, Comparison, compare, engine_text, in_same_engine
from ganc.report.html.text import milliseconds, times
from ganc.report.json_results import SAME_ENGINE

ROLES = ("teacher", "student", "chosen sub-network", "exported")
WITHOUT_SEARCH = ("teacher", "student", "exported")  # or a chosen sub-network in the student's place: it had none
MOBILE = "mobile"  # what stage 1 made, which has the teacher's part
ORIGINAL, PUBLISHED = "original", "published original"  # what stage 1 started from, or costs to compare with
STRIP_ROWS = 3


def main() -> None:
    arguments = _arguments()
    try:
        written = (arguments.strip, arguments.table, arguments.rows)
        remove_leftovers(map(place_of, written))
        for path in written:
            require_writable(path)
        originals = [arguments.original] if arguments.original else []
        models = [open_model(path) for path in (*originals, *arguments.models)]
        rows = compare(models, _wanted(arguments, models[0]))
        roles = _roles(arguments.models)
        teacher = _teacher(arguments.models[0])
        untouched = () if _unmeasured(rows) else (UNTOUCHED,)  # without a metric there is no such row
        names = (*untouched, ORIGINAL if originals else PUBLISHED, teacher, *roles[1:])
        rows = [{"name": name, **row} for name, row in zip(names, rows, strict=True)]
        if timed := in_same_engine(models[0], models[-1]):
            rows[-1][SAME_ENGINE] = {"beside": ORIGINAL if originals else teacher, **timed}
        _write_strip(models, arguments, ORIGINAL if originals else teacher, roles[1])
        for path, text in ((arguments.table, _table(rows)), (arguments.rows, json.dumps(rows, indent=1))):
            with replacing(path) as temporary:
                temporary.write_text(text + "\n")
    except GancError as error:
        sys.exit(f"Error: {error}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--stats", type=Path, required=True)
    parser.add_argument("--feature-set", help="its name, where the statistics' own is not to be taken")
    parser.add_argument("--original", type=Path, help="what stage 1 started from; else its row has costs alone")
    parser.add_argument("--models", type=Path, nargs="+", required=True, metavar="MODEL", help=", ".join(ROLES))
    parser.add_argument("--strip", type=Path, required=True, help="the image to write")
    parser.add_argument("--table", type=Path, required=True, help="the table to write")
    parser.add_argument("--rows", type=Path, required=True, help="the same as JSON, to write")
    arguments = parser.parse_args()
    if len(arguments.models) not in (len(ROLES), len(WITHOUT_SEARCH)):
        parser.error(f"--models: expected {', '.join(ROLES)}, or {', '.join(WITHOUT_SEARCH)}")
    return arguments


def _wanted(arguments: argparse.Namespace, model: Model) -> Comparison:
    return Comparison(
        folder=arguments.data,
        size=model.image_size,
        statistics=arguments.stats,
        feature_set=arguments.feature_set,
        untouched=True,
        original=arguments.original is None,
        timed=True,
    )


def _table(rows: list[dict]) -> str:
    shown = [
        {
            "": row["name"],
            "MACs": row["macs"] and format_count(row["macs"]),
            "parameters": row["params"] and format_count(row["params"]),
            "bytes": row["bytes"] and f"{row['bytes']:,}",
            "ms an image": row["milliseconds"] and f"{row['milliseconds']:.1f}",
            "engine": engine_text(row),
            row["metric"] or "metric": row["value"] and f"{row['value']:.2f}",
            "kernel distance": "-" if row["kernel"] is None else with_error(row["kernel"], row["kernel_error"]),
        }
        | pair_columns(row)
        for row in rows
    ]
    align = ["left"] + ["right"] * (len(shown[0]) - 1)
    table = tabulate(shown, headers="keys", tablefmt="github", missingval="-", disable_numparse=True, colalign=align)
    return "\n\n".join([table, *speeds(rows), *remarks(rows)])


def speeds(rows: list[dict]) -> list[str]:
    """Return how much faster the exported generator is: of times in one engine, as the table's need not be."""
    lines = []
    for row in rows:
        if timed := row.get(SAME_ENGINE):
            before, after = timed["original_ms"], timed["compressed_ms"]
            faster = times(before, after, "faster", "slower") or "as fast"
            both = f"{row['name']} beside {timed['beside']}, both in {engine_text(timed)}"
            lines.append(f"{both}: {milliseconds(after)} an image from {milliseconds(before)}, {faster}")
    return lines


def remarks(rows: list[dict]) -> list[str]:
    """Return what the table does not tell apart, which models are no better than doing nothing, or why it has none."""
    if reason := _unmeasured(rows):
        return [f"no metric: {reason}"]
    models = [row for row in rows if "judgement" in row]
    close = near_by_kernel(*([row[key] for row in models] for key in ("kernel", "kernel_error", "images")))
    near = [row["name"] for row, is_close in zip(models, close, strict=True) if is_close]
    said = [f"{', '.join(near)}: within the standard error of the lowest kernel distance"] if near else []
    return said + [line for row in models if (line := sentence(row["name"], Judgement(row["judgement"])))]


def _unmeasured(rows: Sequence[dict]) -> str | None:
    """Return why nothing was measured, None where something was."""
    return rows[0].get("unmeasured")


def _teacher(path: Path) -> str:
    """Return what the network that the student learns from is called: one that stage 1 did not make is the user's."""
    teacher = read_checkpoint(path)
    return MOBILE if teacher.stage == "replace" and teacher.generator.spec.block != ORIGINAL_BLOCK else ROLES[0]


def _roles(models: Sequence[Path]) -> tuple[str, ...]:
    """Return what the models are in the pipeline, the teacher first."""
    if len(models) == len(ROLES):
        return ROLES
    searched = read_checkpoint(models[1]).stage == "finetune"
    return tuple(role for role in ROLES if role not in (("student",) if searched else ("chosen sub-network",)))


def _write_strip(models: list[Model], arguments: argparse.Namespace, teacher: str, second: str) -> None:
    """Show some test images, evenly spread, and what the networks make of them, two images a row; pairs' truth too."""
    first, student, exported = models[0], models[1 + bool(arguments.original)], models[-1]
    source, target = (first.readings.source(first.direction), first.readings.target(first.direction))
    images, subset = evaluation_images(arguments.data, first.direction.source, reading=source)
    inputs = _spread(images, first.image_size)
    columns = {"input": inputs, teacher: first.engine(inputs)}
    columns |= {second: student.engine(inputs), "exported": exported.engine(inputs)}
    if first.paired:
        pairs = known_pairs(arguments.data, subset, source, target)
        columns |= {"ground truth": _spread(pairs[1], first.image_size)} if pairs else {}
    samples = list(zip(*map(to_uint8, columns.values()), strict=True))
    rows = [[*left, *right] for left, right in zip(samples[::2], samples[1::2], strict=True)]
    save_image(arguments.strip, strip(rows, [*columns] * 2))


def _spread(images: ImageList, size: tuple[int, int]) -> np.ndarray:
    """Return some images of a list, evenly spread, float32 (n, c, h, w)."""
    shown = EvaluationSet(images, size)
    return np.stack([shown[place] for place in np.linspace(0, len(shown) - 1, 2 * STRIP_ROWS).astype(int)])


if __name__ == "__main__":
    main()
