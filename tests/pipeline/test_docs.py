"""The documentation: examples run, numbers are what commands print, no member of a file is left out."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.search_rows import IDENTITY, make_results, make_row
from helpers.support import SIZE, TINY_SPACE, UNTRAINED_SET, succeed
from safetensors import safe_open

from ganc.data import read_images
from ganc.files.checkpoint import read_checkpoint
from ganc.metrics import read_statistics
from ganc.models.generator import Generator
from ganc.models.spec import parse_widths
from ganc.results.hdf5 import write_results
from ganc.results.journal import Journal

ROOT = Path(__file__).parents[2]
PAGES = sorted(ROOT.glob("docs/*.md"))
GOLDEN_RESULTS = ROOT / "tests" / "golden" / "results-v1.h5"
STEP = ("--load-size", 36, "--crop-size", SIZE, "--batch-size", 2, "--max-steps", 1, "--workers", 0, "--device", "cpu")


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page that are marked as `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    """A folder with the files that the pages speak of, under their names there, made by one step of every stage."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(tiny_data, folder / "horse2zebra")
    data = ("--data", folder / "horse2zebra", *UNTRAINED_SET)
    succeed("ganc", "data", "split", folder / "horse2zebra", "--search", 2)
    shutil.copytree(folder / "horse2zebra", folder / "images")
    succeed("ganc", "stats", *data, "--size", SIZE, "-o", folder / "real_B.npz", "--device", "cpu")
    common = (*data, "--stats", folder / "real_B.npz", *STEP)
    teacher, supernet = folder / "replace.safetensors", folder / "supernet.safetensors"
    small = ("--width", 8, "--n-blocks", 3, "--discriminator-width", 8)
    succeed("ganc-replace", *common, *small, "-o", folder / "original.safetensors")
    succeed("ganc-replace", *common, *small, "--init-from", folder / "original.safetensors", "-o", teacher)
    succeed("ganc-distill", *common, "--teacher", teacher, "--width", 8, "-o", folder / "distill.safetensors")
    student = ("--student", folder / "distill.safetensors", "--space", TINY_SPACE)
    succeed("ganc-supernet", *common, "--teacher", teacher, *student, "-o", supernet)
    search = ("--supernet", supernet, *data, "--stats", folder / "real_B.npz", "--samples", 2, "--device", "cpu")
    succeed("ganc-search", *search, "-o", folder / "search.h5")
    tuned = folder / "finetune.safetensors"
    finetune = ("--supernet", supernet, "--teacher", teacher, "--results", folder / "search.h5")
    succeed("ganc-finetune", *common, *finetune, "-o", tuned)
    succeed("ganc-export", "--checkpoint", tuned, "-o", folder / "dist", "--device", "cpu")
    journal = Journal(folder / "search.h5.journal", IDENTITY, {"seed": 0})
    journal.append(make_row((8,) * 8, metric=2.5, errors={"untrained": 0.1}, latency_ms=3.0, latency_engine="paddle"))
    journal.append(make_row((4,) * 8, seconds=0.5, latency_ms=1.0, latency_precision="f32", latency_device="cpu"))
    journal.close()
    with (folder / "search.h5.journal").open("a") as file:
        file.write('{"widths": [4, 4')
    return folder


@pytest.fixture
def read_by_example(made: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """The names that the examples of formats.md define, run one after another as a reader would."""
    monkeypatch.chdir(made)
    names = {}
    for block in blocks(ROOT / "docs" / "formats.md", "python"):
        exec(block, names)
    return names


def test_the_examples_of_formats_read_what_ganc_reads(made, read_by_example):
    names = read_by_example
    assert names["digest"] == read_checkpoint(made / "replace.safetensors").digest
    assert names["state"]["finished"] == names["digest"]
    assert (names["settings"]["stage"], names["log"][-1]["step"]) == ("replace", 1)
    selected = json.loads(succeed("ganc", "select", made / "search.h5", "--top", 1, "--json").stdout)[0]
    assert parse_widths(selected["widths"]) == tuple(names["rows"]["widths"][names["best"]])
    assert [row["widths"] for row in names["journal_rows"]] == [[8] * 8, [4] * 8]
    statistics = read_statistics(made / "real_B.npz", None)
    np.testing.assert_array_equal(names["mu"], statistics.mu)
    assert names["facts"]["data_fingerprint"] == statistics.data_fingerprint
    assert names["translated"].shape == (1, 3, SIZE, SIZE)
    images = read_images(made / "horse2zebra", "trainA")
    assert names["paths"] == [path.relative_to(made) for path in images.paths]
    assert names["fingerprint"] == images.fingerprint
    for text in ("16_16_32_16_32_32_16_16", "16_16_32_16_16_16", "64"):
        assert tuple(names["parse_widths"](text)) == parse_widths(text)


@pytest.mark.parametrize("images", [60, 600])
def test_the_example_of_formats_chooses_as_ganc_does_where_a_race_has_dropped_rows(tmp_path, monkeypatch, images):
    """By the kernel distance of few images, else by the Fréchet distance; never by fewer images or by predictions."""

    def row(width, distance, kernel, count=images):
        metrics = {"untrained": distance, "untrained-kid": kernel, "untrained.predicted": 0.1}
        return make_row((width,) * 8, images=count, metrics=metrics)

    only = make_row((64,) * 8, images=0, metrics={"untrained.predicted": 0.01, "untrained-kid.predicted": 0.01})
    rows = [only, row(32, 5.0, 0.3), row(24, 6.0, 0.2), row(16, 7.0, 0.4), row(8, 1.0, 0.1, count=images // 4)]
    write_results(tmp_path / "search.h5", make_results(rows))
    monkeypatch.chdir(tmp_path)
    page = blocks(ROOT / "docs" / "formats.md", "python")
    (example,) = (block for block in page if 'h5py.File("search.h5")' in block)
    names = {"np": np}
    exec(example, names)
    selected = json.loads(succeed("ganc", "select", tmp_path / "search.h5", "--top", 1, "--json").stdout)[0]
    assert parse_widths(selected["widths"]) == tuple(names["rows"]["widths"][names["best"]])
    assert selected["widths"] == "_".join(["24" if images == 60 else "32"] * 8)


def test_the_example_of_formats_writes_a_checkpoint_that_runs(made, read_by_example):
    checkpoint = read_checkpoint(made / "own.safetensors")
    assert checkpoint.generator.spec.block == "resnet"
    Generator.from_state(checkpoint.generator)
    image = next((made / "horse2zebra" / "testA").glob("*.png"))
    succeed("ganc", "translate", made / "own.safetensors", image, "-o", made / "own.png", "--device", "cpu")


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "formats.md"], ids=lambda page: page.name)
def test_the_examples_of_the_other_pages_run(page, made, monkeypatch):
    monkeypatch.chdir(made)
    names = {}
    for block in blocks(page, "python"):
        exec(block, names)


def _members(value) -> Iterator[str]:
    """Yield the names of all members of nested JSON objects; those of a label's numbers have no fixed names."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield name
        if name not in ("losses", "metrics", "values", "errors"):
            yield from _members(inner)


def _file_members(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.safetensors"):
        with safe_open(path, framework="numpy") as file:
            yield from _members(json.loads(file.metadata()["ganc"]))
    for path in [*folder.glob("*.run/settings.json"), folder / "dist" / "model.json"]:
        yield from _members(json.loads(path.read_text(encoding="utf-8")))
    for path in [*folder.glob("*.run/log.jsonl"), folder / "search.h5.journal"]:
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            yield from _members(json.loads(line))
    with np.load(folder / "real_B.npz", allow_pickle=False) as archive:
        yield from archive.files
        yield from _members(json.loads(str(archive["ganc"])))
    for path in (folder / "search.h5", GOLDEN_RESULTS):
        with h5py.File(path) as file:
            metrics = json.loads(file["subnets"].attrs["metrics"])
            yield from [*file.attrs, *file, *file["subnets"].attrs, *_members(json.loads(file.attrs["facts"]))]
            yield from (name for name in file["subnets"] if not name.startswith(tuple(metrics)))


def test_formats_names_every_member_and_file_that_ganc_writes(made):
    written = set(_file_members(made))
    written |= {path.name for path in (made / "dist").rglob("*") if path.is_file()}
    written |= {path.name for folder in made.glob("*.run") for path in folder.iterdir() if path.name != "samples"}
    text = re.sub(r"^```.*?^```", "", (ROOT / "docs" / "formats.md").read_text(encoding="utf-8"), flags=re.M | re.S)
    spans = " ".join(re.findall(r"`([^`\n]+)`", text))
    assert len(written) > 80
    assert sorted(name for name in written if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", spans)) == []


def test_the_costs_in_method_are_what_the_commands_print():
    rows = re.findall(r"^\| `(ganc profile [^`]*)` \|(.*)\|$", (ROOT / "docs" / "method.md").read_text("utf-8"), re.M)
    assert len(rows) == 7
    for command, cells in rows:
        printed = succeed(*shlex.split(command)).stdout.splitlines()[-1]
        assert re.split(r"\s{2,}", printed)[-3:] == [cell.strip() for cell in cells.split("|")][-3:], command
