"""The stages' commands, as the pipeline calls them: their options, and words of a command line from values of YAML."""

import importlib
import importlib.metadata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import click

from ganc.base.errors import GancError
from ganc.base.extras import install_tools
from ganc.base.text import truth
from ganc.cli.command import Command
from ganc.cli.paths import Written

GIVEN_TO_ALL = {"output", "shard", "restart-if-changed"}
# What one call by hand has: with some of them a stage ends without having done anything, with status 0.
BY_HAND = {"version", "dry-run", "json", "defaults", "debug"}
_READ = ("--data", "images", "--stats", "statistics", "-o", "output")


class ConfigurationError(GancError):
    """The configuration cannot be used; the message is one line."""


@dataclass(frozen=True)
class Stage:
    """A command for which a section of the configuration has options.

    Attributes:
        words: how the command is called.
        given: what its rule says itself, with any values; `names` are the options among it.
        trains: whether the options of `images` are its options too.
    """

    words: tuple[str, ...]
    given: tuple[str, ...]
    trains: bool = True

    @property
    def names(self) -> set[str]:
        return {word.removeprefix("--") for word in self.given if word.startswith("--")} | GIVEN_TO_ALL


STAGES = {
    "demo": Stage(("ganc", "data", "demo"), ("folder",), trains=False),
    "original": Stage(("ganc-replace",), ("--block", "resnet", "--data", "images", "-o", "output")),
    "replace": Stage(("ganc-replace",), _READ),
    "distill": Stage(("ganc-distill",), ("--teacher", "teacher", *_READ)),
    "supernet": Stage(("ganc-supernet",), ("--teacher", "teacher", "--student", "student", *_READ)),
    "search": Stage(("ganc-search",), ("--supernet", "supernet", *_READ), trains=False),
    "finetune": Stage(
        ("ganc-finetune",), ("--supernet", "supernet", "--teacher", "teacher", "--results", "results", *_READ)
    ),
    "export": Stage(("ganc-export",), ("--checkpoint", "checkpoint", *_READ), trains=False),
}


def words(options: Mapping) -> Iterator[str]:
    """Yield options as words of a command line; true is a flag, false its absence, a list repeats an option."""
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            flag = truth(one)
            if flag is None:
                yield from (f"--{name}", str(one))
            elif flag:
                yield f"--{name}"


def is_read(option: click.Option | None) -> bool:
    """Whether an option names a file or folder that is read."""
    return option is not None and isinstance(option.type, click.Path) and not isinstance(option.type, Written)


@cache
def command(stage: str) -> Command:
    """Return the command of a stage, of the program that is installed.

    Raises:
        ConfigurationError: it is not installed.
    """
    program, *names = STAGES[stage].words
    found = [*importlib.metadata.entry_points(group="console_scripts", name=program)]
    if not found:
        raise ConfigurationError(f"{program} is not installed: {install_tools(program)}")
    # The script's package has the command in a module that it imports when it is called.
    loaded: Any = importlib.import_module(f"{found[0].module}.{'main' if program == 'ganc' else 'cli'}").main
    for name in names:
        loaded = loaded.commands[name]
    return loaded


@cache
def options_of(stage: str) -> dict[str, click.Option]:
    """Return the options of a stage's command by their names without dashes."""
    options = [one for one in command(stage).params if isinstance(one, click.Option)]
    return {
        name.removeprefix("--"): one
        for one in options
        for name in (*one.opts, *one.secondary_opts)
        if name.startswith("--")
    }
