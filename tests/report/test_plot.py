"""`ganc plot` through its command: what the image says, which it reads from the file it wrote."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from helpers.colours import BLIND, nearest
from helpers.search_rows import changed, make_results, make_row
from helpers.stages import nothing_changes, refusal
from helpers.support import run_command, succeed
from PIL import Image

from ganc.report import published
from ganc.results.hdf5 import write_results

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

FID = "inception-v3-fid"
VERMILLION = "#d55e00"  # the front's line
POINTS = [(1.0, 90), (1.5, 80), (2.0, 85), (2.5, 70), (3.0, 75)]  # GMACs, metric; three are on the front


@pytest.fixture(autouse=True)
def text_as_text(monkeypatch):
    """Let matplotlib write the texts of an SVG as texts, which a test can read."""
    import matplotlib

    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "none")


def write(path, points=POINTS, name=FID, size=(256, 256), images=None, space="channels-32"):
    rows = [
        make_row(
            (index + 1,) * 8,
            macs=int(gmacs * 1e9),
            images=120 if images is None else images[index],
            metrics={name: metric},
        )
        for index, (gmacs, metric) in enumerate(points)
    ]
    write_results(path, make_results(rows, identity=changed(feature_set=name, image_size=size, space=space)))
    return path


def texts_of(path):
    tree = ElementTree.parse(path)
    return " | ".join("".join(node.itertext()) for node in tree.iter("{http://www.w3.org/2000/svg}text"))


def panels_of(path):
    return len(re.findall(r'<g id="axes_\d+">', path.read_text()))


def plotted(tmp_path, *options, **values):
    results = write(tmp_path / "search.h5", **values)
    succeed("ganc", "plot", results, "-o", tmp_path / "front.svg", *options)
    return texts_of(tmp_path / "front.svg"), panels_of(tmp_path / "front.svg")


def test_the_chart_says_what_it_shows(tmp_path):
    texts, panels = plotted(tmp_path)
    assert panels == 1
    assert "inception-v3-fid (lower is better)" in texts
    assert "MACs of one 256x256 image" in texts
    assert "Pareto front (3)" in texts
    assert "5 sub-networks on 120 images" in texts
    assert "5 sub-networks of channels-32" in texts
    assert "published original: 56.80 GMACs" in texts  # a note: no file says what the own original costs
    assert not [one.method for one in published.HORSE2ZEBRA if one.method in texts]
    assert "horse2zebra" not in texts


def test_fids_of_the_same_size_share_the_axis_with_the_published_ones(tmp_path):
    texts, panels = plotted(tmp_path, "--published")
    assert panels == 1
    for one in published.COMPRESSED:
        assert one.method in texts
    assert "published original: 56.80 GMACs, FID 61.5 to 65.8" in texts
    assert "not comparable" not in texts


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"name": "untrained-conv3-v1"}, "another metric"),
        ({"size": (64, 64)}, "of 256x256 images"),
        ({"name": "untrained-conv3-v1", "size": (64, 32)}, "another metric"),
    ],
)
def test_what_does_not_compare_with_published_values_has_axes_of_its_own(tmp_path, values, reason):
    texts, panels = plotted(tmp_path, "--published", **values)
    assert panels == 2
    assert f"FIDs on horse2zebra: {reason}, not comparable with the values above" in texts
    assert "FID, as published" in texts
    for one in published.HORSE2ZEBRA:
        assert one.method in texts
    assert plotted(tmp_path, **values)[1] == 1


def test_the_points_fill_the_picture(tmp_path):
    """Neither the original nor what is far off on fewer images makes them a spot in a corner."""
    fewer = [(1.7, 4000.0), (2.2, 79.0)]
    results = write(tmp_path / "search.h5", points=POINTS + fewer, images=[120] * 5 + [30] * 2)
    succeed("ganc", "plot", results, "-o", tmp_path / "front.svg", "--original", "650")
    svg = (tmp_path / "front.svg").read_text()
    (frame,) = re.findall(r'<g id="patch_2">\s*<path d="M (\S+) (\S+)\s+L (\S+) \S+\s+L \S+ (\S+)', svg)
    left, bottom, right, top = map(float, frame)
    (line,) = re.findall(rf'<path d="([^"]+)" clip-path="[^"]+" style="fill: none; stroke: {VERMILLION}', svg)
    xs, ys = zip(*(map(float, each) for each in re.findall(r"[ML] (\S+) (\S+)", line)), strict=True)
    assert max(xs) - min(xs) > 0.6 * (right - left)  # from the cheapest of all to the dearest of the front
    assert max(ys) - min(ys) > 0.6 * (bottom - top)
    texts = texts_of(tmp_path / "front.svg")
    assert "original generator (650, as given) ↑" in texts
    assert "2 on fewer images (30; 1 out of view)" in texts


def test_the_original_s_value_is_drawn_where_it_is_given(tmp_path):
    texts, _ = plotted(tmp_path, "--original", "74.95", "--title", "Zebras")
    assert "original generator (74.95, as given)" in texts
    assert "Zebras" in texts
    assert "original generator (4.95, as given) ↓" in plotted(tmp_path, "--original", "4.95")[0]


def test_rows_on_fewer_images_are_named_and_not_on_the_front(tmp_path):
    texts, _ = plotted(tmp_path, images=[120, 120, 120, 30, 120])
    assert "4 sub-networks on 120 images" in texts
    assert "1 on fewer images (30)" in texts
    assert "Pareto front (3)" in texts  # 90, 80 and now 75


def with_predictions(path):
    rows = [make_row((i + 1,) * 8, macs=int(g * 1e9), images=120, metrics={FID: m}) for i, (g, m) in enumerate(POINTS)]
    rows += [make_row((i + 10,) * 8, images=0, metrics={f"{FID}.predicted": 20.0 + i}) for i in range(4)]
    rows.append(make_row((30,) * 8, images=30, metrics={FID: 95.0}))
    write_results(path, make_results(rows, identity=changed(feature_set=FID, image_size=(256, 256))))
    return path


def test_what_is_predicted_is_never_taken_for_measured(tmp_path):
    results = with_predictions(tmp_path / "search.h5")
    said = succeed("ganc", "plot", results, "-o", tmp_path / "front.svg", "--json")
    made = json.loads(said.stdout)
    assert (made["subnets"], made["predicted"], made["front"]) == (6, 4, 3)
    texts = texts_of(tmp_path / "front.svg")
    assert "4 predicted, not measured" in texts
    assert "Pareto front (3)" in texts  # though all that is predicted is better and cheaper
    only = [make_row((2,) * 8, images=0, metrics={f"{FID}.predicted": 20.0})]
    write_results(results, make_results(only, identity=changed(feature_set=FID)))
    assert "no row has a value" in refusal("ganc", "plot", results, "-o", tmp_path / "other.svg")


def with_latencies(path, further=(), **values):
    """Write a search that lowered latencies; by MACs three rows are on its front, by milliseconds one."""
    setup = {"latency_engine": "openvino", "latency_precision": "f32", "latency_device": "cpu"}
    rows = [
        make_row((i + 1,) * 8, macs=int(g * 1e9), metrics={FID: m}, latency_ms=1.0 + m / 10, **setup | values)
        for i, (g, m) in enumerate(POINTS)
    ]
    rows += [make_row((20,) * 8, macs=1000, metrics={FID: 1.0}), *further]  # not timed: it has no place
    identity = changed(feature_set=FID, image_size=(256, 256))
    write_results(path, make_results(rows, facts={"objective": "latency"}, identity=identity))
    return path


def test_a_search_that_lowered_latencies_is_drawn_against_them(tmp_path):
    results = with_latencies(tmp_path / "search.h5")
    done = succeed("ganc", "plot", results, "--published", "-o", tmp_path / "front.svg")
    assert "warning: " in done.stderr
    assert "search.h5: not drawn, as there is no latency: 1 of 6 measured sub-networks\n" in done.stderr
    texts = texts_of(tmp_path / "front.svg")
    assert "milliseconds of one 256x256 image, openvino f32 cpu" in texts
    assert "Pareto front (1)" in texts
    assert "5 sub-networks on" in texts
    assert "published original" not in texts  # whose milliseconds nobody knows
    assert "FIDs on horse2zebra: against MACs, not comparable" in texts


def test_what_is_predicted_is_drawn_at_its_predicted_latency(tmp_path):
    predicted = [
        make_row((n,) * 8, images=0, metrics={f"{FID}.predicted": 20.0 + n, "latency.predicted": latency})
        for n, latency in ((31, 4.0), (32, 6.0), (33, 9.0), (34, float("nan")))
    ]
    results = with_latencies(tmp_path / "search.h5", predicted)
    done = succeed("ganc", "plot", results, "-o", tmp_path / "front.svg", "--json")
    made = json.loads(done.stdout)
    assert (made["subnets"], made["predicted"], made["front"]) == (5, 3, 1)
    assert "not drawn, as no latency was predicted: 1 of 4 predicted sub-networks" in done.stderr
    assert "3 predicted, not measured" in texts_of(tmp_path / "front.svg")
    svg = (tmp_path / "front.svg").read_text()
    marks = re.findall(r'<path d="M ([\d.]+) [^"]+" clip-path="[^"]+" style="fill: none; stroke: #cc79a7', svg)
    places = sorted(map(float, marks))
    assert (places[2] - places[1]) / (places[1] - places[0]) == pytest.approx(1.5, rel=1e-3)  # 4, 6 and 9 ms


def test_what_a_race_dropped_by_other_features_is_not_drawn_as_predicted(tmp_path):
    timed = {"latency_ms": 4.0, "latency_engine": "openvino", "latency_precision": "f32", "latency_device": "cpu"}
    guess = {f"{FID}.predicted": 20.0, "latency.predicted": 5.0}
    dropped = make_row((31,) * 8, images=0, metrics={**guess, "lite0-kid.first-8": 0.5}, **timed)
    further = [dropped, make_row((32,) * 8, images=0, metrics=guess)]
    done = succeed("ganc", "plot", with_latencies(tmp_path / "search.h5", further), "-o", tmp_path / "front.svg")
    assert "and 1 that were only predicted" in done.stderr


def test_a_row_that_was_timed_and_not_measured_is_drawn_at_its_own_latency(tmp_path):
    setup = {"latency_engine": "openvino", "latency_precision": "f32", "latency_device": "cpu"}
    predicted = [
        make_row((n,) * 8, images=0, metrics={f"{FID}.predicted": 20.0, "latency.predicted": guess}, **own)
        for n, guess, own in ((31, 4.0, {}), (32, 6.0, {}), (33, 99.0, {"latency_ms": 9.0, **setup}))
    ]
    succeed("ganc", "plot", with_latencies(tmp_path / "search.h5", predicted), "-o", tmp_path / "front.svg")
    svg = (tmp_path / "front.svg").read_text()
    marks = re.findall(r'<path d="M ([\d.]+) [^"]+" clip-path="[^"]+" style="fill: none; stroke: #cc79a7', svg)
    places = sorted(map(float, marks))
    assert (places[2] - places[1]) / (places[1] - places[0]) == pytest.approx(1.5, rel=1e-3)  # 4, 6 and 9 ms


@pytest.mark.parametrize(
    ("setups", "said"),
    [
        (("openvino", "paddle"), "its latencies are of different set-ups (openvino f32 cpu; paddle f32 cpu)"),
        ((), "no row has one"),
    ],
)
def test_a_front_that_cannot_be_against_latencies_is_said_to_be_against_macs(tmp_path, setups, said):
    timed = {"latency_ms": 2.0, "latency_precision": "f32", "latency_device": "cpu"}
    rows = [make_row((9,) * 8, metric=9.0)]
    rows += [make_row((n,) * 8, metric=n, latency_engine=one, **timed) for n, one in enumerate(setups, 1)]
    write_results(tmp_path / "search.h5", make_results(rows, facts={"objective": "latency"}))
    done = succeed("ganc", "plot", tmp_path / "search.h5", "-o", tmp_path / "front.svg")
    assert f"search.h5: the search lowered latency, but {said}: the front is against MACs\n" in done.stderr
    assert "MACs of one 64x48 image" in texts_of(tmp_path / "front.svg")
    assert ("set-ups" if setups else "latency") in refusal("ganc", "select", tmp_path / "search.h5", "--pareto")


@pytest.mark.parametrize("kind", BLIND)
def test_kinds_of_points_differ_in_colour_for_everybody_and_in_shape(tmp_path, kind):
    succeed("ganc", "plot", with_predictions(tmp_path / "search.h5"), "-o", tmp_path / "front.svg", "--published")
    svg = (tmp_path / "front.svg").read_text()
    legend = svg[svg.index('id="legend_1"') :]
    colours = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", legend)) - {"#000000", "#ffffff"}
    assert len(colours) == 5  # measured, front, fewer, predicted, published
    assert nearest(colours, kind) > 12
    shapes = re.findall(r'<use xlink:href="(#\w+)"', legend) + re.findall(r'<path d="([^"]+)" style="', legend)
    assert len(set(shapes)) == 5


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_equal_results_give_equal_files(tmp_path, suffix):
    results = write(tmp_path / "search.h5")
    for name in ("one", "other"):
        succeed("ganc", "plot", results, "-o", tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"other.{suffix}").read_bytes()


def test_many_points_stay_a_small_image_and_hide_nothing_of_the_front(tmp_path):
    draws = np.random.default_rng(0)
    points = list(zip(draws.uniform(1, 4, 30_000), draws.normal(80, 9, 30_000), strict=True))
    points.append((0.9, 10.0))
    rows = [make_row((1 + i // 200, 1 + i % 200), macs=int(g * 1e9), metric=m) for i, (g, m) in enumerate(points)]
    write_results(tmp_path / "many.h5", make_results(rows))
    said = succeed("ganc", "plot", "-", "-o", tmp_path / "many.svg", stdin=(tmp_path / "many.h5").read_bytes())
    assert "30,001 sub-networks in " in said.stderr
    assert str(tmp_path / "many.svg") in said.stderr
    assert "30,001 sub-networks on 60 images" in texts_of(tmp_path / "many.svg")
    assert "Pareto front (1)" in texts_of(tmp_path / "many.svg")
    assert (tmp_path / "many.svg").stat().st_size < 500_000


def test_an_image_is_as_large_as_it_is_readable(tmp_path):
    succeed("ganc", "plot", write(tmp_path / "search.h5"), "-o", tmp_path / "front.png")
    with Image.open(tmp_path / "front.png") as image:
        assert image.width >= 1000
        assert len(image.convert("RGB").getcolors(1 << 20)) > 50


def test_one_row_and_equal_rows_are_drawn(tmp_path):
    for points in ([(2.0, 70)], [(2.0, 70)] * 3):
        texts, _ = plotted(tmp_path, points=points)
        assert f"Pareto front ({len(points)})" in texts


def test_what_cannot_be_drawn_is_refused_and_leaves_nothing(tmp_path):
    results = write(tmp_path / "search.h5", points=[(1.0, float("nan"))])
    good = write(tmp_path / "good.h5")
    with nothing_changes(tmp_path):
        said = refusal("ganc", "plot", good, "-o", tmp_path / "front.gif", status=2)
        assert re.search(r"front\.gif.*\.png, \.svg or \.pdf", said)
        said = refusal("ganc", "plot", results, "-o", tmp_path / "front.png")
        assert str(results) in said
        assert str(tmp_path / "absent.h5") in refusal(
            "ganc", "plot", tmp_path / "absent.h5", "-o", tmp_path / "front.png"
        )
        said = refusal("ganc", "plot", good, "-o", good / "front.png")
        assert str(good / "front.png") in said


def test_without_matplotlib_the_extra_is_named(tmp_path):
    results = write(tmp_path / "search.h5")
    done = run_command("ganc", "plot", results, "-o", tmp_path / "front.png", absent=("matplotlib",))
    assert done.returncode == 1
    assert "ganc-common[report]" in done.stderr.decode()
    assert not (tmp_path / "front.png").exists()


def test_matplotlib_is_not_imported_with_the_module():
    code = "import ganc.report.front_plot, ganc.toolbox.main, sys; assert 'matplotlib' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_published_table_has_the_published_headlines():
    table = {one.method: one for one in published.HORSE2ZEBRA}
    assert (published.ORIGINAL.macs, published.ORIGINAL.fid) == (56.8e9, (61.5, 65.8))
    assert table["GAN Compression"].fid == (64.57, 65.33)
    assert [one.method for one in published.HORSE2ZEBRA if one.approximate] == ["CAT", "DCD", "CRD"]
    for one in published.COMPRESSED:
        assert 1e9 < one.macs < 3e9
        assert one.params is None or 1e5 < one.params < 4e5
        assert 40 < one.fid[0] <= one.fid[1] < 70
