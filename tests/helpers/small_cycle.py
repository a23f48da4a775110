"""A tiny CycleGAN of stage 1 whose image pools are full, and so draw from what they hold, after a step or two."""

from dataclasses import replace

from ganc.models.task import Task
from ganc_replace.settings import ReplaceSettings


class SmallPools(ReplaceSettings):
    """Settings whose pools hold two images, which no option sets."""

    def applied_to(self, task: Task) -> Task:
        return replace(super().applied_to(task), pool_size=2)


SMALL_CYCLE = SmallPools(width=4, n_blocks=3, dropout=0.5, discriminator_width=4)
