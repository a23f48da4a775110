"""The names of all commands: the tools, also those that are not installed, and ganc's."""

from collections.abc import Iterator

import click

from ganc.base.extras import TOOLBOX, TOOLS


def command_names() -> Iterator[str]:
    """Yield the name of each command that has options, such as ganc-distill and ganc data check."""
    import importlib.metadata  # --help does without

    yield from TOOLS
    for script in importlib.metadata.entry_points(group="console_scripts", name=TOOLBOX):
        # The script's package has the command in a module that it imports when it is called.
        yield from _under(TOOLBOX, importlib.import_module(f"{script.module}.main").main)


def _under(name: str, command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        for below, one in command.commands.items():
            yield from _under(f"{name} {below}", one)
    else:
        yield name
