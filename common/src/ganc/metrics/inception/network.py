"""Inception-v3, FID variant, run by Paddle: eager on a GPU, else as an inference model with oneDNN."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ganc.base.errors import InterruptedRun
from ganc.engines.inference import PARAMETERS, InferenceEngine
from ganc.metrics.inception.architecture import Branches, Chain, Convolution, Layer, network
from ganc.metrics.inception.resize import bilinear, resized
from ganc.metrics.inception.weights import InceptionWeights, scaled_to_bytes
from ganc.system.runtime import paddle
from ganc.system.signals import noticed_signals

functional = paddle.nn.functional

_BATCH = 32  # pictures at once, which bounds the memory


class InceptionNetwork(paddle.nn.Layer):
    """The network from planes (n, 3, 299, 299) in 0 … 255 to features (n, 2048), both float32."""

    def __init__(self, weights: InceptionWeights):
        super().__init__()
        for name, (kernel, bias) in scaled_to_bytes(weights).items():
            for part, array in (("weight", kernel), ("bias", bias)):
                value = paddle.nn.initializer.Assign(array)
                key = _key(name, part)
                self.add_parameter(key, self.create_parameter(array.shape, default_initializer=value))

    def forward(self, planes):
        """Return the features."""
        last = _chain(network(), planes, dict(self.named_parameters()))
        return functional.adaptive_avg_pool2d(last, 1).flatten(1)  # mean() has no oneDNN form, and says so


class EagerRun:
    """Features on the device that is selected; in float32, whatever mixed precision the caller has switched on."""

    def __init__(self, weights: InceptionWeights):
        self._network = InceptionNetwork(weights)
        self._network.eval()

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Return the features (n, 2048), float32, of uint8 pictures (n, h, w, 3)."""
        vertical, horizontal = (paddle.to_tensor(bilinear(side)) for side in pictures.shape[1:3])
        parts = []
        with paddle.no_grad(), paddle.amp.auto_cast(enable=False):
            for start in range(0, len(pictures), _BATCH):
                planes = paddle.to_tensor(pictures[start : start + _BATCH]).astype("float32").transpose([0, 3, 1, 2])
                planes = paddle.matmul(paddle.matmul(vertical, planes), horizontal, transpose_y=True)
                parts.append(self._network(planes).numpy())
        return np.concatenate(parts)


class InferenceRun:
    """Features by Paddle Inference; the model is made in a temporary folder, which is gone again afterwards."""

    def __init__(self, weights: InceptionWeights):
        with tempfile.TemporaryDirectory(prefix="ganc-inception-") as folder:
            _save(InceptionNetwork(weights), Path(folder))
            self._engine = InferenceEngine(Path(folder))

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Return the features (n, 2048), float32, of uint8 pictures (n, h, w, 3)."""
        starts = range(0, len(pictures), _BATCH)
        return np.concatenate([self._engine(resized(pictures[start : start + _BATCH])) for start in starts])


def _save(layer: InceptionNetwork, folder: Path) -> None:
    """Trace the network; nothing in it depends on values, so that Paddle's rewriting of Python code is left out."""
    layer.eval()
    layer.forward = paddle.jit.not_to_static(layer.forward)
    planes = paddle.static.InputSpec(shape=[None, 3, 299, 299], dtype="float32", name="planes")
    prefix = folder / PARAMETERS.removesuffix(".pdiparams")
    with noticed_signals() as signalled:  # an exception in the midst of tracing makes Paddle crash
        paddle.jit.save(paddle.jit.to_static(layer, input_spec=[planes], full_graph=True), str(prefix))
    if signalled():
        raise InterruptedRun("stopped while the features' network was prepared", signalled())


def _chain(chain: Chain, value, parameters: Mapping):
    for layer in chain:
        value = _layer(layer, value, parameters)
    return value


def _layer(layer: Layer, value, parameters: Mapping):
    match layer:
        case Convolution():
            kernel, bias = (parameters[_key(layer.name, part)] for part in ("weight", "bias"))
            return functional.relu(functional.conv2d(value, kernel, bias, layer.stride, list(layer.padding)))
        case Branches():
            return paddle.concat([_chain(chain, value, parameters) for chain in layer.chains], axis=1)
        case _ if layer.kind == "max":
            return functional.max_pool2d(value, 3, layer.stride, layer.padding)
        case _:
            return functional.avg_pool2d(value, 3, layer.stride, layer.padding, exclusive=True)


def _key(name: str, part: str) -> str:
    return f"{name}_{part}".replace(".", "_")  # Paddle takes no dots in a parameter's name
