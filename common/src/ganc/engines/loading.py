"""Opening whatever a generator is stored in, and running it in an engine and a precision."""

import importlib.metadata
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ganc.base.direction import Direction
from ganc.base.engine_table import FORMATS, REFERENCE, engine_row, precision_row
from ganc.base.errors import FileFormatError, SettingError, SpecError
from ganc.data.layout import FLOATS, ImageFormat, image_format
from ganc.data.reading import Readings
from ganc.engines import Engine
from ganc.engines.compile import adapter_of
from ganc.engines.exported import choose_variant, open_variant, variant_of_file
from ganc.files.card import CARD, Variant, card_variants, read_card, without_card
from ganc.files.checkpoint import Checkpoint, read_checkpoint
from ganc.files.choice import trained_widths
from ganc.models.convolutions import NetworkState
from ganc.models.family import Widths
from ganc.models.spec import GeneratorSpec, spec_from_json
from ganc.models.task import Pairing


@dataclass(frozen=True)
class Model:
    """A generator that is ready to run, and what is known of it.

    Attributes:
        readings: how it was shown image files: channels, levels, resizing.
        bytes: what it takes on the disk: the checkpoint, or the exported model's files.
        image_size: (width, height) that it was trained on.
        paired: whether it was trained on pairs, so that what its images should look like is known.
        precision: that the engine runs it in.
    """

    path: Path
    engine: Engine
    spec: GeneratorSpec
    direction: Direction
    image_size: tuple[int, int]
    readings: Readings
    bytes: int
    paired: bool = False
    precision: str = "f32"

    @property
    def runs_in(self) -> tuple[str, str]:
        """What it runs in: the engine, and the precision there."""
        return self.engine.name, self.precision


@dataclass(frozen=True)
class Running:
    """Where and in what a model runs; see `open_model`. None leaves a choice open.

    Raises:
        SpecError: there is no such engine, or it does not run on the device.
        SettingError: there are no threads.
    """

    engine: str | None = None
    precision: str | None = None
    device: str | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.threads is not None and (not isinstance(self.threads, int) or self.threads < 1):
            raise SettingError(f"threads (={self.threads!r}): expected a whole number, at least 1")
        if self.engine is None or engine_row(self.engine).gpu_place is not None:
            return
        if (self.device or "").startswith("gpu"):
            raise SpecError(
                f"{self.engine} runs on the CPU here; leave --device {self.device} out, or name a Paddle engine"
            )


def open_model(
    path: Path,
    direction: Direction | None = None,
    widths: Widths | None = None,
    engine: str | None = None,
    precision: str | None = None,
    device: str | None = None,
    threads: int | None = None,
) -> Model:
    """Open a checkpoint, an exported folder, or a graph in one.

    Args:
        direction: which way to translate; None takes the model's own.
        widths: a sub-network of a checkpoint's generator, of a supernet one that was trained; a short form that its
            family reads will do.
        engine: of `ganc.base.engine_table`; None runs a checkpoint in Paddle and an exported folder in what is fastest
            here.
        precision: which variant of an exported folder, None takes the one nearest to the checkpoint; of a checkpoint
            what the engine makes of it, None takes f32.
        device: where Paddle runs; None leaves it as it is.
        threads: of the engine on a CPU; None takes this process's share of the cores. Those of Paddle's two engines
            are the whole process's.

    Raises:
        FileFormatError: it is neither, or has no generator for the direction.
        SpecError: the widths do not fit, there is no such engine or variant, or the engine does not run it so.
        MissingDependencyError: the engine is not installed.
    """
    path = without_card(Path(path))
    how = Running(engine, precision, device, threads)
    folder = path if path.is_dir() else _folder_of(path)
    if folder is None:
        return checkpoint_model(read_checkpoint(path), path, direction, widths, how)
    if widths is not None:
        raise SpecError(f"{path}: an exported model has no sub-networks; name the supernet's checkpoint")
    return _exported(path, folder, direction, how)


def run_network(state: NetworkState, engine: str, precision: str = "f32", threads: int | None = None) -> Engine:
    """Return an engine that runs a network, made of its weights in a precision; `threads` as of `open_model`.

    Raises:
        SpecError: there is no such engine or precision, or the engine or this processor does not have it.
        MissingDependencyError: the engine is not installed.
    """
    row = engine_row(engine)
    if precision_row(precision).name not in row.of_checkpoints:
        raise SpecError(
            f"{engine} runs a checkpoint in {' or '.join(row.of_checkpoints)}, not in {precision}; "
            f"name another engine, or a folder that ganc-export --precision {precision} wrote"
        )
    adapter = adapter_of(engine)
    adapter.require_processor(precision)
    return adapter.of_network(state, precision, threads)


def _folder_of(path: Path) -> Path | None:
    """Return the exported folder that a graph's file is in, None where it is no such file."""
    suffixes = [row.suffix for row in FORMATS.values() if row.suffix]
    if path.suffix not in suffixes or not path.is_file():
        return None
    folder = path.parent.parent
    if not (folder / CARD).is_file():
        raise FileFormatError(
            f"{path}: a graph without {CARD} in the folder above it; ganc runs graphs in folders that ganc-export wrote"
        )
    return folder


def checkpoint_model(
    checkpoint: Checkpoint, path: Path, direction: Direction | None, widths: Widths | None, how: Running
) -> Model:
    """Return the generator of a checkpoint that was read from a file, or a sub-network; raises as `open_model`."""
    engine = how.engine or REFERENCE
    checkpoint = checkpoint.facing(direction or checkpoint.direction, path)
    state = checkpoint.generator
    if widths:
        state = state.leading(state.spec.narrowed(trained_widths(checkpoint, widths)))
    _select(how.device, engine)
    precision = how.precision or "f32"
    return Model(
        path=path,
        engine=run_network(state, engine, precision, how.threads),
        spec=state.spec,
        direction=checkpoint.direction,
        image_size=checkpoint.image_size,
        readings=checkpoint.readings,
        bytes=path.stat().st_size,
        paired=checkpoint.task.pairing is Pairing.PAIRED,
        precision=precision,
    )


def _exported(path: Path, folder: Path, direction: Direction | None, how: Running) -> Model:
    card = read_card(folder)
    if direction not in (None, card["direction"]):
        raise SpecError(f"{folder}: translates {card['direction']} only, --direction says {direction}")
    variants = card_variants(folder, card)
    if path != folder:
        variants = (variant_of_file(folder, variants, path),)
    variant, chosen = choose_variant(folder, variants, how.engine, how.precision, _on_gpu(how.device, how.engine))
    spec = spec_from_json(GeneratorSpec, card["generator"])
    _select(how.device, chosen)
    return Model(
        path=path,
        engine=open_variant(folder, variant, chosen, _layout(folder, card), spec.shape.size_multiple, how.threads),
        spec=spec,
        direction=card["direction"],
        image_size=tuple(card["image_size"]),
        readings=Readings.recorded(card, (spec.in_channels, spec.out_channels)),
        bytes=variant_bytes(folder, variant),
        paired=card.get("pairing") == Pairing.PAIRED.value,
        precision=variant.precision,
    )


def variant_bytes(folder: Path, variant: Variant) -> int:
    """Return what a variant takes on the disk."""
    files = [folder / name for name in variant.files] or list((folder / variant.name).iterdir())
    return sum(file.stat().st_size for file in files)


def _layout(folder: Path, card: Mapping) -> ImageFormat:
    if "input" not in card:
        return FLOATS
    try:
        return image_format(card["input"])
    except (KeyError, TypeError) as error:
        raise FileFormatError(f"{folder / CARD}: does not say what goes in; export the model again") from error


def _select(device: str | None, engine: str) -> None:
    """Select Paddle's device for an engine that runs there; the others do without Paddle."""
    if device is not None and engine_row(engine).gpu_place is not None:
        from ganc.system.runtime import select_device  # Paddle comes with it, which other engines run without

        select_device(device)


def _on_gpu(device: str | None, engine: str | None) -> bool:
    """Whether Paddle is to run on a GPU here; it is not imported to find that out where it cannot."""
    if engine is not None or device == "cpu":
        return False
    if device is None:
        return "paddle" in sys.modules and sys.modules["paddle"].get_device() != "cpu"
    if device == "auto":
        try:
            importlib.metadata.version("paddlepaddle-gpu")
        except importlib.metadata.PackageNotFoundError:
            return False
    from ganc.system.runtime import select_device  # as above

    return select_device(device) != "cpu"
