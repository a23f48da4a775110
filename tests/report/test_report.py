"""`ganc report` through its command: the page it writes, parsed, beside the files that it speaks of."""

import contextlib
import dataclasses
import json
import os
import re
import shutil

import numpy as np
import pytest
from helpers.colours import BLIND, nearest
from helpers.pages import Page, require_sound
from helpers.search_rows import eight_rows, make_results, make_row
from helpers.stages import nothing_changes, refusal
from helpers.support import make_checkpoint, run_command, succeed
from PIL import Image

from ganc.base.text import format_count
from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.results.hdf5 import read_results, write_results
from ganc.results.selection import pareto_front

pytest.importorskip("jinja2", reason="jinja2 is not installed")

HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}\u202e\x07.safetensors"


def reported(folder, tmp_path, *, name="report.html"):
    succeed("ganc", "report", folder, "-o", tmp_path / name)
    page = Page(tmp_path / name)
    require_sound(page)
    assert (tmp_path / name).stat().st_size < 3_000_000
    return page


def row(name, **values):
    return {
        "name": name, "model": f"/somewhere/{name}", "macs": 100, "device_macs": 90, "params": 10, "bytes": 1000,
        "milliseconds": 2.5, "metric": "untrained-conv3-v1", "value": 10.0, "kernel": 0.5, "kernel_error": 0.01,
        "images": 60, "subset": "testA", "judgement": "better",
    } | values  # fmt: skip


UNTOUCHED = row("untouched images", macs=None, params=None, bytes=None, milliseconds=None, kernel=0.9, judgement=None)
COMPARED = [UNTOUCHED, row("original", macs=500, kernel=0.4), row("exported")]


@pytest.fixture
def folder(tmp_path):
    """A run that has not ended, a checkpoint, a comparison and a strip."""
    made = tmp_path / "made"
    made.mkdir()
    write_checkpoint(made / "replace.safetensors", make_checkpoint())
    (made / "report.json").write_text(json.dumps(COMPARED))
    run = made / "distill.safetensors.run"
    (run / "samples").mkdir(parents=True)
    (run / "settings.json").write_text(json.dumps({"stage": "distill", "epochs": 4, "losses": {"lite0": 1.0}}))
    lines = [{"step": step, "epoch": 0, "learning_rate": 0.1, "losses": {"feature": 1 / step, "lite0": 30.0 / step},
              "metrics": {"student": 9.0}, "kernels": {"student": [1 / step, 0.01]}} for step in (3, 6)]  # fmt: skip
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8))
    picture.save(made / "strip.jpg")
    picture.save(run / "samples" / "0000006.png")
    return made


def test_a_chain_is_shown_with_what_its_files_say(chain, tmp_path):
    with nothing_changes(chain.folder):
        page = reported(chain.folder, tmp_path)
    said = page.text_of(page.all("body")[0])
    for path in (chain.replace, chain.distill, chain.supernet, chain.finetune):
        checkpoint = read_checkpoint(path)
        assert checkpoint.digest[:16] in said
        assert path.name in said
    assert "supernet: supernet.safetensors" in said  # of search.h5, by its digest
    results = read_results(chain.search)
    data = page.data("front-0")
    assert {tuple(map(int, one["widths"].split("_"))): one["value"] for one in data["points"]} == {
        one.widths: one.metrics[results.ranking_name] for one in results
    }
    front = pareto_front(results.ranking, results.rows.macs)
    assert sum(one["front"] for one in data["points"]) == len(front)
    assert [one for one in data["points"] if one["fine_tuned"]]
    for number, stage in enumerate(("replace", "distill", "supernet", "finetune")):
        lines = map(json.loads, (chain.folder / f"{stage}.safetensors.run" / "log.jsonl").read_text().splitlines())
        logged = [(line["step"], line["losses"]) for line in lines if "losses" in line]
        shown = page.data(f"losses-{number}")["losses"]
        assert shown == {name: [[step, losses[name]] for step, losses in logged] for name in logged[0][1]}
    assert len(page.all("img")) == 4  # the last strip of each run
    missing = page.text_of(page.all("dl", **{"class": "gaps"})[0])
    assert "times on several engines" in missing
    assert "has not" not in missing


def test_equal_folders_give_equal_pages_without_places(folder, tmp_path):
    page = reported(folder, tmp_path)
    shutil.copytree(folder, tmp_path / "elsewhere" / "made")
    assert reported(tmp_path / "elsewhere" / "made", tmp_path, name="again.html").text == page.text
    assert str(tmp_path) not in page.text
    assert "/somewhere" not in page.text


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (
            {"chosen_on": {"subset": "searchA", "images": 40, "value": 1.0}},
            "40 images of searchA, and its metric is",
        ),
        ({}, "60 images of testA, as its metric: a little too good."),
    ],
)
def test_what_chose_a_network_is_said_beside_what_it_is_reported_on(folder, tmp_path, chosen, said):
    metric = {"name": "untrained-conv3-v1", "value": 2.0, "images": 60, "subset": "testA", **chosen}
    write_checkpoint(folder / "finetune.safetensors", make_checkpoint("finetune", training={"metric": metric}))
    section = reported(folder, tmp_path).text
    assert f"The network of finetune.safetensors was chosen on {said}" in section
    assert "60 images of testA" in section


def test_the_summary_says_from_what_to_what(folder, tmp_path):
    page = reported(folder, tmp_path)
    said = page.text_of(page.all("dl", **{"class": "figures"})[0])
    assert "MACs an image 100 from 500 5 times fewer" in said
    assert "kernel distance 0.500 ± 0.010 from 0.400 ± 0.010, untouched images 0.900 ± 0.010" in said
    quality = page.data("quality")
    assert [(one["name"], one["value"]) for one in quality] == [
        ("original", 0.4), ("exported", 0.5), ("untouched images", 0.9)]  # fmt: skip


@pytest.mark.parametrize("order", [1, -1])
def test_the_summary_does_not_depend_on_the_order_of_the_rows(folder, tmp_path, order):
    rows = [UNTOUCHED, row("published", macs=900, value=None, kernel=None), row("original", macs=500, kernel=0.4),
            row("chosen", milliseconds=9.0), row("exported"), row("between", macs=200)]  # fmt: skip
    (folder / "report.json").write_text(json.dumps(rows[::order]))
    page = reported(folder, tmp_path)
    assert "From original with 500 MACs an image to exported with 100: 5 times fewer." in page.text
    assert "from 0.400 ± 0.010" in page.text_of(page.all("dl", **{"class": "figures"})[0])


def test_runs_of_one_stage_have_charts_of_their_own_titles(folder, tmp_path):
    shutil.copytree(folder / "distill.safetensors.run", folder / "second.run")
    page = reported(folder, tmp_path)
    titles = [page.text_of(one) for one in page.all("h3")]
    assert len({*titles}) == len(titles)
    assert "Losses of distill.safetensors.run: has not ended: 6 steps are done" in titles
    assert "Kernel distance while second.run (distill) trained" in titles


def test_a_run_that_has_not_ended_is_shown_and_what_is_missing_is_named(folder, tmp_path):
    (folder / "supernet.safetensors").write_bytes((folder / "replace.safetensors").read_bytes()[:-9])
    (folder / "bench.json").write_text('[{"engine": "openvino", "compressed_ms": "fast"}]')
    with (folder / "distill.safetensors.run" / "log.jsonl").open("a") as log:
        log.write('nonsense\n{"step": 9, "losses": {"fea')
    (folder / "strip-2.png").write_bytes(b"\x89PNG\r\n\x1a\n, cut off")
    page = reported(folder, tmp_path)
    missing = page.text_of(page.all("dl", **{"class": "gaps"})[0])
    for gap in (
        "distill.safetensors.run has not ended: 6 steps are done",
        "state.safetensors is missing",
        "1 of its 3 lines is damaged",
        "its last line was cut off",
        "supernet.safetensors ",
        "bench.json",
        "strip-2.png",
        "search results ganc-search has not made it here",
    ):
        assert gap in missing, gap
    assert page.data("losses-0")["losses"]["feature"] == [[3, 1 / 3], [6, 1 / 6]]


def test_times_on_engines_stand_side_by_side(folder, tmp_path):
    timed = {"engine": "openvino", "device": "cpu", "precision": "f32", "batch": 1, "threads": 2, "model": "/x/dist",
             "original_ms": 40.0, "compressed_ms": 2.0, "speedup": 20.0, "original_spread_ms": 1.0,
             "compressed_spread_ms": 0.1}  # fmt: skip
    quality = {"format": "onnx", "bytes": 1234, "size": [64, 48], "difference": {"largest": 0.25, "mean": 0.1},
               "metric": {"name": "untrained", "distance": 7.5, "kernel": 0.5, "kernel_error": 0.01}}  # fmt: skip
    timed |= quality
    (folder / "bench.json").write_text(json.dumps([timed, timed | {"engine": "onnxruntime", "compressed_ms": 4.0}]))
    page = reported(folder, tmp_path)
    assert [(one["engine"], one["model"], one["compressed_ms"]) for one in page.data("speed-0")] == [
        ("openvino", "dist", 2.0), ("onnxruntime", "dist", 4.0)]  # fmt: skip
    assert "20 times faster" in page.text
    slow = {"engine": "paddle", "model": "/x/slow", "compressed_ms": 80.0}
    (folder / "bench.json").write_text(json.dumps([timed, timed | slow, timed | {"model": "y", "compressed_ms": 40.0}]))
    drawn = reported(folder, tmp_path, name="slow.html").text
    assert "80 ms, 2 times slower" in drawn
    assert "40 ms, as fast" in drawn
    assert "0.5 times" not in drawn
    (table,) = [one for one in page.all("table") if "Medians of milliseconds" in page.text_of(one)]
    assert "onnx 64x48 1,234 0.25 7.5 0.500 ± 0.010" in page.text_of(table)
    assert "times on several engines" not in page.text


def test_what_is_predicted_is_drawn_apart_from_what_is_measured(folder, tmp_path):
    name = "untrained"
    rows = [make_row((width,) * 8, metrics={name: 9.0 - width, f"{name}.predicted": 8.0}) for width in (2, 4)]
    rows += [make_row((6,) * 8, images=0, metrics={f"{name}.predicted": 2.5})]
    write_results(folder / "search.h5", make_results(rows))
    page = reported(folder, tmp_path)
    points = {one["widths"]: one for one in page.data("front-0")["points"]}
    predicted = points["6_6_6_6_6_6_6_6"]
    assert (predicted["value"], predicted["predicted"], predicted["front"]) == (None, 2.5, False)
    assert "predicted, not measured (1)" in page.text


def test_a_search_that_lowered_latencies_is_drawn_against_them(folder, tmp_path):
    rows = [make_row((w,) * 8, metrics={"untrained": 9.0 - w}, latency_ms=9.0 - w, latency_engine="x") for w in (2, 4)]
    write_results(folder / "search.h5", make_results(rows, facts={"objective": "latency"}))
    page = reported(folder, tmp_path)
    assert "Distance against milliseconds" in page.text
    assert [one["front"] for one in page.data("front-0")["points"]] == [True, False]  # the larger is better and faster


@pytest.mark.parametrize("kind", BLIND)
def test_no_two_colours_of_a_chart_are_alike_for_anybody(folder, tmp_path, kind):
    style = reported(folder, tmp_path).text
    for theme in re.findall(r":root {(.*?)}", style, re.DOTALL):
        series = re.findall(r"--s[0-5]: (#[0-9a-f]{6})", theme)
        assert nearest(series, kind) > 12
        front = [*(series[i] for i in (0, 1, 3)), *re.findall(r"--plain: (#[0-9a-f]{6})", theme)]
        assert len(front) == 4
        assert nearest(front, kind) > 12


def test_everything_that_files_say_is_escaped(folder, tmp_path):
    hostile = HOSTILE.replace("/", "\\")  # a file's name has no slash
    write_checkpoint(folder / hostile, make_checkpoint("supernet", training={"space": HOSTILE}))
    (folder / "report.json").write_text(json.dumps([row(HOSTILE), row("</style><img src=x onerror=y>")]))
    run = folder / "distill.safetensors.run"
    (run / "settings.json").write_text(json.dumps({"stage": HOSTILE, HOSTILE: {"x": [HOSTILE]}, "long": "x" * 100_000}))
    (run / "log.jsonl").write_text(json.dumps({"step": 1, "losses": {HOSTILE: 1.0}, "metrics": {"]]>": 2.0}}) + "\n")
    with contextlib.suppress(OSError):  # where the file system takes no such name
        shutil.copytree(run, os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.run"))
    page = reported(folder, tmp_path)
    assert not [one for one in page.all("script") if "src" in one.attributes or one.texts[0].startswith("alert")]
    assert "<script>alert" not in page.text
    assert "onerror" not in {name for one in page.elements for name in one.attributes}
    assert "\u202e" not in page.text
    assert "\x07" not in page.text
    assert "{{7*7}}" in page.text  # and not 49
    assert "alert(1)" in page.text_of(page.all("main")[0])


def test_many_large_pictures_and_points_stay_a_small_page(folder, tmp_path):
    draws = np.random.default_rng(0)
    noise = Image.fromarray(draws.integers(0, 256, (1000, 1000, 3), np.uint8))
    for number in range(2):
        noise.save(folder / f"strip-{number}.png")
    rows = [make_row((1 + i // 90, 1 + i % 90), macs=1000 + i, metric=float(draws.normal(80, 9))) for i in range(5000)]
    write_results(folder / "search.h5", make_results(rows))
    lines = [{"step": step, "losses": {"one": 1.0, "other": 2.0}} for step in range(1, 3001)]
    (folder / "distill.safetensors.run" / "log.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    page = reported(folder, tmp_path)
    assert "of 5,000 points are drawn" in page.text
    assert "Every 5th of 3,000 lines of the log is shown." in page.text
    assert page.data("losses-0")["losses"]["one"][-1] == [3000, 1.0]


@pytest.mark.parametrize("content", [(), ("notes.txt",), ("broken.h5",)])
def test_a_folder_without_anything_of_ganc_is_one_line(tmp_path, content):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in content:
        (folder / name).write_text("something else")
    with nothing_changes(tmp_path):
        said = refusal("ganc", "report", folder, "-o", tmp_path / "report.html")
    assert said.startswith(f"{folder}: holds nothing of ganc")
    if "broken.h5" in content:
        assert "broken.h5" in said


def test_wrong_arguments_are_refused_before_anything_is_written(folder, tmp_path):
    with nothing_changes(tmp_path):
        assert "no such folder" in refusal("ganc", "report", tmp_path / "absent", "-o", tmp_path / "report.html")
        assert ".html" in refusal("ganc", "report", folder, "-o", folder / "report.json", status=2)
        refusal("ganc", "report", folder / "report.json", "-o", tmp_path / "report.html", status=2)


def test_it_may_be_written_into_the_folder_again_and_again(folder):
    for _ in range(2):
        succeed("ganc", "report", folder, "-o", folder / "report.html")
    require_sound(Page(folder / "report.html"))


def test_without_jinja2_the_extra_is_named(folder, tmp_path):
    done = run_command("ganc", "report", folder, "-o", tmp_path / "report.html", absent=("jinja2",))
    assert done.returncode == 1
    assert "ganc-common[report]" in done.stderr.decode()


def test_without_a_comparison_the_files_say_their_costs(chain, tmp_path):
    page = reported(chain.folder, tmp_path)
    table = page.text_of(page.all("table")[0])
    costs = read_checkpoint(chain.finetune).generator.spec.costs((32, 32))
    assert f"finetune.safetensors {format_count(costs.macs)}" in table
    assert f"export {format_count(costs.macs)}" in table
    said = page.text_of(page.all("header")[0])
    assert "From replace.safetensors with" in said
    assert f"to export with {format_count(costs.macs)}" in said


def test_a_run_and_an_exported_folder_are_shown_alone(chain, folder, tmp_path, monkeypatch):
    page = reported(folder / "distill.safetensors.run", tmp_path)
    assert page.data("losses-0")["losses"]["lite0"] == [[3, 10.0], [6, 5.0]]
    monkeypatch.chdir(folder / "distill.safetensors.run")
    assert reported(".", tmp_path, name="here.html").text == page.text
    monkeypatch.chdir("samples")
    assert reported("..", tmp_path, name="above.html").text == page.text
    page = reported(chain.export, tmp_path)
    assert read_checkpoint(chain.export / "generator.safetensors").digest[:16] in page.text


def test_the_shards_of_a_search_that_has_not_ended_are_drawn(folder, tmp_path):
    (folder / "shards").mkdir()
    rows = eight_rows()
    write_results(folder / "shards" / "1of2.h5", make_results(rows[:5]))
    write_results(folder / "shards" / "2of2.partial.h5", make_results(rows[5:]))
    page = reported(folder, tmp_path)
    assert len(page.data("front-0")["points"]) == 8
    assert "The search has not ended" in page.text
    assert "ganc-search has not made it here" in page.text


def test_colours_have_enough_contrast_on_every_ground(folder, tmp_path):
    """WCAG 2: 4.5 for texts, which series' names are too, and 3 for what is drawn."""
    style = "".join(reported(folder, tmp_path).all("style")[0].texts)
    palettes = [
        dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(palettes) == 3  # light, dark, print
    for palette in palettes:
        for ground in ("page", "card"):
            for name in ("text", "soft", "link", *(f"s{number}" for number in range(6))):
                assert contrast(palette[name], palette[ground]) >= 4.5, (name, ground)
            assert contrast(palette["plain"], palette[ground]) >= 3
        assert contrast(palette["text"], palette["notice"]) >= 4.5


def contrast(one, other):
    def luminance(colour):
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = (int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4))
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def test_what_it_began_with_need_not_be_measured(folder, tmp_path):
    metric = {"name": "untrained", "value": 3.0, "kernel": 0.2, "kernel_error": 0.01, "images": 60}
    write_checkpoint(folder / "replace.safetensors", make_checkpoint(width=8))
    for stage in ("distill", "supernet"):
        made = make_checkpoint(stage, width=4, training={"metric": metric})
        write_checkpoint(folder / f"{stage}.safetensors", made)
    (folder / "report.json").unlink()
    said = (page := reported(folder, tmp_path)).text_of(page.all("header")[0])
    assert "From replace.safetensors with" in said
    assert "to distill.safetensors with" in said
    assert "kernel distance 0.200 ± 0.010 not measured before" in said


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs a file whose reading fails")
def test_a_file_that_cannot_be_read_is_missing_and_no_more(folder, tmp_path):
    made_from = dataclasses.replace(make_checkpoint(), sources={"teacher": "0" * 64})
    write_checkpoint(folder / "replace.safetensors", made_from)
    (folder / "teacher.pth").symlink_to("/proc/self/mem")
    (folder / "odd.pth").symlink_to("x" * 300)
    page = reported(folder, tmp_path)
    gaps = page.text_of(page.all("dl", **{"class": "gaps"})[0])
    assert "teacher.pth cannot be read (" in gaps
    assert gaps.count("odd.pth cannot be read (") == 1


def test_of_several_comparisons_none_is_left_out(folder, tmp_path):
    (folder / "other.json").write_text(json.dumps({"rows": [row("elsewhere", macs=77)]}))
    for number in range(6):
        (folder / f"more-{number}.json").write_text(json.dumps([row("again")]))
    page = reported(folder, tmp_path)
    captions = [page.text_of(one) for one in page.all("caption")]
    assert captions[0] == "Costs and distances, from report.json"
    assert "Costs and distances, from more-3.json" in captions
    assert "3 of 8 comparisons have no table: too many" in page.text_of(page.all("dl", **{"class": "gaps"})[0])
