"""Variables of the environment that stand for options: GANC_DISTILL_LR for --lr of ganc-distill."""

import click

from ganc.cli.help import long_name

# What is for a call by hand: from the environment a dry run would leave a pipeline's stages without outputs.
NOT_SAID = ("help", "version", "dry-run")


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
