"""Layers as data: what the folds count, and both interpreters against numpy on layers that no ResNet has."""

import importlib.util
from dataclasses import dataclass

import numpy as np
import pytest
from helpers import plain_networks as plain
from helpers.support import random_state
from numpy.lib.stride_tricks import sliding_window_view

from ganc.base.errors import SpecError
from ganc.base.rng import keyed_generator
from ganc.models.convolutions import Convolution
from ganc.models.layers import (
    RELU,
    RELU6,
    Branches,
    GlobalPool,
    InstanceNorm,
    Layers,
    Pool,
    PoolKind,
    Residual,
    Upsample,
    channels_after,
    convolutions,
    count_costs,
    normalised,
    placed,
    smallest_side,
)
from ganc.models.network import Network
from ganc.system.runtime import paddle


def pointwise(name, ins, outs):
    return Convolution(name=name, in_channels=ins, out_channels=outs, kernel=1)


def depthwise(name, channels, kernel, stride=1):
    sides = {"kernel": kernel, "stride": stride, "padding": kernel // 2, "depthwise": True}
    return Convolution(name=name, in_channels=channels, out_channels=channels, **sides)


# The form of a classifier with inverted residuals (MobileNetV2, arXiv 1801.04381), its norms inside the convolutions.
CLASSIFIER: Layers = (
    Convolution(name="stem", in_channels=3, out_channels=4, kernel=3, stride=2, padding=1),
    RELU6,
    *(
        pointwise("a.expand", 4, 8),
        RELU6,
        depthwise("a.depthwise", 8, 5, stride=2),
        RELU6,
        pointwise("a.project", 8, 6),
    ),
    Residual((pointwise("b.expand", 6, 9), RELU6, depthwise("b.depthwise", 9, 3), RELU6, pointwise("b.project", 9, 6))),
    GlobalPool(),
)
POOLS: Layers = (
    Branches(
        (
            (Pool(kind=PoolKind.AVERAGE, kernel=3, stride=1, padding=1), pointwise("average", 3, 2)),
            (Pool(kind=PoolKind.MAX, kernel=3, stride=1, padding=1),),
            (Convolution(name="flat", in_channels=3, out_channels=5, kernel=(1, 7), padding=(0, 3)), RELU),
        )
    ),
    Pool(kind=PoolKind.MAX, kernel=2, stride=2),
    Upsample(3),
)


@dataclass(frozen=True)
class Chain:
    """Layers as a network's spec."""

    layers: Layers

    def convolutions(self):
        return convolutions(self.layers)


class Running(Network):
    """Runs a chain as it stands."""

    def forward(self, x):
        return self.bound(self.spec.layers)(x)


def classifier(x, tensors):
    x = plain.convolution(x, tensors, "stem", 2, 1).clip(0, 6)
    x = plain.convolution(x, tensors, "a.expand").clip(0, 6)
    x = plain.convolution(plain.convolution(x, tensors, "a.depthwise", 2, 2).clip(0, 6), tensors, "a.project")
    inner = plain.convolution(x, tensors, "b.expand").clip(0, 6)
    inner = plain.convolution(inner, tensors, "b.depthwise", 1, 1).clip(0, 6)
    return (x + plain.convolution(inner, tensors, "b.project")).mean((2, 3))


def pools(x, tensors):
    def windows(padding):
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=padding)
        return sliding_window_view(padded, (3, 3), axis=(2, 3))

    average = plain.convolution(np.nanmean(windows(np.nan), axis=(4, 5)), tensors, "average")
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (3, 3)))
    flat = plain.relu(plain.convolution(padded, tensors, "flat"))
    joined = np.concatenate([average, windows(-np.inf).max(axis=(4, 5)), flat], axis=1)
    n, channels, height, width = joined.shape
    halved = joined.reshape(n, channels, height // 2, 2, width // 2, 2).max(axis=(3, 5))
    return halved.repeat(3, axis=2).repeat(3, axis=3)


BOTH = pytest.mark.parametrize(("layers", "in_numpy"), [(CLASSIFIER, classifier), (POOLS, pools)], ids=["one", "other"])


def images():
    return keyed_generator(0, "layers").uniform(-3, 3, (2, 3, 16, 12)).astype(np.float32)


@pytest.mark.paddle26
@BOTH
def test_paddle_runs_layers_as_numpy_does(layers, in_numpy):
    state, x = random_state(Chain(layers)), images()
    with paddle.no_grad():
        made = Running.from_state(state)(paddle.to_tensor(x)).numpy()
    np.testing.assert_allclose(made, in_numpy(np.float64(x), state.tensors), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@BOTH
def test_the_graph_of_layers_computes_the_same(layers, in_numpy, engine):
    if not all(importlib.util.find_spec(module) for module in ("onnx", engine)):
        pytest.skip(f"onnx or {engine} is not installed")
    from ganc.engines.compile import compile_graph
    from ganc.onnx_graphs.builder import GraphBuilder
    from ganc.onnx_graphs.layers import LayerWriter

    state, x = random_state(Chain(layers)), images()
    expected = in_numpy(np.float64(x), state.tensors)
    builder = GraphBuilder("layers")
    entry = builder.input("x", np.float32, x.shape)
    builder.output(LayerWriter(builder, state.tensors).write(layers, entry, 3), "y", np.float32, expected.shape)
    np.testing.assert_allclose(compile_graph(builder.serialised(), engine)(x), expected, rtol=1e-4, atol=1e-5)


def test_gradients_pass_through_what_enlarges():
    x = paddle.to_tensor(images(), stop_gradient=False)
    Running(Chain((Upsample(2),)))(x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.full(x.shape, 4, np.float32))


def test_folds_follow_size_and_channels_through_nested_layers():
    assert channels_after(CLASSIFIER, 3) == 6
    assert channels_after(POOLS, 3) == 2 + 3 + 5
    found, reduction = placed(CLASSIFIER)
    assert [(plan.name, at) for plan, at in found][:4] == [
        ("stem", 1),
        ("a.expand", 2),
        ("a.depthwise", 2),
        ("a.project", 4),
    ]
    assert reduction == 4
    assert placed(POOLS)[1] == pytest.approx(2 / 3)
    costs = count_costs(CLASSIFIER, (16, 8))
    weights = {plan.name: int(np.prod(plan.weight_shape)) for plan in convolutions(CLASSIFIER)}
    inner = sum(weights[name] for name in ("a.depthwise", "a.project", "b.expand", "b.depthwise", "b.project"))
    assert costs.macs == costs.device_macs == 32 * (weights["stem"] + weights["a.expand"]) + 8 * inner
    assert costs.params == sum(weights.values()) + 4 + 8 + 8 + 6 + 9 + 9 + 6


def test_what_an_instance_norm_follows_is_known_inside_layers_too():
    body = (pointwise("first", 2, 3), InstanceNorm(), RELU, pointwise("second", 3, 2))
    assert normalised((Residual(body), Branches(((), (pointwise("third", 2, 2), InstanceNorm()))))) == {
        "first",
        "third",
    }


def test_the_smallest_image_leaves_every_reflection_enough():
    strided = Convolution(name="a", in_channels=1, out_channels=1, kernel=3, stride=2, reflect=1)
    wide = Convolution(name="b", in_channels=1, out_channels=1, kernel=7, reflect=3)
    assert smallest_side((strided, wide)) == 8
    assert smallest_side((pointwise("c", 1, 1),)) == 1


def test_layers_that_do_not_fit_each_other_are_refused():
    with pytest.raises(SpecError, match=r"second.*3.*2"):
        channels_after((pointwise("first", 3, 2), pointwise("second", 3, 2)), 3)
    with pytest.raises(SpecError, match="residual"):
        channels_after((Residual((pointwise("first", 3, 2),)),), 3)
    with pytest.raises(SpecError, match="first"):
        Convolution(name="first", in_channels=3, out_channels=6, kernel=3, depthwise=True)
