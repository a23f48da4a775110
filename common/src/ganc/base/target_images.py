"""Which images of the target domain translations are compared with."""

from enum import StrEnum

from ganc.base.errors import SettingError


class TargetImages(StrEnum):
    """A part of the domain; its string is its name in files and options."""

    TRAIN_AND_TEST = "train+test"
    TRAIN = "train"
    TEST = "test"


def target_images(said: str | None) -> TargetImages | None:
    """Return the part that a text names; None is none. Raises SettingError: there is no such part."""
    try:
        return None if said is None else TargetImages(said)
    except ValueError as error:
        raise SettingError(f"reference (={said!r}): expected one of {', '.join(TargetImages)}") from error
