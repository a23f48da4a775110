"""ONNX graphs written from spec and weights: as lean as the mathematics, and equal to the network in Paddle."""

import collections
import importlib.util

import numpy as np
import pytest
from helpers import plain_networks
from helpers.support import generator_spec, random_state

from ganc.base.errors import ExportError
from ganc.base.rng import keyed_generator
from ganc.data import to_float, to_uint8
from ganc.data.layout import IMAGE_FORMATS
from ganc.engines.compile import compile_graph
from ganc.models.generator import Generator
from ganc.models.layers import InstanceNorm
from ganc.models.spec import GeneratorSpec
from ganc.onnx_graphs.blockwise import blockwise
from ganc.system.runtime import paddle

onnx = pytest.importorskip("onnx", reason="graphs are written with the onnx package")

from ganc.onnx_graphs.builder import GraphBuilder  # noqa: E402 - needs the onnx package
from ganc.onnx_graphs.generator import generator_graph, segment_graph  # noqa: E402
from ganc.onnx_graphs.layers import LayerWriter  # noqa: E402

SPECS = {
    "mobile": generator_spec(4),
    "original": generator_spec(4, block="resnet"),
    "compressed": generator_spec(widths=(2, 3, 4, 1, 5, 2, 3, 6), n_blocks=9),
    "6 blocks": generator_spec(3, n_blocks=6, block="resnet"),
    "other channels": generator_spec(3, in_channels=1, out_channels=5),
}
EACH = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
# What a generator is made of, and nothing else: no Identity, Squeeze, Unsqueeze, Reshape, Shape, Cast or lonely Add.
OPERATORS = {"Clip", "Pad", "Conv", "ConvTranspose", "InstanceNormalization", "Relu", "Add", "DepthToSpace", "Tanh"}


def _there(module):
    return importlib.util.find_spec(module) is not None


GRAPH_ENGINES = pytest.mark.parametrize(
    "engine",
    [
        pytest.param(name, marks=pytest.mark.skipif(not _there(name), reason=f"{name} is not installed"))
        for name in ("onnxruntime", "openvino")
    ],
)


def images(*shape, seed=0):
    return keyed_generator(seed, "graphs", *shape[1:]).uniform(-1.2, 1.2, shape).astype(np.float32)


def in_paddle(state, x):
    generator = Generator.from_state(state)
    generator.eval()
    with paddle.no_grad():
        return generator(paddle.to_tensor(x)).numpy()


def initializers(graph):
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}


@EACH
def test_a_graph_has_no_more_nodes_than_the_mathematics_needs(spec: GeneratorSpec):
    graph = onnx.load_from_string(generator_graph(random_state(spec))).graph
    counts = collections.Counter(node.op_type for node in graph.node)
    plans = spec.convolutions()
    assert set(counts) <= OPERATORS
    assert counts["Clip"] == counts["Tanh"] == 1
    assert counts["Conv"] == sum(not plan.transposed for plan in plans)
    assert counts["ConvTranspose"] == sum(plan.transposed for plan in plans) == 2
    assert counts["InstanceNormalization"] == len(plans) - 1
    assert counts["Pad"] == sum(plan.reflect > 0 for plan in plans)
    assert counts["Add"] == spec.n_blocks  # of the residual blocks alone: biases are inside convolutions or absent
    assert counts["Relu"] == 5 + spec.n_blocks
    assert counts["DepthToSpace"] == (1 if spec.out_channels <= 4 else 0)
    assert graph.node[0].op_type == "Clip"
    assert graph.node[-1].op_type == "Tanh"


@EACH
def test_only_the_output_convolution_has_a_bias(spec: GeneratorSpec):
    graph = onnx.load_from_string(generator_graph(random_state(spec))).graph
    with_bias = [node.name for node in graph.node if node.op_type.startswith("Conv") and len(node.input) == 3]
    assert with_bias == ["stages.7.output"]
    names = [tensor.name for tensor in graph.initializer]
    assert [name for name in names if name.endswith(".bias")] == ["stages.7.output.bias"]
    used = {name for node in graph.node for name in node.input}
    assert set(names) <= used
    assert len(set(names)) == len(names)


def test_the_model_says_what_it_is_and_passes_checker_and_shape_inference():
    model = onnx.load_from_string(generator_graph(random_state(SPECS["mobile"])))
    onnx.checker.check_model(model, full_check=True)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]
    (given,), (made,) = model.graph.input, model.graph.output
    for value, name in ((given, "image"), (made, "translation")):
        sides = value.type.tensor_type.shape.dim
        assert value.name == name
        assert [side.dim_param or side.dim_value for side in sides] == ["n", 3, "height", "width"]
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    channels = {value.name: value.type.tensor_type.shape.dim[1].dim_value for value in inferred.graph.value_info}
    for plan in SPECS["mobile"].convolutions()[:-1]:
        assert channels[plan.name] == plan.out_channels


@EACH
def test_equal_networks_give_equal_bytes(spec: GeneratorSpec):
    assert generator_graph(random_state(spec)) == generator_graph(random_state(spec))
    assert generator_graph(random_state(spec)) != generator_graph(random_state(spec, 1))


@GRAPH_ENGINES
@EACH
def test_a_graph_does_what_the_network_does(engine, spec: GeneratorSpec):
    state = random_state(spec)
    run = compile_graph(generator_graph(state), engine)
    for batch, height, width in ((1, 32, 32), (3, 20, 36)):
        x = images(batch, spec.in_channels, height, width)
        wanted = in_paddle(state, x)
        assert wanted.std() > 0.05
        np.testing.assert_allclose(run(x), wanted, atol=3e-5)


@GRAPH_ENGINES
@EACH
def test_exact_norms_are_the_same_norms(engine, spec: GeneratorSpec):
    state = random_state(spec)
    run = compile_graph(generator_graph(state, exact_norms=True), engine)
    x = images(2, spec.in_channels, 20, 36)
    np.testing.assert_allclose(run(x), in_paddle(state, x), atol=3e-5)
    operators = {node.op_type for node in onnx.load_from_string(generator_graph(state, exact_norms=True)).graph.node}
    assert "InstanceNormalization" not in operators


@GRAPH_ENGINES
def test_exact_norms_of_a_channel_that_hardly_varies_lose_little(engine):
    """One long sum over 65,536 pixels is off by some 2e-3 here, in either engine."""
    builder = GraphBuilder("norm", exact_norms=True)
    x = builder.input("image", np.float32, ["n", 8, "height", "width"])
    builder.output(LayerWriter(builder, {}).write((InstanceNorm(),), x, 8), "norm", np.float32, ["n", 8, "h", "w"])
    draws = keyed_generator(0, "flat channels")
    flat = np.tile(draws.normal(0, 1, (1, 8, 1, 1)), (1, 1, 256, 256))
    flat[:, :, 18:24, 28:35] += draws.normal(0, 1, (1, 8, 6, 7))
    flat = flat.astype(np.float32)
    wanted = plain_networks.instance_norm(flat.astype(np.float64))
    assert np.abs(compile_graph(builder.serialised(), engine)(flat) - wanted).max() < 3e-4


@GRAPH_ENGINES
@EACH
def test_the_segments_one_after_another_are_the_generator(engine, spec: GeneratorSpec):
    state = random_state(spec)
    x = wanted = images(2, spec.in_channels, 24, 40)
    for segment in range(spec.shape.segments):
        x = compile_graph(segment_graph(state, segment), engine)(x)
    np.testing.assert_allclose(x, compile_graph(generator_graph(state), engine)(wanted), atol=1e-5)


def test_a_segment_says_its_own_channels():
    spec = SPECS["compressed"]
    for segment in range(spec.shape.segments):
        model = onnx.load_from_string(segment_graph(random_state(spec), segment))
        ((_, ins, *_), (_, outs, *_)) = (
            [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]
            for value in (*model.graph.input, *model.graph.output)
        )
        assert ins == (3 if segment == 0 else spec.segment_channels(segment - 1))
        assert outs == spec.segment_channels(segment)


def test_a_block_of_pixels_at_once_is_the_same_convolution():
    """Against the sum that defines a convolution, written out."""
    draws = keyed_generator(0, "blockwise")
    weight, bias = draws.normal(size=(3, 2, 5, 5)), draws.normal(size=3)
    x = draws.normal(size=(2, 10, 12))
    plain = np.empty((3, 6, 8))
    for row in range(6):
        for column in range(8):
            plain[:, row, column] = (weight * x[:, row : row + 5, column : column + 5]).sum(axis=(1, 2, 3)) + bias
    wide, wide_bias = blockwise(weight, bias)
    assert (wide.shape, wide_bias.shape) == ((12, 2, 6, 6), (12,))
    for row in range(0, 6, 2):
        for column in range(0, 8, 2):
            patch = x[:, row : row + 6, column : column + 6]
            block = ((wide * patch).sum(axis=(1, 2, 3)) + wide_bias).reshape(3, 2, 2)
            np.testing.assert_allclose(block, plain[:, row : row + 2, column : column + 2])


@pytest.mark.skipif(not _there("onnxruntime"), reason="ONNX Runtime is not installed")
def test_half_precision_is_in_the_graph_and_not_at_its_ends():
    state = random_state(SPECS["mobile"])
    content = generator_graph(state, dtype=np.float16)
    graph = onnx.load_from_string(content).graph
    kinds = {name: array.dtype for name, array in initializers(graph).items()}
    assert {kind for name, kind in kinds.items() if name.startswith("stages.")} == {np.dtype(np.float16)}
    assert [node.op_type for node in graph.node if node.op_type == "Cast"] == ["Cast", "Cast"]
    x = images(1, 3, 32, 32)
    found = compile_graph(content, "onnxruntime")(x)
    assert found.dtype == np.float32
    assert 1e-5 < np.abs(found - in_paddle(state, x)).max() < 0.02


@GRAPH_ENGINES
@pytest.mark.parametrize("name", ["uint8-nhwc", "uint8-nchw"])
def test_bytes_are_converted_as_ganc_converts_them(engine, name):
    state, kind = random_state(SPECS["mobile"]), IMAGE_FORMATS[name]
    source = keyed_generator(0, "graphs/bytes").integers(0, 256, (2, 28, 36, 3), dtype=np.uint8)
    source[0, 0, :, 0] = np.arange(36)
    floats = np.stack([to_float(image) for image in source])
    wanted = to_uint8(in_paddle(state, floats)).astype(int)
    run = compile_graph(generator_graph(state, kind), engine)
    made = run(kind.feed(floats))
    assert made.dtype == np.uint8
    found = np.moveaxis(made, 1, -1) if name == "uint8-nchw" else made
    assert np.abs(found.astype(int) - wanted).max() <= 1
    assert (found == wanted).mean() > 0.999
    graph = onnx.load_from_string(generator_graph(state, kind)).graph
    assert "Clip" not in {node.op_type for node in graph.node}  # bytes are in [-1, 1] already


def test_a_graph_that_is_not_valid_is_refused():
    builder = GraphBuilder("broken")
    x = builder.input("x", np.float32, ["n", 3])
    builder.output(builder.node("Relu", "nowhere"), "y", np.float32, ["n", 3])
    assert x == "x"
    with pytest.raises(ExportError, match="broken"):
        builder.model()


def test_equal_constants_are_stored_once():
    builder = GraphBuilder("constants")
    first = builder.constant(np.float32(1))
    assert builder.constant(np.float32(1)) == first
    assert builder.constant(np.int64(1)) != first
    assert builder.constant(np.ones(1, np.float32)) != first
    assert builder.constant(np.float32(1), "named") == "named"
