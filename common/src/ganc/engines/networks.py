"""The networks that are timed, read without Paddle: from a checkpoint, from an exported folder, or untrained."""

from pathlib import Path

from ganc.base.direction import Direction
from ganc.base.errors import FileFormatError
from ganc.files.card import CHECKPOINT, read_card, without_card
from ganc.files.checkpoint import read_checkpoint
from ganc.models.convolutions import NetworkState, initial_state
from ganc.models.spec import ORIGINAL, GeneratorSpec


def read_network(path: Path | None, direction: Direction | None = None) -> NetworkState:
    """Return the generator of a checkpoint or of an exported folder; None is an untrained original.

    Raises:
        FileFormatError: the file is neither, or has no generator for the direction.
    """
    if path is None:
        return untrained(ORIGINAL)
    path = without_card(path)
    if path.is_dir():
        own = read_card(path)["direction"]
        if direction not in (None, own):
            raise FileFormatError(f"{path}: translates {own} only, --direction says {direction}")
        path = path / CHECKPOINT
    checkpoint = read_checkpoint(path)
    return checkpoint.facing(direction or checkpoint.direction, path).generator


def untrained(spec: GeneratorSpec) -> NetworkState:
    """Return a generator as training starts with it; see `initial_state`."""
    return initial_state(spec, 0, "untrained")
