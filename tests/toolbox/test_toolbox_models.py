"""`ganc stats`, `evaluate` and `translate` through the command."""

import json
import re

import numpy as np
import pytest
from helpers.agreement import nearly
from helpers.images import translated_by_hand
from helpers.stages import json_of, macs_by_hand, nothing_changes, refusal
from helpers.support import SIZE, UNTRAINED, UNTRAINED_SET, make_checkpoint, succeed

from ganc.data import load_rgb, read_images
from ganc.engines.loading import open_model
from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.metrics import feature_set, frechet_distance, kernel_distance, read_statistics, statistics_of

METRIC = UNTRAINED


@pytest.mark.paddle26
def test_stats_are_those_of_the_domain_s_train_and_test_images(tiny_data, tmp_path):
    said = succeed("ganc", "stats", "--data", tiny_data, *UNTRAINED_SET, "--size", SIZE, "-o", tmp_path / "real.npz")
    statistics = read_statistics(tmp_path / "real.npz", None)
    paths = [*read_images(tiny_data, "trainB").paths, *read_images(tiny_data, "testB").paths]
    features = feature_set(UNTRAINED)(np.stack([load_rgb(path) for path in paths]))
    expected = statistics_of(features, feature_set(UNTRAINED), image_size=(SIZE, SIZE), data_fingerprint="")
    np.testing.assert_allclose(statistics.mu, expected.mu, rtol=1e-5)
    np.testing.assert_allclose(statistics.sigma, expected.sigma, rtol=1e-3, atol=1e-5)
    assert (statistics.images, statistics.image_size, statistics.verified) == (10, (SIZE, SIZE), True)
    assert said.stdout.splitlines()[2].split()[1:4] == [METRIC, str(len(statistics.mu)), "10"]
    succeed("ganc", "stats", "--data", tiny_data, *UNTRAINED_SET, "--size", SIZE, "-o", tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "real.npz").read_bytes()


def test_stats_of_the_other_domain_and_another_size(tiny_data, tmp_path):
    for name, options in {"a": ("--domain", "A"), "b": (), "tall": ("--size", "32x48")}.items():
        succeed("ganc", "stats", "--data", tiny_data, *UNTRAINED_SET, "--size", SIZE, *options, "-o", tmp_path / name)
    digests = {read_statistics(tmp_path / name, None).digest for name in ("a", "b", "tall")}
    assert len(digests) == 3
    assert read_statistics(tmp_path / "tall", None).image_size == (32, 48)


def test_stats_refuse_what_does_not_serve(tiny_data, tmp_path):
    with nothing_changes(tmp_path):
        out = tmp_path / "real.npz"
        assert str(tmp_path / "nowhere") in refusal("ganc", "stats", "--data", tmp_path / "nowhere", "-o", out)
        said = refusal("ganc", "stats", "--data", tiny_data, *UNTRAINED_SET, "--feature-set", "inception", "-o", out)
        assert re.search(f"'inception'.*{METRIC}", said)
        assert "16x16" in refusal("ganc", "stats", "--data", tiny_data, *UNTRAINED_SET, "--size", 8, "-o", out)
        assert "'C'" in refusal(
            "ganc", "stats", "--data", tiny_data, *UNTRAINED_SET, "--domain", "C", "-o", out, status=2
        )
        said = refusal(
            "ganc",
            "stats",
            "--data",
            tiny_data,
            *UNTRAINED_SET,
            "--size",
            SIZE,
            "-o",
            tiny_data / "demo.json" / "real.npz",
        )
        assert str(tiny_data / "demo.json" / "real.npz") in said


@pytest.mark.paddle26
def test_evaluate_gives_the_distance_of_the_translated_test_images(chain):
    (row,) = json_of("ganc", "evaluate", chain.finetune, "--data", chain.data, *UNTRAINED_SET)
    made = [translated_by_hand(chain.finetune, load_rgb(path)) for path in read_images(chain.data, "testA").paths]
    features = feature_set(UNTRAINED)(np.stack(made))
    images = [*read_images(chain.data, "trainB").paths, *read_images(chain.data, "testB").paths]
    real = feature_set(UNTRAINED)(np.stack([load_rgb(path) for path in images]))
    distance = frechet_distance(
        features.mean(axis=0), np.cov(features, rowvar=False), real.mean(axis=0), np.cov(real, rowvar=False)
    )
    kernel = kernel_distance(features, real.astype(np.float32))
    trained = read_checkpoint(chain.finetune)
    spec, metric = trained.generator.spec, trained.training["metric"]
    plain = feature_set(UNTRAINED)(np.stack([load_rgb(path) for path in read_images(chain.data, "testA").paths]))
    beside = kernel_distance(plain, real.astype(np.float32))
    untouched = {
        "untouched_value": pytest.approx(
            frechet_distance(plain.mean(axis=0), np.cov(plain, rowvar=False), *mean_and_covariance(real)), rel=1e-4
        ),
        "untouched_kernel": pytest.approx(beside.value, rel=1e-4),
        "untouched_kernel_error": pytest.approx(beside.error, rel=1e-4),
        "judgement": "no better" if row["kernel"] >= beside.value else row["judgement"],
    }
    assert row["judgement"] in ("better", "within the error", "no better")
    assert row == {
        "model": str(chain.finetune),
        "macs": macs_by_hand(spec.widths, SIZE),
        "device_macs": spec.costs((SIZE, SIZE)).device_macs,
        "params": spec.costs((SIZE, SIZE)).params,
        "bytes": chain.finetune.stat().st_size,
        "metric": METRIC,
        "value": pytest.approx(distance, rel=1e-4),
        "kernel": pytest.approx(kernel.value, rel=1e-2),
        "kernel_error": pytest.approx(kernel.error, rel=1e-2),
        "images": 4,
        "target_images": 10,
        "subset": "testA",
        "feature_digest": feature_set(UNTRAINED).digest,
        "statistics": metric["statistics"],
        "verified": True,
        "resize": "bicubic antialiased",
        **untouched,
    }
    measured = ("value", "kernel", "kernel_error", "target_images", "resize")
    assert {name: row[name] for name in measured} == nearly({name: metric[name] for name in measured})


def mean_and_covariance(features):
    return features.mean(axis=0), np.cov(features, rowvar=False)


def test_evaluate_says_when_a_model_is_no_better_than_doing_nothing(chain):
    """After three steps no model is; the table has the untouched images first, whatever options say."""
    (row,) = json_of("ganc", "evaluate", chain.finetune, "--data", chain.data, *UNTRAINED_SET)
    assert row["untouched_kernel"] is not None
    lines = succeed("ganc", "evaluate", chain.finetune, "--data", chain.data, *UNTRAINED_SET).stdout.splitlines()
    assert lines[2].startswith("untouched images")
    assert lines[3].startswith(str(chain.finetune))
    said = [line for line in lines[4:] if line.startswith(f"{chain.finetune} is ")]
    assert len(said) == (row["judgement"] != "better")


def test_evaluate_compares_models_side_by_side(chain):
    models = (chain.replace, chain.supernet, chain.export)
    rows = json_of(
        "ganc", "evaluate", *models, "--data", chain.data, *UNTRAINED_SET, "--untouched", "--original", "--time"
    )
    names = ["untouched images", "original (untrained)", *map(str, models)]
    assert [row["model"] for row in rows] == names
    untouched, original, *ours = rows
    assert untouched["value"] > 0
    assert untouched["macs"] is untouched["milliseconds"] is None
    assert (original["macs"], original["value"], original["bytes"]) == (
        macs_by_hand("64", SIZE, 9, "resnet"),
        None,
        None,
    )
    assert all(row["milliseconds"] > 0 for row in (original, *ours))
    exported = open_model(chain.export).runs_in
    ran = [(row["engine"], row["precision"]) for row in (original, *ours)]
    assert ran == [("paddle", "f32")] * 3 + [exported]
    assert untouched["engine"] is untouched["precision"] is None
    for row, path in zip(ours, (chain.replace, chain.supernet, chain.finetune), strict=True):
        assert row["value"] == pytest.approx(read_checkpoint(path).training["metric"]["value"], rel=0.02)

    lines = succeed(
        "ganc", "evaluate", *models, "--data", chain.data, *UNTRAINED_SET, "--untouched"
    ).stdout.splitlines()
    assert lines[0].split() == ["model", "MACs", "parameters", "bytes", METRIC, "kernel", "distance", "images"]
    assert lines[2].split()[:5] == ["untouched", "images", "-", "-", "-"]
    assert lines[2].split()[7] == "±"
    assert lines[-1].startswith(str(chain.export))


def test_evaluate_times_all_in_the_engine_that_is_named(chain):
    engine = open_model(chain.export).engine.name
    models = (chain.replace, chain.export)
    options = ("--data", chain.data, *UNTRAINED_SET, "--original", "--time", "--engine", engine)
    rows = json_of("ganc", "evaluate", *models, *options)
    assert {(row["engine"], row["precision"]) for row in rows} == {(engine, "f32")}  # the original's too
    lines = succeed("ganc", "evaluate", *models, *options).stdout.splitlines()
    assert "ms an image  engine" in re.sub("  +", "  ", lines[0])
    assert all(f"{engine} f32" in line for line in lines[3:6])


def test_evaluate_a_sub_network_another_size_and_the_other_direction(chain):
    (small,) = json_of(
        "ganc", "evaluate", chain.supernet, "--config", "4_4_8_4_8_8_8_4", "--data", chain.data, *UNTRAINED_SET
    )
    assert small["macs"] == macs_by_hand((4, 4, 8, 4, 8, 8, 8, 4), SIZE)
    (tall,) = json_of("ganc", "evaluate", chain.replace, "--size", "32x64", "--data", chain.data, *UNTRAINED_SET)
    (square,) = json_of("ganc", "evaluate", chain.replace, "--data", chain.data, *UNTRAINED_SET)
    assert tall["macs"] == 2 * square["macs"]
    assert tall["value"] != square["value"]
    (back,) = json_of("ganc", "evaluate", chain.replace, "--direction", "BtoA", "--data", chain.data, *UNTRAINED_SET)
    assert back["macs"] == square["macs"]
    assert back["value"] != square["value"]


def test_evaluate_uses_training_images_where_there_are_no_test_images(chain, tiny_data, tmp_path):
    for name in ("trainA", "trainB"):
        (tmp_path / name).symlink_to(tiny_data / name)
    (row,) = json_of("ganc", "evaluate", chain.replace, "--data", tmp_path, *UNTRAINED_SET)
    assert row["images"] == 6


def test_evaluate_takes_statistics_from_a_file(chain, tmp_path):
    (plain,) = json_of("ganc", "evaluate", chain.replace, "--data", chain.data, *UNTRAINED_SET)
    stats = tmp_path / "real.npz"
    succeed("ganc", "stats", "--data", chain.data, *UNTRAINED_SET, "--size", SIZE, "-o", stats)
    (row,) = json_of("ganc", "evaluate", chain.replace, "--data", chain.data, *UNTRAINED_SET, "--stats", stats)
    assert row == nearly(plain)


def test_evaluate_refuses_what_does_not_serve(chain, tmp_path):
    data = ("--data", chain.data, *UNTRAINED_SET)
    assert "MODELS" in refusal("ganc", "evaluate", *data, status=2)
    said = refusal("ganc", "evaluate", chain.finetune, chain.search, *data)
    assert str(chain.search) in said
    assert str(tmp_path / "nowhere") in refusal("ganc", "evaluate", chain.finetune, "--data", tmp_path / "nowhere")
    assert "16_16_16_16_16_16_16_16" in refusal("ganc", "evaluate", chain.finetune, "--config", 16, *data)
    wanted = ("--config", "6_4_8_4_4_8_8_4")  # narrower than the supernet, and never trained
    said = refusal("ganc", "evaluate", chain.supernet, *wanted, *data)
    assert "6 at segment 0 is not in the space" in said
    image = next((chain.data / "testA").glob("*.png"))
    assert refusal("ganc", "translate", chain.supernet, image, *wanted, "-o", tmp_path / "x.png") == said
    assert "30x30" in refusal("ganc", "evaluate", chain.finetune, "--size", 30, *data)
    write_checkpoint(tmp_path / "back", make_checkpoint("distill", 8, direction="BtoA"))
    said = refusal("ganc", "evaluate", chain.finetune, tmp_path / "back", *data)
    assert "AtoB, BtoA" in said
    said = refusal("ganc", "evaluate", chain.finetune, "--direction", "BtoA", *data)
    assert "--direction AtoB" in said
    said = refusal("ganc", "evaluate", chain.export, "--direction", "BtoA", *data)
    assert re.search(f"{chain.export}.*AtoB.*--direction", said)


def test_json_is_json(chain):
    said = succeed("ganc", "evaluate", chain.replace, "--data", chain.data, *UNTRAINED_SET, "--original", "--json")
    assert [row["value"] is None for row in json.loads(said.stdout)] == [True, False]
