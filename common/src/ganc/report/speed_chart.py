"""A bar chart of what was timed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ganc.base.atomic import replacing
from ganc.base.extras import MATPLOTLIB, require
from ganc.report.drawing import GREY, SERIES, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# matplotlib is an extra; it is imported where it is used, behind the check that says how to install it.

CASE = ("engine", "precision", "batch", "threads", "device")  # what the bars of one group have in common
LOGARITHMIC_FROM = 30  # the ratio of the longest to the shortest bar beyond which the short ones would not be seen


def draw_chart(rows: Sequence[Mapping], size: tuple[int, int], output: Path) -> None:
    """Write a PNG with one group of bars for each engine, precision, batch and threads, the fastest on top.

    Args:
        rows: of `ganc.bench.bench`.
        size: (width, height) of the images.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        WriteError: the file cannot be written.
    """
    require(MATPLOTLIB)
    with drawing(font_size=10), replacing(output) as temporary:
        _figure(rows, size).savefig(temporary, format="png", dpi=110)


def _figure(rows: Sequence[Mapping], size: tuple[int, int]) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    cases = _cases(rows)
    models = list(dict.fromkeys(row["model"] for row in rows))
    figure = Figure(figsize=(9, 1.8 + 0.27 * len(cases) * (len(models) + 2)), layout="constrained")
    axes = figure.add_subplot()
    longest = _draw_bars(axes, cases, models)
    varying = [key for key in CASE if len({row[key] for row in rows}) > 1] or ["engine"]
    axes.set_yticks(range(len(cases)), [_label(case, varying) for case in cases])
    axes.set_ylim(len(cases) - 0.5, -0.5)  # the first on top
    shortest = min(row["compressed_ms"] for row in rows)
    logarithmic = longest > LOGARITHMIC_FROM * shortest
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(shortest / 2, longest * 4)
    else:
        axes.set_xlim(0, longest * 1.25)
    axes.set_xlabel(
        "milliseconds an image" + (" (logarithmic)" if logarithmic else "") + "; x: times the original's speed"
    )
    common = _label({key: rows[0][key] for key in CASE}, [key for key in CASE if key not in varying]).replace(
        "\n", ", "
    )
    axes.set_title(", ".join(part for part in (f"{size[0]}x{size[1]} images", common) if part), fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def _cases(rows: Sequence[Mapping]) -> list[dict]:
    """Return one entry a group of bars: what it has in common, and its rows by model; fastest first."""
    cases: dict[tuple, dict] = {}
    for row in rows:
        key = tuple(row[name] for name in CASE)
        cases.setdefault(key, {**dict(zip(CASE, key, strict=True)), "rows": {}})["rows"][row["model"]] = row
    return sorted(cases.values(), key=lambda case: min(row["compressed_ms"] for row in case["rows"].values()))


def _draw_bars(axes: "Axes", cases: Sequence[Mapping], models: Sequence[str]) -> float:
    """Draw all bars with their times and return the longest."""
    height = 0.8 / (len(models) + 1)
    longest = 0.0
    for number, name in enumerate([None, *models]):
        places, lengths, texts = [], [], []
        for place, case in enumerate(cases):
            row = next(iter(case["rows"].values())) if name is None else case["rows"].get(name)
            if row is None:
                continue
            places.append(place + height * (number - len(models) / 2))
            lengths.append(row["original_ms" if name is None else "compressed_ms"])
            texts.append(_time(lengths[-1]) + ("" if name is None else f"  ({row['speedup']:.1f}x)"))
        colour = GREY if name is None else SERIES[(number - 1) % len(SERIES)]
        bars = axes.barh(places, lengths, height=0.92 * height, color=colour, label=name or "original")
        axes.bar_label(bars, texts, padding=3, fontsize=8)
        longest = max(longest, *lengths)
    return longest


def _time(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds >= 100 else f"{milliseconds:.3g} ms"


def _label(case: Mapping, keys: Sequence[str]) -> str:
    words = {
        "engine": case["engine"],
        "precision": case["precision"],
        "batch": f"batch {case['batch']}",
        "threads": f"{case['threads']} thread{'s' if case['threads'] > 1 else ''}",
        "device": f"on {case['device']}",
    }
    first = " ".join(words[key] for key in keys if key in ("engine", "precision"))
    second = ", ".join(words[key] for key in keys if key not in ("engine", "precision"))
    return "\n".join(part for part in (first, second) if part)
