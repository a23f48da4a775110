"""The options that name an engine or a precision; their choices are the rows of `ganc.base.engine_table`."""

from collections.abc import Callable, Iterable
from typing import Any

import click

from ganc.base.engine_table import ENGINES, PRECISIONS, REFERENCE

_PRESENT_NAMES = {former: row.name for row in ENGINES.values() for former in row.former_names}


class EngineChoice(click.Choice):
    """Some of the engines by name; a former name counts too, with a line on standard error that says the new one."""

    def __init__(self, names: Iterable[str] = tuple(ENGINES)):
        super().__init__(list(names))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        present = _PRESENT_NAMES.get(value)
        if present in self.choices:
            click.echo(f"{param.opts[0] if param else '--engine'} {value} is now called {present}", err=True)
            value = present
        return super().convert(value, param, ctx)


PRECISION = click.Choice(list(PRECISIONS))


def engine_options(function: Callable) -> Callable:
    """Add --engine and --precision: what runs a model, and which variant of it."""
    engine = click.option(
        "--engine",
        type=EngineChoice(),
        show_default=f"the fastest here; {REFERENCE} for checkpoints",
        help="What runs the model.",
    )
    precision = click.option(
        "--precision",
        type=PRECISION,
        show_default="the nearest to f32 that there is",
        help="Which variant of an exported folder; of a checkpoint, what the engine makes of it.",
    )
    return engine(precision(function))
