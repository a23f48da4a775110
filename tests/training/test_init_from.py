"""--init-from of the four training stages: what a run takes over, what it records, what it refuses."""

import json

import numpy as np
import pytest
from helpers.stages import NETWORKS, SPACE, STANDING_STILL, TRAINING, nothing_changes, refusal
from helpers.support import TINY_TRAINING, assert_equal_states, make_checkpoint, succeed

from ganc.files.checkpoint import read_checkpoint, write_checkpoint

ARGUMENTS = {
    "replace": NETWORKS,
    "distill": ("--width", "8"),
    "supernet": ("--space", SPACE),
    "finetune": ("--config", "8_8_8_8_8_8"),
}
INPUTS = {"distill": ("teacher",), "supernet": ("teacher",), "finetune": ("teacher", "supernet")}


@pytest.fixture
def run(chain, tmp_path):
    """Return what runs a stage from another checkpoint."""

    def command(stage, start, out, *options, training=STANDING_STILL):
        files = {"teacher": chain.replace, "supernet": chain.supernet}
        given = [part for name in INPUTS.get(stage, ()) for part in (f"--{name}", files[name])]
        common = ("--data", chain.data, *given, *ARGUMENTS[stage], *training, *options)
        return (f"ganc-{stage}", *common, "--init-from", start, "-o", tmp_path / out)

    return command


@pytest.mark.parametrize("stage", ARGUMENTS)
def test_a_finished_run_goes_on_from_its_networks_with_other_settings(chain, run, tmp_path, stage):
    start = read_checkpoint(getattr(chain, stage))
    widths = start.generator.spec.widths
    options = ("--config", "_".join(map(str, widths))) if stage == "finetune" else ()
    succeed(*run(stage, getattr(chain, stage), "second", *options, "--batch-size", "1"))
    second = read_checkpoint(tmp_path / "second")
    assert second.networks.keys() == start.networks.keys()
    for name, state in start.networks.items():
        assert_equal_states(second.networks[name], state)
    assert second.sources["init_from"] == start.digest
    steps = start.training["steps"]
    assert second.training["ancestors"] == [{"stage": stage, "digest": start.digest, "steps": steps}]
    assert json.loads((tmp_path / "second.run" / "settings.json").read_text())["batch_size"] == 1

    succeed(*run(stage, tmp_path / "second", "third", *options))
    digests = [one["digest"] for one in read_checkpoint(tmp_path / "third").training["ancestors"]]
    assert digests == [second.digest, start.digest]
    said = succeed("ganc", "inspect", tmp_path / "third").stdout
    assert start.digest[:16] in said


def test_the_teacher_itself_is_a_start(chain, run, tmp_path):
    for stage in ("distill", "supernet", "finetune"):
        succeed(*run(stage, chain.replace, stage))
        made = read_checkpoint(tmp_path / stage)
        for name in ("generator", "discriminator"):
            assert_equal_states(made.networks[name], read_checkpoint(chain.replace).networks[name])


def test_it_learns_on_where_the_first_run_ended(chain, run, tmp_path):
    """Two runs of an epoch at a constant rate come nearer to the teacher than the first alone."""
    training = (*TINY_TRAINING, "--gan-weight", "0", "--decay-epochs", "0", "--epochs", "2", "--seed", "1")
    common = ("ganc-distill", "--data", chain.data, "--teacher", chain.replace, "--width", "4", *training)
    succeed(*common, "-o", tmp_path / "first")
    succeed(*common, "--init-from", tmp_path / "first", "-o", tmp_path / "second")
    logs = [(tmp_path / f"{name}.run" / "log.jsonl").read_text().splitlines() for name in ("first", "second")]
    losses = [[json.loads(line)["losses"]["reconstruction"] for line in log] for log in logs]
    assert losses[1][0] < losses[0][0]
    assert np.mean(losses[1]) < np.mean(losses[0])


def test_what_a_start_brings_is_not_refitted(chain, run, tmp_path, monkeypatch):
    monkeypatch.setenv("GANC_DISTILL_REFIT", "2")
    for stage, options in (("replace", ("--refit", "2")), ("distill", ())):
        start = getattr(chain, stage)
        said = succeed(*run(stage, start, stage, *options)).stderr
        assert "refitted" not in said
        assert (f"nothing to refit: {start} has such blocks" in said) == (stage == "replace")
        assert_equal_states(read_checkpoint(tmp_path / stage).generator, read_checkpoint(start).generator)


def test_a_prolonged_imitation_keeps_its_original(tiny_data, tmp_path):
    common = ("ganc-replace", "--data", tiny_data, *TRAINING, "--width", "4", "--n-blocks", "3")
    succeed(*common, "--block", "resnet", "-o", tmp_path / "original")
    imitate = (*common, "--gan-weight", "0", "--cycle-weight", "0", "--original-weight", "10")
    succeed(*imitate, "--init-from", tmp_path / "original", "-o", tmp_path / "first")
    whole = ("--original", tmp_path / "original", "--init-from", tmp_path / "first")
    succeed(*imitate, *whole, "--lr", "1e-30", "-o", tmp_path / "second")
    original, first, second = (read_checkpoint(tmp_path / name) for name in ("original", "first", "second"))
    assert second.sources == {"init_from": first.digest, "original": original.digest}
    assert_equal_states(second.generator, first.generator)
    losses = json.loads((tmp_path / "second.run" / "log.jsonl").read_text().splitlines()[-1])["losses"]
    assert losses["original"] > 0.01  # of itself it would be 0
    assert "--original-weight" in refusal(*common, "--original", tmp_path / "original", "-o", tmp_path / "x", status=2)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"widths": (4,) * 8}, "widths 4_4_4_4_4_4_4_4, this run's 8_8"),
        ({"n_blocks": 6}, "n_blocks 6, this run's 3"),
        ({"in_channels": 1}, "in_channels 1, this run's 3"),
    ],
)
@pytest.mark.parametrize("stage", ARGUMENTS)
def test_another_shape_is_one_line(chain, run, tmp_path, stage, changed, words):
    write_checkpoint(tmp_path / "other", make_checkpoint("distill", 8, **changed))
    with nothing_changes(tmp_path):
        said = refusal(*run(stage, tmp_path / "other", "out"))
    assert said.startswith(f"{tmp_path / 'other'}: ")
    assert words in said
    assert "--init-from" in said


@pytest.mark.parametrize("stage", ["distill", "supernet", "finetune"])
def test_original_blocks_are_stage_1s_business(chain, run, tmp_path, stage):
    write_checkpoint(tmp_path / "other", make_checkpoint("replace", 8, block="resnet"))
    assert "block resnet, this run's mobile" in refusal(*run(stage, tmp_path / "other", "out"))


def test_a_supernet_has_one_start(chain, run):
    said = refusal(*run("supernet", chain.supernet, "out", "--student", chain.distill), status=2)
    assert "--student" in said
    assert "--init-from" in said
