"""`ganc plot` of training runs: what its panels say, and what TensorBoard would read."""

import json
import re
import shutil
import struct
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from helpers.search_rows import eight_rows, make_results
from helpers.stages import nothing_changes, refusal
from helpers.support import run_command, succeed
from PIL import Image

from ganc.results.hdf5 import write_results


def make_run(path, lines=3, *, scale=1.0, stage="distill", samples=()):
    (path / "samples").mkdir(parents=True)
    (path / "settings.json").write_text(json.dumps({"stage": stage}))
    written = [
        {"step": 10 * step, "epoch": step - 1, "learning_rate": 0.1 / step,
         "losses": {"feature": scale / step, "lite0": 5.0}}
        for step in range(1, lines + 1)
    ]  # fmt: skip
    if written:
        written[-1] |= {"metrics": {"student": 8.0}, "kernels": {"student": [0.5, 0.1]}}
    (path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in written))
    for step in samples:
        Image.fromarray(np.full((8, 12, 3), 99, np.uint8)).save(path / "samples" / f"{step:07d}.png")
    return path


@pytest.fixture
def texts(monkeypatch):
    """Return what reads the texts of an SVG that `ganc plot` wrote."""
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "none")

    def read(path):
        tree = ElementTree.parse(path)
        return ["".join(node.itertext()) for node in tree.iter("{http://www.w3.org/2000/svg}text")]

    return read


def test_each_quantity_has_a_panel_and_each_run_a_line(tmp_path, texts):
    one, other = make_run(tmp_path / "one.run"), make_run(tmp_path / "other.run", scale=100.0)
    said = succeed("ganc", "plot", one, other, "-o", tmp_path / "runs.svg")
    assert "2 runs in" in said.stderr
    assert "state.safetensors is missing" in said.stderr
    found = texts(tmp_path / "runs.svg")
    for title in ("loss: feature", "loss: lite0", "kernel distance: student", "Fréchet distance: student"):
        assert found.count(title) == 1
    assert {"one.run", "other.run", "2 runs"} <= {*found}
    succeed("ganc", "plot", one / "log.jsonl", "-o", tmp_path / "one.svg", "--title", "Mine")
    assert "Mine" in texts(tmp_path / "one.svg")


def test_a_log_alone_is_drawn_under_any_name(tmp_path, texts):
    (tmp_path / "copied.txt").write_bytes((make_run(tmp_path / "a.run") / "log.jsonl").read_bytes())
    succeed("ganc", "plot", tmp_path / "copied.txt", "-o", tmp_path / "log.svg")
    assert "loss: feature" in texts(tmp_path / "log.svg")


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path, texts):
    runs = [make_run(tmp_path / folder / "distill.safetensors.run") for folder in ("first", "second")]
    succeed("ganc", "plot", *runs, "-o", tmp_path / "runs.svg")
    assert {"first/distill.safetensors.run", "second/distill.safetensors.run"} <= {*texts(tmp_path / "runs.svg")}


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_equal_runs_give_equal_files(tmp_path, texts, suffix):
    run = make_run(tmp_path / "a.run")
    for name in ("one", "other"):
        succeed("ganc", "plot", run, "-o", tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"other.{suffix}").read_bytes()


def events(path):
    """Return the events of a file by TensorBoard's own messages, after checking each record's length."""
    from tensorboardX.proto.event_pb2 import Event

    content, found = path.read_bytes(), []
    while content:
        (length,) = struct.unpack_from("<Q", content)
        found.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return found


def test_tensorboard_finds_what_the_log_and_the_samples_say(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    run = make_run(tmp_path / "a.run", samples=(10, 30))
    for lines in (2, 3):  # a run that went on replaces what was written of it
        kept = (run / "log.jsonl").read_text().splitlines(keepends=True)
        (run / "log.jsonl").write_text("".join(kept[:lines]))
        succeed("ganc", "plot", run, "--tensorboard", tmp_path / "events")
        (run / "log.jsonl").write_text("".join(kept))
    (path,) = (tmp_path / "events" / "a.run").iterdir()
    assert "tfevents" in path.name
    first, *others = events(path)
    assert first.file_version == "brain.Event:2"
    scalars = {(value.tag, event.step): value.simple_value for event in others for value in event.summary.value
               if value.tag != "samples"}  # fmt: skip
    logged = [json.loads(line) for line in kept]
    expected = {("learning_rate", line["step"]): line["learning_rate"] for line in logged}
    expected |= {(f"losses/{name}", line["step"]): value for line in logged for name, value in line["losses"].items()}
    expected |= {("frechet/student", 30): 8.0, ("kernel/student", 30): 0.5}
    assert scalars == pytest.approx(expected)
    images = {event.step: value.image for event in others for value in event.summary.value if value.tag == "samples"}
    assert {step: (image.width, image.height) for step, image in images.items()} == {10: (12, 8), 30: (12, 8)}


def test_tensorboard_stays_in_its_folder(tmp_path, monkeypatch):
    """However runs are named: from above, by their whole paths, or by one that ends as another's whole path does."""
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    here = tmp_path / "here"
    one, other = make_run(tmp_path / "x.run"), make_run(here / "x.run")
    deeper = make_run(here / tmp_path.relative_to("/") / "x.run")
    before = {*tmp_path.rglob("*")}
    for place, *runs in [
        (here, "../x.run", "x.run"), (here, one, deeper), (here, deeper, other, one), (other, ".", "../../x.run"),
    ]:  # fmt: skip
        monkeypatch.chdir(place)
        succeed("ganc", "plot", *runs, "--tensorboard", tmp_path / "events")
        assert len([path for path in (tmp_path / "events").rglob("*") if path.is_file()]) == len(runs)
        shutil.rmtree(tmp_path / "events")
        assert {*tmp_path.rglob("*")} == before


def test_what_cannot_be_drawn_is_one_line_and_leaves_nothing(tmp_path):
    run, begun = make_run(tmp_path / "a.run"), make_run(tmp_path / "begun.run", lines=0)
    results = tmp_path / "search.h5"
    write_results(results, make_results(eight_rows()))
    (tmp_path / "empty").mkdir()
    chart = ("-o", tmp_path / "chart.png")
    with nothing_changes(tmp_path):
        assert "no epoch has ended yet" in refusal("ganc", "plot", begun, *chart)
        assert re.search("empty: has no log.*of a run", refusal("ganc", "plot", tmp_path / "empty", *chart))
        assert "nothing to write" in refusal("ganc", "plot", run, status=2)
        assert "name no search results" in refusal("ganc", "plot", run, results, *chart, status=2)
        assert "--original" in refusal("ganc", "plot", run, "--original", 3, *chart, status=2)
        assert "one file" in refusal("ganc", "plot", results, results, *chart, status=2)
        assert "are for runs" in refusal("ganc", "plot", results, "--tensorboard", tmp_path / "events", status=2)
        assert ".png" in refusal("ganc", "plot", run, "-o", tmp_path / "chart.gif", status=2)


def test_without_tensorboardx_the_extra_is_named(tmp_path):
    run = make_run(tmp_path / "a.run")
    with nothing_changes(tmp_path):
        done = run_command("ganc", "plot", run, "--tensorboard", tmp_path / "events", absent=("tensorboardX",))
    assert done.returncode == 1
    assert "ganc-common[tensorboard]" in done.stderr.decode()


def test_names_are_drawn_as_they_are(tmp_path, texts):
    """No mathematics between dollars, no name left out, no word on characters that no font has."""
    runs = [make_run(tmp_path / name) for name in ("a $x_{$ b.run", "_hidden.run", "訓練.run")]
    run = json.loads((runs[0] / "log.jsonl").read_text().splitlines()[0])
    run["losses"] = {"$\\bad{$": 1e-3, "feature": 1.0}
    (runs[0] / "log.jsonl").write_text("\n".join(json.dumps(run | {"step": step}) for step in (1, 2)) + "\n")
    said = succeed("ganc", "plot", *runs, "-o", tmp_path / "runs.svg")
    assert "Glyph" not in said.stderr
    found = [text.strip() for text in texts(tmp_path / "runs.svg")]
    assert {"a $x_{$ b.run", "_hidden.run", "訓練.run", "loss: $\\bad{$"} <= {*found}
    succeed("ganc", "plot", runs[0], "-o", tmp_path / "one.svg", "--title", "100 $ or $200")
    assert "100 $ or $200" in texts(tmp_path / "one.svg")


def test_a_font_that_was_installed_after_matplotlib_listed_all_fonts_is_found(monkeypatch):
    """The list of fonts is made once and kept in the user's folder; characters that no font in it has are boxes."""
    import matplotlib
    from matplotlib import font_manager

    from ganc.report.drawing import OTHER_FONTS, drawing

    manager = font_manager.fontManager
    with drawing():
        if not {*matplotlib.rcParams["font.family"]} & {*OTHER_FONTS}:
            pytest.skip("no font with Chinese characters is installed (apt-get install fonts-noto-cjk)")
    files = {font.fname for font in manager.ttflist if font.name in OTHER_FONTS}
    monkeypatch.setattr(manager, "ttflist", [font for font in manager.ttflist if font.fname not in files])
    with drawing():
        assert {*matplotlib.rcParams["font.family"]} & {*OTHER_FONTS}
