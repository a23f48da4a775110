"""Inception-v3, FID variant, as an ONNX graph from 8-bit pictures to features."""

import numpy as np

from ganc.metrics.inception.architecture import DIMENSIONS, INPUT_SIDE, InceptionSpec
from ganc.metrics.inception.resize import bilinear
from ganc.metrics.inception.weights import InceptionWeights, scaled_to_bytes
from ganc.onnx_graphs.builder import GraphBuilder
from ganc.onnx_graphs.layers import LayerWriter


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
    writer = LayerWriter(builder, scaled_to_bytes(weights).tensors)
    features = writer.write(InceptionSpec().layers, planes, 3)
    builder.output(features, "features", np.float32, (batch, DIMENSIONS))
    return builder.serialised()
