"""Layers written as ONNX nodes, with no more in them than the mathematics needs.

An instance norm takes the mean away, so a bias in front of it has no effect and is left out; elsewhere it is inside the
convolution.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganc.models.convolutions import Convolution
from ganc.models.layers import (
    RELU6_CEILING,
    Activation,
    Branches,
    Dropout,
    Function,
    GlobalPool,
    InstanceNorm,
    Layer,
    Layers,
    Pool,
    PoolKind,
    Residual,
    Upsample,
    channels_after,
    with_norms,
)
from ganc.onnx_graphs.blockwise import BLOCK, blockwise, fits_a_vector
from ganc.onnx_graphs.builder import GraphBuilder
from ganc.onnx_graphs.reflection import mirrored


@dataclass(frozen=True)
class LayerWriter:
    """Adds the nodes of layers to a graph.

    Attributes:
        tensors: `NAME.weight` and `NAME.bias` of each convolution.
        even: names of the convolutions whose outputs are certain to have an even width and height; of these, those with
            few output channels are written so that they compute a block of pixels at once.
    """

    builder: GraphBuilder
    tensors: Mapping[str, np.ndarray]
    even: Collection[str] = ()

    def write(self, layers: Layers, x: str, channels: int) -> str:
        """Add the nodes of layers one after another and return the name of their output.

        Args:
            x: names the input, which has `channels` channels.
        """
        for layer, normalised in with_norms(layers):
            x = self._layer(layer, x, channels, normalised)
            channels = channels_after((layer,), channels)
        return x

    def _layer(self, layer: Layer, x: str, channels: int, normalised: bool) -> str:
        node = self.builder.node
        match layer:
            case Convolution():
                return self._convolution(layer, x, normalised)
            case InstanceNorm():
                return self._instance_norm(layer, x, channels)
            case Activation():
                return self._activation(layer, x)
            case Dropout():
                return x
            case Residual(body):
                return node("Add", x, self.write(body, x, channels))
            case Branches(chains):
                return node("Concat", *[self.write(chain, x, channels) for chain in chains], axis=1)
            case Pool():
                return self._pool(layer, x)
            case GlobalPool():
                return node("ReduceMean", x, axes=[2, 3], keepdims=0)
            case Upsample(scale):
                scales = self.builder.constant(np.array([1, 1, scale, scale], np.float32))
                asymmetric = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
                return node("Resize", x, "", scales, mode="nearest", **asymmetric)
        raise TypeError(f"no layer: {layer!r}")

    def _activation(self, layer: Activation, x: str) -> str:
        builder = self.builder
        match layer.function:
            case Function.RELU6:
                return builder.node("Clip", x, builder.parameter(0.0), builder.parameter(RELU6_CEILING))
            case Function.LEAKY_RELU:
                return builder.node("LeakyRelu", x, alpha=layer.slope)
        return builder.node({Function.RELU: "Relu", Function.TANH: "Tanh"}[layer.function], x)

    def _pool(self, layer: Pool, x: str) -> str:
        sides: dict[str, Any] = {
            "kernel_shape": [layer.kernel] * 2,
            "strides": [layer.stride] * 2,
            "pads": [layer.padding] * 4,
        }
        if layer.kind is PoolKind.MAX:
            return self.builder.node("MaxPool", x, **sides)
        return self.builder.node("AveragePool", x, count_include_pad=0, **sides)

    def _convolution(self, plan: Convolution, x: str, normalised: bool) -> str:
        """Padding by reflection and the convolution: what of these the plan has."""
        weight = self.tensors[f"{plan.name}.weight"]
        bias = None if normalised else self.tensors[f"{plan.name}.bias"]
        if plan.reflect:
            x = mirrored(self.builder, x, plan.reflect)
        if plan.transposed:
            return self._node("ConvTranspose", x, plan, weight, bias, output_padding=[plan.stride - 1] * 2)
        if bias is not None and self._suits_blocks(plan):
            weight, bias = blockwise(weight, bias)
            x = self._node("Conv", x, plan, weight, bias, strides=[BLOCK] * 2)
            return self.builder.node("DepthToSpace", x, blocksize=BLOCK, mode="CRD")
        return self._node("Conv", x, plan, weight, bias)

    def _suits_blocks(self, plan: Convolution) -> bool:
        square = plan.kernel[0] == plan.kernel[1] and plan.stride == 1 and not plan.depthwise
        return square and plan.name in self.even and fits_a_vector(plan.out_channels)

    def _node(
        self,
        operator: str,
        x: str,
        plan: Convolution,
        weight: np.ndarray,
        bias: np.ndarray | None,
        **attributes: object,
    ) -> str:
        """Add the convolution itself; `attributes` override what the plan says."""
        operands = [self.builder.parameter(weight, f"{plan.name}.weight")]
        if bias is not None:
            operands.append(self.builder.parameter(bias, f"{plan.name}.bias"))
        sides = {"strides": [plan.stride] * 2, "pads": [*plan.sides[::2], *plan.sides[1::2]], "group": plan.groups}
        return self.builder.node(
            operator, x, *operands, name=plan.name, kernel_shape=list(weight.shape[2:]), **(sides | attributes)
        )

    def _instance_norm(self, layer: InstanceNorm, x: str, channels: int) -> str:
        builder = self.builder
        if builder.exact_norms:
            return self._exact_instance_norm(layer, x)
        ones, zeros = builder.parameter(np.ones(channels)), builder.parameter(np.zeros(channels))
        return builder.node("InstanceNormalization", x, ones, zeros, epsilon=layer.epsilon)

    def _exact_instance_norm(self, layer: InstanceNorm, x: str) -> str:
        builder = self.builder
        centred = builder.node("Sub", x, self._mean(x))
        variance = self._mean(builder.node("Mul", centred, centred))
        spread = builder.node("Sqrt", builder.node("Add", variance, builder.parameter(layer.epsilon)))
        return builder.node("Div", centred, spread)

    def _mean(self, x: str) -> str:
        """Average the pixels of each row, then the rows: short sums lose less than one long one.

        OpenVINO makes one long sum of two means that both keep their axes, so that the first one drops its own.
        """
        rows = self.builder.node("ReduceMean", x, axes=[3], keepdims=0)
        whole = self.builder.node("ReduceMean", rows, axes=[2], keepdims=1)
        return self.builder.node("Unsqueeze", whole, self.builder.integers((3,)))
