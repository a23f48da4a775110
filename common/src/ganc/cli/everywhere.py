"""The options that every command has."""

from typing import Any

import click
from click.core import ParameterSource

from ganc.cli.defaults_file import is_from_file, take_defaults
from ganc.cli.help import long_name
from ganc.cli.messages import QUIET, VERBOSE, detail, loudness, set_loudness
from ganc.cli.paths import FILE

DEBUG = "ganc.debug"  # in a context's meta


def everywhere(*, program: bool) -> list[click.Option]:
    """Return the options of every command; a program of its own says its version too."""
    options = [
        _early("-q", "--quiet", callback=_be_quiet, help="Say nothing but results, warnings and errors."),
        _early(
            "-v",
            "--verbose",
            callback=_be_verbose,
            help="Say more: versions, where values come from, all settings, each evaluation.",
        ),
        _early("--debug", callback=_note_debug, help="Show the traceback of an error."),
    ]
    return [*options, version_option()] if program else options


def defaults_option() -> click.Option:
    """Return the option of a file of defaults, which is to stand before those that are read early too."""
    said = "Read defaults of options from a YAML or TOML file; what is typed, and the environment, count more."
    return click.Option(
        ["--defaults"], type=FILE, metavar="FILE", expose_value=False, is_eager=True, callback=take_defaults, help=said
    )


def _early(*names: str, **settings: Any) -> click.Option:
    return click.Option(names, is_flag=True, expose_value=False, is_eager=True, **settings)


def version_option() -> click.Option:
    """Return the option that prints the versions of a program and of Paddle."""
    said = "Show the versions of this program and of Paddle, and exit."
    option = _early("--version", callback=_show_version, help=said)
    option.allow_from_autoenv = False
    return option


def _show_version(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    from ganc.system.versions import paddle_version, version_of  # --help does without

    name = ctx.find_root().command.name or ""
    own = version_of("ganc-common" if name == "ganc" else name)
    paddle = paddle_version()
    click.echo(f"{name} {own or 'unknown'}, {f'Paddle {paddle}' if paddle else 'no Paddle installed'}")
    ctx.exit()


def say_where_from(ctx: click.Context) -> None:
    """Say, where -v asks for it, the versions and which values come from the environment or from a file."""
    if loudness() < VERBOSE:
        return
    from ganc.system.versions import paddle_version, version_of

    detail(f"{ctx.command_path}: ganc {version_of('ganc-common')}, Paddle {paddle_version() or 'not installed'}")
    for option in ctx.command.params:
        if isinstance(option, click.Option) and option.name:
            if ctx.get_parameter_source(option.name) is ParameterSource.ENVIRONMENT:
                detail(f"  --{long_name(option)} from {option.envvar}")
            elif is_from_file(ctx, option.name):
                detail(f"  --{long_name(option)} from --defaults")


def _be_quiet(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked:
        set_loudness(ctx, QUIET)


def _be_verbose(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked:
        set_loudness(ctx, VERBOSE)


def _note_debug(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    ctx.meta[DEBUG] = asked
