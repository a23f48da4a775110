"""The course of a run: how its schedule lies over the images, step by step. Steps are counted from 0."""

from dataclasses import dataclass

from ganc.training.settings import Schedule


@dataclass(frozen=True)
class Course:
    """A schedule over epochs of `epoch_steps` steps; its length is the number of steps."""

    schedule: Schedule
    epoch_steps: int

    def __len__(self) -> int:
        return self.schedule.steps(self.epoch_steps)

    def epoch(self, step: int) -> int:
        """Return the epoch that a step belongs to, from 0."""
        return step // self.epoch_steps

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.schedule.rate(self.epoch(step)) * self.schedule.warmth(step)

    def ends_epoch(self, done: int, every: int = 1) -> bool:
        """Whether an epoch ends after `done` steps, counting each `every`-th epoch only; never for 0."""
        return every > 0 and done % (every * self.epoch_steps) == 0

    def ends(self, done: int) -> bool:
        """Whether the run ends after `done` steps."""
        return done == len(self)
