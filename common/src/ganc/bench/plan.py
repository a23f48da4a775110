"""What to time: the combinations that are asked for, and those of them that can be."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ganc.base.errors import MissingDependencyError, SpecError


@dataclass(frozen=True)
class EngineFacts:
    """An engine's module, the extra that brings it, and the precisions that it can compute in somewhere."""

    module: str
    extra: str
    precisions: tuple[str, ...]


PRECISIONS = ("f32", "f16", "bf16", "int8")
ENGINES: Mapping[str, EngineFacts] = {
    "openvino": EngineFacts("openvino", "openvino", PRECISIONS),
    "onnxruntime": EngineFacts("onnxruntime", "onnx", ("f32", "f16", "int8")),
    "paddle-inference": EngineFacts("paddle", "cpu", ("f32",)),
    "paddle-eager": EngineFacts("paddle", "cpu", ("f32",)),
}
# What is timed when no engine is named: eager Paddle is for training, and too slow to wait for unasked.
USUAL_ENGINES = ("openvino", "onnxruntime", "paddle-inference")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to time, and how.

    Attributes:
        models: checkpoints or exported folders.
        original: the same for what they are compared with; None is an untrained generator of the published size.
        engines: names of `ENGINES`; none stands for the installed ones of `USUAL_ENGINES`.
        precisions: names of `PRECISIONS`.
        threads: none stands for this process' share of the cores.
        size: (width, height) of the pictures.
        repeats, min_seconds: turns of each network, and how long each is timed at least.
        device: where Paddle's engines run; the others run on the CPU.
        direction: which generator of a checkpoint; None is its own.

    Raises:
        SpecError: an engine or a precision is not known.
    """

    models: Sequence[Path]
    original: Path | None = None
    engines: Sequence[str] = ()
    precisions: Sequence[str] = ("f32",)
    batches: Sequence[int] = (1,)
    threads: Sequence[int] = ()
    size: tuple[int, int] = (256, 256)
    repeats: int = 10
    min_seconds: float = 1.0
    device: str = "auto"
    direction: str | None = None

    def __post_init__(self):
        for kind, asked, known in (("engine", self.engines, ENGINES), ("precision", self.precisions, PRECISIONS)):
            if unknown := [name for name in asked if name not in known]:
                raise SpecError(f"{kind} '{unknown[0]}': expected one of {', '.join(known)}")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one process times: all of its networks and precisions by turns, one batch size after another.

    Attributes:
        networks: files or folders, the original first; None is the untrained one.
    """

    engine: str
    threads: int
    networks: tuple[str | None, ...]
    precisions: tuple[str, ...]
    batches: tuple[int, ...]
    size: tuple[int, int]
    repeats: int
    min_seconds: float
    device: str
    direction: str | None

    def to_json(self) -> dict:
        return asdict(self)


def engine_obstacle(name: str) -> MissingDependencyError | None:
    """Return why an engine cannot run here, None if it can."""
    facts = ENGINES[name]
    if importlib.util.find_spec(facts.module):
        return None
    return MissingDependencyError(f"{name} is not installed: install ganc-common[{facts.extra}]")


def precision_obstacle(engine: str, precision: str) -> SpecError | None:
    """Return why an engine cannot compute in a precision on any machine, None if it can on some."""
    if precision in ENGINES[engine].precisions:
        return None
    return SpecError(f"{engine} has no {precision}, only {', '.join(ENGINES[engine].precisions)}")
