"""How images come to the size that is wanted."""

from enum import StrEnum


class Resize(StrEnum):
    """What happens to width and height; as a string it is what files and options call it."""

    BOTH = "both"  # each is resized: the aspect is lost
    SHORTER = "shorter"  # the aspect stays, the image becomes as small as covers the size
    NONE = "none"  # the image stays as it is
