"""Inception-v3, FID variant, as a feature network: with the preprocessing of PyTorch's FID, or of clean-fid."""

from functools import partial

import numpy as np

from ganc.base.digests import tensors_digest
from ganc.metrics.inception.architecture import DIMENSIONS, EPSILON, INPUT_SIDE, InceptionSpec, description
from ganc.metrics.inception.weights import NAME, InceptionWeights
from ganc.metrics.pretrained.network import FeatureNetwork
from ganc.metrics.pretrained.resize import bicubic, bilinear
from ganc.models.convolutions import NetworkState

CLEAN = "inception-v3-clean"

# Parmar, Zhang, Zhu, "On Aliased Resizing and Surprising Subtleties in GAN Evaluation", arXiv 2104.11222, section 3:
# Pillow's antialiased filter on floats, one channel at a time. Its program clips the result, and scales by 128.
CLEAN_PREPROCESSING = (
    "299x299 bicubic (-0.5), antialiased, not rounded, clipped to [0, 255]; (x - 128) / 128; mean over positions"
)


def inception_network(weights: InceptionWeights) -> FeatureNetwork:
    """Return the network from 8-bit images to the mean of its last block over all positions."""
    return FeatureNetwork(
        name=NAME,
        digest=weights.digest,
        state=_for_bytes(weights, 2 / 255),
        side=INPUT_SIDE,
        dimensions=DIMENSIONS,
        resize=partial(bilinear, target=INPUT_SIDE),
    )


def clean_network(weights: InceptionWeights) -> FeatureNetwork:
    """Return the same network behind clean-fid's resizing and scaling."""
    return FeatureNetwork(
        name=CLEAN,
        digest=tensors_digest([CLEAN, CLEAN_PREPROCESSING, EPSILON, description()], weights.tensors),
        state=_for_bytes(weights, 1 / 128),
        side=INPUT_SIDE,
        dimensions=DIMENSIONS,
        resize=partial(bicubic, target=INPUT_SIDE),
        clipped=True,
    )


def _for_bytes(weights: InceptionWeights, scale: float) -> NetworkState:
    """Return the folded network for planes x in 0 … 255: the first convolution, without padding, takes scale x - 1.

    It saves two passes over the images.
    """
    first = InceptionSpec().convolutions()[0].name
    tensors = weights.folded.tensors
    kernel, bias = (tensors[f"{first}.{part}"].astype(np.float64) for part in ("weight", "bias"))
    scaled = {
        f"{first}.weight": (kernel * scale).astype(np.float32),
        f"{first}.bias": (bias - kernel.sum(axis=(1, 2, 3))).astype(np.float32),
    }
    return NetworkState(InceptionSpec(), {**tensors, **scaled})
