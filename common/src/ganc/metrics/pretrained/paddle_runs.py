"""Feature networks run by Paddle: eager on a GPU, else as an inference model with oneDNN."""

import tempfile
from pathlib import Path

import numpy as np

from ganc.base.errors import InterruptedRun
from ganc.engines.inference import InferenceEngine
from ganc.engines.paddle_files import PARAMETERS
from ganc.metrics.pretrained.network import FeatureNetwork, LayeredSpec
from ganc.models.network import Network
from ganc.system.runtime import Tensor, paddle
from ganc.system.signals import noticed_signals

_BATCH = 32  # images at once, which bounds the memory


class LayeredNetwork(Network):
    """A chain of layers from planes (n, 3, side, side) to features (n, dimensions), both float32."""

    def __init__(self, spec: LayeredSpec):
        super().__init__(spec)
        self._run = self.bound(spec.layers)

    def forward(self, planes: Tensor) -> Tensor:
        """Return the features."""
        return self._run(planes)


class EagerRun:
    """Features on the device that is selected; in float32, whatever mixed precision the caller has switched on."""

    def __init__(self, network: FeatureNetwork):
        self._described = network
        self._network = LayeredNetwork.from_state(network.state)
        self._network.eval()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the features (n, dimensions), float32, of uint8 images (n, h, w, 3)."""
        vertical, horizontal = (paddle.to_tensor(self._described.resize(side)) for side in images.shape[1:3])
        parts = []
        with paddle.no_grad(), paddle.amp.auto_cast(enable=False):
            for start in range(0, len(images), _BATCH):
                planes = paddle.to_tensor(images[start : start + _BATCH]).astype("float32").transpose([0, 3, 1, 2])
                planes = paddle.matmul(paddle.matmul(vertical, planes), horizontal, transpose_y=True)
                if self._described.clipped:
                    planes = planes.clip(0.0, 255.0)
                planes = planes - self._described.offset
                parts.append(self._network(planes).numpy())
        return np.concatenate(parts)


class InferenceRun:
    """Features by Paddle Inference; the model is made in a temporary folder, which is gone again afterwards."""

    def __init__(self, network: FeatureNetwork):
        with tempfile.TemporaryDirectory(prefix="ganc-features-") as folder:
            _save(LayeredNetwork.from_state(network.state), network.side, Path(folder))
            self._planes, self._engine = network.planes, InferenceEngine(Path(folder))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the features (n, dimensions), float32, of uint8 images (n, h, w, 3)."""
        starts = range(0, len(images), _BATCH)
        return np.concatenate([self._engine.run(self._planes(images[start : start + _BATCH])) for start in starts])


def _save(layer: LayeredNetwork, side: int, folder: Path) -> None:
    """Trace the network; nothing in it depends on values, so that Paddle's rewriting of Python code is left out."""
    layer.eval()
    layer.forward = paddle.jit.not_to_static(layer.forward)  # type: ignore[method-assign]
    planes = paddle.static.InputSpec(shape=[None, 3, side, side], dtype="float32", name="planes")
    prefix = folder / PARAMETERS.removesuffix(".pdiparams")
    with noticed_signals() as signalled:  # an exception in the midst of tracing makes Paddle crash
        paddle.jit.save(paddle.jit.to_static(layer, input_spec=[planes], full_graph=True), str(prefix))
    if signalled():
        raise InterruptedRun("stopped while the features' network was prepared", signalled())
