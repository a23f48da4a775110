"""Search results: the HDF5 file and merging."""

import io
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.search_rows import IDENTITY, changed, eight_rows, make_results, make_row

from ganc.base.atomic import WriteError
from ganc.base.errors import FileFormatError, SpecError
from ganc.results.hdf5 import read_results, write_results
from ganc.results.search_results import merge_results
from ganc.results.table import RowTable

GOLDEN = [Path(__file__).parents[1] / "golden" / f"results-v{version}.h5" for version in (1, 2)]


def test_rows_come_back_from_the_file_with_all_values(tmp_path):
    rows = [
        make_row((32, 16), 2.5, metrics={"untrained": 2.5, "kid": 0.5}, errors={"kid": 0.125}, seconds=1.5),
        make_row((16, 32), latency_ms=3.25, latency_engine="paddle", latency_precision="f32", latency_device="cpu"),
        make_row((16, 16), metrics={"untrained": float("nan")}),
    ]
    path = tmp_path / "new folder" / "Größe 馬.h5"
    results = make_results(rows, {"strategy": "random", "note": "Größe 馬"})
    write_results(path, results)
    again = read_results(path)
    assert list(again) == rows
    assert again.identity == IDENTITY
    assert again.facts == {"strategy": "random", "note": "Größe 馬"}
    assert again.digest == results.digest
    assert again.metric_name == "untrained"
    assert again.rows[2].metrics == {}
    assert [path.name] == [p.name for p in path.parent.iterdir()]


def test_equal_results_give_equal_bytes_in_any_order_and_on_any_target(tmp_path):
    rows = eight_rows()
    stream = io.BytesIO()
    write_results(stream, make_results(rows))
    write_results(tmp_path / "a.h5", make_results(rows[::-1]))
    assert (tmp_path / "a.h5").read_bytes() == stream.getvalue()
    assert list(read_results(io.BytesIO(stream.getvalue()))) == rows[::-1]


def test_results_go_through_a_pipe(tmp_path):
    write_results(tmp_path / "in.h5", make_results(eight_rows()))
    program = "from ganc.results.hdf5 import *; write_results('-', read_results('-'))"
    done = subprocess.run(
        [sys.executable, "-c", program], input=(tmp_path / "in.h5").read_bytes(), capture_output=True, check=True
    )
    assert done.stdout == (tmp_path / "in.h5").read_bytes()


def test_a_latency_keeps_the_engine_s_name_that_it_was_written_with(tmp_path):
    """Eager Paddle was also named paddle-eager."""
    setups = {(16,) * 3: "paddle-eager", (32,) * 3: "paddle", (8,) * 3: "openvino"}
    rows = [
        make_row(widths, latency_ms=2.5, latency_engine=engine, latency_precision="f32", latency_device="cpu")
        for widths, engine in setups.items()
    ]
    path = tmp_path / "search.h5"
    write_results(path, make_results(rows))
    assert {row.widths: row.latency_engine for row in read_results(path)} == setups


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_golden_files_stay_readable(path):
    results = read_results(path)
    assert results.proven == (path.stem == "results-v2")
    assert results.identity.image_size == (64, 48)
    assert results.identity.generator_spec["widths"] == [32] * 8
    assert results.facts == {"strategy": "random", "seed": 7, "subset": "Pferde-Größe 馬"}
    assert [row.widths[:3] for row in results] == [(32, 32, 32), (16, 16, 32), (16, 16, 16)]
    first = results.rows[0]
    assert (first.macs, first.device_macs, first.params, first.images) == (308_000_000, 195_000_000, 514_000, 60)
    assert first.metrics == {"untrained-conv3-v1": 2.5, "kid": 0.03125}
    assert first.errors == {"kid": 0.0078125}
    assert (first.latency_ms, first.latency_engine, first.latency_device) == (12.5, "paddle", "cpu")
    assert results.rows[1].latency_ms is None
    assert results.rows[2].metrics == {}
    assert results.digest == "7c8dda60cd63051ff7d964eaa3b5aea9e3621bfe73316c52d9fd586ed5e721fa"


def test_an_empty_search_can_be_written_and_merged(tmp_path):
    write_results(tmp_path / "empty.h5", make_results([]))
    empty = read_results(tmp_path / "empty.h5")
    assert len(empty) == 0
    assert empty.find((16, 16, 16)) is None
    assert list(merge_results([empty, make_results(eight_rows())])) == eight_rows()[::-1]


def test_find_and_slices():
    results = make_results(eight_rows())
    for row in eight_rows():
        assert results.find(row.widths) == row
    assert results.find((24, 24, 24)) is None
    assert results.find((16, 16)) is None
    assert results.find((64, 64, 64)) is None
    assert results.find((8, 8, 8)) is None
    assert [row.widths for row in results.rows[:2]] == [(32, 32, 32), (32, 32, 16)]
    assert results.rows[-1].widths == (16, 16, 16)


def test_the_digest_covers_rows_and_identity_but_no_times():
    plain = make_results([make_row((16, 16))])
    timed = make_results([make_row((16, 16), latency_ms=2.0, latency_engine="paddle", seconds=9.0)], {"seed": 2})
    assert plain.digest == timed.digest
    assert plain.digest != make_results([make_row((16, 16), 1.5)]).digest
    assert plain.digest != make_results([make_row((16, 16))], identity=changed(space="channels-48")).digest


def test_rows_of_different_depth_and_bad_metric_names_are_refused():
    with pytest.raises(SpecError, match="2, 3"):
        make_results([make_row((16, 16)), make_row((16, 16, 16))])
    with pytest.raises(SpecError, match="'a/b'"):
        make_results([make_row((16, 16), metrics={"a/b": 1.0})])


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"out\.h5"):
        write_results(tmp_path / "file" / "out.h5", make_results([]))


def test_merged_shards_equal_the_file_of_one_process(tmp_path):
    rows = eight_rows()
    merged = merge_results([make_results(rows[k::3]) for k in (2, 0, 1)])
    write_results(tmp_path / "merged.h5", merged)
    write_results(tmp_path / "whole.h5", make_results(rows))
    assert (tmp_path / "merged.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_merging_refuses_another_search_and_names_all_that_differs():
    other = make_results([], identity=changed(space="channels-48", image_size=(128, 128)), source="b.h5")
    with pytest.raises(FileFormatError) as caught:
        merge_results([make_results([], source="a.h5"), other])
    for part in ("a.h5", "b.h5", "channels-32", "channels-48", "[64, 48]", "[128, 128]"):
        assert part in str(caught.value)


def test_a_sub_network_in_two_files_becomes_one_row():
    few, many = make_row((16, 32), 2.0, images=60), make_row((16, 32), 1.5, images=120)
    assert list(merge_results([make_results([few]), make_results([many]), make_results([few])])) == [many]
    close = make_row((16, 32), 2.00001, images=60, latency_ms=4.0, latency_engine="paddle")
    (row,) = merge_results([make_results([close]), make_results([few])])
    assert row.metrics == {"untrained": 2.0}
    assert (row.latency_ms, row.latency_engine) == (4.0, "paddle")


def test_metrics_of_two_files_are_joined():
    other = make_row((16, 32), metrics={"kid": 0.25}, errors={"kid": 0.5})
    (row,) = merge_results([make_results([make_row((16, 32), 2.0)]), make_results([other])])
    assert row.metrics == {"untrained": 2.0, "kid": 0.25}
    assert row.errors == {"kid": 0.5}


def test_a_value_near_zero_may_differ_by_a_part_of_its_standard_error():
    """A kernel distance of 0.0001 ± 0.01 that another machine measures as 0.00011 is the same measurement."""

    def make(value, error):
        row = make_row((16, 32), metrics={"untrained": 2.0, "untrained-kid": value}, errors={"untrained-kid": error})
        return make_results([row])

    (row,) = merge_results([make(1e-4, 0.01), make(1.1e-4, 0.010001)])
    assert row.metrics["untrained-kid"] == 1e-4
    (row,) = merge_results([make(-2e-5, 0.01), make(3e-5, 0.01)])
    assert row.errors == {"untrained-kid": 0.01}
    for value, error in ((1e-3, 0.01), (1e-4, 0.02)):
        with pytest.raises(FileFormatError, match=r"16_32.*untrained-kid.*60"):
            merge_results([make(1e-4, 0.01), make(value, error)])
    without = make_results([make_row((16, 32), metrics={"untrained": 2.0, "untrained-kid": 1.1e-4})])
    with pytest.raises(FileFormatError, match="untrained-kid"):
        merge_results([make_results([make_row((16, 32), metrics={"untrained-kid": 1e-4})]), without])


@pytest.mark.parametrize("other", [{"metric": 1.5}, {"macs": 7, "images": 120}, {"params": 7}])
def test_contradictions_are_refused_with_the_widths(other):
    with pytest.raises(FileFormatError, match="16_32"):
        merge_results([make_results([make_row((16, 32))]), make_results([make_row((16, 32), **other)])])


def test_facts_that_differ_become_a_list():
    rows = [make_row((16, 32))]
    parts = [make_results(rows, {"seed": 1, "shard": "3/3"}), make_results([], {"seed": 1, "shard": "1/3"})]
    assert merge_results(parts).facts == {"seed": 1, "shard": ["1/3", "3/3"]}
    whole = [*parts, make_results([], {"seed": 1, "shard": "2/3"})]
    assert merge_results(whole).facts == {"seed": 1}  # as of a search that was not cut
    with pytest.raises(FileFormatError, match="merge"):
        merge_results([])


def test_a_table_of_columns_is_taken_as_it_is():
    count = 200_000
    widths = np.array([*itertools.islice(itertools.product(range(8, 128, 8), repeat=5), count)], np.int32)
    costs = np.arange(count)
    table = RowTable(
        widths=widths,
        macs=costs,
        device_macs=costs,
        params=costs,
        images=np.full(count, 60),
        metrics={"untrained": costs / 7},
        errors={},
        latency_ms=np.full(count, np.nan),
        latency_setup=np.full(count, -1, np.int16),
        setups=(),
        seconds=np.full(count, np.nan),
    )
    results = make_results(table)
    assert results.rows[0].macs == count - 1
    assert results.find(widths[1234]).macs == 1234
    halves = [make_results(results.rows[start::2]) for start in (0, 1)]
    assert merge_results([*halves, results]).digest == results.digest
