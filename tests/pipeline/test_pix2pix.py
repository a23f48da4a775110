"""pix2pix through all six stages: the commands read the task from the checkpoints."""

import dataclasses
import json
import re

import numpy as np
import pytest
from helpers.images import translated_by_hand
from helpers.paired_images import write_aligned, write_side_by_side
from helpers.stages import NETWORKS, SPACE, TRAINING, json_of, nothing_changes, refusal
from helpers.support import UNTRAINED_SET, make_checkpoint, succeed
from PIL import Image

import ganc_replace
from ganc.base.errors import SettingError
from ganc.data import load_rgb
from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.models.spec import DiscriminatorSpec
from ganc.models.task import CYCLEGAN, PIX2PIX
from ganc.workflow.inputs import checked_images, usual_side


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory):
    return write_side_by_side(tmp_path_factory.mktemp("paired") / "data")


@pytest.fixture(scope="module")
def teacher(side_by_side, tmp_path_factory):
    out = tmp_path_factory.mktemp("teacher") / "replace.safetensors"
    succeed("ganc-replace", "--task", "pix2pix", "--data", side_by_side, *NETWORKS, *TRAINING, "-o", out)
    return out


def losses_of(out) -> dict:
    log = out.with_name(f"{out.name}.run") / "log.jsonl"
    return json.loads(log.read_text().splitlines()[-1])["losses"]


def test_automatic_levels_are_those_of_each_half(tmp_path):
    root = write_side_by_side(tmp_path / "data")
    for path in root.rglob("*.png"):
        halves = np.hsplit(np.asarray(Image.open(path).convert("L")).astype(np.uint16), 2)
        Image.fromarray(np.hstack([halves[0] * 16, halves[1] + 100])).save(path)
    options = ("--task", "pix2pix", "--data", root, *NETWORKS, *TRAINING, "--levels", "auto", "-o", tmp_path / "out")
    succeed("ganc-replace", *options)
    levels = read_checkpoint(tmp_path / "out").training["levels"]
    assert levels["A"][1] > 3000
    assert 100 <= levels["B"][0] < levels["B"][1] <= 355


def test_a_side_by_side_set_goes_through_all_stages(side_by_side, teacher, tmp_path):
    data = ("--data", side_by_side)
    student, supernet, tuned, rows = (tmp_path / name for name in ("student", "supernet", "tuned", "rows.h5"))
    succeed("ganc-distill", "--teacher", teacher, *data, "--width", 8, *TRAINING, "-o", student)
    both = ("--teacher", teacher, "--student", student)
    succeed("ganc-supernet", *both, *data, "--space", SPACE, *TRAINING, "-o", supernet)
    measured = (*UNTRAINED_SET, "--device", "cpu")
    succeed("ganc-search", "--supernet", supernet, *data, "--samples", 2, *measured, "-o", rows)
    succeed(
        *("ganc-finetune", "--supernet", supernet, "--teacher", teacher, *data, "--results", rows),
        *(*TRAINING, "-o", tuned),
    )
    succeed("ganc-export", "--checkpoint", tuned, *data, *measured, "--format", "onnx", "-o", tmp_path / "export")
    for path, stage in ((teacher, "replace"), (student, "distill"), (supernet, "supernet"), (tuned, "finetune")):
        made = read_checkpoint(path)
        assert (made.stage, made.task) == (stage, PIX2PIX)
        assert made.networks["discriminator"].spec == DiscriminatorSpec(width=8, in_channels=6)
        assert "generator_b" not in made.networks
    for path in (student, supernet, tuned):
        assert set(losses_of(path)) == {"gan", "reconstruction", "feature", "discriminator"}
    assert set(losses_of(teacher)) == {"gan", "reconstruction", "discriminator"}
    (tmp_path / "in").mkdir()
    image = load_rgb(side_by_side / "test" / "0.png")[:, :32]
    Image.fromarray(image).save(tmp_path / "in" / "0.png")
    succeed("ganc", "translate", tmp_path / "export", tmp_path / "in", "-o", tmp_path / "made")
    own = translated_by_hand(tmp_path / "export" / "generator.safetensors", image).astype(int)
    assert np.abs(load_rgb(tmp_path / "made" / "0.png") - own).max() <= 1
    assert [row["images"] for row in json_of("ganc", "evaluate", tuned, *data, *measured)] == [4]


def test_layouts_of_the_same_pairs_train_the_same_networks(side_by_side, teacher, tmp_path):
    aligned, out = write_aligned(tmp_path / "data"), tmp_path / "aligned"
    succeed("ganc-replace", "--task", "pix2pix", "--data", aligned, *NETWORKS, *TRAINING, "-o", out)
    one, other = (read_checkpoint(path).networks for path in (out, teacher))
    for name in ("generator", "discriminator"):
        for key, tensor in one[name].tensors.items():
            np.testing.assert_array_equal(tensor, other[name].tensors[key])


def test_a_program_trains_what_the_command_trains(side_by_side, teacher, tmp_path):
    options = {"width": 8, "n_blocks": 3, "discriminator_width": 8, "crop_size": 32, "load_size": 36, "batch_size": 2}
    options |= {"epochs": 1, "decay_epochs": 1, "max_steps": 3, "lr": 1e-3, "workers": 0, "device": "cpu"}
    made = ganc_replace.train(
        task="pix2pix", data=side_by_side, output=tmp_path / "out", feature_set="untrained-conv3-v1", **options
    )
    assert made.digest == read_checkpoint(teacher).digest
    with pytest.raises(SettingError, match="expected cyclegan or pix2pix"):
        ganc_replace.train(task="pix2pax", data=side_by_side, output=tmp_path / "other", **options)


def test_the_other_direction_makes_left_halves_of_right_ones(side_by_side, tmp_path):
    """With the swapped files it is the first direction."""
    swapped = tmp_path / "swapped"
    for path in sorted(side_by_side.glob("*/*.png")):
        whole = load_rgb(path)
        (swapped / path.parent.name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.hstack([whole[:, 32:], whole[:, :32]])).save(swapped / path.parent.name / path.name)
    made = {}
    for folder, way in ((side_by_side, "BtoA"), (swapped, "AtoB")):
        out = tmp_path / way
        succeed(
            *("ganc-replace", "--task", "pix2pix", "--data", folder, "--direction", way, *NETWORKS, *TRAINING),
            *("-o", out),
        )
        made[way] = read_checkpoint(out)
    assert made["BtoA"].training["metric"]["subset"] == "testB"
    for key, tensor in made["BtoA"].generator.tensors.items():
        np.testing.assert_array_equal(tensor, made["AtoB"].generator.tensors[key])


def weights_said(said) -> str:
    return re.search(r", losses (.*)", said.stderr).group(1)


def test_each_stage_says_where_its_weights_come_from(side_by_side, teacher, tmp_path):
    first, second, third = (tmp_path / name for name in ("one", "two", "three"))
    still = (*TRAINING, "--max-steps", 1)
    said = succeed("ganc-replace", "--task", "pix2pix", "--data", side_by_side, *NETWORKS, *still, "-o", first)
    assert weights_said(said) == "gan 1 (task), reconstruction 100 (task)"
    assert "images 6 pairs at 32x32" in said.stderr
    student = ("ganc-distill", "--teacher", teacher, "--data", side_by_side, "--width", 8, *still)
    said = succeed(*student, "--feature-weight", "0.01", "--loss", "ssim=2", "-o", second)
    assert weights_said(said) == "gan 1 (task), reconstruction 100 (task), feature 0.01 (option), ssim 2 (option)"
    supernet = ("ganc-supernet", "--teacher", teacher, "--student", second, "--data", side_by_side, "--space", SPACE)
    loss = tmp_path / "defaults.yaml"
    loss.write_text("reconstruction-weight: 10\n")
    options = (*still, "--recipe", "imitate", "--loss", "ssim=1", "--defaults", loss)
    said = succeed(*supernet, *options, "-o", third)
    assert weights_said(said) == "gan 0 (recipe), reconstruction 10 (file), feature 0.01 (input), ssim 1 (option)"
    assert read_checkpoint(third).task == dataclasses.replace(
        PIX2PIX, gan_weight=0.0, reconstruction_weight=10.0, feature_weight=0.01
    )


def test_a_teacher_beside_its_student_is_trained_for_its_own_task(side_by_side, teacher, tmp_path):
    out = tmp_path / "student.safetensors"
    options = ("--data", side_by_side, "--width", 8, "--online", *TRAINING)
    succeed("ganc-distill", "--teacher", teacher, *options, "-o", out)
    beside = read_checkpoint(tmp_path / "student.teacher.safetensors")
    assert (beside.task, set(beside.networks)) == (PIX2PIX, {"generator", "discriminator"})
    assert set(losses_of(out)) >= {"reconstruction", "teacher_gan", "teacher_reconstruction", "teacher_discriminator"}
    fresh = ("--task", "pix2pix", "--teacher-width", 8, "--n-blocks", 3, "--discriminator-width", 8)
    succeed("ganc-distill", *fresh, *options, "-o", tmp_path / "fresh.safetensors")
    assert read_checkpoint(tmp_path / "fresh.teacher.safetensors").task == PIX2PIX


def test_a_generator_alone_keeps_its_task(side_by_side, teacher, tmp_path):
    alone, out = tmp_path / "alone", tmp_path / "out"
    succeed("ganc", "extract", teacher, "--network", "generator", "-o", alone)
    succeed("ganc-replace", "--init-from", alone, "--data", side_by_side, *NETWORKS, *TRAINING, "-o", out)
    assert read_checkpoint(out).task == PIX2PIX


@pytest.fixture(scope="module")
def cyclegan(tmp_path_factory):
    path = tmp_path_factory.mktemp("cyclegan") / "cyclegan.safetensors"
    write_checkpoint(path, make_checkpoint("replace"))
    return path


def test_what_does_not_go_with_the_task_is_one_line_and_writes_nothing(side_by_side, teacher, cyclegan, tmp_path):
    replace = ("ganc-replace", "--data", side_by_side, *NETWORKS, *TRAINING)
    distill = ("ganc-distill", "--data", side_by_side, "--width", 8, *TRAINING)
    student, supernet = tmp_path / "student", tmp_path / "supernet"
    write_checkpoint(student, dataclasses.replace(make_checkpoint("distill"), task=CYCLEGAN))
    write_checkpoint(supernet, make_checkpoint("supernet"))
    mixed = tmp_path / "mixed"
    write_checkpoint(mixed, dataclasses.replace(make_checkpoint("replace"), task=PIX2PIX))
    cases = [
        ((*replace, "--task", "pix2pix", "--init-from", cyclegan), 1, "--task pix2pix: .* was trained as cyclegan"),
        ((*replace, "--task", "cyclegan", "--init-from", teacher), 1, "--task cyclegan: .* was trained as pix2pix"),
        ((*replace, "--task", "pix2pix", "--cycle-weight", 1), 2, "--cycle-weight 1: pix2pix has no such loss"),
        ((*replace, "--init-from", teacher, "--cycle-weight", 1), 1, "--cycle-weight 1: pix2pix has no such loss"),
        ((*replace, "--reconstruction-weight", 1), 2, "--reconstruction-weight 1: cyclegan has no such loss"),
        ((*distill, "--teacher", teacher, "--task", "pix2pix"), 2, "--task pix2pix: .*--online"),
        (
            (*distill, "--teacher", cyclegan, "--online", "--task", "pix2pix"),
            1,
            "--task pix2pix: .*cyclegan.safetensors",
        ),
        (
            (*distill, "--teacher", teacher, "--direction", "BtoA"),
            1,
            "replace.safetensors: .*trained with --direction BtoA",
        ),
        (
            (*distill, "--teacher", teacher, "--init-from", student),
            1,
            "student: was trained as cyclegan, and this",
        ),
        ((*distill, "--teacher", mixed), 1, "discriminator judges 3 channels.*pix2pix shows it 6"),
        (
            ("ganc-supernet", "--teacher", teacher, "--student", student, *distill[1:3], "--space", SPACE, *TRAINING),
            *(1, "replace.safetensors: was trained as pix2pix, and the student as cyclegan"),
        ),
        (
            ("ganc-finetune", "--teacher", teacher, "--supernet", supernet, *distill[1:3], "--config", 4, *TRAINING),
            *(1, "replace.safetensors: was trained as pix2pix, and the supernet as cyclegan"),
        ),
    ]
    for arguments, status, words in cases:
        with nothing_changes(tmp_path):
            said = refusal(*arguments, "-o", tmp_path / "out", status=status)
        assert re.search(words, said), said
        assert "\n" not in said.strip()


def test_pairs_that_do_not_fit_are_one_line_and_write_nothing(tmp_path):
    aligned, beside = write_aligned(tmp_path / "aligned"), write_side_by_side(tmp_path / "beside")
    Image.new("RGB", (63, 32)).save(beside / "train" / "1.png")
    (tmp_path / "out").mkdir()
    options = ("--task", "pix2pix", *NETWORKS, *TRAINING, "-o", tmp_path / "out" / "made")

    def refused(folder, words):
        with nothing_changes(tmp_path):
            assert re.search(words, said := refusal("ganc-replace", "--data", folder, *options)), said

    refused(beside, r"train/1\.png: is 63x32, and an odd width has no halves")
    Image.new("RGB", (32, 30)).save(aligned / "testB" / "2.bmp")
    refused(aligned, r"testA/2\.png: is 32x32, and its partner .*2\.bmp 32x30")
    Image.new("RGB", (32, 30)).save(aligned / "trainB" / "5.bmp")
    refused(aligned, r"trainA/5\.png: is 32x32, and its partner .*5\.bmp 32x30")
    (aligned / "trainB" / "5.bmp").unlink()
    refused(aligned, r"trainA/5\.png: has no partner in trainB")


def test_samples_end_with_the_ground_truth(teacher):
    (path,) = (teacher.with_name(f"{teacher.name}.run") / "samples").glob("*.png")
    shown = load_rgb(path).astype(int)
    side, gap = 160, 5
    assert shown.shape[1] == gap + 3 * (side + gap)  # input, generator, ground truth
    first, last = (shown[-side - gap : -gap, gap + place * (side + gap) :][:, :side] for place in (0, 2))
    assert np.abs(first + last - 255).mean() < 1  # B is the negative of A


def test_a_pipeline_of_pairs_is_refused_where_partners_are_missing(teacher, tmp_path):
    data = write_aligned(tmp_path / "data")
    (tmp_path / "mine.yaml").write_text(f"{{out: {tmp_path / 'out'}, data: data, replace: {{task: pix2pix}}}}")
    (data / "trainB" / "5.bmp").unlink()
    (data / "testB" / "2.bmp").unlink()
    for given in (("--teacher", teacher, "--data", data, "-o", tmp_path / "out"), ("--config", tmp_path / "mine.yaml")):
        with nothing_changes(tmp_path):
            said = refusal("ganc", "compress", *given)
        assert re.search(
            r"trainA/5\.png: has no partner in trainB \(and 1 more: ganc data check .* --task pix2pix lists", said
        )


def test_a_pipeline_is_planned_for_the_images_of_either_half(side_by_side):
    assert checked_images(side_by_side) == {"trainA": 6, "trainB": 6, "testA": 4, "testB": 4}
    assert usual_side(side_by_side, "A") == usual_side(side_by_side, "B") == 32
