"""Passes of training in engines for graphs: images, taps and gradients equal Paddle's; commands train with them."""

import json

import numpy as np
import pytest
from helpers.support import SIZE, TINY_SPACE, TINY_TRAINING, assert_equal_states, fail, random_state, succeed

from ganc.base.engine_table import graph_engines
from ganc.base.errors import RunError, SpecError
from ganc.engines.parts import require_engine_of_parts
from ganc.engines.passes import adapted_passes_of, depths_of, judging_of, passes_of
from ganc.files.checkpoint import read_checkpoint
from ganc.metrics.lite0.architecture import Lite0Spec, depths
from ganc.models.discriminator import Adaptors, Discriminator
from ganc.models.generator import Generator
from ganc.models.network import frozen
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec, GeneratorSpec
from ganc.system.runtime import paddle
from ganc.training.losses.networks import Depths

pytest.importorskip("onnx", reason="graphs are written with the onnx package")

from ganc.engines.compiled import (
    CompiledDiscriminator,
    CompiledGenerator,
    CompiledTeacher,
)

ENGINES = graph_engines()
WIDTHS = (6, 4, 6, 4, 8, 6, 4, 6)


def images(seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (2, 3, SIZE, SIZE)).astype(np.float32)


def generator_of(block):
    return Generator.from_state(random_state(GeneratorSpec(widths=WIDTHS, block=block, n_blocks=3), 1))


def pulled(run, network, source, wanted):
    """Return outputs, and gradients by name of a loss that weighs every output's pixels differently."""
    x = paddle.to_tensor(source)
    x.stop_gradient = not wanted
    outputs = run(x)
    loss = 0.0
    for output in outputs:
        weights = np.random.default_rng(output.size).normal(0, 1, tuple(output.shape)).astype(np.float32)
        loss = loss + (output * paddle.to_tensor(weights)).mean()
    loss.backward()
    gradients = {name: one.grad.numpy() for name, one in network.named_parameters() if one.grad is not None}
    for parameter in network.parameters():
        parameter.clear_gradient(set_to_zero=False)
    if wanted:
        gradients["x"] = x.grad.numpy()
    return [output.numpy() for output in outputs], gradients


def assert_equal_passes(run, plain, network, wanted):
    made, gradients = pulled(run, network, images(), wanted)
    expected, truth = pulled(plain, network, images(), wanted)
    for one, other in zip(made, expected, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() < 2e-5
    assert gradients.keys() == truth.keys()
    for name, gradient in truth.items():
        assert np.abs(gradients[name] - gradient).max() <= 1e-5 * np.abs(gradient).max() + 1e-12, name


def tapped(run, widths=None):
    def outputs(x):
        made, taps = run(x, widths, return_taps=True)
        return [made, *taps]

    return outputs


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("block", ["mobile", "resnet"])
@pytest.mark.parametrize("wanted", [False, True])
def test_a_generators_gradients_equal_paddles(engine, block, wanted):
    network = generator_of(block)
    assert_equal_passes(tapped(CompiledGenerator(network, engine)), tapped(network), network, wanted)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_sub_networks_gradients_equal_paddles(engine):
    network = generator_of("mobile")
    narrow = (4, 4, 3, 2, 8, 3, 2, 5)
    assert_equal_passes(tapped(CompiledGenerator(network, engine), narrow), tapped(network, narrow), network, True)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("widths", [None, (4, 4, 3, 2, 8, 3, 2, 5)])
def test_taps_through_adaptors_and_all_gradients_equal_paddles(engine, widths):
    network = generator_of("mobile")
    spec = AdaptorsSpec(in_channels=network.spec.tap_channels, out_channels=(5, 7, 9, 6))
    both = paddle.nn.LayerList([network, Adaptors.from_state(random_state(spec, 3))])
    run, plain = (outputs_of(adapted_passes_of(*both, name), widths) for name in (engine, "paddle"))
    assert_equal_passes(run, plain, both, True)


def outputs_of(passes, widths):
    def outputs(x):
        made, adapted = passes(x, widths)
        return [made, *adapted]

    return outputs


@pytest.mark.parametrize("engine", ENGINES)
def test_a_discriminators_gradients_equal_paddles(engine):
    network = Discriminator.from_state(random_state(DiscriminatorSpec(width=6), 2))
    run = CompiledDiscriminator(network, engine)
    assert_equal_passes(lambda x: [run(x)], lambda x: [network(x)], network, True)
    with frozen(network):
        _, through = pulled(lambda x: [run(x)], network, images(), True)
        _, expected = pulled(lambda x: [network(x)], network, images(), True)
    assert not any(np.any(gradient) for name, gradient in through.items() if name != "x")
    assert np.abs(through["x"] - expected["x"]).max() <= 1e-5 * np.abs(expected["x"]).max()


@pytest.mark.parametrize("engine", ENGINES)
def test_real_and_made_images_are_judged_with_paddles_gradients(engine):
    """Those at the made images come from the scores that persuade alone, the network's from the others."""
    network = Discriminator.from_state(random_state(DiscriminatorSpec(width=6), 2))
    found, truth = (judged_gradients(network, judging_of(network, name)) for name in (engine, "paddle"))
    assert found.keys() == truth.keys()
    for name, gradient in truth.items():
        assert np.abs(found[name] - gradient).max() <= 1e-5 * np.abs(gradient).max() + 1e-12, name


def judged_gradients(network, judge):
    real, made = (paddle.to_tensor(images(seed)) for seed in (1, 2))
    made.stop_gradient = False
    real_scores, made_scores, persuaded = judge(real, made)
    (persuaded * persuaded).mean().backward()
    through = made.grad.numpy()
    assert not any(np.any(one.grad.numpy()) for one in network.parameters() if one.grad is not None)
    (3 * real_scores.mean() + (made_scores * made_scores).mean()).backward()
    assert np.array_equal(made.grad.numpy(), through)
    gradients = {name: one.grad.numpy() for name, one in network.named_parameters() if one.grad is not None}
    for parameter in network.parameters():
        parameter.clear_gradient(set_to_zero=False)
    scores = {"real": real_scores.numpy(), "made": made_scores.numpy(), "persuaded": persuaded.numpy()}
    return {**gradients, **scores, "through": through}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_frozen_teacher_gives_the_networks_images_and_taps(engine):
    network = generator_of("mobile")
    taught, taps = CompiledTeacher(network.state(), engine)(paddle.to_tensor(images()))
    made, expected = network(paddle.to_tensor(images()), return_taps=True)
    assert [tuple(tap.shape) for tap in taps] == [tuple(tap.shape) for tap in expected]
    for one, other in zip((taught, *taps), (made, *expected), strict=True):
        assert np.abs(one.numpy() - other.numpy()).max() < 1e-4


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [(64, 64), (51, 70)])
def test_a_network_that_never_changes_gives_its_sections_and_the_images_gradient(engine, size):
    """EfficientNet-Lite0 has ReLU6, strides whose padding is uneven, and depthwise kernels of 5x5."""
    first, *others = depths()
    sections = (first[:2], first[2:], *others)
    network = Depths(random_state(Lite0Spec(), 3), sections)
    run = depths_of(network, sections, engine)
    planes = 100 * np.random.default_rng(0).standard_normal((2, 3, *size)).astype(np.float32)
    made, expected = run(paddle.to_tensor(planes)), network(paddle.to_tensor(planes))
    assert len(made) == len(expected) == 6
    for one, other in zip(made, expected, strict=True):
        assert one.shape == other.shape
        assert np.abs(one.numpy() - other.numpy()).max() < 1e-5 * np.abs(other.numpy()).max()
    assert {0.0, 6.0} <= set(expected[0].numpy().ravel().tolist())
    found, truth = (gradient_at(one, planes) for one in (run, network))
    assert np.abs(found - truth).mean() <= 5e-3 * np.abs(truth).mean()  # at a corner, rounding chooses the slope


def gradient_at(run, planes):
    x = paddle.to_tensor(planes)
    x.stop_gradient = False
    sum(one.abs().mean() for one in run(x)).backward()
    return x.grad.numpy()


def test_a_network_with_dropout_stays_in_paddle():
    network = Generator.from_state(random_state(GeneratorSpec(widths=WIDTHS, n_blocks=3, dropout=0.5)))
    assert passes_of(network, "openvino") is network


def test_what_cannot_run_parts_of_a_network_here_is_refused(monkeypatch):
    with pytest.raises(SpecError, match=r"'paddle-inference'.*openvino"):
        require_engine_of_parts("paddle-inference")
    monkeypatch.setattr(paddle, "get_device", lambda: "gpu:0")
    require_engine_of_parts("paddle")
    with pytest.raises(RunError, match=r"--engine openvino.*--device cpu"):
        require_engine_of_parts("openvino")


def test_the_gradient_of_an_input_outside_the_range_is_zero():
    network = generator_of("mobile")
    x = paddle.to_tensor(images() * 2)
    x.stop_gradient = False
    CompiledGenerator(network, "openvino")(x).sum().backward()
    outside = np.abs(x.numpy()) > 1
    assert np.all(x.grad.numpy()[outside] == 0)
    assert np.any(x.grad.numpy()[~outside] != 0)


def distilled(tiny_data, teacher_file, output, *options):
    arguments = ("--teacher", teacher_file, "--data", tiny_data, "--width", "4", *TINY_TRAINING)
    succeed("ganc-distill", *arguments, *options, "-o", output)
    log = output.with_name(output.name + ".run") / "log.jsonl"
    return [json.loads(line)["losses"] for line in log.read_text().splitlines()]


@pytest.mark.parametrize("engine", ENGINES)
def test_distill_trains_alike_and_resumes_equally(engine, tiny_data, teacher_file, tmp_path):
    paths = [tmp_path / f"{name}.safetensors" for name in ("paddle", "whole", "cut")]
    plain = distilled(tiny_data, teacher_file, paths[0])
    compiled = distilled(tiny_data, teacher_file, paths[1], "--engine", engine)
    assert compiled[0] == pytest.approx(plain[0], rel=1e-4)
    distilled(tiny_data, teacher_file, paths[2], "--engine", engine, "--max-steps", "3")
    assert distilled(tiny_data, teacher_file, paths[2], "--engine", engine) == compiled
    assert_equal_states(read_checkpoint(paths[2]).generator, read_checkpoint(paths[1]).generator)


def test_the_other_training_stages_take_the_engine(tiny_data, teacher_file, tmp_path):
    common = ("--data", tiny_data, *TINY_TRAINING, "--max-steps", "1", "--engine", "openvino")
    out = tmp_path / "out.safetensors"
    succeed("ganc-replace", *common, "--width", "4", "--n-blocks", "3", "--discriminator-width", "4", "-o", out)
    supernet = tmp_path / "supernet.safetensors"
    succeed("ganc-supernet", *common, "--teacher", teacher_file, "--space", TINY_SPACE, "-o", supernet)
    tuned = tmp_path / "tuned.safetensors"
    choice = ("--config", "4_8_4_8_4_8_4_8")
    succeed("ganc-finetune", *common, "--supernet", supernet, "--teacher", teacher_file, *choice, "-o", tuned)
    assert read_checkpoint(tuned).generator.spec.widths == (4, 8, 4, 8, 4, 8, 4, 8)


def test_a_run_goes_on_in_its_own_engine_only(tiny_data, teacher_file, tmp_path):
    output = tmp_path / "out.safetensors"
    distilled(tiny_data, teacher_file, output, "--max-steps", "1")
    arguments = ("--teacher", teacher_file, "--data", tiny_data, "--width", "4", *TINY_TRAINING)
    assert "engine" in fail("ganc-distill", *arguments, "--engine", "openvino", "-o", output)


def test_an_unknown_engine_is_wrong_usage(tiny_data, teacher_file, tmp_path):
    arguments = ("--teacher", teacher_file, "--data", tiny_data, "-o", tmp_path / "out.safetensors")
    assert "onnxruntime" in fail("ganc-distill", *arguments, "--engine", "tensorrt", status=2)
