"""The ground truth of paired images: what `ganc evaluate` and `ganc-export` say of translations beside it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.agreement import nearly
from helpers.images import translated_by_hand
from helpers.pages import Page
from helpers.stages import json_of, refusal
from helpers.support import SIZE, UNTRAINED_SET, make_checkpoint, run_command, succeed
from PIL import Image
from scipy.ndimage import gaussian_filter

from ganc.base.text import with_error
from ganc.data import load_rgb
from ganc.files.checkpoint import GENERATOR, write_checkpoint
from ganc.models.task import PIX2PIX
from ganc.workflow.report import main


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """A folder of three test pairs, and a checkpoint of an untrained generator for pairs. Read it only."""
    folder = tmp_path_factory.mktemp("pairs")
    succeed("ganc", "data", "demo", folder / "data", "--paired", "--train", 2, "--test", 3, "--size", SIZE)
    made = make_checkpoint(seed=3)
    made = replace(made, task=PIX2PIX, networks={GENERATOR: made.networks[GENERATOR]})
    write_checkpoint(folder / "model.safetensors", made)
    return folder


def by_hand(images, truths) -> dict:
    """Return the mean absolute error and the structural similarity with their standard errors."""
    values = {
        "mae": [np.abs(one.astype(float) - other).mean() for one, other in zip(images, truths, strict=True)],
        "ssim": [similarity(one, other) for one, other in zip(images, truths, strict=True)],
    }
    errors = {f"{name}_error": np.std(all_of, ddof=1) / np.sqrt(len(all_of)) for name, all_of in values.items()}
    expected = {name: np.mean(all_of) for name, all_of in values.items()} | errors
    # A pixel of a translation may fall to either side of a half: that is 1e-5 of the mean error, and 1e-4 of its own.
    return {name: pytest.approx(value, rel=1e-3) for name, value in expected.items()}


def similarity(one, other) -> float:
    """Return the SSIM of two images, equation 13 of Wang et al. with their window and constants."""
    blur = {"sigma": (1.5, 1.5, 0), "truncate": 3.5}
    x, y = one.astype(float), other.astype(float)
    mx, my, mxx, myy, mxy = (gaussian_filter(part, **blur) for part in (x, y, x * x, y * y, x * y))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    found = (2 * mx * my + c1) * (2 * (mxy - mx * my) + c2)
    found /= (mx**2 + my**2 + c1) * (mxx - mx**2 + myy - my**2 + c2)
    return found[5:-5, 5:-5].mean()


def halves(folder) -> tuple[list, list]:
    both = [np.hsplit(load_rgb(path), 2) for path in sorted((folder / "data" / "test").iterdir())]
    return [left for left, _ in both], [right for _, right in both]


def test_evaluate_says_how_far_images_are_from_the_ground_truth(pairs):
    model = pairs / "model.safetensors"
    evaluate = ("ganc", "evaluate", model, "--data", pairs / "data", *UNTRAINED_SET)
    untouched, row = json_of(*evaluate, "--untouched")
    sources, truths = halves(pairs)
    made = [translated_by_hand(model, image) for image in sources]
    names = ("mae", "mae_error", "ssim", "ssim_error")
    beside = {name: untouched[name] for name in names}
    assert beside == by_hand(sources, truths)
    assert {name: row[name] for name in names} == by_hand(made, truths)
    assert {name: row[f"untouched_{name}"] for name in names} == beside
    head, _, first, second, *_ = succeed(*evaluate).stdout.splitlines()
    assert [part.strip() for part in head.split("  ") if part.strip()][-3:-1] == ["mean absolute error", "SSIM"]
    for line, found in ((first, untouched), (second, row)):
        assert with_error(found["mae"], found["mae_error"]) in line
        assert with_error(found["ssim"], found["ssim_error"]) in line


def test_the_reverse_direction_has_the_other_half_for_its_ground_truth(pairs, tmp_path):
    made = make_checkpoint(seed=4, direction="BtoA")
    write_checkpoint(
        tmp_path / "back.safetensors",
        replace(made, task=PIX2PIX, networks={GENERATOR: made.networks[GENERATOR]}),
    )
    (row,) = json_of("ganc", "evaluate", tmp_path / "back.safetensors", "--data", pairs / "data", *UNTRAINED_SET)
    outlines, scenes = halves(pairs)
    made = [translated_by_hand(tmp_path / "back.safetensors", image) for image in scenes]
    assert {name: row[name] for name in ("mae", "mae_error", "ssim", "ssim_error")} == by_hand(made, outlines)


def test_an_export_is_measured_against_the_ground_truth_too(pairs, tmp_path):
    export = ("--checkpoint", pairs / "model.safetensors", "--data", pairs / "data", *UNTRAINED_SET, "--device", "cpu")
    made = json_of("ganc-export", *export, "--format", "onnx", "-o", tmp_path / "dist")
    (row,) = json_of("ganc", "evaluate", pairs / "model.safetensors", "--data", pairs / "data", *UNTRAINED_SET)
    checkpoint, graph = (one["metric"]["pairs"] for one in made["files"])
    assert {name: checkpoint[name] for name in ("mae", "ssim")} == nearly({name: row[name] for name in ("mae", "ssim")})
    assert graph["mae"] == pytest.approx(row["mae"], abs=0.05)
    assert made["untouched"]["pairs"]["mae"] == row["untouched_mae"]
    (form,) = json.loads((tmp_path / "dist" / "model.json").read_text())["forms"]
    assert form["pairs"]["ssim"] == graph["ssim"]
    said = (tmp_path / "dist" / "README.md").read_text()
    assert "| mean absolute error | SSIM |" in said
    (again,) = json_of("ganc", "evaluate", tmp_path / "dist", "--data", pairs / "data", *UNTRAINED_SET)
    assert again["mae"] == pytest.approx(graph["mae"], rel=1e-4)


def test_the_report_has_columns_for_it(pairs, tmp_path):
    evaluate = ("ganc", "evaluate", pairs / "model.safetensors", "--data", pairs / "data", *UNTRAINED_SET)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "report.json").write_text(succeed(*evaluate, "--untouched", "--json").stdout)
    succeed("ganc", "report", tmp_path / "made", "-o", tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    heads = [page.text_of(cell) for cell in page.all("th")]
    assert {"mean absolute error", "SSIM"} <= set(heads)
    for row in json_of(*evaluate, "--untouched"):
        assert with_error(row["ssim"], row["ssim_error"]) in page.text.replace("\u00a0", " ")


def test_images_that_are_too_small_are_refused_in_one_line(pairs):
    arguments = ("--data", pairs / "data", "--size", 8, *UNTRAINED_SET)
    assert "16x16" in refusal("ganc", "evaluate", pairs / "model.safetensors", *arguments)


def test_models_of_unpaired_images_have_no_ground_truth(chain):
    (row,) = json_of("ganc", "evaluate", chain.finetune, "--data", chain.data, *UNTRAINED_SET)
    assert not [name for name in row if "mae" in name or "ssim" in name]


def test_an_image_without_a_partner_is_named(pairs, tmp_path):
    sources, truths = halves(pairs)
    for letter, images in (("A", sources), ("B", truths[:-1])):
        (tmp_path / f"test{letter}").mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / f"test{letter}" / f"{number}.png")
    (tmp_path / "trainB").symlink_to(tmp_path / "testB")
    evaluate = ("ganc", "evaluate", pairs / "model.safetensors", "--data", tmp_path, *UNTRAINED_SET)
    assert "testA/2.png" in refusal(*evaluate)
    (tmp_path / "testB").rename(tmp_path / "elsewhere")  # sources alone are no pairs
    (tmp_path / "trainB").unlink()
    (tmp_path / "trainB").symlink_to(tmp_path / "elsewhere")
    assert "mae" not in json_of(*evaluate)[0]


def test_without_scikit_image_the_extra_is_named(pairs):
    arguments = (pairs / "model.safetensors", "--data", pairs / "data", *UNTRAINED_SET)
    done = run_command("ganc", "evaluate", *arguments, absent=("skimage",))
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert "scikit-image is not installed" in line
    assert "ganc-common[pairs]" in line


def test_the_report_of_a_pipeline_shows_sources_without_partners_too(pairs, tmp_path, monkeypatch):
    data = tmp_path / "data"
    for subset, images in zip(("testA", "trainB"), halves(pairs), strict=True):
        (data / subset).mkdir(parents=True)
        for number, image in enumerate(images):
            Image.fromarray(image).save(data / subset / f"{number}.png")
    statistics = tmp_path / "real_B.npz"
    succeed("ganc", "stats", "--data", data, "--domain", "B", *UNTRAINED_SET, "--size", SIZE, "-o", statistics)
    written = [tmp_path / name for name in ("strip.png", "report.md", "report.json")]
    options = ("--data", data, "--stats", statistics, "--models", *[pairs / "model.safetensors"] * 3)
    options += ("--strip", written[0], "--table", written[1], "--rows", written[2])
    monkeypatch.setattr("sys.argv", ["report", *map(str, options)])
    main()
    assert all(path.stat().st_size for path in written)
    last = json.loads(written[2].read_text())[-1]
    assert "mae" not in last
    assert (last["engine"], last["precision"]) == ("paddle", "f32")
    assert last["same_engine"].keys() == {"beside", "engine", "precision", "original_ms", "compressed_ms"}
    assert "exported beside mobile, both in paddle f32: " in written[1].read_text()
