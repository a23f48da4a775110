"""A second family is one file and a row: a small one passes through every stage, by its commands."""

import importlib.util

import numpy as np
import pytest
from helpers import plain_networks as plain
from helpers.sketch import SKETCH
from helpers.stages import TRAINING, json_of, refusal
from helpers.support import SIZE, UNTRAINED_SET, random_state, succeed

from ganc.base.rng import keyed_generator
from ganc.engines.eager import EagerEngine
from ganc.files.checkpoint import read_checkpoint
from ganc.models.families import FAMILIES
from ganc.models.generator import Generator
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts

WIDE, NARROW = (6, 4, 5, 7), (4, 3, 2, 5)
SPACE = "6,4/4,3/5,2/7,5"


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(FAMILIES, SKETCH.name, SKETCH)


def spec(widths=WIDE) -> GeneratorSpec:
    return GeneratorSpec(family="sketch", widths=widths)


def images(count=2, height=12, width=16):
    return keyed_generator(0, "sketch").uniform(-1.2, 1.2, (count, 3, height, width)).astype(np.float32)


def in_numpy(x, tensors):
    """The network from the drawing in helpers/sketch.py."""
    x = plain.reflected(np.clip(np.float64(x), -1, 1), 1)
    x = plain.relu(plain.instance_norm(plain.convolution(x, tensors, "stem")))
    x = plain.instance_norm(plain.convolution(x, tensors, "down", stride=2, padding=1))
    x = np.where(x > 0, x, 0.1 * x)
    beside = plain.instance_norm(plain.convolution(x, tensors, "beside.depthwise", padding=2)).clip(0, 6)
    x = plain.convolution(np.concatenate([x, beside], axis=1), tensors, "beside.joined").clip(0, 6)
    x = plain.reflected(x.repeat(2, axis=2).repeat(2, axis=3), 1)
    x = plain.relu(plain.instance_norm(plain.convolution(x, tensors, "up")))
    return np.tanh(plain.convolution(plain.reflected(x, 1), tensors, "output"))


def macs_by_hand(widths, size) -> int:
    w0, w1, w2, w3 = widths
    full, half = size * size, size * size // 4
    weights = 9 * 3 * w0 * full + 9 * w0 * 2 * w1 * half + (25 * 2 * w1 + 4 * w1 * 2 * w2) * half
    return weights + (9 * 2 * w2 * w3 + 9 * w3 * 3) * full


def test_it_computes_what_its_layers_say_whole_and_in_part():
    state, x = random_state(spec()), images()
    np.testing.assert_allclose(EagerEngine(Generator.from_state(state))(x), in_numpy(x, state.tensors), atol=2e-5)
    sliced = EagerEngine(Generator.from_state(state), NARROW)(x)
    np.testing.assert_allclose(sliced, in_numpy(x, state.leading(spec(NARROW)).tensors), atol=2e-5)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("exact_norms", [False, True])
def test_its_graph_computes_that_too(engine, exact_norms):
    pytest.importorskip("onnx", reason="graphs are written with the onnx package")
    pytest.importorskip(engine, reason=f"{engine} is not installed")
    from ganc.engines.compile import compile_graph
    from ganc.onnx_graphs.generator import generator_graph, segment_graph

    state, x = random_state(spec()), images(height=10, width=6)
    expected = in_numpy(x, state.tensors)
    whole = compile_graph(generator_graph(state, exact_norms=exact_norms), engine)
    np.testing.assert_allclose(whole(x), expected, atol=3e-5)
    for segment in range(SKETCH.segments):
        x = compile_graph(segment_graph(state, segment), engine)(x)
    np.testing.assert_allclose(x, expected, atol=3e-5)


def test_the_costs_of_its_sub_networks_are_those_counted_by_hand():
    costs = SubnetCosts(spec(), (32, 32))
    for widths in (WIDE, NARROW, (6, 3, 5, 5)):
        assert costs(widths) == spec(widths).costs((32, 32))
        assert costs(widths).macs == macs_by_hand(widths, 32)


def test_profile(tmp_path):
    said = json_of("ganc", "profile", "--family", "sketch", "--widths", "6_4_5_7", "--size", "32")
    assert said["macs"] == macs_by_hand(WIDE, 32)
    same = json_of("ganc", "profile", "--family", "sketch", "--widths", "5", "--size", "32")
    assert same["macs"] == macs_by_hand((5,) * 4, 32)
    assert "6_4_5_7" in refusal("ganc", "profile", "--widths", "6_4_5_7")  # of a ResNet
    assert "'unet'" in refusal("ganc", "profile", "--widths", "8", "--family", "unet", status=2)


@pytest.mark.paddle26
def test_all_stages(tiny_data, tmp_path):
    teacher, student, supernet, search = (tmp_path / name for name in ("teacher", "student", "supernet", "search.h5"))
    networks = ("--family", "sketch", "--widths", "6_4_5_7", "--discriminator-width", "4")
    succeed("ganc-replace", "--data", tiny_data, *networks, *TRAINING, "-o", teacher)
    assert read_checkpoint(teacher).generator.spec == spec()
    succeed("ganc-distill", "--teacher", teacher, "--data", tiny_data, "--width", "4", *TRAINING, "-o", student)
    assert read_checkpoint(student).generator.spec == spec((4,) * 4)
    taught = ("--teacher", teacher, "--data", tiny_data)
    succeed("ganc-supernet", *taught, "--space", SPACE, *TRAINING, "-o", supernet)
    assert read_checkpoint(supernet).generator.spec == spec()
    searched = ("--supernet", supernet, "--data", tiny_data, *UNTRAINED_SET, "--device", "cpu")
    succeed("ganc-search", *searched, "-o", search)
    rows = json_of("ganc", "select", search)
    assert len(rows) == 16
    assert all(row["macs"] == macs_by_hand([int(w) for w in row["widths"].split("_")], SIZE) for row in rows)
    chosen = ("--supernet", supernet, "--results", search)
    succeed("ganc-finetune", *taught, *chosen, *TRAINING, "-o", tmp_path / "tuned")
    formats = ["paddle", *(one for one in ("onnx", "openvino") if _installed(one))]
    options = [word for name in formats for word in ("--format", name)]
    succeed("ganc-export", "--checkpoint", tmp_path / "tuned", *options, "-o", tmp_path / "dist")
    succeed("ganc-export", "--supernet", supernet, "--config", "6_3_5_7", *options, "-o", tmp_path / "named")
    assert read_checkpoint(tmp_path / "named" / "generator.safetensors").generator.spec.widths == (6, 3, 5, 7)


def _installed(name: str) -> bool:
    needed = {"onnx": ("onnx", "onnxruntime"), "openvino": ("onnx", "openvino")}[name]
    return all(importlib.util.find_spec(module) for module in needed)


def test_pruning_to_the_full_width_only_reorders_channels(tiny_data, tmp_path):
    from ganc.training.importance import prune

    state, x = random_state(spec()), images()
    pruned = prune(state, WIDE).state
    assert any(not np.array_equal(pruned.tensors[name], state.tensors[name]) for name in state.tensors)
    np.testing.assert_allclose(in_numpy(x, pruned.tensors), in_numpy(x, state.tensors), atol=1e-9)


def test_pruning_keeps_the_channels_that_the_largest_weights_write():
    from ganc.training.importance import prune

    state = random_state(spec())
    tensors, pruned = state.tensors, prune(state, NARROW).state.tensors

    def largest(weight, count):
        norms = [sum(abs(float(value)) for value in one.ravel()) for one in weight]
        return sorted(range(len(norms)), key=lambda channel: -norms[channel])[:count]

    stem = largest(tensors["stem.weight"], 4)
    down = largest(tensors["down.weight"][:, stem], 6)
    joined = [*down, *(8 + channel for channel in down)]  # the input's 8 channels, then those beside it
    np.testing.assert_array_equal(pruned["beside.depthwise.weight"], tensors["beside.depthwise.weight"][down])
    beside = largest(tensors["beside.joined.weight"][:, joined], 4)
    np.testing.assert_array_equal(
        pruned["beside.joined.weight"], tensors["beside.joined.weight"][np.ix_(beside, joined)]
    )
    np.testing.assert_array_equal(pruned["output.bias"], tensors["output.bias"])


def test_channels_that_are_joined_are_ranked_by_all_that_reads_them():
    from ganc.training.importance import prune
    from ganc.training.recipes import Ranking

    state = random_state(spec())
    reads = np.abs(state.tensors["beside.joined.weight"]).sum((0, 2, 3))
    down = np.argsort(-(reads[:8] + reads[8:]))[:6]  # read as they are, and beside that through a depthwise convolution
    np.testing.assert_array_equal(prune(state, NARROW, Ranking.READS).kept["down"], down)
