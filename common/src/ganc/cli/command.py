"""The commands' class: errors become one line and an exit status, tracebacks stay hidden unless asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource

from ganc.base.errors import GancError, InterruptedRun
from ganc.base.needs import Need, without_effect
from ganc.base.reading import one_line
from ganc.cli.defaults_file import defaults_places
from ganc.cli.environment import name_variables, variable_prefix, warn_of_misspelt
from ganc.cli.everywhere import DEBUG, defaults_option, everywhere, say_where_from
from ganc.cli.help import Helpful, long_name, wants_colour
from ganc.cli.paths import Place, places, prepare_outputs, require_reachable, require_separate
from ganc.cli.streams import (
    drop_output,
    flush_output,
    forgive_standard_error,
    is_of_output,
    open_closed_streams,
    print_all_names,
    say,
)
from ganc.cli.types import strict
from ganc.system.signals import ended_by, ending, words

CONTEXT = {"show_default": True, "help_option_names": ["-h", "--help"], "max_content_width": 110}


class Program(click.Command):
    """What a console script runs: a Click command or group that says what ended it, a signal or a full disk."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("color", wants_colour())
        open_closed_streams()
        forgive_standard_error()
        print_all_names()
        try:
            with ending():
                return super().main(*args, **kwargs)
        except SystemExit:
            if number := ended_by():
                say(words(number))
                raise SystemExit(128 + number) from None
            raise
        except OSError as error:  # of --help and other output that no command makes; all else is caught in `invoke`
            if not is_of_output(error):
                raise
            raise SystemExit(_end_of_output(error)) from None
        finally:
            if failed := flush_output():
                raise SystemExit(_end_of_output(failed)) from None


class Group(Helpful, Program, click.Group):
    """A group of commands."""


class Command(Helpful, Program, click.Command):
    """A Click command that exits with 1 if a file or run failed, 2 on wrong usage, 130 or 143 when interrupted.

    Args:
        renamed: old option names that still work, each with its new name; a line on standard error says so.
        implied: gives, for the values of all options, what the command writes besides those that they name.
        page: the page of docs/ that says more.
        moved: the groups in help of options that stand elsewhere in this command, by their long names.
        needs: what some options need for an effect; one that is typed without it is refused.
    """

    def __init__(
        self,
        *args: Any,
        renamed: Mapping[str, str] | None = None,
        implied: Callable[[Mapping], Iterable[Place]] | None = None,
        page: str | None = None,
        moved: Mapping[str, str] | None = None,
        needs: Sequence[Need] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.renamed, self.implied, self.page = renamed or {}, implied or (lambda values: ()), page or self.page
        self.moved, self.needs = moved or {}, needs
        for parameter in self.params:
            parameter.type = strict(parameter.type)
        self.params = [defaults_option(), *self.params, *everywhere(program=(self.name or "").startswith("ganc-"))]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        name_variables(self, ctx)
        try:
            rest = super().parse_args(ctx, list(self._with_new_names(args)))
            self._require_effects(ctx)
            return rest
        except click.UsageError:  # perhaps of what a variable was to say
            warn_of_misspelt(ctx)
            raise

    def _require_effects(self, ctx: click.Context) -> None:
        """Raise click.UsageError where an option was typed that has no effect as the others are."""
        if ctx.resilient_parsing:  # a shell completes a line that is not whole
            return
        options = {one.name: one for one in self.params if isinstance(one, click.Option) and one.name in ctx.params}
        typed = [name for name in options if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
        name, said = without_effect(self.needs, typed, ctx.params)
        if name:
            raise click.UsageError(f"--{long_name(options[name])} {said}", ctx)

    def _with_new_names(self, args: Sequence[str]) -> Iterator[str]:
        for arg in args:
            name, equals, value = arg.partition("=")
            if name in self.renamed:
                click.echo(f"{name} is now called {self.renamed[name]}", err=True)
            yield self.renamed.get(name, name) + equals + value

    def check(self, args: Sequence[str]) -> None:
        """Read a command line as a call would, and run nothing; what files hold is not looked at.

        Raises:
            click.UsageError: an option or a value is wrong, or values do not go together.
            GancError: something that the values need is not installed.
        """
        self.settings(args)

    def settings(self, args: Sequence[str]) -> list[object]:
        """Return the objects that a call with a command line would hand to the command; raises as `check` does."""
        with self.make_context(self.name, list(args)) as ctx:
            return [build(ctx.params) for build in getattr(self.callback, "groups", ())]

    def invoke(self, ctx: click.Context) -> Any:
        try:
            say_where_from(ctx)
            warn_of_misspelt(ctx)
            found = [*defaults_places(ctx), *places(self.params, ctx.params), *self.implied(ctx.params)]
            require_reachable(found)
            require_separate(found)
            if not ctx.params.get("dry_run"):
                prepare_outputs(found)
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException):
            raise
        except Exception as error:
            if number := ended_by():  # and a library has made an error of that
                ctx.exit(128 + number)
            if isinstance(error, BrokenPipeError) or (isinstance(error, OSError) and is_of_output(error)):
                ctx.exit(_end_of_output(error))
            if not isinstance(error, InterruptedRun):  # which they all are at once
                _tell_others(_message(error))
            if ctx.meta.get(DEBUG):
                raise
            if isinstance(error, InterruptedRun):
                say(str(error))
                ctx.exit(128 + error.signal_number)
            raise click.ClickException(_message(error)) from error


def _end_of_output(error: OSError) -> int:
    """Say why standard output cannot be written, but not of a reader that has read enough; return the exit status."""
    drop_output()
    if not isinstance(error, BrokenPipeError):
        say(f"Error: standard output cannot be written ({error.strerror or error})")
    return 1


def _tell_others(message: str) -> None:
    """Let the other processes of a run, where there are some, say why this one ends."""
    from ganc.system.meeting import say_failure

    say_failure(message)


def _message(error: Exception) -> str:
    text = one_line(error)
    if isinstance(error, GancError):
        return text
    if isinstance(error, MemoryError):
        return "not enough memory: use a smaller batch, size or cache"
    if isinstance(error, OSError) and error.strerror:  # a disk that is full or breaks, of which nothing else is known
        return f"{f'{error.filename}: ' if error.filename else ''}{error.strerror} (--debug shows where)"
    return f"unexpected {type(error).__name__}: {text[:300]} (--debug shows where)"


def command(
    name: str | None = None, *, defaults: Mapping[str, object] | None = None, **attributes: Any
) -> Callable[[Callable], Command]:
    """Return the decorator that makes a function one of ganc's commands.

    Args:
        defaults: of parameters by name, before those that the options have.
    """
    settings = CONTEXT | ({"default_map": dict(defaults)} if defaults else {})
    if name and name.startswith("ganc-"):
        settings |= {"auto_envvar_prefix": variable_prefix(name)}
    return click.command(name, cls=Command, context_settings=settings, **attributes)
