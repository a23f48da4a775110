"""An exponential average of the generators' weights, kept beside a step and never trained itself."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ganc.models.generator import Generator
from ganc.models.network import Network
from ganc.system.runtime import paddle
from ganc.training.step import Learner, TrainingStep


class Average:
    """Copies of networks that follow them; what they hold is saved and resumed as that of all that learns."""

    def __init__(self, followed: Mapping[str, Network], decay: float):
        self._followed, self._decay = followed, decay
        self.networks = {name: type(network).from_state(network.state()) for name, network in followed.items()}
        self.optimizers: dict[str, Any] = {}
        self.pools: dict[str, Any] = {}
        for network in self.networks.values():
            network.eval()
            for parameter in network.parameters():
                parameter.stop_gradient = True

    def start(self) -> None:
        """Take the networks over as they are now."""
        for name, network in self.networks.items():
            network.load(dict(self._followed[name].state().tensors))

    def follow(self, done: int) -> None:
        """Move towards the networks as they are after `done` steps.

        The decay rises from 2 / 11 to its own value, so that the average forgets where it started from (the warm-up
        of TensorFlow's ExponentialMovingAverage).
        """
        decay = min(self._decay, (1 + done) / (10 + done))
        with paddle.no_grad():
            for name, network in self.networks.items():
                pairs = zip(network.parameters(), self._followed[name].parameters(), strict=True)
                for average, latest in pairs:
                    paddle.assign(average * decay + latest * (1 - decay), average)


class AveragedStep:
    """A step whose result has the average of its generators in their place."""

    def __init__(self, step: TrainingStep, decay: float):
        self._step = step
        generators = {name: one for name, one in step.networks.items() if isinstance(one, Generator)}
        self._average = Average(generators, decay)
        self.networks, self.optimizers, self.pools = step.networks, step.optimizers, step.pools
        self.results = {**step.results, **self._average.networks}

    @property
    def gan_from(self) -> float:
        """Where the GAN loss begins; see TrainingStep."""
        return self._step.gan_from

    @property
    def beside(self) -> Mapping[str, Learner]:
        """The average, and what else learns in the step; see TrainingStep."""
        return {**self._step.beside, "average": self._average}

    def update(self, source: np.ndarray, target: np.ndarray, step: int, learning_rate: float) -> Mapping:
        """Train, then let the average follow; see TrainingStep.

        It starts from what the networks are at the first step: something may have changed them since they were made.
        """
        if step == 0:
            self._average.start()
        losses = self._step.update(source, target, step, learning_rate)
        self._average.follow(step + 1)
        return losses


def averaged(step: TrainingStep, decay: float) -> TrainingStep:
    """Return a step whose result is an average of that `decay`; 0 leaves the step as it is."""
    return AveragedStep(step, decay) if decay else step
