"""Inception-v3, FID variant, run by Paddle: eager on a GPU, else as an inference model with oneDNN."""

import tempfile
from pathlib import Path

import numpy as np

from ganc.base.errors import InterruptedRun
from ganc.engines.inference import InferenceEngine
from ganc.engines.paddle_files import PARAMETERS
from ganc.metrics.inception.architecture import InceptionSpec
from ganc.metrics.inception.resize import bilinear, resized
from ganc.metrics.inception.weights import InceptionWeights, scaled_to_bytes
from ganc.models.network import Network
from ganc.system.runtime import paddle
from ganc.system.signals import noticed_signals

_BATCH = 32  # pictures at once, which bounds the memory


class InceptionNetwork(Network):
    """The network from planes (n, 3, 299, 299) in 0 … 255 to features (n, 2048), both float32."""

    def __init__(self, spec: InceptionSpec):
        super().__init__(spec)
        self._run = self.bound(spec.layers)

    def forward(self, planes):
        """Return the features."""
        return self._run(planes)


class EagerRun:
    """Features on the device that is selected; in float32, whatever mixed precision the caller has switched on."""

    def __init__(self, weights: InceptionWeights):
        self._network = InceptionNetwork.from_state(scaled_to_bytes(weights))
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
            _save(InceptionNetwork.from_state(scaled_to_bytes(weights)), Path(folder))
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
