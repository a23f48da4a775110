"""`ganc report` through its command: the page it writes, parsed, beside the files that it speaks of."""

import json
import shutil

import numpy as np
import pytest
from helpers.pages import Page, require_sound
from helpers.reports import UNTOUCHED, reported, row
from helpers.search_rows import eight_rows, make_results, make_row
from helpers.stages import nothing_changes, refusal
from helpers.support import make_checkpoint, run_command, succeed
from PIL import Image

from ganc.base.text import format_count
from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.results.hdf5 import read_results, write_results
from ganc.results.selection import pareto_front

pytest.importorskip("jinja2", reason="jinja2 is not installed")


def table_of(page, caption):
    """Return the texts of the cells of a table, row by row with the head first."""
    (table,) = [one for one in page.all("table") if caption in page.text_of(one)]
    rows = [one for one in page.all("tr") if table in one.parents]
    cells = [one for tag in ("th", "td") for one in page.all(tag)]
    return [[page.text_of(one) for one in page.elements if one in cells and row in one.parents] for row in rows]


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


PADDLE, OPENVINO = ({"engine": name, "precision": "f32"} for name in ("paddle", "openvino"))
BOTH = {"beside": "original", **OPENVINO, "original_ms": 20.0, "compressed_ms": 2.0}


@pytest.mark.parametrize(
    ("original", "exported", "said"),
    [
        (PADDLE, OPENVINO, "in openvino f32; 50 ms before, in paddle f32: not to be compared"),
        (PADDLE, PADDLE, "from 50 ms, both in paddle f32 20 times faster"),
        ({}, {}, "in an unknown engine; 50 ms before, in an unknown engine: not to be compared"),
        (PADDLE, OPENVINO | {"same_engine": BOTH}, "2 ms from 20 ms of original, both in openvino f32 10 times faster"),
        ({"milliseconds": None}, OPENVINO, "2.5 ms not measured before"),
    ],
)
def test_faster_is_said_of_one_engine_alone(folder, tmp_path, original, exported, said):
    compared = [UNTOUCHED, row("original", macs=500, kernel=0.4, **{"milliseconds": 50.0} | original)]
    (folder / "report.json").write_text(json.dumps([*compared, row("exported", **exported)]))
    page = reported(folder, tmp_path)
    figures = page.text_of(page.all("dl", **{"class": "figures"})[0])
    assert said in figures
    assert ("faster" in figures) == ("both in" in said)
    (table,) = [one for one in page.all("table") if "Costs and distances" in page.text_of(one)]
    assert ("openvino f32" in page.text_of(table)) == ("engine" in exported and exported["engine"] == "openvino")


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
    head, *rows = table_of(page, "Sub-networks of search.h5")
    assert head[-3:] == [name, f"{name}, predicted", "images"]
    assert {row[0]: row[-3:] for row in rows} == {
        "2_2_2_2_2_2_2_2": ["7", "8", "60"],
        "4_4_4_4_4_4_4_4": ["5", "8", "60"],
        "6_6_6_6_6_6_6_6": ["–", "2.5", "–"],
    }


def test_a_search_that_lowered_latencies_is_drawn_against_them(folder, tmp_path):
    rows = [make_row((w,) * 8, metrics={"untrained": 9.0 - w}, latency_ms=9.0 - w, latency_engine="x") for w in (2, 4)]
    rows += [make_row((5,) * 8, images=0, metrics={"untrained.predicted": 4.5, "latency.predicted": 3.25})]
    rows += [make_row((1,) * 8, metric=8.0)]
    write_results(folder / "search.h5", make_results(rows, facts={"objective": "latency"}))
    page = reported(folder, tmp_path)
    assert "Distance against milliseconds" in page.text
    points = {one["widths"][0]: one for one in page.data("front-0")["points"]}
    assert {key: one["milliseconds"] for key, one in points.items()} == {"4": 5.0, "2": 7.0, "5": 3.25}
    assert [key for key, one in points.items() if one["front"]] == ["4"]  # the larger is better and faster
    assert "Not drawn, as there is no latency: 1 of 3 measured sub-networks." in page.text
    head, *rows = table_of(page, "Sub-networks of search.h5")
    assert head[4:8] == ["ms an image (x)", "ms an image, predicted", "untrained", "untrained, predicted"]
    assert [row[4:6] for row in rows] == [["5.00", "–"], ["7.00", "–"], ["–", "–"], ["–", "3.25"]]


def test_latencies_of_two_set_ups_are_said_to_make_no_front(folder, tmp_path):
    timed = [("openvino", 2), ("onnxruntime", 4)]
    rows = [make_row((w,) * 8, metric=9.0 - w, latency_ms=w * 6.125, latency_engine=engine) for engine, w in timed]
    write_results(folder / "search.h5", make_results(rows, facts={"objective": "latency"}))
    done = succeed("ganc", "report", folder, "-o", tmp_path / "report.html")
    said = "the search lowered latency, but its latencies are of different set-ups (onnxruntime; openvino)"
    assert done.stderr.startswith(f"warning: search.h5: {said}: the front is against MACs\n")
    page = Page(tmp_path / "report.html")
    head, *rows = table_of(page, "Sub-networks of search.h5")
    assert head[4:6] == ["ms an image", "timed in"]
    assert sorted(row[4:6] for row in rows) == [["12.25", "openvino"], ["24.50", "onnxruntime"]]
    text = page.text
    assert "Distance against MACs" in text
    assert f"{said[0].upper()}{said[1:]}" in text


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


def test_of_several_comparisons_none_is_left_out(folder, tmp_path):
    (folder / "other.json").write_text(json.dumps({"rows": [row("elsewhere", macs=77)]}))
    for number in range(6):
        (folder / f"more-{number}.json").write_text(json.dumps([row("again")]))
    page = reported(folder, tmp_path)
    captions = [page.text_of(one) for one in page.all("caption")]
    assert captions[0] == "Costs and distances, from report.json"
    assert "Costs and distances, from more-3.json" in captions
    assert "3 of 8 comparisons have no table: too many" in page.text_of(page.all("dl", **{"class": "gaps"})[0])
