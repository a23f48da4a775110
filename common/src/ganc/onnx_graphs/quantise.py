"""Post-training static quantisation to 8 bits, by ONNX Runtime's quantiser.

A quantised convolution has a QuantizeLinear and a DequantizeLinear node at its input and at its weights. OpenVINO makes
an 8-bit convolution with a float result of that; ONNX Runtime needs such a pair at the result too, which doubles the
error. Instance norms stay in floats, and so do: the first convolution, which sees the image itself; depthwise ones,
which are no faster in 8 bits; transposed ones, which cost twice the error for 2 % of the time; where results are
quantised the last one, whose result is the image. NNCF, asked for the same, gives the same error and time.
"""

import contextlib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from ganc.base.errors import ExportError
from ganc.base.reading import one_line
from ganc.data.layout import ImageFormat
from ganc.models.convolutions import Convolution
from ganc.onnx_graphs.generator import INPUT


class _Calibration(CalibrationDataReader):
    """Calibration images as the graph takes them."""

    def __init__(self, images: Sequence[np.ndarray], layout: ImageFormat):
        self._fed: Iterator[np.ndarray] = (layout.feed(one) for one in images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        fed = next(self._fed, None)
        return None if fed is None else {INPUT: fed}


def quantised(
    graph: bytes,
    convolutions: Sequence[Convolution],
    images: Sequence[np.ndarray],
    layout: ImageFormat,
    float_results: bool,
) -> bytes:
    """Return a generator's ONNX graph with its inner convolutions in 8 bits.

    Weights are scaled per output channel. Activations are scaled by the running mean of each image's smallest and
    largest value: with the extremes over all images a few outliers take the resolution of all other values.

    Args:
        convolutions: the generator's, in order.
        images: float32 (1, c, h, w) in [-1, 1].
        layout: what the graph takes.
        float_results: leave the results of quantised convolutions in floats: for OpenVINO.

    Raises:
        ExportError: the quantiser fails.
    """
    kept = [plan.name for plan in convolutions if plan.depthwise or plan.transposed]
    kept += [convolutions[0].name] if float_results else [convolutions[0].name, convolutions[-1].name]
    options: dict[str, Any] = {"CalibMovingAverage": True, "CalibMovingAverageConstant": 0.1}
    if float_results:
        options["OpTypesToExcludeOutputQuantization"] = ["Conv"]
    with tempfile.TemporaryDirectory() as folder, _silent():
        source, target = Path(folder) / "f32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(graph)
        try:
            quantize_static(
                source,
                target,
                _Calibration(images, layout),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                nodes_to_exclude=kept,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                extra_options=options,
            )
        except Exception as error:  # its errors have no common base but Exception
            raise ExportError(f"int8: the quantiser failed ({one_line(error)})") from error
        return target.read_bytes()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep the quantiser's advice, which it logs as warnings, off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
