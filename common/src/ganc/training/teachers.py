"""Teachers: what a student learns from. A frozen one only shows what it does; one may also learn beside its student."""

from collections.abc import Mapping
from typing import Any, Protocol

from ganc.base.engine_table import REFERENCE
from ganc.engines.passes import teacher_of
from ganc.models.generator import Generator
from ganc.system.runtime import Tensor, paddle
from ganc.training.step import Learner


class Teacher(Learner, Protocol):
    """A generator that shows a student what to do.

    Its networks, optimizers and pools are those that it trains: they are broadcast, saved and resumed with the step's.
    """

    @property
    def generator(self) -> Generator: ...

    def translate(self, source: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return images (n, c, h, w) made of sources (n, c, h, w), and the taps, all without gradients."""

    def update(self, source: Tensor, target: Tensor, step: int, learning_rate: float) -> Mapping:
        """Learn from one batch, after the student; return the losses by name: detached tensors of shape ()."""


class FrozenTeacher:
    """A teacher that does not learn; `engine` runs it."""

    def __init__(self, generator: Generator, engine: str = REFERENCE):
        self.generator, self._taught = generator, teacher_of(generator, engine)
        self.networks: dict[str, Any] = {}
        self.optimizers: dict[str, Any] = {}
        self.pools: dict[str, Any] = {}
        generator.eval()

    def translate(self, source: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the teacher's images and taps; see Teacher."""
        with paddle.no_grad():
            return self._taught(source)

    def update(self, source: Tensor, target: Tensor, step: int, learning_rate: float) -> Mapping:
        """Learn nothing; return no losses."""
        return {}
