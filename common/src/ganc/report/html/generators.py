"""The generators side by side: what they cost, how far their images are from the target, how fast they run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any

from ganc.base.ranking_metric import are_few, near_by_kernel
from ganc.metrics.judgement import Judgement, sentence
from ganc.metrics.pairs import COLUMNS as PAIR_COLUMNS
from ganc.report.gather import Findings, FoundFile, stage_of
from ganc.report.html.charts import Bar, bar_chart
from ganc.report.html.text import byte_count, clean, count, measured, milliseconds, real, times
from ganc.report.html.views import Chart, Figure, Section, Table, numbered
from ganc.report.json_results import ComparedRow

ORDER = ("import", "replace", "distill", "supernet", "finetune", "export")
MOST_BARS = 24
MOST_COMPARED = 100
MOST_TABLES = 5


@dataclass(frozen=True)
class Compared:
    """Generators side by side.

    Attributes:
        source: the file that has them, measured on the same images; empty where each file speaks of itself.
        ends: what it began with and what came out; None where there are no two generators.
    """

    rows: Sequence[ComparedRow]
    source: str
    ends: tuple[ComparedRow, ComparedRow] | None

    @property
    def untouched(self) -> ComparedRow | None:
        return next((row for row in self.rows if row.untouched), None)


def compared(found: Findings) -> Compared:
    """Return the rows of the largest comparison, else what checkpoints and exported folders say of themselves."""
    if found.compared:
        name = max(found.compared, key=lambda one: len(found.compared[one]))
        rows = found.compared[name][:MOST_COMPARED]
        # Rows are in the order in which somebody named them, which says nothing of what was made from what.
        models = sorted((row for row in rows if not row.untouched), key=_cost, reverse=True)
        # An untrained generator of the published size may stand beside what it really began with.
        return Compared(rows, name, _ends([row for row in models if row.value is not None] or models, models))
    files = [file for file in found.files if stage_of(file) in ORDER]
    files.sort(key=lambda file: ORDER.index(stage_of(file)))
    once = {file.checked.digest: file for file in reversed(files)}  # an exported folder has its checkpoint in it
    listed = {file.name: _row_of(file) for file in files if once[file.checked.digest] is file}
    rows = [row for row in listed.values() if row.macs is not None]
    # What a supernet was made from is smaller news than what came out; of a supernet alone it is all there is.
    alone = {file.name for file in files if stage_of(file) == "supernet"}
    return Compared(rows, "", _ends(rows, [row for row in rows if row.name not in alone] or rows))


def _ends(first: Sequence[ComparedRow], last: Sequence[ComparedRow]) -> tuple[ComparedRow, ComparedRow] | None:
    return (first[0], last[-1]) if first and last and first[0] is not last[-1] else None


def _cost(row: ComparedRow) -> tuple:
    """Return what orders generators by their cost: MACs; time, bytes and name tell equal ones apart."""
    further = (math.inf if value is None else value for value in (row.milliseconds, row.bytes))
    return (row.macs or 0, *further, row.name)


def _row_of(file: FoundFile) -> ComparedRow:
    """Return what a checkpoint, or the card of an exported folder, says of its generator."""
    facts = file.facts
    costs = facts["networks"]["generator"] if "networks" in facts else facts.get("costs")
    metric = facts["training"].get("metric") if "training" in facts else facts.get("metric")
    numbers = {name: _of(metric, name, int | float) for name in ("value", "kernel", "kernel_error", "images")}
    return ComparedRow(
        name=file.name,
        **{name: _of(costs, name, int) for name in ("macs", "params")},
        bytes=file.bytes if "networks" in facts else None,  # a folder holds several formats
        milliseconds=None,
        **numbers,
        metric=_of(metric, "name", str),
        subset=_of(metric, "subset", str),
        judgement=None,
        reason=None,
    )


def _of(facts: object, name: str, kind: type | UnionType) -> Any:
    """Return a member of a kind, None where there is none: ganc itself reads few members of these facts."""
    value = facts.get(name) if isinstance(facts, Mapping) else None
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def figures(found: Findings, compared: Compared) -> list[Figure]:
    """Return the summary's figures: what came out, and from what; none where there are no two generators."""
    if not compared.ends:
        return []
    (before, after), untouched = compared.ends, compared.untouched
    shown = [
        Figure(
            "MACs an image",
            count(after.macs),
            f"from {count(before.macs)}",
            times(before.macs, after.macs, "fewer", "more"),
        ),
        Figure(
            "parameters",
            count(after.params),
            f"from {count(before.params)}",
            times(before.params, after.params, "fewer", "more"),
        ),
        Figure(
            "size of the file",
            byte_count(after.bytes),
            f"from {byte_count(before.bytes)}",
            times(before.bytes, after.bytes, "smaller", "larger"),
        ),
        _time(found, before, after),
    ]
    by_kernel = _by_kernel([before, after])
    others = [f"from {_distance(before, by_kernel)}" if before.value is not None else "not measured before"]
    others += [f"untouched images {_distance(untouched, by_kernel)}"] if untouched else []
    name = "kernel distance" if by_kernel else "Fréchet distance"
    shown.append(Figure(name, _distance(after, by_kernel), ", ".join(others)))
    return [figure for figure in shown if figure.value != "–"]


def _time(found: Findings, before: ComparedRow, after: ComparedRow) -> Figure:
    """Return the time on the engine that is fastest where several were timed; else that of the comparison."""
    timed = [row for rows in found.timed.values() for row in rows]
    if timed:  # beside the original that ganc bench was given, which need not be what this began with
        best = min(timed, key=lambda row: row.compressed_ms)
        said = f"the original's {milliseconds(best.original_ms)}, both on {best.engine} {best.precision}"
        faster = times(best.original_ms, best.compressed_ms, "faster", "slower")
        return Figure("time an image", milliseconds(best.compressed_ms), said, faster)
    if both := after.same_engine:
        said = f"from {milliseconds(both.original_ms)} of {clean(both.beside)}, both in "
        said += clean(f"{both.engine} {both.precision}")
        faster = times(both.original_ms, both.compressed_ms, "faster", "slower")
        return Figure("time an image", milliseconds(both.compressed_ms), said, faster)
    if before.engine and before.engine == after.engine:
        said = f"from {milliseconds(before.milliseconds)}, both in {clean(after.engine)}"
        faster = times(before.milliseconds, after.milliseconds, "faster", "slower")
        return Figure("time an image", milliseconds(after.milliseconds), said, faster)
    # A checkpoint runs in Paddle and an exported folder in what is fastest, if nothing else was asked for: a quotient
    # of such times says more of the engines than of the generators.
    own, other = (f"in {clean(row.engine)}" if row.engine else "in an unknown engine" for row in (after, before))
    said = f"{own}; {milliseconds(before.milliseconds)} before, {other}: not to be compared"
    return Figure(
        "time an image",
        milliseconds(after.milliseconds),
        "not measured before" if before.milliseconds is None else said,
    )


def _by_kernel(rows: Sequence[ComparedRow]) -> bool:
    """Whether rows are compared by the kernel distance: they have one, and images are few."""
    known = [row for row in rows if row.value is not None]
    return bool(known) and all(row.kernel is not None and are_few(row.images or 0) for row in known)


def _distance(row: ComparedRow | None, by_kernel: bool) -> str:
    if row is None:
        return "–"
    return measured(row.kernel, row.kernel_error) if by_kernel else real(row.value)


def side_by_side(found: Findings, compared: Compared) -> Section:
    """Return the section of the generators' costs and distances: a chart of one comparison, tables of all."""
    section = Section("generators", "Generators side by side")
    rows, source = compared.rows, compared.source
    if not rows:
        return section
    metrics = sorted({row.metric for row in rows if row.metric})
    images = sorted({row.images for row in rows if row.images})
    on = f"{', '.join(map(str, images))} images" + ("".join({f" of {row.subset}" for row in rows if row.subset}) or "")
    section.lead = (
        f"Measured on the same {on}, on the features of {', '.join(metrics)}; lower distances are better."
        if source and metrics
        else "As each file says it of itself: distances were measured by its own stage, times were not."
    )
    section.tables.append(_table(rows, source))
    section.lead += "".join(f" {line}." for line in (*remarks(rows), *_choices(found)))
    if len([row for row in rows if row.value is not None and not row.untouched]) > 1:
        section.charts.append(_quality(rows, compared.ends and compared.ends[1]))
    others = sorted(found.compared.keys() - {source})[: MOST_TABLES - 1]
    section.tables += [_table(found.compared[name], name) for name in others]
    if exported := _variants(found):
        section.tables.append(exported)
    return section


def _choices(found: Findings) -> list[str]:
    """Return on which images fine-tuning chose its networks, beside those that their own metric is of."""
    said = {}
    for file in found.files:
        metric = _of(file.facts.get("training"), "metric", Mapping)
        if stage_of(file) != "finetune" or metric is None:
            continue
        chosen, own = _of(metric, "chosen_on", Mapping), _images(metric)
        how = f"{_images(chosen)}, and its metric is of {own}" if chosen else f"{own}, as its metric: a little too good"
        said[file.checked.digest] = f"The network of {clean(file.name)} was chosen on {how}"
    return list(said.values())


def _images(metric: Mapping | None) -> str:
    count, subset = _of(metric, "images", int), _of(metric, "subset", str)
    return f"{'the' if count is None else count} images of {clean(subset or 'no known subset')}"


def remarks(rows: Sequence[ComparedRow]) -> list[str]:
    """Return what the numbers do not tell apart, and what is no better than doing nothing."""
    models = [row for row in rows if row.judgement]
    measured = ([row.kernel for row in models], [row.kernel_error for row in models], [row.images for row in models])
    close = near_by_kernel(*measured)
    near = [row.name for row, is_close in zip(models, close, strict=True) if is_close]
    said = [f"Within the standard error of the lowest kernel distance: {', '.join(near)}"] if near else []
    known = {judgement.value for judgement in Judgement}
    lines = (sentence(row.name, Judgement(row.judgement)) for row in models if row.judgement in known)
    return [clean(line) for line in [*said, *filter(None, lines)]]


def _table(rows: Sequence[ComparedRow], source: str) -> Table:
    kernel = any(row.kernel is not None for row in rows)
    timed = any(row.milliseconds is not None for row in rows)
    pairs = any(row.mae is not None for row in rows)
    heads = ["generator", "MACs", "parameters", "bytes", *(["ms an image", "engine"] if timed else [])]
    heads += [", ".join(sorted({row.metric for row in rows if row.metric})) or "metric"]
    heads += [*(["kernel distance"] if kernel else []), *(PAIR_COLUMNS if pairs else ())]
    texts = [
        [
            clean(row.name),
            count(row.macs),
            count(row.params),
            "–" if row.bytes is None else f"{row.bytes:,}",
            *([milliseconds(row.milliseconds).removesuffix(" ms"), clean(row.engine) or "–"] if timed else []),
            real(row.value),
            *([measured(row.kernel, row.kernel_error)] if kernel else []),
            *([measured(row.mae, row.mae_error), measured(row.ssim, row.ssim_error)] if pairs else []),
        ]
        for row in rows
    ]
    return numbered(texts, f"Costs and distances, from {source or 'the checkpoints'}", heads)


def _quality(rows: Sequence[ComparedRow], made: ComparedRow | None) -> Chart:
    """Return the chart of distances; `made`, what came out, stands out in it."""
    by_kernel = _by_kernel(rows)
    known = [(row, *found) for row in rows if (found := _number(row, by_kernel))]
    models = [one for one in known if not one[0].untouched]
    measured_models, models = len(models), models[:MOST_BARS]
    untouched = [one for one in known if one[0].untouched][:1]
    name = "kernel distance" if by_kernel else f"Fréchet distance on {models[-1][0].metric}"
    bars = [
        Bar(row.name, value, _distance(row, by_kernel), error, "bar last" if row is made else "bar")
        for row, value, error in models
    ]
    texts = [[clean(row.name), _distance(row, by_kernel)] for row, _, _ in (*models, *untouched)]
    return Chart(
        "quality",
        f"How far the images are from the target: {name}",
        bar_chart(
            bars,
            f"{name} of {len(bars)} generators, lower is better",
            reference=(untouched[0][1], "untouched images") if untouched else None,
        ),
        [{"name": row.name, "value": value, "error": error} for row, value, error in (*models, *untouched)],
        numbered(texts, name, ["generator", name]),
        note="Lower is better."
        + (" The line across the end of a bar is its standard error." if by_kernel else "")
        + (f" The first {len(bars)} of {measured_models} are drawn." if len(bars) < measured_models else ""),
    )


def _number(row: ComparedRow, by_kernel: bool) -> tuple[float, float | None] | None:
    """Return a row's distance and its standard error, None where it was not measured."""
    value, error = (row.kernel, row.kernel_error) if by_kernel else (row.value, None)
    return None if value is None else (value, error)


def _variants(found: Findings) -> Table | None:
    """Return the variants of exported folders, None where there are none."""
    texts = []
    for file in found.files:
        for form in file.facts.get("forms", []) if stage_of(file) == "export" else []:
            sizes = [path.stat().st_size for name in form["files"] if (path := file.checked.path / name).is_file()]
            difference = form.get("difference") or {}
            metric = form.get("metric")
            texts.append(
                [
                    clean(file.name),
                    form["format"],
                    form["precision"],
                    f"{sum(sizes):,}",
                    real(difference.get("largest")),
                    real(metric) if isinstance(metric, int | float) else "–",
                ]
            )
    heads = ["folder", "format", "precision", "bytes", "largest difference", "distance"]
    return numbered(texts, "What was exported; differences are to the checkpoint's images", heads, 3) if texts else None


def smaller(compared: Compared) -> str:
    """Return the sentence that says what happened, empty where there are no two generators."""
    if not compared.ends:
        return ""
    before, after = compared.ends
    fewer = times(before.macs, after.macs, "fewer", "more") or "as many"
    begun = f"{clean(before.name)} with {count(before.macs)} MACs an image"
    return f"From {begun} to {clean(after.name)} with {count(after.macs)}: {fewer}."
