"""The forms that a generator can be exported in: a format and a precision each, and what writes them."""

import importlib.util
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from ganc.base.errors import ExportError, MissingDependencyError, SpecError
from ganc.data.layout import ImageFormat
from ganc.files.card import Form, file_digest, form_path
from ganc.models.convolutions import NetworkState

# What each format has. Paddle's own converter to half precision refuses CPUs, and ONNX Runtime computes no convolution
# in bfloat16 there.
FORMATS = {
    "paddle": ("f32",),
    "onnx": ("f32", "f16", "int8"),
    "openvino": ("f32", "f16", "bf16", "int8"),
}

# What runs a form to verify it.
ENGINES = {"paddle": "paddle-inference", "onnx": "onnxruntime", "openvino": "openvino"}


@dataclass(frozen=True)
class Material:
    """What forms are written from.

    Attributes:
        pictures: what the models take and give.
        calibration: float32 pictures (1, c, h, w) in [-1, 1] that int8 is calibrated on; empty where there is none.
        exact_norms: of OpenVINO's graph in f32, see `ganc.onnx_graphs.generator.generator_graph`.
    """

    state: NetworkState
    pictures: ImageFormat
    calibration: Sequence[np.ndarray] = ()
    exact_norms: bool = False


def wanted_forms(formats: Iterable[str], precisions: Iterable[str]) -> tuple[Form, ...]:
    """Return each format in each of the precisions that it has, once.

    Raises:
        SpecError: a format has none of the precisions, or no format has one of them; the message lists what it has.
    """
    pairs = tuple(dict.fromkeys(product(formats, precisions)))
    there = [(one, precision) for one, precision in pairs if precision in FORMATS[one]]
    served, used = {one for one, _ in there}, {precision for _, precision in there}
    for one, precision in pairs:
        if one not in served or precision not in used:
            raise SpecError(f"{one} has no {precision}, it has {', '.join(FORMATS[one])}")
    return tuple(Form(*pair) for pair in there)


def require_libraries(forms: Iterable[Form]) -> None:
    """Raise MissingDependencyError, naming the extra, where a library that a form is made or verified with is absent.

    Raises:
        ExportError: the processor cannot run a form, so that it could not be verified.
    """
    for form in forms:
        if form.format == "paddle":
            continue
        _require("onnx", f"{form.format} {form.precision}", form.format)  # which writes the graph; both extras bring it
        if form.format == "onnx" or form.precision == "int8":
            _require("onnxruntime", f"{form.format} {form.precision}", "onnx")
        if form.format == "openvino":
            _require("openvino", f"{form.format} {form.precision}", "openvino")
        if (form.format, form.precision) == ("openvino", "bf16"):
            from ganc.engines.openvino import capabilities

            if "BF16" not in capabilities():
                raise ExportError("openvino bf16: this processor has no bf16 instructions to verify it with")


def write_form(folder: Path, form: Form, material: Material) -> Form:
    """Write a form's files below `folder`, in place of those that it had, and return the form with them.

    Raises:
        ExportError: the library that writes them fails.
    """
    (folder / form.format).mkdir(exist_ok=True)
    for name in form.files:
        (folder / name).unlink()
    before = set((folder / form.format).iterdir())
    _WRITERS[form.format](folder / form_path(form.format, form.precision), form.precision, material)
    files = sorted(set((folder / form.format).iterdir()) - before)
    return Form(form.format, form.precision, {file.relative_to(folder).as_posix(): file_digest(file) for file in files})


def _write_paddle(path: Path, precision: str, material: Material) -> None:
    from ganc.engines.tracing import save_inference_model
    from ganc.models.generator import Generator

    save_inference_model(Generator.from_state(material.state), path.parent, material.pictures)


def _write_onnx(path: Path, precision: str, material: Material) -> None:
    path.write_bytes(_quantised(material, False) if precision == "int8" else _graph(precision, material))


def _write_openvino(path: Path, precision: str, material: Material) -> None:
    import openvino

    graph = _quantised(material, True) if precision == "int8" else _graph("f32", material)
    try:
        model = openvino.convert_model(io.BytesIO(graph))
        _name_by_place(model)
        openvino.save_model(model, str(path), compress_to_fp16=precision == "f16")
    except RuntimeError as error:
        raise ExportError(f"openvino {precision}: cannot be written ({' '.join(str(error).split())})") from error


def _name_by_place(model) -> None:
    """Number the nodes that OpenVINO named by a counter of its own, so that equal models give equal files."""
    for place, node in enumerate(model.get_ordered_ops()):
        if re.fullmatch(r"[A-Z]\w*_\d+", node.get_friendly_name()):
            node.set_friendly_name(f"{node.get_type_name()}_{place}")


_WRITERS: dict[str, Callable[[Path, str, Material], None]] = {
    "paddle": _write_paddle,
    "onnx": _write_onnx,
    "openvino": _write_openvino,
}


def _graph(precision: str, material: Material) -> bytes:
    from ganc.onnx_graphs.generator import generator_graph

    dtype = np.float16 if precision == "f16" else np.float32
    return generator_graph(material.state, material.pictures, dtype, material.exact_norms)


def _quantised(material: Material, float_results: bool) -> bytes:
    from ganc_export.quantise import quantised

    convolutions = material.state.spec.convolutions()
    return quantised(_graph("f32", material), convolutions, material.calibration, material.pictures, float_results)


def _require(module: str, what: str, extra: str) -> None:
    if not importlib.util.find_spec(module):
        raise MissingDependencyError(f"{what} needs {module}, which is not installed: install ganc-common[{extra}]")
