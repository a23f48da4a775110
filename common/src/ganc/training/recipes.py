"""Recipes of the stages that distill: what their settings are unless a user says otherwise.

Needs neither Paddle nor Click.
"""

from collections.abc import Mapping
from enum import Enum

from ganc.training.losses.names import LossName, WeightedLoss


class Recipe(Enum):
    """Where a stage's defaults come from.

    IMITATE: a student starts near its teacher and learns its images, and how EfficientNet-Lite0 sees them, at a high
        learning rate; in the last third of the epochs a discriminator of the target's images joins in; the result is
        an average of the weights. docs/distillation.md has what chose it. In stage 1 an original is the teacher.
    PUBLISHED: as GAN Compression trains (arXiv 2003.08936).
    """

    IMITATE = "imitate"
    PUBLISHED = "published"


class Ranking(Enum):
    """By which weights a channel of the teacher is important.

    Those that write it are the published choice (GAN Compression, arXiv 2003.08936, section 3.1). Behind an instance
    norm their size has no effect on the output; the weights that read a channel say how much of it is used.
    """

    WRITES = "writes"
    READS = "reads"

    @property
    def choices(self) -> dict:
        """What belongs to a run's identity."""
        return {} if self is Ranking.WRITES else {"importance": self.value}


# What IMITATE adds to the losses where none is named.
IMITATION_LOSS = WeightedLoss(LossName.LITE0, 5.0)

# By the settings' names; those that a stage does not have are of no use to it.
DEFAULTS: Mapping[Recipe, Mapping[str, object]] = {
    Recipe.IMITATE: {
        "importance": "reads",
        "start_from": "teacher",  # of a supernet without a student
        "images": 96,  # of the refit
        "gan_weight": 1.0,
        "cycle_weight": 0.0,
        "original_weight": 10.0,
        "learning_rate": 0.001,
        "warm_up": 100,
        "ema": 0.999,
    },
    Recipe.PUBLISHED: {},
}

# Of stages whose networks are not the last ones: a discriminator's steps cost more than twice as much.
DEFAULTS_WITHOUT_GAN: Mapping[Recipe, Mapping[str, object]] = {
    Recipe.IMITATE: {**DEFAULTS[Recipe.IMITATE], "gan_weight": 0.0},
    Recipe.PUBLISHED: DEFAULTS[Recipe.PUBLISHED],
}
