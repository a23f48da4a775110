"""One image a domain, or one colour: every stage that can does its work, and says what cannot be measured."""

import json
import shutil

import numpy as np
import pytest
from helpers.stages import NETWORKS, TRAINING, json_of, refusal
from helpers.support import SIZE, UNTRAINED_SET, succeed
from PIL import Image

from ganc.files.card import read_card
from ganc.files.checkpoint import read_checkpoint
from ganc.workflow.report import main


@pytest.fixture(params=["training images alone", "test images too"])
def one_image(request, tiny_data, tmp_path):
    """One image in each folder."""
    folder = tmp_path / "one"
    for subset in ("trainA", "trainB", "testA", "testB")[: 2 if "alone" in request.param else None]:
        (folder / subset).mkdir(parents=True)
        shutil.copy(next((tiny_data / subset).glob("*.png")), folder / subset)
    return folder


def stages(teacher_file, student_file, supernet_file):
    teacher = ("--teacher", teacher_file)
    yield "ganc-replace", NETWORKS
    yield "ganc-distill", (*teacher, "--width", "4", "--refit", "2")
    yield "ganc-supernet", (*teacher, "--student", student_file, "--space", "/".join(["8,4"] * 8))
    yield "ganc-finetune", (*teacher, "--supernet", supernet_file, "--config", "4")


def test_all_stages_train_without_a_metric(one_image, teacher_file, student_file, supernet_file, tmp_path):
    for program, options in stages(teacher_file, student_file, supernet_file):
        out = tmp_path / program
        said = succeed(program, *options, "--data", one_image, *TRAINING, "-o", out)
        assert "warning: " in said.stderr
        assert "1 image" in said.stderr
        made = read_checkpoint(out)
        assert "metric" not in made.training
        assert made.training["steps"] == 2  # the last networks, as there is no best
        assert all(np.isfinite(array).all() for array in made.generator.tensors.values())
        assert list((tmp_path / f"{program}.run" / "samples").iterdir())
        log = (tmp_path / f"{program}.run" / "log.jsonl").read_text().splitlines()
        assert all("metrics" not in json.loads(line) for line in log)
        assert "already finished" in succeed(program, *options, "--data", one_image, *TRAINING, "-o", out).stderr


def test_models_are_compared_and_exported_without_one(one_image, teacher_file, tmp_path):
    evaluated = ("evaluate", teacher_file, "--data", one_image, *UNTRAINED_SET, "--device", "cpu", "--original")
    assert "no metric: " in succeed("ganc", *evaluated).stdout
    original, own = json_of("ganc", *evaluated)
    assert own["params"] < original["params"]
    assert (own["value"], own["kernel"]) == (None, None)
    assert "1 image" in own["unmeasured"]
    out = tmp_path / "dist"
    options = ("--checkpoint", teacher_file, "--data", one_image, *UNTRAINED_SET)
    assert "no metric: " in succeed("ganc-export", *options, "-o", out).stdout
    assert read_card(out)["forms"][0]["metric"] is None
    assert len(read_card(out)["verified"]["batch_height_width"]) == 4


@pytest.mark.parametrize("one_image", ["test images too"], indirect=True)
def test_the_workflows_table_says_that_there_is_no_metric(one_image, teacher_file, student_file, tmp_path, monkeypatch):
    data, features = ("--data", one_image), (*UNTRAINED_SET, "--device", "cpu")
    succeed("ganc", "stats", *data, *features, "--domain", "B", "--size", SIZE, "-o", tmp_path / "B.npz")
    export = ("ganc-export", "--checkpoint", student_file, *data, *UNTRAINED_SET, "--format", "onnx")
    succeed(*export, "-o", tmp_path / "dist")
    written = {name: tmp_path / name for name in ("strip.jpg", "report.md", "report.json")}
    given = [*data, "--stats", tmp_path / "B.npz", "--models", teacher_file, student_file, tmp_path / "dist"]
    given += ["--strip", written["strip.jpg"], "--table", written["report.md"], "--rows", written["report.json"]]
    monkeypatch.setattr("sys.argv", ["report", *map(str, given)])
    main()
    rows = json.loads(written["report.json"].read_text())
    assert [row["name"] for row in rows] == ["published original", "mobile", "student", "exported"]
    assert {row["kernel"] for row in rows} == {None}
    table = written["report.md"].read_text()
    assert " metric |" in table
    assert "no metric: " in table
    assert "1 image" in table
    assert "untouched images" not in table
    succeed("ganc", "report", tmp_path, "-o", tmp_path / "report.html")


def test_what_is_nothing_without_a_metric_says_what_is_missing(one_image, supernet_file, tmp_path):
    options = ("--data", one_image, *UNTRAINED_SET, "--device", "cpu")
    said = refusal("ganc-search", "--supernet", supernet_file, *options, "-o", tmp_path / "search.h5")
    assert "has 1 image" in said
    assert "--config" in said
    if not (one_image / "testB").exists():
        said = refusal("ganc", "stats", *options, "--size", "32", "-o", tmp_path / "B.npz")
        assert said == f"{one_image}: trainB has 1 image, statistics need at least 2"
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_images_of_one_colour_are_trained_on_and_measured(teacher_file, supernet_file, tmp_path):
    for subset, level in (("trainA", 40), ("trainB", 200), ("testA", 40), ("testB", 200)):
        (tmp_path / "data" / subset).mkdir(parents=True)
        for number in range(2):
            Image.fromarray(np.full((SIZE, SIZE, 3), level, np.uint8)).save(
                tmp_path / "data" / subset / f"{number}.png"
            )
    options = ("--teacher", teacher_file, "--supernet", supernet_file, "--config", "4", "--data", tmp_path / "data")
    succeed("ganc-finetune", *options, *TRAINING, "--lr", "1", "-o", tmp_path / "out")
    made = read_checkpoint(tmp_path / "out")
    assert np.isfinite(made.training["metric"]["value"])
    options = ("--supernet", supernet_file, "--data", tmp_path / "data", "--device", "cpu", "--samples", "3")
    succeed("ganc-search", *options, *UNTRAINED_SET, "-o", tmp_path / "search.h5")
