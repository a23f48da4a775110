"""The table of engines, formats and precisions: it is whole, and commands, help and refusals follow it."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers.agreement import nearly
from helpers.images import assert_same_pixels
from helpers.stages import refusal
from helpers.support import PATIENCE, SIZE, TINY_TRAINING, UNTRAINED_SET, invoke, module_of, run_command, succeed
from PIL import Image

from ganc.base.engine_table import (
    ENGINES,
    FORMATS,
    PRECISIONS,
    REFERENCE,
    engine_row,
    engines_of_parts,
    exported_engines,
    fastest_engine,
    graph_engines,
    in_order,
    usable_engines,
)
from ganc.base.errors import MissingDependencyError, SpecError
from ganc.base.extras import MATPLOTLIB, Package, missing, require
from ganc.data import load_rgb
from ganc.engines.adapter import GraphAdapter
from ganc.engines.compile import ADAPTERS, adapter_of
from ganc_export.variants import WRITERS

TRAINING = ("ganc-replace", "ganc-distill", "ganc-supernet", "ganc-finetune")
# Every option that names an engine, a format or a precision, with what it must take: all of it, and nothing else.
OPTIONS = [
    ("ganc translate", "--engine", tuple(ENGINES)),
    ("ganc translate", "--precision", tuple(PRECISIONS)),
    ("ganc evaluate", "--engine", tuple(ENGINES)),
    ("ganc evaluate", "--precision", tuple(PRECISIONS)),
    ("ganc bench", "--engine", tuple(ENGINES)),
    ("ganc bench", "--precision", tuple(PRECISIONS)),
    *((command, "--engine", engines_of_parts()) for command in TRAINING),
    ("ganc-search", "--engine", ("auto", *engines_of_parts())),
    ("ganc-search", "--latency-engine", ("auto", *graph_engines())),
    ("ganc-export", "--format", tuple(FORMATS)),
    ("ganc-export", "--precision", tuple(PRECISIONS)),
]
ALL_OPTIONS = pytest.mark.parametrize(("command", "option", "names"), OPTIONS, ids=lambda value: str(value)[:30])


def test_the_rows_name_each_other():
    for row in ENGINES.values():
        assert set(row.formats) <= set(FORMATS)
        assert set(row.precisions) <= set(PRECISIONS)
        assert row.of_checkpoints
    for row in FORMATS.values():
        assert set(row.precisions) <= set(PRECISIONS)
        verifying = ENGINES[row.engine]
        assert row.name in verifying.formats
        assert set(row.precisions) <= set(verifying.precisions)
    assert [row.name for row in PRECISIONS.values() if row.exact] == ["f32"]
    assert REFERENCE in ENGINES


def test_every_row_has_what_runs_or_writes_it():
    assert set(ADAPTERS) == set(ENGINES)
    assert set(WRITERS) == set(FORMATS)
    for row in ENGINES.values():
        if row.package.installed:
            assert isinstance(adapter_of(row.name), GraphAdapter) == row.graphs


def test_the_order_of_preference():
    assert [row.name for row in in_order()] == list(ENGINES)
    on_gpu = [row.gpu_place for row in in_order(on_gpu=True)]
    places = sorted(place for place in on_gpu if place is not None)
    assert on_gpu == [*places, *[None] * (len(on_gpu) - len(places))]
    usable = usable_engines(tuple(ENGINES))
    assert fastest_engine(tuple(ENGINES)) == usable[0]
    assert engines_of_parts() == (*graph_engines(), REFERENCE)
    assert fastest_engine(engines_of_parts(), on_gpu=True) == REFERENCE


@ALL_OPTIONS
def test_help_lists_the_rows(command, option, names):
    text = succeed(*command.split(), "--help").stdout
    told = text[text.index(f"  {option} ") :]
    told = " ".join(told.partition("\n  --")[0].split())
    for name in names:
        assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", told), (name, told)


@ALL_OPTIONS
def test_what_is_no_row_is_wrong_usage(command, option, names):
    for name in {"tensorrt", *ENGINES, *FORMATS, *PRECISIONS} - {*names}:
        assert f"'{name}'" in refusal(*command.split(), option, name, status=2)


@ALL_OPTIONS
def test_what_is_a_row_is_read(command, option, names):
    """All that is wrong is something else: that nothing but the option is given."""
    for name in names:
        said = invoke(*command.split(), option, name)
        assert said.exit_code == 2
        assert f"'{name}'" not in said.stderr


@pytest.mark.parametrize("command", ["ganc translate", "ganc evaluate", "ganc bench", "ganc-search"])
def test_a_former_name_of_an_engine_is_taken_and_the_new_one_said(command):
    for row in ENGINES.values():
        for former in row.former_names:
            said = invoke(*command.split(), "--engine", former)
            assert said.exit_code == 2
            first, *_, last = said.stderr.splitlines()
            assert former in first
            assert row.name in first
            assert "Missing" in last  # what else must be given


def test_the_former_name_still_runs(teacher_file, tiny_data, tmp_path):
    image = image_in(tmp_path)
    for name in ("paddle-eager", "paddle"):
        said = succeed("ganc", "translate", teacher_file, image, "-o", tmp_path / f"{name}.png", "--engine", name)
        assert ("paddle-eager" in said.stderr) == (name == "paddle-eager")
    assert_same_pixels(*(load_rgb(tmp_path / f"{name}.png") for name in ("paddle-eager", "paddle")))
    rows = {}
    for name in ("paddle-eager", "paddle"):
        arguments = ("--data", tiny_data, *UNTRAINED_SET, "--size", SIZE, "--engine", name, "--device", "cpu", "--json")
        rows[name] = json.loads(succeed("ganc", "evaluate", teacher_file, *arguments).stdout)
    assert rows["paddle-eager"] == nearly(rows["paddle"])
    quick = ("--size", 32, "--repeats", 1, "--min-seconds", 0, "--device", "cpu", "--threads", 1, "--json")
    timed = succeed("ganc", "bench", teacher_file, "--original", teacher_file, "--engine", "paddle-eager", *quick)
    assert [row["engine"] for row in json.loads(timed.stdout)] == ["paddle"]


def test_names_that_are_not_there_are_named():
    with pytest.raises(SpecError, match=r"'tensorrt'.*openvino"):
        engine_row("tensorrt")


def test_what_is_missing_is_said_in_one_sentence():
    here, absent = Package("json", ("core",)), Package("no_such_module", ("one", "two"), "NoSuchThing")
    other = Package("neither_this", ("two",))
    require(here)
    assert missing((here, absent), (here,)) is None
    with pytest.raises(
        MissingDependencyError, match=r"NoSuchThing.*: pip install 'ganc-common\[one\]' or 'ganc-common\[two\]'$"
    ):
        require(here, absent)
    both = str(missing((absent,), (here, other)))
    assert "NoSuchThing, neither_this" in both
    assert both.endswith("pip install 'ganc-common[one]' or 'ganc-common[two]'")


def image_in(folder):
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(folder / "image.png")
    return folder / "image.png"


def test_the_sentence_is_the_same_in_every_command(chain, tmp_path):
    image, out = image_in(tmp_path), tmp_path / "out"
    search = ("--supernet", chain.supernet, "--data", chain.data, *UNTRAINED_SET, "--device", "cpu", "-o", out)
    trained = ("--data", chain.data, "--width", 4, *TINY_TRAINING)
    commands = [
        ("ganc", "translate", chain.finetune, image, "-o", out, "--engine", "openvino"),
        ("ganc", "evaluate", chain.finetune, "--data", chain.data, *UNTRAINED_SET, "--engine", "openvino"),
        ("ganc", "bench", chain.finetune, "--size", 32, "--engine", "openvino"),
        ("ganc-search", *search, "--engine", "openvino"),
        ("ganc-search", *search, "--engine", "paddle", "--latency", "table", "--latency-engine", "openvino"),
        ("ganc-export", "--checkpoint", chain.finetune, "-o", out, "--format", "openvino"),
        ("ganc-distill", "--teacher", chain.replace, *trained, "-o", out, "--engine", "openvino"),
    ]
    for program, *arguments in commands:
        done = run_command(program, *arguments, absent=("openvino",))
        said = done.stderr.decode().splitlines()[-1]
        assert (done.returncode, said) == (1, f"Error: {missing((Package('openvino_', ('openvino',), 'openvino'),))}")
    chart = run_command("ganc", "bench", chain.finetune, "--chart", tmp_path / "chart.png", absent=("matplotlib",))
    sentence = missing((Package("matplotlib_", MATPLOTLIB.extras, "matplotlib"),))
    assert chart.stderr.decode().splitlines()[-1] == f"Error: {sentence}"


# Adds rows before a command is imported, as an edit of the table would.
_WITH_NEW_ROWS = """
import importlib, json, sys
from ganc.base import engine_table as table
from ganc.base.extras import Package

package = Package("no_such_engine", ("swift",))
table.ENGINES["swift"] = table.EngineRow(
    name="swift", package=package, precisions=("f32", "int4"), formats=("bird",), graphs=True
)
table.FORMATS["bird"] = table.Format(name="bird", precisions=("int4",), engine="swift", packages=(package,))
table.PRECISIONS["int4"] = table.Precision(name="int4", calibrated=True)
program, module = json.loads(sys.argv[1])
sys.argv = [program, *sys.argv[2:]]
importlib.import_module(module).main()
"""


def run_with_new_rows(program, *arguments):
    description = json.dumps([program, module_of(program)])
    command = [sys.executable, "-c", _WITH_NEW_ROWS, description, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_a_new_row_appears_in_help_and_refusals(chain, tmp_path):
    for program, *names in (
        ("ganc", "translate"),
        ("ganc", "evaluate"),
        ("ganc", "bench"),
        ("ganc-search",),
        ("ganc-replace",),
    ):
        said = run_with_new_rows(program, *names, "--help").stdout
        assert "swift" in said
        assert ("int4" in said) == (program == "ganc")
    assert "bird: int4" in run_with_new_rows("ganc-export", "--help").stdout.replace("\n" + " " * 34, " ")

    image, out = image_in(tmp_path), tmp_path / "out"
    export = ("ganc-export", "--checkpoint", chain.finetune, "-o", out, "--format", "bird")
    search = ("--supernet", chain.supernet, "--data", chain.data, *UNTRAINED_SET, "--device", "cpu", "-o", out)
    missing_swift = "swift]"
    for status, word, (program, *arguments) in (
        (1, missing_swift, ("ganc", "translate", chain.finetune, image, "-o", out, "--engine", "swift")),
        (1, missing_swift, ("ganc", "bench", chain.finetune, "--size", 32, "--engine", "swift")),
        (1, missing_swift, ("ganc-search", *search, "--engine", "swift")),
        (1, missing_swift, (*export, "--precision", "int4", "--data", chain.data, *UNTRAINED_SET)),
        (2, "int4", (*export, "--precision", "int4")),
        (2, "f32", export),
        (1, "int4", ("ganc", "translate", chain.export, image, "-o", out, "--precision", "int4")),
        (1, "swift", ("ganc", "translate", chain.export, image, "-o", out, "--engine", "swift")),
        (1, "swift", ("ganc", "translate", chain.export, image, "-o", out, "--engine", "paddle")),
    ):
        done = run_with_new_rows(program, *arguments)
        assert done.returncode == status, done.stderr
        assert word in done.stderr.splitlines()[-1]
    assert not out.exists()


def test_the_exported_engines_read_something():
    assert set(exported_engines()) == {row.name for row in ENGINES.values() if row.formats}
