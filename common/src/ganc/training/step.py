"""What a training step offers to the job that runs it, and what the steps share."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np

from ganc.base.errors import RunError
from ganc.models.layers import Network
from ganc.models.task import DiscriminatorInput, Task
from ganc.system.runtime import paddle
from ganc.training.optimizer import Adam
from ganc.training.pool import ImagePool


class TrainingStep(Protocol):
    """One update of some networks.

    Attributes:
        networks: the networks that are trained, by their names in checkpoints.
        optimizers, pools: what else a run has to save to go on bit by bit, by name.
    """

    networks: Mapping[str, Network]
    optimizers: Mapping[str, Adam]
    pools: Mapping[str, ImagePool]

    def update(self, source: np.ndarray, target: np.ndarray, step: int, learning_rate: float) -> dict[str, float]:
        """Train on one batch, (n, 3, h, w) each, and return the losses by name."""


@contextlib.contextmanager
def frozen(*networks: Network) -> Iterator[None]:
    """Compute no gradients for these networks' parameters within the block; gradients still pass through them."""
    parameters = [parameter for network in networks for parameter in network.parameters()]
    for parameter in parameters:
        parameter.stop_gradient = True
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.stop_gradient = False


def mixed_precision(enabled: bool):
    """Return the context in which forward passes run."""
    if enabled and paddle.get_device() == "cpu":
        raise RunError("mixed precision needs a GPU: leave --amp out on a CPU")
    return paddle.amp.auto_cast(enable=enabled)


def judged(task: Task, source, picture):
    """Return what the task's discriminator sees of a picture made from `source`."""
    if task.discriminator_input is DiscriminatorInput.SOURCE_AND_PICTURE:
        return paddle.concat([source, picture], axis=1)
    return picture


def plain(losses: Mapping) -> dict[str, float]:
    """Return losses as numbers.

    Raises:
        RunError: one is not finite.
    """
    numbers = {name: float(loss) for name, loss in losses.items()}
    for name, value in numbers.items():
        if not np.isfinite(value):
            raise RunError(f"the loss '{name}' became {value}: lower --lr, or train without --amp")
    return numbers
