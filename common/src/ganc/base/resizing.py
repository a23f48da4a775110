"""How images are brought to the wanted size."""

from enum import StrEnum


class Resize(StrEnum):
    """What happens to width and height; its string is its name in files and options."""

    BOTH = "both"  # each is resized: the aspect is lost
    SHORTER = "shorter"  # the aspect stays, the image becomes as small as covers the size
    NONE = "none"  # the image stays as it is
