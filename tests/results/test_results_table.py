"""What the tables of search results say: errors, latencies and numbers of images; and whose front it is."""

import re

from helpers.search_rows import make_results, make_row
from helpers.stages import json_of
from helpers.support import succeed

from ganc.results.hdf5 import write_results
from ganc.results.table import RowTable, without_latencies

LATENCY = {
    "latency_ms": 12.345678,
    "latency_engine": "onnxruntime",
    "latency_precision": "f32",
    "latency_device": "cpu",
}


def table_of(path, rows, *options):
    """Return the printed table as one dictionary a row."""
    write_results(path, make_results(rows))
    lines = succeed("ganc", "select", path, *options).stdout.splitlines()
    starts = [match.start() for match in re.finditer("-+", lines[1])]
    cells = [
        [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]
        for line in (lines[0], *lines[2:])
    ]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[1:]]


def test_plain_rows_have_neither_errors_nor_latencies(tmp_path):
    (row,) = table_of(tmp_path / "search.h5", [make_row((8, 4), metric=3.0)])
    assert list(row) == ["widths", "MACs", "device MACs", "parameters", "untrained", "images"]
    assert (row["untrained"], row["images"]) == ("3.0000", "60")


def test_a_value_comes_with_its_error_and_the_kernel_distance_beside_the_metric(tmp_path):
    kernel = {"untrained": 3.0, "untrained-kid": 0.0123, "untrained.first-16": 9.0}
    rows = [
        make_row((8, 4), metrics=kernel, errors={"untrained-kid": 0.0045}),
        make_row((8, 2), metrics={"untrained": 4.0}),
        make_row((4, 4), metrics={"untrained": 1.0}, images=16),
    ]
    first, second = table_of(tmp_path / "search.h5", rows)  # a value on fewer images does not compare
    assert list(first) == ["widths", "MACs", "device MACs", "parameters", "untrained", "untrained-kid", "images"]
    assert (first["untrained"], first["untrained-kid"], first["images"]) == ("3.0000", "0.0123 ± 0.0045", "60")
    assert (second["untrained"], second["untrained-kid"], second["images"]) == ("4.0000", "-", "60")


def test_the_heading_says_what_latencies_were_measured_with_and_their_points_are_below_each_other(tmp_path):
    more = LATENCY | {"latency_ms": 7.0}
    rows = [make_row((8, 4), metric=1.0, **LATENCY), make_row((8, 2), metric=2.0), make_row((8, 1), metric=3.0, **more)]
    first, second, third = table_of(tmp_path / "search.h5", rows)
    heading = "ms an image (onnxruntime f32 cpu)"
    assert [row[heading] for row in (first, second, third)] == ["12.35", "-", "7.00"]
    lines = succeed("ganc", "select", tmp_path / "search.h5").stdout.splitlines()
    assert next(line for line in lines if "12.35" in line).index(".35 ") == next(
        line for line in lines if " 7.00" in line
    ).index(".00 ")


def test_latencies_of_several_engines_say_each_its_own(tmp_path):
    other = LATENCY | {"latency_engine": "openvino", "latency_ms": 3.0}
    rows = [make_row((8, 4), metric=1.0, **LATENCY), make_row((8, 2), metric=2.0, **other)]
    first, second = table_of(tmp_path / "search.h5", rows)
    assert (first["ms an image"], second["ms an image"]) == ("12.35 onnxruntime f32 cpu", "3.00 openvino f32 cpu")


def test_the_front_is_that_of_the_rows_on_the_most_images(tmp_path):
    """A value on fewer images does not compare; a bound that leaves only such rows gives their front."""
    points = {(8,): (1.0, 30, 5), (7,): (2.0, 60, 4), (6,): (4.0, 60, 6), (5,): (3.0, 60, 3), (4,): (0.5, 30, 1)}
    rows = [make_row(w, metric=metric, images=images, macs=macs) for w, (metric, images, macs) in points.items()]
    write_results(tmp_path / "search.h5", make_results(rows))
    chosen = json_of("ganc", "select", tmp_path / "search.h5", "--pareto")
    assert [row["widths"] for row in chosen] == ["7", "5"]
    chosen = json_of("ganc", "select", tmp_path / "search.h5", "--pareto", "--max-macs", "2")
    assert [row["widths"] for row in chosen] == ["4"]


class Counted(list):
    """Counts how often all of it is looked at."""

    looks = 0

    def __iter__(self):
        self.looks += 1
        return super().__iter__()


def test_latencies_are_dropped_without_a_look_at_all_of_them_for_each_row():
    rows = RowTable.of([make_row((n, 4), **LATENCY) for n in range(100)])
    dropped = Counted((n, 4) for n in range(50))
    left = without_latencies(rows, dropped)
    assert [row.latency_ms is None for row in left] == [True] * 50 + [False] * 50
    assert dropped.looks < 5
