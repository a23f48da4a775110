"""Which images choose the best network of a run."""

from enum import StrEnum


class ChoosingImages(StrEnum):
    """A subset of the source domain; its string is its name in files and options."""

    SEARCH = "search"
    TEST = "test"
