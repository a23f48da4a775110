"""EfficientNet-Lite0 as a feature network."""

from functools import partial

import numpy as np

from ganc.base.digests import tensors_digest
from ganc.metrics.lite0.architecture import DIMENSIONS, INPUT_SIDE, STEM, Lite0Spec, description
from ganc.metrics.lite0.weights import folded, packaged_tensors
from ganc.metrics.pretrained.network import FeatureNetwork
from ganc.metrics.pretrained.resize import bicubic
from ganc.models.convolutions import NetworkState

NAME = "efficientnet-lite0"
OFFSET, SCALE = 127.0, 1 / 128  # of the public weights: (x - 127) / 128

# All that happens between 8-bit images and features beside the network itself; part of the digest.
PREPROCESSING = "224x224 bicubic (-0.5), antialiased, not rounded; (x - 127) / 128; mean over positions"


def packaged_network() -> FeatureNetwork:
    """Return the network with the weights of the installed package.

    Raises:
        MissingDependencyError: the package is not installed.
        FileFormatError: its file is missing, or another one than ganc knows.
    """
    state = folded(packaged_tensors())
    return FeatureNetwork(
        name=NAME,
        digest=tensors_digest([NAME, PREPROCESSING, description()], state.tensors),
        state=_for_bytes(state),
        side=INPUT_SIDE,
        dimensions=DIMENSIONS,
        resize=partial(bicubic, target=INPUT_SIDE),
        offset=OFFSET,
    )


def _for_bytes(state: NetworkState) -> NetworkState:
    """Return the network for planes from which OFFSET was taken: its stem, whose padding is 0 either way, scales."""
    stem = f"{STEM}.weight"
    return NetworkState(Lite0Spec(), {**state.tensors, stem: state.tensors[stem] * np.float32(SCALE)})
