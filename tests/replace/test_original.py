"""ganc-replace that an original shows what to make: nearer to it after training, and nothing trained in vain."""

import json

import numpy as np
import pytest
from helpers.stages import NETWORKS
from helpers.support import TINY_TRAINING, assert_equal_states, fail, succeed

from ganc.engines.eager import EagerEngine
from ganc.files.checkpoint import read_checkpoint
from ganc.models.generator import Generator

GENERATORS = ("--width", "8", "--n-blocks", "3")
GUIDED = ("--gan-weight", "0", "--cycle-weight", "0", "--original-weight", "10")


@pytest.fixture(scope="module")
def original(tiny_data, tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "original.safetensors"
    options = ("--block", "resnet", "--max-steps", "1", "--data", tiny_data)
    succeed("ganc-replace", *NETWORKS, *TINY_TRAINING, *options, "-o", path)
    return path


@pytest.fixture
def guided(tiny_data, original, tmp_path):
    def run(*options, name="guided"):
        output = tmp_path / f"{name}.safetensors"
        arguments = ("--data", tiny_data, *GENERATORS, *TINY_TRAINING, "--init-from", original)
        said = succeed("ganc-replace", *arguments, *GUIDED, *options, "-o", output).stderr
        assert "starts fresh" not in said
        return output

    return run


def losses_of(output):
    lines = output.with_name(output.name + ".run").joinpath("log.jsonl").read_text().splitlines()
    return [json.loads(line)["losses"] for line in lines]


def images_of(path, source):
    return EagerEngine(Generator.from_state(read_checkpoint(path).generator))(source)


def test_the_images_come_nearer_to_the_originals(guided, original):
    source = np.random.default_rng(0).uniform(-1, 1, (2, 3, 32, 32)).astype(np.float32)
    outputs = [guided("--max-steps", steps, name=f"after{steps}") for steps in ("1", "6")]
    wanted = images_of(original, source)
    start, end = (np.abs(images_of(output, source) - wanted).mean() for output in outputs)
    assert end < start


def test_without_a_gan_no_discriminator_trains_and_no_cycle_is_run(guided, original):
    output = guided("--max-steps", "2")
    assert all(losses.keys() == {"original", "original_b"} for losses in losses_of(output))
    for name in ("discriminator", "discriminator_b"):
        assert_equal_states(read_checkpoint(output).networks[name], read_checkpoint(original).networks[name])


def test_an_original_of_one_direction_guides_that_one_and_the_other_starts_fresh(original, tiny_data, tmp_path):
    forward = tmp_path / "forward.safetensors"
    succeed("ganc", "extract", original, "--network", "generator", "-o", forward)
    arguments = ("--data", tiny_data, *GENERATORS, *TINY_TRAINING, *GUIDED, "--max-steps", "1", "--init-from", forward)
    output = tmp_path / "output.safetensors"
    said = succeed("ganc-replace", *arguments, "-o", output).stderr.splitlines()
    assert said.count(f"{forward} has no generator from B to A: that one starts fresh") == 1
    assert losses_of(output)[0].keys() == {"original"}
    assert read_checkpoint(output).networks.keys() == {"generator", "generator_b"}


def test_a_cut_run_ends_as_a_whole_one(guided):
    guided("--max-steps", "2", name="cut")
    cut, whole = guided(name="cut"), guided(name="whole")
    assert cut.read_bytes() == whole.read_bytes()


def test_its_loss_joins_those_of_a_cyclegan(guided):
    output = guided("--max-steps", "1", "--gan-weight", "1", "--cycle-weight", "10")
    assert {"gan", "cycle_b", "identity", "discriminator", "original"} <= losses_of(output)[0].keys()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--original-weight", "1"), "--init-from"),
        (("--gan-weight", "0", "--cycle-weight", "0"), "weight"),
        (("--gan-weight", "0", "--discriminator-width", "8"), "--discriminator-width"),
    ],
)
def test_what_cannot_be_learnt_is_refused(options, word, tiny_data, tmp_path):
    arguments = ("--data", tiny_data, *GENERATORS, *TINY_TRAINING, *options, "-o", tmp_path / "out.safetensors")
    assert word in fail("ganc-replace", *arguments, status=2)
