"""What is timed: a network in an engine and a precision, and what that is made of."""

from pathlib import Path

from ganc.base.direction import Direction
from ganc.base.engine_table import engine_row
from ganc.engines import Engine
from ganc.engines.compile import adapter_of
from ganc.engines.exported import choose_variant, has_variant
from ganc.engines.loading import open_model, run_network, variant_bytes
from ganc.engines.networks import read_network
from ganc.files.card import CHECKPOINT, card_variants, read_card, without_card

MADE = "checkpoint"  # in place of a format: the variant is made of the checkpoint


def open_network(path: Path | None, direction: Direction | None, engine: str, precision: str) -> tuple[Engine, int]:
    """Return what runs the network of a file or folder (None: an untrained original), and its input channels.

    An exported folder's own variant is taken where there is one, else one is made of its checkpoint.

    Raises:
        GancError: it cannot be read, or the engine does not run it so.
    """
    adapter_of(engine).require_processor(precision)
    state = read_network(path, direction)
    if path is not None and _has_own(path, engine, precision):
        return open_model(path, direction, engine=engine, precision=precision).engine, state.spec.in_channels
    return run_network(state, engine, precision), state.spec.in_channels


def stored_as(path: Path, engine: str, precision: str) -> tuple[str, int]:
    """Return the format of what an engine runs, MADE where it is made of a checkpoint, and the bytes on the disk."""
    folder = without_card(path)
    if _has_own(path, engine, precision):
        variant, _ = choose_variant(folder, card_variants(folder, read_card(folder)), engine, precision)
        return variant.format, variant_bytes(folder, variant)
    return MADE, (folder / CHECKPOINT if folder.is_dir() else folder).stat().st_size


def _has_own(path: Path, engine: str, precision: str) -> bool:
    """Whether a path is that of an exported folder with a variant that the engine reads."""
    folder = without_card(path)
    return folder.is_dir() and has_variant(folder, engine, precision)


def runs_on_gpu(engine: str) -> bool:
    """Whether an engine runs where Paddle does."""
    return engine_row(engine).gpu_place is not None
