"""Results files that are damaged, of older versions or of other programs: read, or refused in one line."""

import io
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.search_rows import eight_rows, make_results

from ganc.base.errors import FileFormatError, RunError
from ganc.results.hdf5 import read_results, write_results

GOLDEN = [Path(__file__).parents[1] / "golden" / f"results-v{version}.h5" for version in (1, 2)]


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
