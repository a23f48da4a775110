"""Running the forms of an exported folder: which engine reads which, and which is taken when nobody says."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganc.base.errors import FileFormatError, MissingDependencyError, SpecError
from ganc.data.layout import ImageFormat
from ganc.engines import Engine
from ganc.engines.compile import CompiledGraph, compile_graph
from ganc.files.card import Form, check_files, form_path

PRECISIONS = ("f32", "bf16", "f16", "int8")  # nearest to the checkpoint first


@dataclass(frozen=True)
class Reader:
    """What an engine reads.

    Attributes:
        module: the import package that it needs.
        extra: what installs it.
        formats: of an exported folder, its own first.
    """

    module: str
    extra: str
    formats: tuple[str, ...]


# Fastest on a CPU first (docs/deployment.md).
READERS: Mapping[str, Reader] = {
    "openvino": Reader("openvino", "ganc-common[openvino]", ("openvino", "onnx")),
    "onnxruntime": Reader("onnxruntime", "ganc-common[onnx]", ("onnx",)),
    "paddle-inference": Reader("paddle", "ganc-common[cpu]", ("paddle",)),
}


class GraphEngine:
    """A whole generator that a graph runtime compiled; pictures go in and out in the graph's own format."""

    def __init__(self, graph: CompiledGraph, pictures: ImageFormat, size_multiple: int):
        self.name, self.size_multiple = graph.runtime, size_multiple
        self._graph, self._pictures = graph, pictures

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Translate float32 pictures (n, 3, h, w) in [-1, 1]."""
        return self._pictures.images(self._graph(self._pictures.feed(images)))


def open_form(folder: Path, form: Form, engine: str, pictures: ImageFormat, size_multiple: int) -> Engine:
    """Return a form that is ready to run in an engine.

    Raises:
        FileFormatError: a file is missing, is not the one that was exported, or the engine cannot read it.
        MissingDependencyError: the engine is not installed.
    """
    check_files(folder, form)
    if engine == "paddle-inference":
        from ganc.engines.inference import InferenceEngine

        return InferenceEngine(folder / form.name, size_multiple, pictures)
    # f16 and int8 are in the graph itself; bf16 is what OpenVINO is told to compute in.
    precision = "bf16" if form.precision == "bf16" else "f32"
    graph = compile_graph(folder / form_path(form.format, form.precision), engine, precision)
    return GraphEngine(graph, pictures, size_multiple)


def choose_form(
    folder: Path, forms: Sequence[Form], engine: str | None, precision: str | None, on_gpu: bool = False
) -> tuple[Form, str]:
    """Return the form to run and the engine to run it in.

    What is not asked for is chosen: of the forms nearest to the checkpoint, the one whose engine is installed here and
    is fastest. On a GPU that is Paddle's.

    Raises:
        SpecError: there is no such engine, or the folder has no such form.
        MissingDependencyError: the engine asked for, or every engine that could run it, is not installed.
    """
    if engine is not None and engine not in READERS:
        raise SpecError(f"{folder}: engine '{engine}' cannot run an exported model, expected {', '.join(READERS)}")
    fitting = [
        (form, name)
        for wanted in PRECISIONS
        for name in _engines(engine, on_gpu)
        for kind in READERS[name].formats
        for form in forms
        if (form.format, form.precision) == (kind, wanted) and precision in (None, wanted)
    ]
    if not fitting:
        asked = f"{precision or 'form'}{f' for {engine}' if engine else ''}"
        has = ", ".join(f"{form.format} {form.precision}" for form in forms)
        raise SpecError(f"{folder}: has no {asked}, it has {has}; export it in that form too")
    for form, name in fitting:
        if importlib.util.find_spec(READERS[name].module):
            return form, name
    extras = dict.fromkeys(READERS[name].extra for _, name in fitting)
    raise MissingDependencyError(f"{folder}: nothing that runs it is installed: install {' or '.join(extras)}")


def _engines(asked: str | None, on_gpu: bool) -> list[str]:
    if asked is not None:
        return [asked]
    return sorted(READERS, key=lambda name: on_gpu and name != "paddle-inference")


def form_of_file(folder: Path, forms: Sequence[Form], path: Path) -> Form:
    """Return the form that a file of an exported folder belongs to. Raises FileFormatError where there is none."""
    name = path.relative_to(folder).as_posix()
    for form in forms:
        if name in form.files:
            return form
    raise FileFormatError(f"{path}: is not listed in the folder's model card; export the model again")
