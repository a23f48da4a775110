"""Every engine, export format and precision, each once: what it needs, and what it runs where.

Choices and help of the commands, refusals, export, benchmarks, search and metrics derive from these rows. A new engine
is a row here and an adapter in `ganc.engines.compile`; a new format a row here and a writer in `ganc_export.variants`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from ganc.base.errors import SpecError
from ganc.base.extras import ONNX, ONNXRUNTIME, OPENVINO, PADDLE, Package, missing


@dataclass(frozen=True, kw_only=True)
class Precision:
    """What a network's numbers are stored or computed in.

    Attributes:
        exact: equal to the checkpoint but for rounding.
        told: the engine is told to compute in it; other precisions are part of the graph.
        calibrated: made with images, so that no engine makes it from a checkpoint alone.
        packages: what makes it, besides what writes the format.
    """

    name: str
    exact: bool = False
    told: bool = False
    calibrated: bool = False
    packages: tuple[Package, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Format:
    """What ganc-export writes a generator as.

    Attributes:
        precisions: those that it is written in.
        engine: what runs it to verify it.
        packages: what writes it.
        suffix: of the graph's file; empty where the format names its files itself.
        page: whether the graph is a part of a page for browsers, with what runs it there. The folder then names the
            variant, and writing it fetches that from a registry unless it is cached.
    """

    name: str
    precisions: tuple[str, ...]
    engine: str
    packages: tuple[Package, ...]
    suffix: str = ""
    page: bool = False


@dataclass(frozen=True, kw_only=True)
class EngineRow:
    """What runs a network.

    Attributes:
        package: what it needs.
        precisions: those that it runs on some machine.
        formats: of an exported folder, its own first; none where it runs checkpoints only.
        graphs: whether it compiles ONNX graphs: of whole networks, and of their parts.
        gpu_place: its place in the order of preference on a GPU; None runs on the CPU only.
        former_names: names that it had, which commands still take.
    """

    name: str
    package: Package
    precisions: tuple[str, ...]
    formats: tuple[str, ...] = ()
    graphs: bool = False
    gpu_place: int | None = None
    former_names: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[Package, ...]:
        """What running a checkpoint takes; an exported model needs the engine's own package only."""
        return (self.package, ONNX) if self.graphs else (self.package,)

    @property
    def runs_parts(self) -> bool:
        """Whether it runs parts of a network: the segments of a search, the passes of a training step."""
        return self.graphs or self.name == REFERENCE

    @property
    def of_checkpoints(self) -> tuple[str, ...]:
        """The precisions in which it runs a checkpoint."""
        return tuple(name for name in self.precisions if not PRECISIONS[name].calibrated)


Row = TypeVar("Row", Precision, Format, EngineRow)


def _by_name(*rows: Row) -> dict[str, Row]:
    return {row.name: row for row in rows}


# Nearest to the checkpoint first (docs/deployment.md).
PRECISIONS: Mapping[str, Precision] = _by_name(
    Precision(name="f32", exact=True),
    Precision(name="f16"),
    Precision(name="bf16", told=True),
    Precision(name="int8", calibrated=True, packages=(ONNXRUNTIME,)),
)

# Paddle's own converter to half precision refuses CPUs, and ONNX Runtime computes no convolution in bfloat16 there.
WEB = "web"  # the format with a page

FORMATS: Mapping[str, Format] = _by_name(
    Format(name="paddle", precisions=("f32",), engine="paddle-inference", packages=(PADDLE,)),
    Format(
        name="onnx",
        precisions=("f32", "f16", "int8"),
        engine="onnxruntime",
        packages=(ONNX,),
        suffix=".onnx",
    ),
    Format(
        name="openvino",
        precisions=("f32", "f16", "bf16", "int8"),
        engine="openvino",
        packages=(ONNX, OPENVINO),
        suffix=".xml",
    ),
    Format(
        name=WEB,
        precisions=("f32",),
        engine="onnxruntime",
        packages=(ONNX,),
        suffix=".onnx",
        page=True,
    ),
)

# What trains networks and runs checkpoints unless another engine is named.
REFERENCE = "paddle"

# Fastest on a CPU first (docs/deployment.md).
ENGINES: Mapping[str, EngineRow] = _by_name(
    EngineRow(
        name="openvino",
        package=OPENVINO,
        precisions=("f32", "f16", "bf16", "int8"),
        formats=("openvino", "onnx", WEB),
        graphs=True,
    ),
    EngineRow(
        name="onnxruntime",
        package=ONNXRUNTIME,
        precisions=("f32", "f16", "int8"),
        formats=("onnx", WEB),
        graphs=True,
    ),
    EngineRow(name="paddle-inference", package=PADDLE, precisions=("f32",), formats=("paddle",), gpu_place=1),
    EngineRow(name=REFERENCE, package=PADDLE, precisions=("f32",), gpu_place=0, former_names=("paddle-eager",)),
)


def engine_row(name: str) -> EngineRow:
    """Return an engine's row. Raises SpecError where there is no such engine."""
    if name not in ENGINES:
        raise SpecError(f"engine '{name}': expected one of {', '.join(ENGINES)}")
    return ENGINES[name]


def precision_row(name: str) -> Precision:
    """Return a precision's row. Raises SpecError where there is no such precision."""
    if name not in PRECISIONS:
        raise SpecError(f"precision '{name}': expected one of {', '.join(PRECISIONS)}")
    return PRECISIONS[name]


def in_order(on_gpu: bool = False) -> tuple[EngineRow, ...]:
    """Return all engines, the preferred one first; on a GPU those that cannot run there come last."""
    rows = tuple(ENGINES.values())
    if not on_gpu:
        return rows
    return tuple(sorted(rows, key=lambda row: len(rows) if row.gpu_place is None else row.gpu_place))


def graph_engines() -> tuple[str, ...]:
    """Return the names of the engines that compile ONNX graphs, the fastest first."""
    return tuple(row.name for row in in_order() if row.graphs)


def engines_of_parts() -> tuple[str, ...]:
    """Return the names of the engines that run parts of a network, the fastest first."""
    return tuple(row.name for row in in_order() if row.runs_parts)


def exported_engines() -> tuple[str, ...]:
    """Return the names of the engines that run exported models, the fastest first."""
    return tuple(row.name for row in in_order() if row.formats)


def usable_engines(names: tuple[str, ...], on_gpu: bool = False) -> tuple[str, ...]:
    """Return those of the engines that can run a checkpoint with what is installed, the preferred one first."""
    return tuple(row.name for row in in_order(on_gpu) if row.name in names and not missing(row.packages))


def fastest_engine(names: tuple[str, ...], on_gpu: bool = False) -> str:
    """Return the preferred one of `usable_engines`. Raises MissingDependencyError where none is usable."""
    usable = usable_engines(names, on_gpu)
    if not usable:
        raise missing(*(ENGINES[name].packages for name in names))  # type: ignore[misc]  # none is usable: an error
    return usable[0]


def variant_packages(format_name: str, precision: str) -> tuple[Package, ...]:
    """Return what writing and verifying a format in a precision takes."""
    row = FORMATS[format_name]
    return (*row.packages, *PRECISIONS[precision].packages, ENGINES[row.engine].package)
