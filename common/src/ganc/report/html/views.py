"""What a report shows, worked out from what was found: plain values, charts and tables for the template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from ganc.report.html.text import clean

MOST_ROWS = 300  # of a table


@dataclass(frozen=True)
class Table:
    """A table: a caption, heads and rows of texts.

    Attributes:
        numbers: the columns that are set to the right.
        left_out: how many further rows there are.
    """

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()
    left_out: int = 0


@dataclass(frozen=True)
class Chart:
    """A drawing with what belongs to it.

    Attributes:
        name: of its parts' addresses in the page; unique.
        data: what is drawn, for programs: plain JSON values.
        key: marks and what they mean.
        note: what is to be known to read it.
    """

    name: str
    title: str
    drawing: Markup
    data: object
    table: Table
    key: Sequence[tuple[Markup, str]] = ()
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """One of the summary's figures: what it is, its value now, and what it was before."""

    name: str
    value: str
    before: str
    change: str = ""


@dataclass
class Section:
    """A part of the page behind the summary, shown where it has something."""

    name: str
    title: str
    lead: str = ""
    charts: list[Chart] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


def numbered(
    rows: Sequence[Sequence[str]], caption: str, heads: Sequence[str], first_number: int = 1, left_out: int = 0
) -> Table:
    """Return a table whose columns are numbers from one on, with MOST_ROWS rows at most."""
    left_out += max(0, len(rows) - MOST_ROWS)
    return Table(caption, heads, rows[:MOST_ROWS], frozenset(range(first_number, len(heads))), left_out)


def flat(value: Mapping, prefix: str = "") -> list[tuple[str, str]]:
    """Return the leaves of nested JSON objects with dotted names, as texts."""
    leaves: list[tuple[str, str]] = []
    for name, inner in value.items():
        full = f"{prefix}{clean(name, 80)}"
        if isinstance(inner, Mapping) and inner:
            leaves += flat(inner, full + ".")
        else:
            leaves.append((full, said(inner)))
    return leaves


def said(value: object) -> str:
    """Return a JSON value for people."""
    if value is None or value == [] or value == {}:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        if len(value) == 2 and all(type(one) is int and one > 0 for one in value):
            return "x".join(map(str, value))
        return clean(", ".join(map(said, value)))
    if isinstance(value, float):
        return f"{value:.6g}"
    return clean(value)
