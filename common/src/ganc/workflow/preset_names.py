"""How much time `ganc compress` may take, by a name. Needs neither Paddle, numpy nor Click."""

from enum import StrEnum


class Preset(StrEnum):
    """How much time a run may take."""

    MINUTES = "cpu-minutes"
    OVERNIGHT = "cpu-overnight"
    PUBLISHED = "published"


USUAL = Preset.OVERNIGHT
