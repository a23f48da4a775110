"""Running the variants of an exported folder: which engine reads which, and which is chosen where none is named."""

from collections.abc import Sequence
from pathlib import Path

from ganc.base.engine_table import PRECISIONS, EngineRow, engine_row, exported_engines, in_order
from ganc.base.errors import FileFormatError, SpecError
from ganc.base.extras import missing
from ganc.data.layout import ImageFormat
from ganc.engines import Engine
from ganc.engines.compile import adapter_of
from ganc.files.card import CHECKPOINT, Variant, card_variants, check_files, read_card


def open_variant(
    folder: Path, variant: Variant, engine: str, layout: ImageFormat, size_multiple: int, threads: int | None = None
) -> Engine:
    """Return a variant that is ready to run in an engine; without `threads`, in this process's share of the cores.

    Raises:
        FileFormatError: a file is missing, is not the one that was exported, or the engine cannot read it.
        MissingDependencyError: the engine is not installed.
    """
    check_files(folder, variant)
    return adapter_of(engine).of_variant(folder, variant, layout, size_multiple, threads)


def has_variant(folder: Path, engine: str, precision: str) -> bool:
    """Whether an exported folder has a variant of this precision that the engine reads."""
    variants = card_variants(folder, read_card(folder))
    return bool(_fitting(variants, [engine_row(engine)], precision))


def choose_variant(
    folder: Path, variants: Sequence[Variant], engine: str | None, precision: str | None, on_gpu: bool = False
) -> tuple[Variant, str]:
    """Return the variant to run and the engine to run it in.

    What is not asked for is chosen: of the variants nearest to the checkpoint, the one whose engine is installed here
    and is preferred.

    Raises:
        SpecError: there is no such engine, or the folder has no such variant.
        MissingDependencyError: the engine asked for, or every engine that could run it, is not installed.
    """
    rows = in_order(on_gpu) if engine is None else [engine_row(engine)]
    if not any(row.formats for row in rows):
        raise SpecError(
            f"{folder}: engine '{engine}' runs checkpoints, such as {CHECKPOINT} in that folder; "
            f"an exported model runs in {', '.join(exported_engines())}"
        )
    fitting = _fitting(variants, rows, precision)
    if not fitting:
        asked = f"{precision or 'variant'}{f' for {engine}' if engine else ''}"
        has = ", ".join(f"{variant.format} {variant.precision}" for variant in variants)
        raise SpecError(f"{folder}: has no {asked}, it has {has}; export it so too")
    for variant, row in fitting:
        if row.package.installed:
            return variant, row.name
    raise missing(*((row.package,) for _, row in fitting))  # type: ignore[misc]  # none is installed: an error


def _fitting(
    variants: Sequence[Variant], rows: Sequence[EngineRow], precision: str | None
) -> list[tuple[Variant, EngineRow]]:
    """Return the variants with engines that read them: nearest to the checkpoint first, then the preferred engine's."""
    return [
        (variant, row)
        for wanted in PRECISIONS
        if precision in (None, wanted)
        for row in rows
        for kind in row.formats
        for variant in variants
        if (variant.format, variant.precision) == (kind, wanted)
    ]


def variant_of_file(folder: Path, variants: Sequence[Variant], path: Path) -> Variant:
    """Return the variant that a file of an exported folder belongs to. Raises FileFormatError where there is none."""
    name = path.relative_to(folder).as_posix()
    for variant in variants:
        if name in variant.files:
            return variant
    raise FileFormatError(f"{path}: is not listed in the folder's model card; export the model again")
