"""The commands' class: errors become one line and an exit status, tracebacks stay hidden unless asked for."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import click

from ganc.base.errors import GancError, InterruptedRun
from ganc.system.signals import leaving_on_termination

CONTEXT = {"show_default": True, "help_option_names": ["-h", "--help"], "max_content_width": 110}


class Command(click.Command):
    """A Click command that exits with 1 if a file or run failed, 2 on wrong usage, 130 or 143 when interrupted.

    Args:
        renamed: old option names that still work, each with its new name; a line on standard error says so.
    """

    def __init__(self, *args, renamed: Mapping[str, str] | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.renamed = renamed or {}
        self.params.append(
            click.Option(
                ["--debug"], is_flag=True, expose_value=False, is_eager=True, callback=_note_debug, help=_DEBUG
            )
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(self._with_new_names(args)))

    def _with_new_names(self, args: Sequence[str]) -> Iterator[str]:
        for arg in args:
            name, equals, value = arg.partition("=")
            if name in self.renamed:
                click.echo(f"{name} is now called {self.renamed[name]}", err=True)
            yield self.renamed.get(name, name) + equals + value

    def invoke(self, ctx: click.Context):
        try:
            with leaving_on_termination():
                return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException):
            raise
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - Python flushes it once more when it exits
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(130)
        except Exception as error:
            if ctx.meta.get("ganc.debug"):
                raise
            if isinstance(error, InterruptedRun):
                click.echo(str(error), err=True)
                ctx.exit(128 + error.signal_number)
            raise click.ClickException(_one_line(error)) from error


_DEBUG = "Show the traceback of an error."


def _note_debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    ctx.meta["ganc.debug"] = value


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, GancError):
        return text
    if isinstance(error, MemoryError):
        return "not enough memory: use a smaller batch, size or cache"
    return f"unexpected {type(error).__name__}: {text[:300]} (--debug shows where)"


def command(name: str | None = None, **attributes) -> Callable[[Callable], Command]:
    """Return the decorator that makes a function one of ganc's commands."""
    return click.command(name, cls=Command, context_settings=CONTEXT, **attributes)
