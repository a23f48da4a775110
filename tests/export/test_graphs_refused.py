"""Graphs that are not what was exported, or no generators: refused by name, whoever wrote them."""

import shutil

import numpy as np
import pytest
from helpers.cards import change_card
from helpers.images import save_random_image
from helpers.stages import nothing_changes, refusal
from helpers.support import run_command, succeed
from PIL import Image

from ganc.base.errors import FileFormatError
from ganc.files.card import file_digest, read_card

pytest.importorskip("onnx", reason="graphs are written with the onnx package")
pytest.importorskip("onnxruntime", reason="runs ONNX graphs")
openvino = pytest.importorskip("openvino", reason="writes and runs OpenVINO graphs")

GRAPHS = ("--format", "onnx", "--format", "openvino")


def test_a_graph_that_is_not_the_one_that_was_exported_is_refused(checkpoint, folder, tmp_path):
    out = tmp_path / "dist"
    succeed("ganc-export", "--checkpoint", checkpoint, *GRAPHS, "-o", out)
    image = tmp_path / "image.png"
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(image)
    with (out / "onnx/generator.onnx").open("ab") as file:
        file.write(b"\0")
    (out / "openvino/generator.bin").unlink()
    for engine, named in (
        ("onnxruntime", "generator.onnx"),
        ("openvino", "generator.bin"),
        ("paddle-inference", "onnx f32, openvino f32"),
        ("paddle", "generator.safetensors"),
    ):
        said = refusal("ganc", "translate", out, image, "-o", tmp_path / "out.png", "--engine", engine)
        assert named in said
    said = refusal("ganc", "translate", folder, image, "-o", tmp_path / "out.png", "--precision", "int8")
    assert "paddle f32, onnx f32, openvino f32" in said
    assert not (tmp_path / "out.png").exists()


def test_a_model_card_with_a_direction_that_there_is_not_is_refused(folder, tmp_path):
    shutil.copy(folder / "model.json", tmp_path)
    change_card(tmp_path, direction="sideways")
    with pytest.raises(FileFormatError, match=r"model\.json.*sideways"):
        read_card(tmp_path)


def test_a_graph_given_as_a_checkpoint_is_told_what_it_is(folder, tmp_path):
    for name, kind in (("onnx/generator.onnx", "ONNX"), ("openvino/generator.xml", "OpenVINO")):
        with nothing_changes(tmp_path):
            said = refusal("ganc-export", "--checkpoint", folder / name, "-o", tmp_path / "dist")
        assert kind in said
        assert "generator.safetensors" in said
        assert "truncated" not in said
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes((folder / name).read_bytes())
        image = save_random_image(tmp_path / "image.png")
        said = refusal("ganc", "translate", tmp_path / name, image, "-o", tmp_path / "out.png")
        assert "model.json" in said


def with_graph(exported, folder, name, content):
    """Copy an exported folder and put another graph into it, one that its card lists."""
    shutil.copytree(exported, folder)
    (folder / name).write_bytes(content)
    forms = read_card(folder)["forms"]
    for form in forms:
        if name in form["files"]:
            form["files"][name] = file_digest(folder / name)
    change_card(folder, forms=forms)
    return folder


def graph_of(operator, *inputs, **attributes):
    """Return an ONNX graph of one operator on the images."""
    from onnx import TensorProto, helper

    node = helper.make_node(operator, [*inputs], ["made"], **attributes)
    given = [helper.make_tensor_value_info(one, TensorProto.FLOAT, ["n", 3, "h", "w"]) for one in dict.fromkeys(inputs)]
    made = helper.make_tensor_value_info("made", TensorProto.FLOAT, None)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(helper.make_graph([node], "g", given, [made]), opset_imports=opset).SerializeToString()


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(
    "graph",
    [
        graph_of("ReduceSum", "image", keepdims=0),
        graph_of("Flatten", "image"),
        graph_of("Add", "image", "other"),
    ],
    ids=["scalar", "no images", "two inputs"],
)
def test_a_graph_that_gives_no_images_is_refused_by_name(folder, tmp_path, engine, graph):
    image = save_random_image(tmp_path / "image.png")
    out = with_graph(folder, tmp_path / "dist", "onnx/generator.onnx", graph)
    path = out / "onnx" / "generator.onnx" if engine == "onnxruntime" else out / "openvino" / "generator.xml"
    if engine == "openvino":
        openvino.save_model(openvino.Core().read_model(graph), tmp_path / "other.xml", compress_to_fp16=False)
        shutil.rmtree(out)
        out = with_graph(folder, out, "openvino/generator.xml", (tmp_path / "other.xml").read_bytes())
    # In a process of its own: OpenVINO may be left broken by what it was made to run.
    done = run_command(
        "ganc", "translate", out, image, "-o", tmp_path / "out.png", "--engine", engine, "--precision", "f32"
    )
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].startswith(f"Error: {path}: ")
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("inside", ['<!ENTITY a "x">', '<!ENTITY a SYSTEM "file:///etc/passwd">'])
def test_an_openvino_graph_with_a_doctype_is_run_or_refused_by_name(folder, tmp_path, inside):
    image = save_random_image(tmp_path / "image.png")
    whole = (folder / "openvino" / "generator.xml").read_text()
    assert whole.startswith("<?xml")
    head, _, rest = whole.partition("?>")
    graph = f"{head}?><!DOCTYPE net [{inside}]>{rest}".encode()
    out = with_graph(folder, tmp_path / "dist", "openvino/generator.xml", graph)
    done = run_command("ganc", "translate", out, image, "-o", tmp_path / "out.png", "--engine", "openvino")
    assert done.returncode in (0, 1)
    assert b"unexpected" not in done.stderr
    assert (done.returncode == 0) == (tmp_path / "out.png").exists()
