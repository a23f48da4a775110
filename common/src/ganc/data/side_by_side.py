"""Side-by-side images: one file holds an image of domain A in its left half and its partner of B in its right half.

    root/train/ test/            files of twice the width, as pix2pix and its followers have them
    root/train.txt search.txt    optional lists, as of a single domain

They are read as subsets "trainA", "trainB", … wherever no folder and no list of a single domain is there.
"""

from enum import Enum
from pathlib import Path

from PIL import Image

from ganc.base.errors import DataError

KINDS = ("train", "test", "search")
LETTERS = ("A", "B")


class Half(Enum):
    """The part of a file that is an image of one domain."""

    LEFT = "left half"
    RIGHT = "right half"

    @property
    def other(self) -> "Half":
        return Half.RIGHT if self is Half.LEFT else Half.LEFT

    def size(self, path: Path, whole: tuple[int, int]) -> tuple[int, int]:
        """Return the (width, height) of a half. Raises DataError: the width is odd; `path` is named."""
        if whole[0] % 2 or not whole[0]:
            raise DataError(
                f"{path}: is {whole[0]}x{whole[1]}, and an odd width has no halves; expected an image of A and one of B"
                " of equal size side by side"
            )
        return whole[0] // 2, whole[1]

    def of(self, path: Path, image: Image.Image) -> Image.Image:
        """Return a half of an image that is upright. Raises DataError as `size` does."""
        width, height = self.size(path, image.size)
        left = width if self is Half.RIGHT else 0
        return image.crop((left, 0, left + width, height))


HALVES = dict(zip(LETTERS, Half, strict=True))


def there_is(root: Path, stored: str) -> bool:
    """Whether a folder or a list of this name is in the data folder."""
    return (root / f"{stored}.txt").is_file() or (root / stored).is_dir()


def is_side_by_side(root: Path) -> bool:
    """Whether a data folder holds side-by-side images, and none of a single domain."""
    root = Path(root)
    return any(there_is(root, kind) for kind in ("train", "test")) and not any(
        there_is(root, kind + letter) for kind in KINDS for letter in LETTERS
    )


def stored_as(root: Path, subset: str) -> tuple[str, Half | None]:
    """Return under which name a subset such as "trainA" lies in a data folder, and which half of its files it is."""
    kind, letter = subset[:-1], subset[-1:]
    if kind in KINDS and letter in HALVES and is_side_by_side(root):
        return kind, HALVES[letter]
    return subset, None
