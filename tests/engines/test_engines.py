"""Engines: what runs a graph, a checkpoint or an exported variant, which one is taken, what is refused."""

import re

import numpy as np
import pytest
from helpers import plain_networks
from helpers.stages import refusal
from helpers.support import generator_spec, make_checkpoint, random_state, succeed
from PIL import Image

from ganc.base.engine_table import ENGINES, graph_engines, usable_engines
from ganc.base.errors import FileFormatError, SpecError
from ganc.base.rng import keyed_generator
from ganc.data import to_float, to_uint8
from ganc.data.layout import FLOATS, IMAGE_FORMATS, image_format
from ganc.engines.compile import compile_graph, stream_graph
from ganc.engines.eager import EagerEngine, exact_engine
from ganc.engines.exported import choose_variant, variant_of_file
from ganc.engines.loading import open_model
from ganc.files.card import Variant, check_files, file_digest
from ganc.files.checkpoint import write_checkpoint
from ganc.files.kinds import looks_like
from ganc.models.generator import Generator

GRAPH_ENGINES = pytest.mark.parametrize("engine", graph_engines())


def graph_of(width=4):
    pytest.importorskip("onnx", reason="graphs are written with the onnx package")
    from ganc.onnx_graphs.generator import generator_graph

    return generator_graph(random_state(generator_spec(width)))


def images(*shape):
    return keyed_generator(0, "engines").uniform(-1, 1, shape).astype(np.float32)


@GRAPH_ENGINES
def test_a_graph_runs_from_bytes_and_from_a_file(engine, tmp_path):
    pytest.importorskip(engine)
    content, x = graph_of(), images(2, 3, 16, 20)
    (tmp_path / "generator.onnx").write_bytes(content)
    runs = [compile_graph(source, engine, threads=1) for source in (content, tmp_path / "generator.onnx")]
    assert {run.engine for run in runs} == {engine}
    made = [run(x) for run in runs]
    np.testing.assert_allclose(made[0], made[1], atol=1e-6)
    kept = made[0].copy()
    runs[0](-x)
    np.testing.assert_array_equal(made[0], kept)  # a result is the caller's own


@GRAPH_ENGINES
def test_streams_give_what_single_calls_give_in_order(engine):
    pytest.importorskip(engine)
    content = graph_of()
    arrays = [images(1, 3, 16, 20) * factor for factor in (1.0, 0.5, -1.0)]
    streams, single = stream_graph(content, engine, streams=2), compile_graph(content, engine, threads=1)
    assert (streams.engine, streams.streams) == (engine, 2)
    for found, array in zip(streams(arrays), arrays, strict=True):
        np.testing.assert_allclose(found, single(array), atol=1e-5)


@GRAPH_ENGINES
def test_what_is_no_graph_is_refused_in_one_line(engine, tmp_path):
    pytest.importorskip(engine)
    (tmp_path / "letter.onnx").write_bytes(b"dear reader")
    with pytest.raises(FileFormatError, match=r"letter\.onnx") as caught:
        compile_graph(tmp_path / "letter.onnx", engine)
    assert "\n" not in str(caught.value)


def test_engines_and_precisions_that_compile_no_graph_are_refused():
    content = graph_of()
    with pytest.raises(SpecError, match=r"'other'.*openvino"):
        compile_graph(content, "other")
    with pytest.raises(SpecError, match="paddle-inference"):
        compile_graph(content, "paddle-inference")
    for engine in usable_engines(graph_engines()):
        with pytest.raises(SpecError, match="f8"):
            compile_graph(content, engine, "f8")


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "paddle"])
def test_a_checkpoint_runs_in_every_engine(engine, tmp_path):
    if engine not in usable_engines(tuple(ENGINES)):
        pytest.skip(f"{engine} is not installed")
    path = tmp_path / "checkpoint"
    write_checkpoint(path, make_checkpoint("distill", 8))
    x = images(1, 3, 24, 28)
    for widths in (None, (4, 8, 6, 2, 8, 4, 3, 5)):
        other, eager = (open_model(path, widths=widths, engine=name) for name in (engine, None))
        assert (other.engine.name, eager.engine.name) == (engine, "paddle")
        assert other.spec == eager.spec
        np.testing.assert_allclose(other.engine(x), eager.engine(x), atol=1e-4)
    source = keyed_generator(0, "source").integers(0, 256, (19, 22, 3), dtype=np.uint8)
    Image.fromarray(source).save(tmp_path / "horse.png")
    made = []
    for name in (engine, "paddle"):
        out = tmp_path / f"{name}.png"
        succeed("ganc", "translate", path, tmp_path / "horse.png", "-o", out, "--engine", name)
        made.append(np.asarray(Image.open(out)).astype(int))
    assert np.abs(made[0] - made[1]).max() <= 1


@GRAPH_ENGINES
def test_a_checkpoint_in_half_precision_is_near(engine, student_file):
    pytest.importorskip(engine)
    half, whole = (open_model(student_file, engine=engine, precision=name).engine for name in ("f16", "f32"))
    x = images(1, 3, 24, 28)
    assert 1e-6 < np.abs(half(x) - whole(x)).max() < 0.05


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--precision", "bf16"), "bf16"),
        (("--engine", "openvino", "--precision", "int8"), "ganc-export --precision int8"),
        (("--engine", "openvino", "--device", "gpu"), "--device gpu"),
    ],
)
def test_what_a_checkpoint_does_not_run_in_is_refused(student_file, tmp_path, options, named):
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "a.png")
    said = refusal("ganc", "translate", student_file, tmp_path / "a.png", "-o", tmp_path / "b.png", *options)
    assert named in said


def variants(*pairs):
    return [Variant(*pair.split()) for pair in pairs]


ALL = variants("paddle f32", "onnx int8", "onnx f16", "onnx f32", "openvino int8", "openvino bf16", "openvino f32")


@pytest.mark.parametrize(
    ("listed", "asked", "wanted"),
    [
        (ALL, (None, None), ("openvino f32", "openvino")),
        (ALL, ("onnxruntime", None), ("onnx f32", "onnxruntime")),
        (ALL, ("paddle-inference", None), ("paddle f32", "paddle-inference")),
        (ALL, (None, "int8"), ("openvino int8", "openvino")),
        (ALL, (None, "bf16"), ("openvino bf16", "openvino")),
        (ALL, ("onnxruntime", "f16"), ("onnx f16", "onnxruntime")),
        (ALL, ("openvino", "f16"), ("onnx f16", "openvino")),  # it reads ONNX as well
        (variants("onnx int8", "openvino bf16"), (None, None), ("openvino bf16", "openvino")),
        (variants("openvino bf16", "openvino f16"), (None, None), ("openvino f16", "openvino")),  # which is nearer
        (variants("onnx int8"), (None, None), ("onnx int8", "openvino")),
        (variants("paddle f32", "openvino int8"), (None, None), ("paddle f32", "paddle-inference")),
    ],
)
def test_which_variant_is_taken(tmp_path, listed, asked, wanted):
    for module in ("openvino", "onnxruntime"):
        pytest.importorskip(module)
    variant, engine = choose_variant(tmp_path, listed, *asked)
    assert (f"{variant.format} {variant.precision}", engine) == wanted


def test_on_a_gpu_paddle_s_variant_is_taken(tmp_path):
    variant, engine = choose_variant(tmp_path, ALL, None, None, on_gpu=True)
    assert (variant.format, engine) == ("paddle", "paddle-inference")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ((None, "int8"), "int8.*onnx f32"),
        (("paddle-inference", None), "paddle-inference.*onnx f32"),
        (("onnxruntime", "f16"), "f16.*onnxruntime.*onnx f32"),
        (("paddle", None), r"'paddle'.*openvino, onnxruntime, paddle-inference"),
        (("other", None), "'other'"),
    ],
)
def test_a_variant_that_is_not_there_is_refused(tmp_path, asked, named):
    with pytest.raises(SpecError, match=named):
        choose_variant(tmp_path, variants("onnx f32"), *asked)


def test_files_of_a_variant_are_checked_by_their_digests(tmp_path):
    (tmp_path / "onnx").mkdir()
    path = tmp_path / Variant("onnx", "f16").path
    assert path.name == "generator.f16.onnx"
    path.write_bytes(b"one")
    variant = Variant("onnx", "f16", {"onnx/generator.f16.onnx": file_digest(path)})
    check_files(tmp_path, variant)
    assert variant_of_file(tmp_path, [variant], path) is variant
    path.write_bytes(b"two")
    with pytest.raises(FileFormatError, match="digest"):
        check_files(tmp_path, variant)
    path.unlink()
    with pytest.raises(FileFormatError, match=re.escape(str(path))):
        check_files(tmp_path, variant)
    with pytest.raises(FileFormatError, match=r"other\.onnx"):
        variant_of_file(tmp_path, [variant], tmp_path / "onnx" / "other.onnx")


@pytest.mark.parametrize("name", list(IMAGE_FORMATS))
def test_image_formats_go_there_and_back(name):
    kind = IMAGE_FORMATS[name]
    source = keyed_generator(0, "there").integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    floats = np.stack([to_float(image) for image in source])
    fed = kind.feed(floats)
    assert fed.dtype == kind.dtype
    assert fed.shape == ((2, 5, 7, 3) if kind.layout == "NHWC" else (2, 3, 5, 7))
    assert kind.shape(3).index(3) == (3 if kind.layout == "NHWC" else 1)
    np.testing.assert_array_equal(kind.images(fed), floats)
    np.testing.assert_array_equal(to_uint8(kind.images(fed)), source)
    assert image_format(kind.describe()) == kind
    assert (kind == FLOATS) == (name == "float32")


def test_foreign_files_are_recognised(tmp_path):
    cases = {
        "onnx": b"\x08\x08\x12\x04ganc:\x90",
        "xml": b'<?xml version="1.0"?>\n<net name="generator" version="11">',
        "pickle": b"\x80\x02}q\x00.",
    }
    words = {"onnx": "an ONNX graph", "xml": "an OpenVINO graph", "pickle": "ganc import"}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        assert words[name] in looks_like(tmp_path / name)
    header = b"\x80\x02\0\0\0\0\0\0{"  # of a safetensors file, whose length looks like a pickle's first bytes
    for content in (b"", b"a letter", b"\x08", header):
        (tmp_path / "other").write_bytes(content)
        assert looks_like(tmp_path / "other") is None
    assert looks_like(tmp_path / "absent") is None


@pytest.mark.paddle26
@pytest.mark.parametrize("block", ["mobile", "resnet"])
def test_in_float64_a_network_has_no_rounding_to_speak_of(block):
    state, x = random_state(generator_spec(6, block=block)), images(2, 3, 24, 28)
    wanted, _ = plain_networks.generator(x, state.tensors, block, 3)
    assert np.abs(exact_engine(state)(x) - wanted).max() < 1e-10
    assert np.abs(EagerEngine(Generator.from_state(state))(x) - wanted).max() > 1e-8
