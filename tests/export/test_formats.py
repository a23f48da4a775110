"""ganc-export to other formats, precisions and inputs, through its command and what reads the result."""

import json

import numpy as np
import pytest
from helpers.stages import listing, nothing_changes, refusal
from helpers.support import SIZE, UNTRAINED_SET, run_command, succeed
from PIL import Image

from ganc.base.rng import keyed_generator
from ganc.data import to_float, to_uint8
from ganc.engines.loading import open_model
from ganc.files.card import file_digest, read_card

onnx = pytest.importorskip("onnx", reason="graphs are written with the onnx package")
pytest.importorskip("onnxruntime", reason="verifies ONNX graphs")
openvino = pytest.importorskip("openvino", reason="writes and verifies OpenVINO graphs")

ALL = ("--format", "paddle", "--format", "onnx", "--format", "openvino")
GRAPHS = ("--format", "onnx", "--format", "openvino")


@pytest.fixture(scope="module")
def quantised(checkpoint, tiny_data, tmp_path_factory):
    """The checkpoint as graphs in f16 and int8."""
    out = tmp_path_factory.mktemp("quantised") / "dist"
    precisions = ("--precision", "f16", "--precision", "int8")
    said = succeed(
        "ganc-export", "--checkpoint", checkpoint, *GRAPHS, *precisions, "--data", tiny_data, *UNTRAINED_SET, "-o", out
    )
    return out, said


def random_images(*shape):
    levels = keyed_generator(0, "formats", *shape[:3]).integers(0, 256, shape, dtype=np.uint8)
    return np.stack([to_float(image) for image in levels])


def has_bf16():
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def test_every_format_does_what_the_checkpoint_does(checkpoint, folder):
    original = open_model(checkpoint).engine
    for engine in ("paddle-inference", "onnxruntime", "openvino"):
        exported = open_model(folder, engine=engine).engine
        for shape in ((1, 24, 52, 3), (3, 64, 32, 3)):
            images = random_images(*shape)
            assert np.abs(exported(images) - original(images)).max() < 1e-4


def test_the_card_lists_every_variant_with_its_files(folder):
    card = read_card(folder)
    variants = {(one["format"], one["precision"]): one for one in card["forms"]}
    assert set(variants) == {("paddle", "f32"), ("onnx", "f32"), ("openvino", "f32")}
    for one in variants.values():
        assert one["files"] == {name: file_digest(folder / name) for name in one["files"]}
        assert 0 <= one["difference"]["mean"] <= one["difference"]["largest"] < 1e-4
        assert one["metric"] is None
    listed = {name for one in variants.values() for name in one["files"]} | set(card["files"])
    assert listed | {"model.json"} == {name for name, content in listing(folder).items() if content != "folder"}
    assert list(variants["onnx", "f32"]["files"]) == ["onnx/generator.onnx"]
    assert list(variants["openvino", "f32"]["files"]) == ["openvino/generator.bin", "openvino/generator.xml"]
    assert card["input"] == {
        "layout": "NCHW",
        "dtype": "float32",
        "range": [-1, 1],
        "size": "width and height multiples of 4",
    }


def test_equal_checkpoints_give_equal_graphs(checkpoint, folder, tmp_path):
    succeed("ganc-export", "--checkpoint", checkpoint, *GRAPHS, "-o", tmp_path / "again")
    for name in ("onnx/generator.onnx", "openvino/generator.xml", "openvino/generator.bin"):
        assert file_digest(tmp_path / "again" / name) == file_digest(folder / name), name


def test_half_precision_halves_the_file_and_stays_near(checkpoint, folder, quantised):
    out, _ = quantised
    images = random_images(2, SIZE, SIZE, 3)
    wanted = open_model(checkpoint).engine(images)
    assert (out / "onnx/generator.f16.onnx").stat().st_size < 0.7 * (folder / "onnx/generator.onnx").stat().st_size
    assert (out / "openvino/generator.f16.bin").stat().st_size < 0.6 * (
        (folder / "openvino/generator.bin").stat().st_size
    )
    for engine in ("onnxruntime", "openvino"):
        found = open_model(out, engine=engine, precision="f16").engine(images)
        assert found.dtype == np.float32
        assert 1e-6 < np.abs(found - wanted).max() < 0.05


def test_eight_bits_are_in_the_graph_and_their_cost_is_reported(checkpoint, quantised):
    out, said = quantised
    graph = onnx.load(out / "onnx/generator.int8.onnx").graph
    int8 = [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT8]
    # Of 3 mobile blocks' 6 pointwise convolutions and 2 downsampling ones.
    assert sum(len(tensor.dims) == 4 for tensor in int8) == 8
    images = random_images(2, SIZE, SIZE, 3)
    wanted = open_model(checkpoint).engine(images)
    for engine in ("onnxruntime", "openvino"):
        found = open_model(out, engine=engine, precision="int8").engine(images)
        assert 1e-4 < np.abs(found - wanted).mean() < 0.1
    card = read_card(out)
    assert card["calibration"] == {"pictures": 6, "subset": "trainA"}
    for one in card["forms"]:
        assert one["metric"] > 0
        assert f"{one['difference']['largest']:.1e}" in said.stdout
        assert f"{one['difference']['mean']:.1e}" in said.stdout
        assert f"{one['metric']:.4f}" in said.stdout


def test_bf16_is_computed_in_bf16(checkpoint, tmp_path):
    out = tmp_path / "dist"
    options = ("--checkpoint", checkpoint, "--format", "openvino", "--precision", "bf16", "-o", out)
    if not has_bf16():
        assert "bf16" in refusal("ganc-export", *options)
        pytest.skip("this processor has no bf16 instructions")
    succeed("ganc-export", *options)
    images = random_images(1, SIZE, SIZE, 3)
    wanted = open_model(checkpoint).engine(images)
    found = open_model(out).engine(images)  # the only variant is taken unasked
    assert np.abs(found - wanted).max() > 1e-4
    assert np.abs(found - wanted).mean() < 0.05


@pytest.mark.parametrize(("io", "layout"), [("uint8", "NHWC"), ("uint8-nchw", "NCHW")])
def test_bytes_in_and_out_are_what_translate_makes(checkpoint, tmp_path, io, layout):
    out = tmp_path / "dist"
    succeed("ganc-export", "--checkpoint", checkpoint, *ALL, "--io", io, "-o", out)
    card = read_card(out)
    assert (card["input"]["dtype"], card["input"]["layout"], card["input"]["range"]) == ("uint8", layout, [0, 255])
    source = keyed_generator(0, "bytes").integers(0, 256, (2, 28, 44, 3), dtype=np.uint8)
    wanted = to_uint8(open_model(checkpoint).engine(np.stack([to_float(image) for image in source]))).astype(int)
    fed = source if layout == "NHWC" else np.ascontiguousarray(source.transpose(0, 3, 1, 2))
    for made in (_in_onnxruntime(out, fed), _in_openvino(out, fed)):
        assert (made.dtype, made.shape) == (np.uint8, fed.shape)
        apart = np.abs((made if layout == "NHWC" else made.transpose(0, 2, 3, 1)).astype(int) - wanted)
        assert apart.max() <= 1
        assert (apart > 0).mean() < 0.001
    for engine in ("paddle-inference", "onnxruntime", "openvino"):
        opened = open_model(out, engine=engine).engine
        apart = np.abs(to_uint8(opened(np.stack([to_float(image) for image in source]))).astype(int) - wanted)
        assert apart.max() <= 1


def _in_onnxruntime(folder, fed):
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "onnx/generator.onnx", providers=["CPUExecutionProvider"])
    return session.run(None, {"image": fed})[0]


def _in_openvino(folder, fed):
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino.Core().compile_model(folder / "openvino/generator.xml", "CPU", settings)([fed])[0]


def test_images_of_any_size_are_padded_and_cut_back(checkpoint, folder, tmp_path):
    source = keyed_generator(0, "odd").integers(0, 256, (23, 30, 3), dtype=np.uint8)
    Image.fromarray(source).save(tmp_path / "odd.png")
    made = []
    for model in (checkpoint, folder, folder / "onnx/generator.onnx", folder / "openvino/generator.xml"):
        succeed("ganc", "translate", model, tmp_path / "odd.png", "-o", tmp_path / "out.png")
        made.append(np.asarray(Image.open(tmp_path / "out.png")).astype(int))
        assert made[-1].shape == (23, 30, 3)
    assert max(np.abs(one - made[0]).max() for one in made) <= 1


def test_evaluate_measures_the_variant_that_is_asked_for(checkpoint, quantised, tiny_data):
    out, _ = quantised
    values = []
    for precision in ("f16", "int8"):
        options = ("--precision", precision, "--engine", "onnxruntime", "--device", "cpu", "--json")
        (row,) = json.loads(succeed("ganc", "evaluate", out, "--data", tiny_data, *UNTRAINED_SET, *options).stdout)
        values.append(row["value"])
    listed = {one["precision"]: one for one in read_card(out)["forms"] if one["format"] == "onnx"}
    np.testing.assert_allclose(values, [listed["f16"]["metric"], listed["int8"]["metric"]], rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--format", "paddle", "--precision", "int8"), "int8"),
        ((*GRAPHS, "--precision", "bf16"), "f32, f16, int8"),
        (("--format", "paddle", "--precision", "f32", "--precision", "f16"), "f16"),
        (("--format", "onnx", "--precision", "int8"), "--data"),
        (("--format", "tflite"), "'tflite'"),
        (("--format", "onnx", "--io", "uint16"), "'uint16'"),
    ],
)
def test_what_a_format_does_not_have_is_wrong_usage(checkpoint, tmp_path, options, named):
    with nothing_changes(tmp_path):
        said = refusal("ganc-export", "--checkpoint", checkpoint, *options, "-o", tmp_path / "dist", status=2)
        assert named in said


def test_each_format_is_written_in_the_precisions_that_it_has(checkpoint, tmp_path):
    out = tmp_path / "dist"
    options = ("--format", "paddle", "--format", "onnx", "--precision", "f32", "--precision", "f16")
    succeed("ganc-export", "--checkpoint", checkpoint, *options, "-o", out)
    listed = [(one["format"], one["precision"]) for one in read_card(out)["forms"]]
    assert listed == [("paddle", "f32"), ("onnx", "f32"), ("onnx", "f16")]


def test_missing_libraries_are_named_with_their_extra(checkpoint, folder, tmp_path):
    export = ("--checkpoint", checkpoint, "-o", "dist")
    onnx_model = ("translate", folder, "image.png", "-o", "out.png")
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "image.png")
    nothing = ("openvino", "onnxruntime", "paddle", "paddlepaddle", "paddlepaddle_gpu")
    for program, arguments, absent, named in (
        ("ganc-export", (*export, "--format", "onnx"), ("onnx",), "ganc-common[onnx]"),
        ("ganc-export", (*export, "--format", "onnx"), ("onnxruntime",), "ganc-common[onnx]"),
        ("ganc-export", (*export, "--format", "openvino"), ("openvino",), "ganc-common[openvino]"),
        ("ganc-export", (*export, "--format", "openvino"), ("onnx",), "ganc-common[openvino]"),
        ("ganc", (*onnx_model, "--engine", "openvino"), ("openvino",), "ganc-common[openvino]"),
        ("ganc", onnx_model, nothing, "'ganc-common[openvino]' or 'ganc-common[onnx]' or 'ganc-common[cpu]'"),
    ):
        done = run_command(program, *arguments, absent=absent, cwd=tmp_path)
        said = done.stderr.decode().splitlines()[-1]
        assert (done.returncode, said.startswith("Error: ")) == (1, True), said
        assert named in said
    assert {path.name for path in tmp_path.iterdir()} == {"image.png"}


def test_an_exported_folder_runs_where_only_one_runtime_is(folder, tmp_path):
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "image.png")
    for left in ("onnxruntime", "openvino"):
        absent = {"openvino", "onnxruntime", "onnx", "paddle", "paddlepaddle"} - {left}
        translate = ("translate", folder, "image.png", "-o", f"{left}.png")
        done = run_command("ganc", *translate, absent=[*absent], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / f"{left}.png").is_file()
