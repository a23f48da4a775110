"""The variants that a generator can be exported in, a format with a precision each, and what writes them."""

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ganc.base.engine_table import FORMATS, WEB, variant_packages
from ganc.base.errors import ExportError, SpecError
from ganc.base.extras import require
from ganc.base.reading import one_line
from ganc.data.layout import ImageFormat
from ganc.engines.compile import adapter_of
from ganc.files.card import Variant, file_digest
from ganc.models.convolutions import NetworkState
from ganc_export.web.page import PageMaterial, write_page

# Paddle, onnx and openvino are imported by what writes their format: no format needs all three.


@dataclass(frozen=True)
class Material:
    """What variants are written from.

    Attributes:
        layout: what the models take and give.
        calibration: float32 images (1, c, h, w) in [-1, 1] that int8 is calibrated on; empty where there is none.
        exact_norms: of OpenVINO's graph, see `ganc.onnx_graphs.generator.generator_graph`.
        page: what the format web shows besides; None where it is not written.
    """

    state: NetworkState
    layout: ImageFormat
    calibration: Sequence[np.ndarray] = ()
    exact_norms: bool = False
    page: PageMaterial | None = None


def wanted_variants(formats: Iterable[str], precisions: Iterable[str]) -> tuple[Variant, ...]:
    """Return each format in each of the precisions that it has, once.

    Raises:
        SpecError: a format has none of the precisions, or no format has one of them; the message lists what it has.
    """
    pairs = tuple(dict.fromkeys(product(formats, precisions)))
    there = [(one, precision) for one, precision in pairs if precision in FORMATS[one].precisions]
    written, used = {one for one, _ in there}, {precision for _, precision in there}
    for one, precision in pairs:
        if one not in written or precision not in used:
            raise SpecError(f"{one} has no {precision}, it has {', '.join(FORMATS[one].precisions)}")
    return tuple(Variant(*pair) for pair in there)


def require_possible(variants: Iterable[Variant]) -> None:
    """Check that the variants can be made and verified here.

    Raises:
        MissingDependencyError: a package for that is not installed.
        ExportError: the processor cannot run a variant, so that it could not be verified.
    """
    for variant in variants:
        require(*variant_packages(variant.format, variant.precision))
        try:
            adapter_of(FORMATS[variant.format].engine).require_processor(variant.precision)
        except SpecError as error:
            raise ExportError(f"{variant.format} {variant.precision} cannot be verified: {error}") from error


def ways_to_write(variant: Variant, material: Material) -> tuple[Material, ...]:
    """Return what the variant is written from, and what next where the result is too far from the checkpoint.

    Where an engine's instance norm adds up the pixels one by one, a graph can be written that adds up less.
    """
    return (material, replace(material, exact_norms=True)) if WRITERS[variant.format].norms_vary else (material,)


def write_variant(folder: Path, variant: Variant, material: Material) -> Variant:
    """Write a variant's files below `folder`, in place of those that it had, and return the variant with them.

    Raises:
        ExportError: the library that writes them fails.
    """
    place = folder / variant.format
    place.mkdir(exist_ok=True)
    for name in variant.files:
        (folder / name).unlink()
    before = set(place.rglob("*"))
    WRITERS[variant.format].write(folder / variant.path, variant.precision, material)
    files = sorted(path for path in set(place.rglob("*")) - before if path.is_file())
    return replace(variant, files={file.relative_to(folder).as_posix(): file_digest(file) for file in files})


def _write_paddle(path: Path, precision: str, material: Material) -> None:
    from ganc.engines.tracing import save_inference_model
    from ganc.models.generator import Generator

    save_inference_model(Generator.from_state(material.state), path.parent, material.layout)


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
        raise ExportError(f"openvino {precision}: cannot be written ({one_line(error)})") from error


def _name_by_place(model: Any) -> None:
    """Number the nodes that OpenVINO named by a counter of its own, so that equal models give equal files."""
    for place, node in enumerate(model.get_ordered_ops()):
        if re.fullmatch(r"[A-Z]\w*_\d+", node.get_friendly_name()):
            node.set_friendly_name(f"{node.get_type_name()}_{place}")


def _write_web(path: Path, precision: str, material: Material) -> None:
    page = material.page
    if page is None:
        raise SpecError("the format web needs what its page shows")
    path.write_bytes(_graph(precision, material))
    original = _graph(precision, replace(material, state=page.original.generator)) if page.original else None
    write_page(path, material.layout, page, original)


@dataclass(frozen=True)
class Writer:
    """How a format is written.

    Attributes:
        write: writes the graph to a path, in a precision.
        norms_vary: whether the engine's own instance norm may be too far off, see `ways_to_write`.
    """

    write: Callable[[Path, str, Material], None]
    norms_vary: bool = False


# One for each format of `ganc.base.engine_table`.
WRITERS: Mapping[str, Writer] = {
    "paddle": Writer(_write_paddle),
    "onnx": Writer(_write_onnx),
    "openvino": Writer(_write_openvino, norms_vary=True),
    WEB: Writer(_write_web),
}


def _graph(precision: str, material: Material) -> bytes:
    from ganc.onnx_graphs.generator import generator_graph

    dtype = np.float16 if precision == "f16" else np.float32
    return generator_graph(material.state, material.layout, dtype, material.exact_norms)


def _quantised(material: Material, float_results: bool) -> bytes:
    from ganc.onnx_graphs.quantise import quantised

    convolutions = material.state.spec.convolutions()
    return quantised(_graph("f32", material), convolutions, material.calibration, material.layout, float_results)
