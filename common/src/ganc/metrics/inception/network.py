"""Inception-v3, FID variant, as a feature network."""

from functools import partial

import numpy as np

from ganc.metrics.inception.architecture import DIMENSIONS, INPUT_SIDE, InceptionSpec
from ganc.metrics.inception.weights import NAME, InceptionWeights
from ganc.metrics.pretrained.network import FeatureNetwork
from ganc.metrics.pretrained.resize import bilinear
from ganc.models.convolutions import NetworkState


def inception_network(weights: InceptionWeights) -> FeatureNetwork:
    """Return the network from 8-bit images to the mean of its last block over all positions."""
    return FeatureNetwork(
        name=NAME,
        digest=weights.digest,
        state=_for_bytes(weights),
        side=INPUT_SIDE,
        dimensions=DIMENSIONS,
        resize=partial(bilinear, target=INPUT_SIDE),
    )


def _for_bytes(weights: InceptionWeights) -> NetworkState:
    """Return the folded network for planes in 0 … 255: the first convolution, which has no padding, takes 2x/255 - 1.

    It saves two passes over the images.
    """
    first = InceptionSpec().convolutions()[0].name
    tensors = weights.folded.tensors
    kernel, bias = (tensors[f"{first}.{part}"].astype(np.float64) for part in ("weight", "bias"))
    scaled = {
        f"{first}.weight": (kernel * (2 / 255)).astype(np.float32),
        f"{first}.bias": (bias - kernel.sum(axis=(1, 2, 3))).astype(np.float32),
    }
    return NetworkState(InceptionSpec(), {**tensors, **scaled})
