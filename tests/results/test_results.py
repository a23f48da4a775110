"""Search results: the HDF5 file and merging."""

import io
import itertools
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.search_rows import IDENTITY, changed, eight_rows, make_results, make_row

from ganc.base.atomic import WriteError
from ganc.base.errors import FileFormatError, RunError, SpecError
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


def tampered(path, change):
    write_results(path, make_results(eight_rows()))
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replace_column(name, values):
    def change(file):
        del file["subnets"][name]
        file["subnets"][name] = values

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda file: file.attrs.__setitem__("version", 3), "version 3.*version 1 and 2"),
        (lambda file: file.attrs.__setitem__("version", "1"), "not a whole number"),
        (lambda file: file.attrs.__setitem__("format", "other"), "format 'other'"),
        (lambda file: file.attrs.__delitem__("format"), "another kind"),
        (lambda file: file.attrs.__delitem__("space"), "space"),
        (lambda file: file.attrs.__setitem__("image_size", "big"), "damaged"),
        (lambda file: file.attrs.__setitem__("generator_spec", "{"), "damaged"),
        (lambda file: file.__delitem__("subnets"), "'subnets'"),
        (lambda file: file["subnets"].__delitem__("macs"), "'macs' is missing"),
        (lambda file: file["subnets"].__delitem__("untrained"), "'untrained' is missing"),
        (replace_column("macs", np.arange(7)), r"'macs'.*\(7,\)"),
        (replace_column("macs", np.arange(8.0)), "'macs'.*whole numbers"),
        (replace_column("widths", np.arange(8)), r"'widths'.*\(8,\)"),
        (replace_column("latency_setup", np.full(8, 3)), "latency_setup"),
        (replace_column("macs", np.full(8, -1)), "'macs' has numbers out of range"),
        (replace_column("params", np.full(8, 1 << 63, np.uint64)), "'params' has numbers out of range"),
        (replace_column("widths", np.full((8, 3), 1 << 40)), "'widths' has numbers out of range"),
        (lambda file: file["subnets"].attrs.__setitem__("metrics", '{"a": 1}'), "metrics"),
        (lambda file: file["subnets"].attrs.__setitem__("latency_setups", "[[1]]"), "setups"),
        (lambda file: file.attrs.__delitem__("checksum"), "'checksum'"),
        (lambda file: file.attrs.__setitem__("space", "channels-48"), "checksum differs"),
        (lambda file: file.attrs.__setitem__("facts", '{"seed": 2}'), "checksum differs"),
        (lambda file: file.attrs.__setitem__("version", 1), "checksum differs"),
        (replace_column("images", np.full(8, 61)), "checksum differs"),
        (replace_column("seconds", np.full(8, 1.5)), "checksum differs"),
    ],
)
def test_files_that_are_not_as_specified_are_refused_in_one_line(tmp_path, change, named):
    path = tampered(tmp_path / "bad.h5", change)
    with pytest.raises(FileFormatError, match=named) as caught:
        read_results(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_optional_members_are_passed_over(tmp_path):
    def change(file):
        file.attrs["later"] = 1
        file["subnets"]["extra"] = np.arange(8)
        file["more"] = "text"

    assert list(read_results(tampered(tmp_path / "more.h5", change))) == eight_rows()[::-1]


def test_what_is_no_results_file_is_refused_in_one_line(tmp_path):
    with pytest.raises(FileFormatError, match=r"absent\.h5"):
        read_results(tmp_path / "absent.h5")
    with pytest.raises(FileFormatError, match=str(tmp_path)):
        read_results(tmp_path)
    with pytest.raises(FileFormatError, match="empty"):
        read_results(io.BytesIO())
    with pytest.raises(FileFormatError, match="HDF5"):
        read_results(io.BytesIO(b"PNG"))
    (tmp_path / "empty.h5").touch()
    with pytest.raises(FileFormatError, match=r"empty\.h5.*empty"):
        read_results(tmp_path / "empty.h5")


def test_a_file_that_another_program_writes_is_in_use_and_not_damaged(tmp_path):
    path = tmp_path / "search.h5"
    write_results(path, make_results(eight_rows()))
    program = "import h5py, sys; file = h5py.File(sys.argv[1], 'r+'); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(RunError, match=str(path)):
            read_results(path)
        other.stdin.close()
    assert len(read_results(path)) == 8


def test_a_truncated_or_corrupted_file_is_refused_wherever_it_is_cut(tmp_path):
    write_results(tmp_path / "whole.h5", make_results(eight_rows()))
    whole = (tmp_path / "whole.h5").read_bytes()
    for length in range(9, len(whole) - 1, len(whole) // 8):
        with pytest.raises(FileFormatError) as caught:
            read_results(io.BytesIO(whole[:length]))
        assert "\n" not in str(caught.value)


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
    parts = [make_results([], {"seed": 1, "shard": shard}) for shard in ("2/2", "1/2")]
    assert merge_results(parts).facts == {"seed": 1, "shard": ["1/2", "2/2"]}
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


def test_facts_nested_too_deeply_are_refused(tmp_path):
    def change(file):
        file.attrs["facts"] = "[" * 20_000 + "]" * 20_000

    with pytest.raises(FileFormatError, match="its facts is nested too deeply"):
        read_results(tampered(tmp_path / "bad.h5", change))


def of_version_1(path, results):
    """Write results as an older ganc did."""
    write_results(path, results)
    with h5py.File(path, "r+") as file:
        del file.attrs["checksum"]
        file.attrs["version"] = 1
    return path


def test_a_file_of_version_1_has_no_checksum(tmp_path):
    path = of_version_1(tmp_path / "one.h5", make_results(eight_rows()))
    assert list(read_results(path)) == eight_rows()[::-1]
    assert not read_results(path).proven


def test_texts_of_fixed_length_are_texts(tmp_path):
    """As programs in other languages write them."""
    path = of_version_1(tmp_path / "fixed.h5", make_results(eight_rows()))
    with h5py.File(path, "r+") as file:
        for attributes in (file.attrs, file["subnets"].attrs):
            for name, value in list(attributes.items()):
                if isinstance(value, str):
                    attributes[name] = np.bytes_(value.encode())
    assert list(read_results(path)) == eight_rows()[::-1]


def test_a_file_that_the_hdf5_library_never_comes_to_an_end_with_is_damaged(tmp_path):
    """Free space of no size in the heap of its texts: the library looks behind it for ever."""
    content = bytearray(GOLDEN[0].read_bytes())
    heap = content.index(b"GCOL")
    free = heap + 752
    assert int.from_bytes(content[free : free + 2], "little") == 0
    content[free + 8 : free + 16] = bytes(8)
    (tmp_path / "endless.h5").write_bytes(content)
    for source in (tmp_path / "endless.h5", io.BytesIO(content)):
        with pytest.raises(FileFormatError, match=r"damaged.*does not come to an end"):
            read_results(source)


def test_a_small_file_that_declares_millions_of_rows_is_refused(tmp_path):
    def change(file):
        for name in list(file["subnets"]):
            dtype, further = file["subnets"][name].dtype, file["subnets"][name].shape[1:]
            del file["subnets"][name]
            file["subnets"].create_dataset(name, (50_000_000, *further), dtype, chunks=(1024, *further))

    path = tampered(tmp_path / "rows.h5", change)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(FileFormatError, match=r"declare [0-9,]{11,} bytes, expected at most"):
        read_results(path)


def test_what_is_in_another_file_is_not_looked_at(tmp_path):
    """Opening it may take for ever, as of a pipe without a writer, or tell what it holds."""
    os.mkfifo(tmp_path / "pipe")

    def linked(file):
        del file["subnets"]["macs"]
        file["subnets"]["macs"] = h5py.ExternalLink(str(tmp_path / "pipe"), "/x")

    def kept_outside(file):
        del file["subnets"]["macs"]
        file["subnets"].create_dataset("macs", (8,), "i8", external=[(str(tmp_path / "pipe"), 0, 64)])

    def elsewhere(file):
        del file["subnets"]
        file["subnets"] = h5py.ExternalLink(str(tmp_path / "pipe"), "/x")

    for change, named in ((linked, "'macs'"), (kept_outside, "'macs'"), (elsewhere, "'subnets'")):
        with pytest.raises(FileFormatError, match=named):
            read_results(tampered(tmp_path / "links.h5", change))
