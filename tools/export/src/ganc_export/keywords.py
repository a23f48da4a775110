"""The keyword arguments of `ganc_export.export_model`, for editors and type checkers; see `ganc.training.keywords`."""

from collections.abc import Sequence
from typing import Literal, Required

from ganc.training.keywords import MetricOptions, PathLike, SelectionOptions, WayLike

FormatName = Literal["paddle", "onnx", "openvino", "web"]
PrecisionName = Literal["f32", "f16", "bf16", "int8"]


class ExportOptions(SelectionOptions, MetricOptions, total=False):
    """The options of `ganc-export`."""

    output: Required[PathLike]
    checkpoint: PathLike | None
    supernet: PathLike | None
    direction: WayLike | None
    format: FormatName | Sequence[FormatName]
    precision: PrecisionName | Sequence[PrecisionName]
    io: Literal["float32", "uint8", "uint8-nhwc", "uint8-nchw"]
    data: PathLike | None
    title: str
    original: PathLike | None
    sample: PathLike | Sequence[PathLike]
    runtime: PathLike | None
    webgpu: bool
