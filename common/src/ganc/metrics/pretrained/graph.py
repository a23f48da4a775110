"""A feature network as an ONNX graph from 8-bit images to features."""

import numpy as np

from ganc.metrics.pretrained.network import FeatureNetwork
from ganc.onnx_graphs.builder import GraphBuilder
from ganc.onnx_graphs.layers import LayerWriter


def feature_graph(network: FeatureNetwork, size: tuple[int, int], batch: int | str = "n") -> bytes:
    """Return the serialised graph: uint8 images (batch, height, width, 3) to float32 features (batch, dimensions).

    Args:
        size: (width, height) of the images.
        batch: how many images a call has; a name leaves it open.
    """
    width, height = size
    builder = GraphBuilder(network.name)
    images = builder.input("pictures", np.uint8, (batch, height, width, 3))
    planes = builder.node("Transpose", images, perm=[0, 3, 1, 2])
    planes = builder.node("Cast", planes, to=1)
    if (width, height) != (network.side, network.side):
        planes = builder.node("MatMul", planes, builder.constant(network.resize(width).T, "horizontal"))
        planes = builder.node("MatMul", builder.constant(network.resize(height), "vertical"), planes)
    if network.clipped:
        low, high = (builder.constant(np.float32(bound)) for bound in (0, 255))
        planes = builder.node("Clip", planes, low, high)
    if network.offset:
        planes = builder.node("Sub", planes, builder.constant(np.float32(network.offset)))
    features = LayerWriter(builder, network.state.tensors).write(network.layers, planes, 3)
    builder.output(features, "features", np.float32, (batch, network.dimensions))
    return builder.serialised()
