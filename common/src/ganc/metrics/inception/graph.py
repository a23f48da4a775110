"""Inception-v3, FID variant, as an ONNX graph from 8-bit pictures to features."""

from collections.abc import Mapping

import numpy as np

from ganc.metrics.inception.architecture import DIMENSIONS, INPUT_SIDE, Branches, Chain, Convolution, Layer, network
from ganc.metrics.inception.resize import bilinear
from ganc.metrics.inception.weights import InceptionWeights, scaled_to_bytes
from ganc.onnx_graphs.builder import GraphBuilder


def feature_graph(weights: InceptionWeights, size: tuple[int, int], batch: int | str = "n") -> bytes:
    """Return the serialised graph: uint8 pictures (batch, height, width, 3) to float32 features (batch, 2048).

    Args:
        size: (width, height) of the pictures.
        batch: how many pictures a call has; a name leaves it open.
    """
    width, height = size
    builder = GraphBuilder("inception-v3-fid")
    pictures = builder.input("pictures", np.uint8, (batch, height, width, 3))
    planes = builder.node("Transpose", pictures, perm=[0, 3, 1, 2])
    planes = builder.node("Cast", planes, to=1)
    if (width, height) != (INPUT_SIDE, INPUT_SIDE):
        planes = builder.node("MatMul", planes, builder.constant(bilinear(width).T, "horizontal"))
        planes = builder.node("MatMul", builder.constant(bilinear(height), "vertical"), planes)
    folded = scaled_to_bytes(weights)
    planes = _chain(builder, network(), planes, folded)
    features = builder.node("ReduceMean", planes, axes=[2, 3], keepdims=0)
    builder.output(features, "features", np.float32, (batch, DIMENSIONS))
    return builder.serialised()


def _chain(builder: GraphBuilder, chain: Chain, value: str, folded: Mapping) -> str:
    for layer in chain:
        value = _layer(builder, layer, value, folded)
    return value


def _layer(builder: GraphBuilder, layer: Layer, value: str, folded: Mapping) -> str:
    match layer:
        case Convolution():
            kernel, bias = folded[layer.name]
            constants = builder.constant(kernel, f"{layer.name}.weight"), builder.constant(bias, f"{layer.name}.bias")
            strides, pads = [layer.stride] * 2, [*layer.padding, *layer.padding]
            value = builder.node("Conv", value, *constants, kernel_shape=layer.kernel, strides=strides, pads=pads)
            return builder.node("Relu", value)
        case Branches():
            ends = [_chain(builder, chain, value, folded) for chain in layer.chains]
            return builder.node("Concat", *ends, axis=1)
        case _:
            sides = {"kernel_shape": [3, 3], "strides": [layer.stride] * 2, "pads": [layer.padding] * 4}
            if layer.kind == "max":
                return builder.node("MaxPool", value, **sides)
            return builder.node("AveragePool", value, count_include_pad=0, **sides)
