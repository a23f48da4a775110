"""Opening whatever a generator is stored in."""

from dataclasses import dataclass
from pathlib import Path

from ganc.engines import Engine
from ganc.engines.eager import EagerEngine
from ganc.engines.inference import InferenceEngine
from ganc.errors import SpecError
from ganc.files.card import read_card
from ganc.files.checkpoint import read_checkpoint
from ganc.models.generator import Generator
from ganc.models.spec import GeneratorSpec, Widths, spec_from_json

PADDLE_FOLDER = "paddle"


@dataclass(frozen=True)
class Model:
    """A generator that is ready to run, and what is known of it.

    Attributes:
        bytes: what it takes on the disk: the checkpoint, or the exported model's files.
        image_size: (width, height) that it was trained on.
    """

    path: Path
    engine: Engine
    spec: GeneratorSpec
    direction: str
    image_size: tuple[int, int]
    bytes: int


def open_model(path: Path, direction: str | None = None, widths: Widths | None = None) -> Model:
    """Open a checkpoint or an exported folder.

    Args:
        direction: which way to translate; None takes the model's own.
        widths: a sub-network of a checkpoint's generator.

    Raises:
        FileFormatError: it is neither, or has no generator for the direction.
        SpecError: the widths do not fit.
    """
    path = Path(path)
    if path.is_dir():
        if widths is not None:
            raise SpecError(f"{path}: an exported model has no sub-networks; name the supernet's checkpoint")
        return _exported(path, direction)
    checkpoint = read_checkpoint(path)
    checkpoint = checkpoint.facing(direction or checkpoint.direction, path)
    generator = Generator.from_state(checkpoint.generator)
    return Model(
        path=path,
        engine=EagerEngine(generator, widths),
        spec=generator.spec.narrowed(widths) if widths else generator.spec,
        direction=checkpoint.direction,
        image_size=tuple(checkpoint.training.get("image_size", (256, 256))),
        bytes=path.stat().st_size,
    )


def _exported(folder: Path, direction: str | None) -> Model:
    card = read_card(folder)
    if direction not in (None, card["direction"]):
        raise SpecError(f"{folder}: translates {card['direction']} only, --direction says {direction}")
    model = folder / PADDLE_FOLDER
    spec = spec_from_json(GeneratorSpec, card["generator"])
    return Model(
        path=folder,
        engine=InferenceEngine(model, spec.shape.size_multiple),
        spec=spec,
        direction=card["direction"],
        image_size=tuple(card["image_size"]),
        bytes=sum(file.stat().st_size for file in model.iterdir()),
    )
