"""Variables of the environment that stand for options: GANC_DISTILL_LR for --lr of ganc-distill."""

import os
from collections.abc import Iterator

import click

from ganc.base.text import did_you_mean
from ganc.cli.help import long_name
from ganc.cli.messages import warn
from ganc.cli.programs import command_names

# What is for a call by hand: from the environment a dry run would leave a pipeline's stages without outputs.
NOT_SAID = ("help", "version", "dry-run")
COMMON = "GANC_"
# What begins so and stands for no option: read by the library, by benchmarks and by tests.
OTHERS = ("GANC_CACHE", "GANC_INCEPTION", "GANC_BROWSER", "GANC_FAULTS", "GANC_FUZZ")


def variable_prefix(*names: str) -> str:
    """Return what the variables of a command begin with, without the underscore behind it."""
    return "_".join(names).upper().replace("-", "_")


def name_variables(command: click.Command, ctx: click.Context) -> None:
    """Give each option of a command that is called now the variable that its long name says."""
    prefix = ctx.auto_envvar_prefix
    for option in command.params:
        if prefix is not None and isinstance(option, click.Option) and option.allow_from_autoenv:
            option.allow_from_autoenv = False  # Click's own name would be that of the parameter
            if long_name(option) not in NOT_SAID:
                option.envvar = f"{prefix}_{variable_prefix(long_name(option))}"


def warn_of_misspelt(ctx: click.Context) -> None:
    """Warn of variables that look as if they stood for an option of the command that is called, or of any, and do not.

    What stands for options of another command is left to that one.
    """
    given = [name for name in sorted(os.environ) if name.startswith(COMMON) and name not in OTHERS]
    read = {option.envvar for option in ctx.command.params if isinstance(option, click.Option) and option.envvar}
    if unread := [name for name in given if name not in read]:
        for said in _misspelt(unread, ctx, [str(name) for name in read]):
            warn(said)


def _misspelt(names: list[str], ctx: click.Context, read: list[str]) -> Iterator[str]:
    """Yield what to say of variables that the command does not read."""
    commands = {variable_prefix(*name.split()) + "_": name for name in command_names()}
    for name in names:
        prefix = max((one for one in commands if name.startswith(one)), key=len, default=None)
        if prefix is None:
            advice = did_you_mean(name, [*read, *(f"{one}…" for one in commands), *OTHERS])
            yield f"{name} has no effect: no command begins so{advice}"
        elif commands[prefix] == ctx.command_path and name in {prefix + variable_prefix(one) for one in NOT_SAID}:
            yield f"{name} has no effect: what it stands for is for a call by hand"
        elif commands[prefix] == ctx.command_path:
            yield f"{name} has no effect: {ctx.command_path} has no such option{did_you_mean(name, read)}"
