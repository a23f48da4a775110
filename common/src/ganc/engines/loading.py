"""Opening whatever a generator is stored in."""

import importlib.metadata
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ganc.base.errors import FileFormatError, SpecError
from ganc.data.layout import FLOATS, image_format
from ganc.data.reading import Readings
from ganc.engines import Engine
from ganc.engines.exported import READERS, GraphEngine, choose_form, form_of_file, open_form
from ganc.files.card import CARD, Form, card_forms, read_card
from ganc.files.checkpoint import read_checkpoint
from ganc.models.convolutions import NetworkState
from ganc.models.spec import GeneratorSpec, Widths, spec_from_json

EAGER = "paddle-eager"
ENGINES = (*READERS, EAGER)
GRAPH_RUNTIMES = ("openvino", "onnxruntime")


@dataclass(frozen=True)
class Model:
    """A generator that is ready to run, and what is known of it.

    Attributes:
        readings: how it was shown image files: channels, levels, resizing.
        bytes: what it takes on the disk: the checkpoint, or the exported model's files.
        image_size: (width, height) that it was trained on.
    """

    path: Path
    engine: Engine
    spec: GeneratorSpec
    direction: str
    image_size: tuple[int, int]
    readings: Readings
    bytes: int


def open_model(
    path: Path,
    direction: str | None = None,
    widths: Widths | None = None,
    engine: str | None = None,
    precision: str | None = None,
    device: str | None = None,
) -> Model:
    """Open a checkpoint, an exported folder, or a graph in one.

    Args:
        direction: which way to translate; None takes the model's own.
        widths: a sub-network of a checkpoint's generator.
        engine: one of `ENGINES`; None runs a checkpoint in Paddle and an exported folder in what is fastest here.
        precision: which form of an exported folder; None takes the one nearest to the checkpoint.
        device: where Paddle runs; None leaves it as it is.

    Raises:
        FileFormatError: it is neither, or has no generator for the direction.
        SpecError: the widths do not fit, or there is no such form.
        MissingDependencyError: the engine is not installed.
    """
    path = Path(path)
    if engine in GRAPH_RUNTIMES and (device or "").startswith("gpu"):
        raise SpecError(f"{engine} runs on the CPU here; leave --device {device} out, or name a Paddle engine")
    folder = path if path.is_dir() else _folder_of(path)
    if folder is not None:
        if widths is not None:
            raise SpecError(f"{path}: an exported model has no sub-networks; name the supernet's checkpoint")
        return _exported(path, folder, direction, engine, precision, device)
    checkpoint = read_checkpoint(path)
    checkpoint = checkpoint.facing(direction or checkpoint.direction, path)
    state = checkpoint.generator
    return Model(
        path=path,
        engine=_checkpoint_engine(path, state, widths, engine, precision, device),
        spec=state.spec.narrowed(widths) if widths else state.spec,
        direction=checkpoint.direction,
        image_size=tuple(checkpoint.training.get("image_size", (256, 256))),
        readings=checkpoint.readings,
        bytes=path.stat().st_size,
    )


def _folder_of(path: Path) -> Path | None:
    """Return the exported folder that a graph's file stands in, None where it is no such file."""
    if path.suffix not in (".onnx", ".xml") or not path.is_file():
        return None
    folder = path.parent.parent
    if not (folder / CARD).is_file():
        raise FileFormatError(
            f"{path}: a graph without {CARD} in the folder above it; ganc runs graphs in folders that ganc-export wrote"
        )
    return folder


def _checkpoint_engine(
    path: Path,
    state: NetworkState,
    widths: Widths | None,
    engine: str | None,
    precision: str | None,
    device: str | None,
) -> Engine:
    if engine in (None, EAGER):
        if precision not in (None, "f32"):
            raise SpecError(f"{path}: a checkpoint runs in f32 in Paddle; name another --engine, or export it")
        _select(device)
        from ganc.engines.eager import EagerEngine
        from ganc.models.generator import Generator

        return EagerEngine(Generator.from_state(state), widths)
    if engine not in GRAPH_RUNTIMES:
        raise SpecError(f"{path}: engine '{engine}' runs exported folders; make one with ganc-export")
    return _compiled(path, state.leading(state.spec.narrowed(widths)) if widths else state, engine, precision or "f32")


def _compiled(path: Path, state: NetworkState, runtime: str, precision: str) -> GraphEngine:
    """Return a checkpoint's generator compiled by a graph runtime."""
    if precision not in (("f32", "bf16") if runtime == "openvino" else ("f32",)):
        raise SpecError(f"{path}: {runtime} runs no checkpoint in {precision}; export it in that precision")
    from ganc.engines.compile import compile_graph
    from ganc.onnx_graphs.generator import generator_graph

    return GraphEngine(
        compile_graph(generator_graph(state), runtime, precision), FLOATS, state.spec.shape.size_multiple
    )


def _exported(
    path: Path, folder: Path, direction: str | None, engine: str | None, precision: str | None, device: str | None
) -> Model:
    card = read_card(folder)
    if direction not in (None, card["direction"]):
        raise SpecError(f"{folder}: translates {card['direction']} only, --direction says {direction}")
    forms = card_forms(folder, card)
    if path != folder:
        forms = (form_of_file(folder, forms, path),)
    form, chosen = choose_form(folder, forms, engine, precision, _on_gpu(device, engine))
    spec = spec_from_json(GeneratorSpec, card["generator"])
    if chosen == "paddle-inference":
        _select(device)
    return Model(
        path=path,
        engine=open_form(folder, form, chosen, _pictures(folder, card), spec.shape.size_multiple),
        spec=spec,
        direction=card["direction"],
        image_size=tuple(card["image_size"]),
        readings=Readings.recorded(card, (spec.in_channels, spec.out_channels)),
        bytes=form_bytes(folder, form),
    )


def form_bytes(folder: Path, form: Form) -> int:
    """Return what a form takes on the disk."""
    files = [folder / name for name in form.files] or list((folder / form.name).iterdir())
    return sum(file.stat().st_size for file in files)


def _pictures(folder: Path, card: Mapping):
    if "input" not in card:
        return FLOATS
    try:
        return image_format(card["input"])
    except (KeyError, TypeError) as error:
        raise FileFormatError(f"{folder / CARD}: does not say what goes in; export the model again") from error


def _select(device: str | None) -> None:
    if device is not None:
        from ganc.system.runtime import select_device

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
    from ganc.system.runtime import select_device

    return select_device(device) != "cpu"
