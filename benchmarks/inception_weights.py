"""Random weights for Inception, for benchmarks: the public ones belong to others, and time does not depend on them."""

import numpy as np

from ganc.base.rng import keyed_generator
from ganc.metrics.inception.architecture import InceptionSpec
from ganc.metrics.inception.weights import InceptionWeights


def random_weights() -> InceptionWeights:
    """Return weights under which activations keep their size from layer to layer."""
    tensors = {}
    for index, layer in enumerate(InceptionSpec().convolutions()):
        draws, count = keyed_generator(0, "benchmark", index), layer.out_channels
        shape = (count, layer.in_channels, *layer.kernel)
        scale = np.float32(np.sqrt(2 / np.prod(shape[1:])))
        tensors[f"{layer.name}.conv.weight"] = draws.standard_normal(shape, np.float32) * scale
        for part, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            tensors[f"{layer.name}.bn.{part}"] = np.full(count, value, np.float32)
    return InceptionWeights(tensors)
