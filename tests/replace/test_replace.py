"""ganc-replace through its command: what it trains, what it starts from, what it refuses."""

import json
import re

import numpy as np
import pytest
from helpers.stages import NETWORKS, STANDING_STILL, TRAINING, nothing_changes, refusal
from helpers.support import SIZE, UNTRAINED_SET, assert_equal_states, make_checkpoint, succeed, without_option

from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.models.spec import DiscriminatorSpec, GeneratorSpec
from ganc.models.task import CYCLEGAN


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.safetensors"


def replace(data, out, *options):
    return succeed("ganc-replace", "--data", data, *NETWORKS, *TRAINING, *options, "-o", out)


@pytest.mark.paddle26
def test_a_mobile_cyclegan_comes_out(tiny_data, out):
    said = replace(tiny_data, out)
    checkpoint = read_checkpoint(out)
    mobile = GeneratorSpec(widths=(8,) * 8, n_blocks=3)
    assert {name: state.spec for name, state in checkpoint.networks.items()} == {
        **dict.fromkeys(("generator", "generator_b"), mobile),
        **dict.fromkeys(("discriminator", "discriminator_b"), DiscriminatorSpec(width=8)),
    }
    assert (checkpoint.stage, checkpoint.direction, checkpoint.task) == ("replace", "AtoB", CYCLEGAN)
    assert checkpoint.sources == {}
    facts = checkpoint.training
    assert (facts["steps"], facts["seed"], facts["image_size"]) == (3, 0, [SIZE, SIZE])
    assert len(facts["data"]) == 64
    assert (facts["metric"]["name"], facts["metric"]["subset"], facts["metric"]["images"]) == (
        *("untrained-conv3-v1", "testA", 4),
    )

    heading, rule, row = said.stdout.splitlines()
    assert heading.split("  ")[0] == "file"
    assert set(rule) == {"-", " "}
    for part in (str(out), "8_8_8_8_8_8_8_8", f"{out.stat().st_size:,}", f"{facts['metric']['value']:.4f}"):
        assert part in row.split()
    assert "ganc-replace" in said.stderr
    assert said.stderr.splitlines()[0].count("steps 3") == 1
    assert "cycle_b" in said.stderr  # the progress bar shows the losses


def test_a_run_leaves_a_log_and_a_strip_of_samples(tiny_data, out):
    replace(tiny_data, out)
    run = out.with_name("out.safetensors.run")
    assert sorted(path.name for path in run.iterdir()) == [
        *("lock", "log.jsonl", "samples", "settings.json", "state.safetensors"),
    ]
    last = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 3
    assert set(last["losses"]) == {
        *("gan", "gan_b", "cycle", "cycle_b", "identity", "identity_b", "discriminator", "discriminator_b"),
    }
    assert last["metrics"] == {"generator": read_checkpoint(out).training["metric"]["value"]}
    assert [path.name for path in (run / "samples").iterdir()] == ["0000003.png"]


def test_original_blocks_dropout_and_sizes_that_are_not_square(tiny_data, out):
    replace(tiny_data, out, "--block", "resnet", "--dropout", "0.5", "--crop-size", "40x32", "--load-size", "44x36")
    checkpoint = read_checkpoint(out)
    assert checkpoint.generator.spec == GeneratorSpec(widths=(8,) * 8, n_blocks=3, block="resnet", dropout=0.5)
    assert checkpoint.training["image_size"] == [40, 32]


def test_widths_stage_by_stage(tiny_data, out):
    networks = without_option(NETWORKS, "--width")
    succeed("ganc-replace", "--data", tiny_data, *networks, *TRAINING, "--widths", "4_8_4_2_6_8", "-o", out)
    assert read_checkpoint(out).generator.spec.widths == (4, 8, 4, 2, 2, 2, 6, 8)


@pytest.mark.paddle26
def test_an_equal_network_starts_bit_equal_from_another_checkpoint(tiny_data, out, tmp_path):
    start = make_checkpoint("replace", 8, seed=5)
    write_checkpoint(tmp_path / "start", start)
    networks = ("--width", "8", "--n-blocks", "3", "--discriminator-width", "4")
    succeed(
        *("ganc-replace", "--data", tiny_data, "--init-from", tmp_path / "start"), *networks, *STANDING_STILL, "-o", out
    )
    checkpoint = read_checkpoint(out)
    for name, state in start.networks.items():
        assert_equal_states(checkpoint.networks[name], state)
    assert checkpoint.sources == {"init_from": start.digest}
    assert checkpoint.training["tensors_taken"] == sum(len(state.tensors) for state in start.networks.values())


def test_a_mobile_network_takes_all_but_the_blocks_of_an_original(tiny_data, out, tmp_path):
    start = make_checkpoint("replace", 8, seed=5, block="resnet")
    write_checkpoint(tmp_path / "start", start)
    arguments = ("--data", tiny_data, "--init-from", tmp_path / "start", *NETWORKS, *STANDING_STILL)
    succeed("ganc-replace", *arguments, "-o", out)
    checkpoint = read_checkpoint(out)
    taken = 0
    for name in ("generator", "generator_b"):
        ours, theirs = checkpoint.networks[name].tensors, start.networks[name].tensors
        assert not [key for key in ours if "blocks" in key and key in theirs]
        for key in ours.keys() & theirs.keys():
            np.testing.assert_array_equal(ours[key], theirs[key])
            taken += 1
        assert sum("blocks" in key for key in ours) == 3 * 2 * 2 * 2
    assert checkpoint.training["tensors_taken"] == taken  # the discriminators have another width: fresh ones train


def test_the_other_direction_starts_from_the_reverse_networks(tiny_data, out, tmp_path):
    start = make_checkpoint("replace", 8, seed=5)
    write_checkpoint(tmp_path / "start", start)
    networks = ("--width", "8", "--n-blocks", "3", "--discriminator-width", "4", "--direction", "BtoA")
    succeed(
        *("ganc-replace", "--data", tiny_data, "--init-from", tmp_path / "start"), *networks, *STANDING_STILL, "-o", out
    )
    checkpoint = read_checkpoint(out)
    assert checkpoint.direction == "BtoA"
    assert checkpoint.training["metric"]["subset"] == "testB"
    for ours, theirs in (("generator", "generator_b"), ("discriminator_b", "discriminator")):
        assert_equal_states(checkpoint.networks[ours], start.networks[theirs])
    assert checkpoint.sources == {"init_from": start.digest}


def test_all_four_networks_start_from_draws_of_their_own(tiny_data, out):
    succeed("ganc-replace", "--data", tiny_data, *NETWORKS, *STANDING_STILL, "-o", out)
    networks = read_checkpoint(out).networks
    for one, other in (("generator", "generator_b"), ("discriminator", "discriminator_b")):
        for name, tensor in networks[one].tensors.items():
            if name.endswith(".bias"):
                assert np.abs(tensor).max() < 1e-20
            else:
                assert abs(np.corrcoef(tensor.ravel(), networks[other].tensors[name].ravel())[0, 1]) < 0.5
    weights = np.concatenate([t.ravel() for n, t in networks["generator"].tensors.items() if n.endswith(".weight")])
    assert weights.std() == pytest.approx(0.02, rel=0.03)


def test_the_settings_reach_the_task(tiny_data, out):
    replace(tiny_data, out, "--cycle-weight", "5", "--identity-weight", "0", "--gan-weight", "2")
    task = read_checkpoint(out).task
    assert (task.cycle_weight, task.identity_weight, task.gan_weight) == (5, 0, 2)
    log = (out.with_name("out.safetensors.run") / "log.jsonl").read_text()
    assert "identity" not in log


def test_images_in_order_and_shuffled_train_differently(tiny_data, tmp_path):
    shuffled, ordered = tmp_path / "shuffled", tmp_path / "ordered"
    replace(tiny_data, shuffled)
    replace(tiny_data, ordered, "--in-order")
    assert read_checkpoint(shuffled).digest != read_checkpoint(ordered).digest


def test_statistics_from_a_file_are_recorded(tiny_data, out, tmp_path):
    stats = tmp_path / "real_B.npz"
    succeed("ganc", "stats", "--data", tiny_data, *UNTRAINED_SET, "--size", SIZE, "-o", stats)
    replace(tiny_data, out, "--stats", stats)
    computed = tmp_path / "computed.safetensors"
    replace(tiny_data, computed)
    assert read_checkpoint(out).training == read_checkpoint(computed).training


@pytest.mark.parametrize(
    ("options", "status", "named"),
    [
        (("--width", "0"), 2, "'--width': 0"),
        (("--widths", "8_8"), 2, "'8_8'"),
        (("--n-blocks", "4"), 2, "'4'.*multiple of 3"),
        (("--direction", "AtoC"), 2, "'AtoC'"),
        (("--epochs", "0", "--decay-epochs", "0"), 2, "epochs"),
        (("--amp", "fp16"), 1, "--amp"),
        (("--amp", "f16"), 2, "--amp"),
        (("--device", "cpu:3"), 1, "'cpu:3'"),
        (("--crop-size", "20"), 1, "--crop-size 20.* 24 "),
        (("--crop-size", "30"), 1, "30x30"),
        (("--load-size", "28"), 1, "load_size.*28x28.*crop_size.*32x32"),
        (("surplus",), 2, "surplus"),
    ],
)
def test_what_does_not_serve_is_refused_before_anything_is_made(tiny_data, out, tmp_path, options, status, named):
    with nothing_changes(tmp_path, tiny_data):
        arguments = ("--data", tiny_data, *NETWORKS, *TRAINING, *options, "-o", out)
        said = refusal("ganc-replace", *arguments, status=status)
    assert re.search(named, said), said


def test_a_start_that_fits_nowhere_is_refused(tiny_data, out, tmp_path):
    write_checkpoint(tmp_path / "start", make_checkpoint("distill", 8, in_channels=4, out_channels=5, widths=(7,) * 8))
    with nothing_changes(tmp_path):
        arguments = ("--data", tiny_data, "--init-from", tmp_path / "start", *NETWORKS, *TRAINING)
        said = refusal("ganc-replace", *arguments, "-o", out)
    assert re.search("start: .*in_channels 4, this run's 3.*--init-from", said), said


def test_a_start_is_not_overwritten(tiny_data, teacher_file, tmp_path):
    start = tmp_path / "start.safetensors"
    start.write_bytes(teacher_file.read_bytes())
    with nothing_changes(tmp_path):
        arguments = ("--data", tiny_data, "--init-from", start, *NETWORKS, *TRAINING, "-o", start)
        said = refusal("ganc-replace", *arguments)
    assert str(start) in said
