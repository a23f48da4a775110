"""Adam over several networks, with its moments going in and out as arrays under the parameters' own names."""

import contextlib
import sys
from collections.abc import Mapping

import numpy as np

from ganc.models.network import Network
from ganc.system.processes import Processes
from ganc.system.runtime import Tensor, paddle
from ganc.training.precision import loss_scaler


class Adam:
    """Adam with CycleGAN's betas (arXiv 1703.10593, section 7.1); parameters without a gradient keep their values."""

    def __init__(self, networks: Mapping[str, Network], processes: Processes, amp: str | None = None):
        self._names = {p.name: f"{n}.{key}" for n, network in networks.items() for key, p in network.named_parameters()}
        self._parameters = [p for network in networks.values() for p in network.parameters()]
        self._processes = processes
        self._adam = paddle.optimizer.Adam(learning_rate=0.0, beta1=0.5, beta2=0.999, parameters=self._parameters)
        self._scaler = loss_scaler(amp)

    def backward(self, loss: Tensor, *, last: bool = True) -> None:
        """Compute the gradients of a scalar loss; those of several losses add up.

        With the `last` loss before a step the gradients are averaged over the processes.
        """
        self._scaler.scale(loss).backward()
        if last:
            self._processes.average_gradients(self._parameters)

    def step(self, learning_rate: float) -> None:
        """Update the parameters and forget the gradients."""
        self._adam.set_lr(learning_rate)
        self._scaler.step(self._adam)
        with contextlib.redirect_stdout(sys.stderr):  # it says there where it lowers the scale
            self._scaler.update()
        self._adam.clear_grad()

    def state(self) -> dict[str, np.ndarray]:
        """Return the moments and powers, each named `network.parameter/accumulator`."""
        arrays = {}
        for key, value in self._adam.state_dict().items():
            owner = next((name for name in self._names if key.startswith(name + "_")), None)
            if owner is not None:
                arrays[f"{self._names[owner]}/{key.removeprefix(owner + '_')}"] = np.asarray(value.numpy())
        for key, value in self._scaler.state_dict().items():
            arrays[f"scaler/{key}"] = np.asarray(value, np.float64).reshape(-1)
        return arrays

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` gave, in this or another process."""
        own = {structured: name for name, structured in self._names.items()}
        moments, scaler = {}, {}
        for key, value in arrays.items():
            structured, _, accumulator = key.partition("/")
            if structured == "scaler":
                scaler[accumulator] = value
            else:
                moments[f"{own[structured]}_{accumulator}"] = paddle.to_tensor(value)
        self._adam.set_state_dict(moments)
        if scaler:
            self._scaler.load_state_dict(_scaler_state(scaler))


def _scaler_state(arrays: Mapping[str, np.ndarray]) -> dict:
    """Return a GradScaler's state in the types that it expects: its scale is an array, the rest are plain numbers."""
    return {
        key: value.astype(np.float32) if key == "scale" else value.item() if value.size == 1 else value
        for key, value in arrays.items()
    }
