"""Which images of the target domain translations are compared with."""

from enum import StrEnum


class TargetImages(StrEnum):
    """A part of the domain; its string is its name in files and options."""

    TRAIN_AND_TEST = "train+test"
    TRAIN = "train"
    TEST = "test"
