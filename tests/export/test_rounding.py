"""ganc-export where images make rounding large: correct models are written, graphs that compute else are refused."""

import re
import shutil

import numpy as np
import pytest
from helpers.stages import nothing_changes, refusal
from helpers.support import SIZE, UNTRAINED_SET, make_checkpoint, succeed
from PIL import Image

from ganc.base.rng import keyed_generator
from ganc.files.card import read_card
from ganc.files.checkpoint import write_checkpoint

onnx = pytest.importorskip("onnx", reason="graphs are written with the onnx package")
pytest.importorskip("onnxruntime", reason="verifies ONNX graphs")
pytest.importorskip("openvino", reason="verifies OpenVINO graphs")

SHAPE = (SIZE, SIZE, 3)


def label_map():
    image = np.full(SHAPE, (0, 0, 170), np.uint8)
    image[8:26, 5:30] = (0, 170, 255)
    image[12:18, 10:14] = (255, 85, 0)
    return image


def framed():
    image = np.zeros(SHAPE, np.uint8)
    image[12:20] = keyed_generator(0, "framed").integers(0, 256, (8, SIZE, 3))
    return image


def slide():
    return (240 + keyed_generator(0, "slide").integers(0, 3, SHAPE)).astype(np.uint8)


FLAT = {
    "black": np.zeros(SHAPE, np.uint8),
    "label map": label_map(),
    "framed": framed(),
    "slide": slide(),
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("rounding") / "small.safetensors"
    write_checkpoint(path, make_checkpoint("finetune", 8, n_blocks=9, seed=5))
    return path


@pytest.fixture(scope="module", params=FLAT)
def flat_data(request, tiny_data, tmp_path_factory):
    """The tiny set with a flat image before its test images. Read it only."""
    return with_first(FLAT[request.param], tiny_data, tmp_path_factory)


@pytest.fixture(scope="module")
def slide_data(tiny_data, tmp_path_factory):
    """The tiny set with a nearly white image before its test images. Read it only."""
    return with_first(FLAT["slide"], tiny_data, tmp_path_factory)


@pytest.fixture(scope="module")
def black_data(tiny_data, tmp_path_factory):
    """The tiny set with a black image before its test images. Read it only."""
    return with_first(FLAT["black"], tiny_data, tmp_path_factory)


def with_first(image, data, factory):
    folder = factory.mktemp("flat") / "data"
    shutil.copytree(data, folder)
    Image.fromarray(image).save(folder / "testA" / "0.png")
    names = (folder / "testA.txt").read_text()
    (folder / "testA.txt").write_text(f"testA/0.png\n{names}")
    return folder


def export(checkpoint, data, *options):
    measured = ("--data", data, *UNTRAINED_SET) if data else ()
    return ("ganc-export", "--checkpoint", checkpoint, *measured, *options)


def test_a_correct_model_is_written_whatever_the_test_images_are(checkpoint, flat_data, tmp_path):
    out = tmp_path / "dist"
    said = succeed(*export(checkpoint, flat_data, "--format", "onnx", "--format", "openvino", "-o", out)).stdout
    card = read_card(out)
    verified = card["verified"]
    least, multiple = verified["allowed"]["error"], verified["allowed"]["multiple"]
    for form in card["forms"]:
        worst = form["error"]
        assert worst["largest"] < max(least, multiple * max(worst["checkpoint"], worst["rounding"]))
        assert re.match(r"(testA/|random image )", worst["image"])
    one, two = [1, SIZE, SIZE], [2, SIZE + 8, SIZE + 4]
    assert verified["batch_height_width"] == [one, two, one, two]  # random images, and those of the folder
    for name in verified["undetermined"]:
        assert name.startswith("testA/0.png at ")
        assert f"{name} says nothing" in said


def test_models_of_bytes_are_held_to_the_same(checkpoint, slide_data, tmp_path):
    options = ("--format", "paddle", "--format", "openvino", "--io", "uint8", "-o", tmp_path / "dist")
    succeed(*export(checkpoint, slide_data, *options))
    for form in read_card(tmp_path / "dist")["forms"]:
        assert form["error"]["image"]


def test_an_answer_of_nothing_but_rounding_is_not_compared(checkpoint, black_data, tmp_path):
    options = ("--format", "openvino", "--precision", "f32", "--precision", "f16", "-o", tmp_path / "dist")
    succeed(*export(checkpoint, black_data, *options))
    card = read_card(tmp_path / "dist")
    assert card["verified"]["undetermined"] == [
        f"testA/0.png at {SIZE}x{SIZE}",
        f"testA/0.png at {SIZE + 4}x{SIZE + 8}",
    ]
    assert card["verified"]["largest_difference"] < 0.1  # that of the other image; the black one's is about 1
    assert all(one["error"] is None or "0.png" not in one["error"]["image"] for one in card["forms"])


# Of each Paddle's answer to one of the colours is exact by luck, while that of OpenVINO is rounding alone.
GENERATORS = {
    "mobile, black": {"width": 4, "block": "mobile", "n_blocks": 3, "seed": 11},
    "mobile, white": {"width": 2, "block": "mobile", "n_blocks": 3, "seed": 8},
    "resnet, red": {"width": 8, "block": "resnet", "n_blocks": 6, "seed": 3},
}
COLOURS = {"black": (0, 0, 0), "white": (255, 255, 255), "grey": (128, 128, 128), "red": (255, 0, 0)}


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("generator", GENERATORS)
def test_nothing_is_compared_on_an_image_of_one_colour(generator, colour, tiny_data, tmp_path, tmp_path_factory):
    path = tmp_path / "g.safetensors"
    write_checkpoint(path, make_checkpoint("finetune", **GENERATORS[generator]))
    data = with_first(np.full(SHAPE, COLOURS[colour], np.uint8), tiny_data, tmp_path_factory)
    succeed(*export(path, data, "--format", "openvino", "--format", "onnx", "-o", tmp_path / "dist"))
    assert len(read_card(tmp_path / "dist")["verified"]["undetermined"]) == 2


# What may go wrong in a graph: the convolutions of a mobile generator of every kind, in turn.
CONVOLUTIONS = (
    "stages.0.conv",
    "stages.2.conv",
    "stages.3.blocks.0.first.depthwise",
    "stages.4.blocks.1.second.pointwise",
    "stages.6.conv",
    "stages.7.output",
)


def permuted(graph, name):
    """Exchange two filters of a convolution."""
    weight = _tensor(graph, f"{name}.weight")
    values = onnx.numpy_helper.to_array(weight).copy()
    axis = 1 if name in ("stages.6.conv", "stages.7.conv") else 0  # a transposed one has its outputs second
    values.swapaxes(0, axis)[[0, 1]] = values.swapaxes(0, axis)[[1, 0]]
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))


def without_bias(graph, name):
    bias = _tensor(graph, f"{name}.bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(0 * onnx.numpy_helper.to_array(bias), bias.name))


def padded(graph, mode):
    """Continue images otherwise than by reflection, at the last padding alone."""
    *_, last = (node for node in graph.node if node.op_type == "Pad")
    last.attribute[0].s = mode.encode()


def without_activation(graph, place):
    """Replace a ReLU by nothing."""
    node = [node for node in graph.node if node.op_type == "Relu"][place]
    node.op_type = "Identity"


def other_epsilon(graph, value):
    """In the operator's attribute, and where the norm is written out in a constant."""
    for tensor in graph.initializer:
        if not tensor.dims and np.isclose(onnx.numpy_helper.to_array(tensor), 1e-5):
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.float32(value), tensor.name))
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name == "epsilon":
                attribute.f = value


def _tensor(graph, name):
    return next(tensor for tensor in graph.initializer if tensor.name == name)


WRONG = [
    *((permuted, name) for name in CONVOLUTIONS),
    (without_bias, "stages.7.output"),
    (padded, "edge"),
    (padded, "constant"),
    (without_activation, 1),
    (without_activation, -1),
    (other_epsilon, 1e-3),
]


@pytest.fixture
def damaged(monkeypatch):
    """Make ganc-export write graphs with a damage, until the test's end."""
    from ganc.onnx_graphs import generator

    write = generator.generator_graph

    def use(damage, what):
        def written(*arguments):
            model = onnx.load_from_string(write(*arguments))
            damage(model.graph, what)
            return model.SerializeToString()

        monkeypatch.setattr(generator, "generator_graph", written)

    return use


@pytest.mark.parametrize(("damage", "what"), WRONG, ids=lambda one: getattr(one, "__name__", str(one)))
@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_a_graph_that_computes_something_else_is_refused(checkpoint, tmp_path, damaged, engine, damage, what):
    damaged(damage, what)
    with nothing_changes(tmp_path):
        said = refusal(*export(checkpoint, None, "--format", engine, "-o", tmp_path / "dist"))
    assert "random image" in said
    assert "float64" in said


@pytest.mark.parametrize(("damage", "what"), [WRONG[2], WRONG[-1]], ids=["permuted", "other_epsilon"])
def test_so_it_is_beside_an_image_that_nothing_is_compared_on(checkpoint, black_data, tmp_path, damaged, damage, what):
    damaged(damage, what)
    with nothing_changes(tmp_path):
        said = refusal(*export(checkpoint, black_data, "--format", "openvino", "-o", tmp_path / "dist"))
    assert "on random image" in said  # as it is wrong there too, it is not an image's fault


@pytest.mark.parametrize(("damage", "what"), [WRONG[2], WRONG[-1]], ids=["permuted", "other_epsilon"])
def test_so_it_is_where_a_flat_image_would_allow_much(checkpoint, slide_data, tmp_path, damaged, damage, what):
    damaged(damage, what)
    for options in ((), ("--io", "uint8")):
        with nothing_changes(tmp_path):
            refusal(*export(checkpoint, slide_data, "--format", "onnx", *options, "-o", tmp_path / "dist"))
