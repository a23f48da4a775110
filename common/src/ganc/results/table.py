"""Rows of a search, one a sub-network, kept as numpy columns so that a million of them stay small and fast."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import overload

import numpy as np

from ganc.base.errors import FileFormatError, SpecError
from ganc.base.ranking_metric import is_predicted

# Two evaluations of one sub-network on other machines differ in the last digits of their float32 features.
SAME_VALUE = 1e-4
# A value with a standard error may be near 0, where no relative difference is small; within this part of its error, two
# values say the same. The error itself is an estimate, and is compared with the same part.
SAME_ERROR = 1e-2

COST_COLUMNS = ("macs", "device_macs", "params")


@dataclass(frozen=True, kw_only=True)
class SearchRow:
    """One sub-network with what was measured on it.

    Attributes:
        widths: the base width of each segment.
        macs, device_macs: multiply-accumulates of one image, as published tables count them and as devices compute.
        params: number of parameters.
        images: how many images the metrics are computed on.
        metrics: metric name -> value; what was not evaluated (or is NaN) is absent.
        errors: metric name -> standard error, where there is one.
        latency_ms: milliseconds an image with the engine, precision and device that follow; None where not measured.
        seconds: how long the evaluation took; None where not measured.
    """

    widths: tuple[int, ...]
    macs: int
    device_macs: int
    params: int
    images: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    latency_ms: float | None = None
    latency_engine: str = ""
    latency_precision: str = ""
    latency_device: str = ""
    seconds: float | None = None

    def __post_init__(self) -> None:
        _set = object.__setattr__
        _set(self, "widths", tuple(int(width) for width in self.widths))
        for name in (*COST_COLUMNS, "images"):
            _set(self, name, int(getattr(self, name)))
        for name in ("metrics", "errors"):
            _set(self, name, {k: float(v) for k, v in getattr(self, name).items() if not math.isnan(v)})
        for name in ("latency_ms", "seconds"):
            value = getattr(self, name)
            _set(self, name, None if value is None or math.isnan(value) else float(value))

    @property
    def setup(self) -> tuple[str, str, str]:
        """What the latency was measured with: engine, precision and device."""
        return self.latency_engine, self.latency_precision, self.latency_device

    @property
    def setup_text(self) -> str:
        """The same as text; "" where there is no latency."""
        return setup_text(self.setup) if self.latency_ms is not None else ""


@dataclass(frozen=True, kw_only=True, eq=False)
class RowTable(Sequence[SearchRow]):
    """Rows as columns: a sequence of SearchRow, N long.

    Attributes:
        widths: (N, segments) int32.
        macs, device_macs, params, images: (N,) int64.
        metrics, errors: name -> (N,) float64, NaN where not evaluated.
        latency_ms, seconds: (N,) float64, NaN where not measured.
        latency_setup: (N,) int16, which of `setups` the latency was measured with, -1 for none.
        setups: (engine, precision, device) triples.
    """

    widths: np.ndarray
    macs: np.ndarray
    device_macs: np.ndarray
    params: np.ndarray
    images: np.ndarray
    metrics: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]
    latency_ms: np.ndarray
    latency_setup: np.ndarray
    setups: tuple[tuple[str, str, str], ...]
    seconds: np.ndarray

    @classmethod
    def of(cls, rows: Iterable[SearchRow]) -> "RowTable":
        """Return the table of `rows` in their order. Raises SpecError if they differ in their number of segments."""
        rows = list(rows)
        segments = {len(row.widths) for row in rows}
        if len(segments) > 1:
            raise SpecError(f"rows of {sorted(segments)} widths meet in one search: every row needs the same number")
        setup_of = [row.setup for row in rows]
        setups = tuple(sorted({s for s, row in zip(setup_of, rows, strict=True) if row.latency_ms is not None}))
        codes = {setup: code for code, setup in enumerate(setups)}
        return cls(
            widths=np.array([row.widths for row in rows], np.int32).reshape(len(rows), max(segments, default=0)),
            **{name: np.array([getattr(row, name) for row in rows], np.int64) for name in (*COST_COLUMNS, "images")},
            metrics=_value_columns([row.metrics for row in rows]),
            errors=_value_columns([row.errors for row in rows]),
            latency_ms=np.array([row.latency_ms for row in rows], np.float64),
            latency_setup=np.array(
                [-1 if r.latency_ms is None else codes[s] for s, r in zip(setup_of, rows, strict=True)], np.int16
            ),
            setups=setups,
            seconds=np.array([row.seconds for row in rows], np.float64),
        )

    def __len__(self) -> int:
        return len(self.macs)

    @overload
    def __getitem__(self, index: int) -> SearchRow: ...

    @overload
    def __getitem__(self, index: slice) -> "RowTable": ...

    def __getitem__(self, index: int | slice) -> "SearchRow | RowTable":
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        index = range(len(self))[index]
        setup = int(self.latency_setup[index])
        engine, precision, device = self.setups[setup] if setup >= 0 else ("", "", "")
        return SearchRow(
            widths=self.widths[index].tolist(),
            **{name: getattr(self, name)[index] for name in (*COST_COLUMNS, "images")},
            metrics={name: column[index] for name, column in self.metrics.items()},
            errors={name: column[index] for name, column in self.errors.items()},
            latency_ms=self.latency_ms[index],
            latency_engine=engine,
            latency_precision=precision,
            latency_device=device,
            seconds=self.seconds[index],
        )

    def __iter__(self) -> Iterator[SearchRow]:
        return (self[index] for index in range(len(self)))

    @property
    def measured(self) -> np.ndarray:
        """Which rows (N,) have a metric that was measured, of the others there are predictions alone."""
        known = [~np.isnan(values) for name, values in self.metrics.items() if not is_predicted(name)]
        return np.logical_or.reduce([self.images > 0, *known])

    @property
    def setup_texts(self) -> list[str]:
        """What latencies were measured with, each set-up as text."""
        return [setup_text(setup) for setup in self.setups]

    def take(self, indices: np.ndarray) -> "RowTable":
        """Return the rows at `indices` (whole numbers, or a mask of N booleans), in that order."""
        single = (*COST_COLUMNS, "widths", "images", "latency_ms", "latency_setup", "seconds")
        return replace(
            self,
            **{name: getattr(self, name)[indices] for name in single},
            metrics={name: column[indices] for name, column in self.metrics.items()},
            errors={name: column[indices] for name, column in self.errors.items()},
        )


def setup_text(setup: Iterable[str]) -> str:
    """Return what a latency was measured with as text."""
    return " ".join(filter(None, setup))


def without_latencies(table: RowTable, subnets: Collection[tuple[int, ...]]) -> RowTable:
    """Return the table without the latencies of some sub-networks, and without set-ups that no row is left of."""
    if not subnets:
        return table
    gone = {*subnets}
    dropped = np.array([tuple(widths) in gone for widths in table.widths.tolist()], bool)
    codes = np.where(dropped, -1, table.latency_setup)
    left = replace(table, latency_ms=np.where(dropped, np.nan, table.latency_ms), latency_setup=codes)
    return _without_unused_setups(left)


def _without_unused_setups(table: RowTable) -> RowTable:
    used = np.isin(np.arange(len(table.setups)), table.latency_setup)
    if used.all():
        return table
    places = np.append(np.where(used, np.cumsum(used) - 1, -1), -1).astype(np.int16)  # the last one is of code -1
    setups = tuple(setup for setup, is_used in zip(table.setups, used, strict=True) if is_used)
    return replace(table, latency_setup=places[table.latency_setup], setups=setups)


def joined(tables: Sequence[RowTable]) -> RowTable:
    """Return the rows of all tables, one after another; a metric that a table lacks is NaN there."""
    tables = [table for table in tables if len(table)] or list(tables[:1])
    segments = {table.widths.shape[1] for table in tables}
    if len(segments) > 1:
        raise SpecError(f"rows of {sorted(segments)} widths meet in one search: every row needs the same number")
    setups = tuple(sorted({setup for table in tables for setup in table.setups}))

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(table, name) for table in tables])

    def named(kind: str) -> dict[str, np.ndarray]:
        names = dict.fromkeys(name for table in tables for name in getattr(table, kind))
        return {
            name: np.concatenate([getattr(t, kind).get(name, np.full(len(t), np.nan)) for t in tables])
            for name in names
        }

    return RowTable(
        **{name: column(name) for name in (*COST_COLUMNS, "widths", "images", "latency_ms", "seconds")},
        latency_setup=np.concatenate([_recoded(table, setups) for table in tables]),
        setups=setups,
        metrics=named("metrics"),
        errors=named("errors"),
    )


def canonical(table: RowTable) -> RowTable:
    """Return the table with each sub-network once, widths in falling lexicographic order (the largest first).

    Of several rows of one sub-network the one on most images stays, and on equal images the one with the lowest
    metric; what it lacks is filled from rows on equally many images. Of two predictions the one with the smaller error
    stays. Set-ups of which no latency stays are left out.

    Raises:
        FileFormatError: rows of one sub-network differ in their costs, or in a metric on equally many images.
    """
    if _strictly_falling(table.widths):
        return _without_unused_setups(table)
    # The last key of lexsort counts most.
    values = [table.metrics[name] for name in sorted(table.metrics)]
    table = table.take(np.lexsort([*values[::-1], -table.images, *(-table.widths.T[::-1])]))
    first = np.append(True, (table.widths[1:] != table.widths[:-1]).any(axis=1))
    starts = np.flatnonzero(first)
    rank = np.arange(len(table)) - np.repeat(starts, np.diff(np.append(starts, len(table))))
    merged = table.take(starts)
    group = np.cumsum(first) - 1
    for extra in range(1, int(rank.max()) + 1):
        _absorb(merged, group[rank == extra], table.take(rank == extra))
    return _without_unused_setups(merged)


def _absorb(merged: RowTable, places: np.ndarray, others: RowTable) -> None:
    """Check `others`, rows of the same sub-networks, against merged[places], and fill what is missing there."""
    for name in COST_COLUMNS:
        _refuse(getattr(merged, name)[places] != getattr(others, name), name, getattr(merged, name)[places], others)
    equal_images = merged.images[places] == others.images
    for name in filter(is_predicted, others.metrics):
        _take_better_prediction(merged, places, others, name)
    for kind in ("metrics", "errors"):
        for name, other in getattr(others, kind).items():
            if is_predicted(name):
                continue
            column = getattr(merged, kind)[name]
            mine = column[places]
            differs = np.abs(mine - other) > _tolerance(merged, places, others, kind, name)  # never of what is NaN
            _refuse(differs & equal_images, name, mine, others, other)
            fill = np.isnan(mine) & equal_images
            column[places[fill]] = other[fill]
    fill = np.isnan(merged.latency_ms[places])
    merged.latency_ms[places[fill]] = others.latency_ms[fill]
    merged.latency_setup[places[fill]] = others.latency_setup[fill]


def _take_better_prediction(merged: RowTable, places: np.ndarray, others: RowTable, name: str) -> None:
    """Put a prediction of `others` into merged[places] where there is none, or one with a larger error."""
    unknown = np.full(len(merged), np.nan)
    value, error = merged.metrics[name], merged.errors.get(name, unknown)
    theirs, their_error = others.metrics[name], others.errors.get(name, unknown[: len(others)])
    better = ~np.isnan(theirs) & (np.isnan(value[places]) | (their_error < error[places]))
    value[places[better]], error[places[better]] = theirs[better], their_error[better]


def _tolerance(merged: RowTable, places: np.ndarray, others: RowTable, kind: str, name: str) -> np.ndarray:
    """Return by how much a value of merged[places] and of `others` may differ and still be the same measurement."""
    relative = SAME_VALUE if kind == "metrics" else SAME_ERROR
    tolerance = 1e-9 + relative * np.abs(getattr(others, kind)[name])
    if kind == "metrics" and name in merged.errors and name in others.errors:
        tolerance += SAME_ERROR * np.nan_to_num(np.fmax(merged.errors[name][places], others.errors[name]))
    return tolerance


def _refuse(wrong: np.ndarray, name: str, mine: np.ndarray, others: RowTable, theirs: np.ndarray | None = None) -> None:
    if not wrong.any():
        return
    index = int(np.argmax(wrong))
    widths = "_".join(map(str, others.widths[index]))
    theirs = getattr(others, name) if theirs is None else theirs
    raise FileFormatError(
        f"sub-network {widths} has two values of {name} on {others.images[index]} images: {mine[index]} and "
        f"{theirs[index]}; one of the searches ran on something else, evaluate it again"
    )


def _strictly_falling(widths: np.ndarray) -> bool:
    if len(widths) < 2:
        return True
    step = np.diff(widths, axis=0)
    deciding = np.take_along_axis(step, np.argmax(step != 0, axis=1)[:, None], axis=1)
    return bool((deciding < 0).all())


def _value_columns(values: list[Mapping[str, float]]) -> dict[str, np.ndarray]:
    names = dict.fromkeys(name for mapping in values for name in mapping)
    return {name: np.array([mapping.get(name, np.nan) for mapping in values], np.float64) for name in names}


def _recoded(table: RowTable, setups: tuple) -> np.ndarray:
    codes = np.array([setups.index(setup) for setup in table.setups] + [-1], np.int16)
    return codes[table.latency_setup]
