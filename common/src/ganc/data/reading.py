"""How image files become arrays: their channels, their levels, and what happens to their size and shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ganc.base.direction import Direction
from ganc.base.errors import DataError
from ganc.base.resizing import Resize
from ganc.data.images import RESIZE_FILTER, Size, load_image, read_size, resize
from ganc.data.levels import Levels, levels_from_json, levels_to_json
from ganc.data.side_by_side import Half


@dataclass(frozen=True)
class Reading:
    """How the images of one domain are read.

    Attributes:
        channels: 1 (grey), 3 (RGB) or 4 (RGB and opacity).
        levels: the stored values that become black and white; None takes what the files can hold.
        resize: how images come to the size that is wanted.
        half: which half of a file the image is; None is the whole file.
    """

    channels: int = 3
    levels: Levels | None = None
    resize: Resize = Resize.BOTH
    half: Half | None = None

    @property
    def content(self) -> str:
        """What makes other values of the same files, in words; empty for RGB of full range."""
        levels = [f"levels {self.levels}"] if self.levels else []
        channels = [] if self.channels == 3 else [f"channels {self.channels}"]
        return ", ".join(levels + channels)

    @property
    def preparation(self) -> str:
        """What was done to an evaluated image, for the record: numbers of images prepared otherwise do not compare."""
        ways = {
            Resize.BOTH: RESIZE_FILTER,
            Resize.SHORTER: f"{RESIZE_FILTER}, aspect kept, centre crop",
            Resize.NONE: "centre crop without resizing",
        }
        return ways[self.resize] + (f", {self.content}" if self.content else "")

    def load(self, path: Path) -> np.ndarray:
        """Return an image as it is, uint8 (h, w, channels). Raises DataError."""
        image = load_image(path, self.channels, self.levels)
        if self.half is None:
            return image
        width, _ = self.half.size(path, (image.shape[1], image.shape[0]))
        return image[:, :width] if self.half is Half.LEFT else image[:, width:]

    def size(self, path: Path) -> Size:
        """Return the (width, height) of an image as it is; only the file's header is read. Raises DataError."""
        whole = read_size(path)
        return self.half.size(path, whole) if self.half else whole

    def resized_size(self, own: Size, size: Size) -> Size:
        """Return the (width, height) that an image of size `own` is resized to where `size` is wanted."""
        if self.resize == Resize.NONE:
            return own
        return covering(own, size) if self.resize == Resize.SHORTER else (size[0], size[1])

    def load_resized(self, path: Path, size: Size) -> np.ndarray:
        """Return an image to crop from, uint8 (h, w, channels). Raises DataError."""
        image = self.load(path)
        return resize(image, self.resized_size((image.shape[1], image.shape[0]), size))

    def load_fitted(self, path: Path, size: Size) -> np.ndarray:
        """Return an image of exactly `size` = (width, height): resized, and cut to its centre where it is larger.

        Raises:
            DataError: it cannot be read, or is not resized and smaller.
        """
        image = self.load_resized(path, size)
        height, width = image.shape[:2]
        require_covering(path, (width, height), size)
        top, left = (height - size[1]) // 2, (width - size[0]) // 2
        return image[top : top + size[1], left : left + size[0]]


def covering(own: Size, size: Size) -> Size:
    """Return the smallest size of the aspect of `own` that is at least `size` in width and height."""
    factor = max(size[0] / own[0], size[1] / own[1])
    return max(size[0], round(own[0] * factor)), max(size[1], round(own[1] * factor))


def require_covering(path: Path, own: Size, size: Size) -> None:
    """Raise DataError where an image is smaller than what is cut out of it."""
    if own[0] < size[0] or own[1] < size[1]:
        raise DataError(
            f"{path}: is {own[0]}x{own[1]}, smaller than {size[0]}x{size[1]}, and --resize none does not enlarge it;"
            " use --resize shorter, or a smaller size"
        )


@dataclass(frozen=True)
class Readings:
    """How the images of both domains are read, as checkpoints and model cards record it.

    Attributes:
        channels: of the source and of the target.
        levels: by domain letter; a domain that is missing has the full range.
        resize: as of `Reading`.
    """

    channels: tuple[int, int] = (3, 3)
    levels: Mapping[str, Levels] = field(default_factory=dict)
    resize: Resize = Resize.BOTH

    @staticmethod
    def recorded(facts: Mapping, channels: tuple[int, int]) -> "Readings":
        """Return what a checkpoint's training facts or a model card say, full range and BOTH where they say nothing.

        Raises:
            DataError: what they say is damaged.
        """
        try:
            how = Resize(facts.get("resize", Resize.BOTH))
        except ValueError as error:
            raise DataError(f"resize (={facts['resize']!r}): expected one of {', '.join(Resize)}") from error
        return Readings(channels, levels_from_json(facts.get("levels", {})), how)

    @property
    def facts(self) -> dict:
        """What a checkpoint and a model card record; nothing where everything is the default."""
        levels = {"levels": levels_to_json(self.levels)} if self.levels else {}
        return levels | ({} if self.resize == Resize.BOTH else {"resize": str(self.resize)})

    def source(self, direction: Direction) -> Reading:
        """Return how the images of a direction's source are read."""
        return Reading(self.channels[0], self.levels.get(direction.source), self.resize)

    def target(self, direction: Direction) -> Reading:
        """Return how the images of a direction's target are read."""
        return Reading(self.channels[1], self.levels.get(direction.target), self.resize)
