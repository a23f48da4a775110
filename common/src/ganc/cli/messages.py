"""What a command says beside its result, on standard error: as much as -q and -v ask for."""

import click

_LOUDNESS = "ganc.loudness"  # in a context's meta
QUIET, PLAIN, VERBOSE = -1, 0, 1


def set_loudness(ctx: click.Context, loudness: int) -> None:
    """Let the command of a context say as much."""
    ctx.meta[_LOUDNESS] = loudness


def loudness() -> int:
    """Return how much the running command is to say."""
    ctx = click.get_current_context(silent=True)
    return PLAIN if ctx is None else ctx.meta.get(_LOUDNESS, PLAIN)


def warn(text: str) -> None:
    """Print a warning, whatever was asked for."""
    click.echo(click.style("warning: ", fg="yellow") + text, err=True)


def note(text: str) -> None:
    """Print a line unless -q was given."""
    if loudness() > QUIET:
        click.echo(text, err=True)


def detail(text: str) -> None:
    """Print a line if -v was given."""
    if loudness() >= VERBOSE:
        click.echo(text, err=True)
