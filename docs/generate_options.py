"""Writes docs/options.md, the reference of all commands, from what the commands themselves say.

    python docs/generate_options.py

Needs all seven distributions installed. The page depends on the commands alone, not on the terminal.
"""

import argparse
import importlib
import inspect
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click

from ganc.cli.help import in_groups

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "options.md"
EVERYWHERE = {"--help", "--debug", "--defaults", "--quiet", "--verbose", "--version"}  # said once at the top

HEAD = """\
# Options of every command

Written by `python docs/generate_options.py` from the commands' own help; edit the help, not this page.

- Every command has `-h`, `--help`; `-q`, `--quiet`, which leaves results, warnings and errors; `-v`, `--verbose`, which
  says more; `--debug`, which shows the traceback of an error; and `--defaults FILE`, see below. The seven programs have
  `--version`, which says Paddle's too.
- A `SIZE` is one number of pixels for width and height, or `WIDTHxHEIGHT`, such as `256` or `512x256`. Only in
  `ganc translate --size N` is the one number the shorter side, and the aspect is kept.
- `WIDTHS`, `SPACE` and `COUNT` (`2.7G`, `350k`, `2700000000`) are explained in
  [formats.md](formats.md#strings-on-the-command-line).
- Tables, JSON and results go to standard output; settings, progress and warnings to standard error.
- The exit status is 0 when all is done, 1 when a file or a run failed (one line says which, what was expected and what
  to do), 2 for wrong usage, 130 after Ctrl-C and 143 after a SIGTERM.
- `--json` prints all numbers in full. Colours are for terminals alone; `NO_COLOR=1` switches them off.

## Defaults of your own

An option's value is what is typed, else what the environment says, else what `--defaults FILE` says, else what a recipe
says, else the default that help shows.

**A file.** YAML, which needs PyYAML (`pip install 'ganc-common[yaml]'`), or TOML. Options stand there by their long
names without dashes; `true` and `false` for one without a value, a list for one that repeats. What stands in a section
that is named as a command counts for that command alone, so that one file serves all stages:

```yaml
crop-size: 128
seed: 7
ganc-distill:
  lr: 5e-4
  loss: [lite0=5, ssim=1]
ganc-finetune:
  epochs: 20
```

With this file `ganc-distill --defaults run.yaml …` is
`ganc-distill --crop-size 128 --seed 7 --lr 5e-4 --loss lite0=5 --loss ssim=1 …`. A name that is no option of the
command is refused, and so is a section that names no command, with the nearest that is one. (`--config` was taken: it
names a sub-network.)

An option that has no effect beside the others, such as `--population` without `--strategy evolution`, is refused where
it is typed. In a file, in the environment and in a recipe it waits for a call that needs it.

**The environment.** `GANC_DISTILL_LR=5e-4` is `--lr 5e-4` of `ganc-distill`, `GANC_DATA_CHECK_MINIMUM=256` is
`--minimum 256` of `ganc data check`: the command and the long name in capitals, with `_` for spaces and dashes. A
variable for an option that repeats has several values with spaces between them; one for an option without a value is
`1` or `0`. `GANC_DISTILL_DEFAULTS` names a file. `--dry-run` is for a call by hand alone. A command warns of a variable
that looks like one of its own, or like one of no command, and has no effect.

## Completion

A shell completes commands, options and their choices after one line in its start-up file, for each of the programs:

```sh
eval "$(_GANC_COMPLETE=bash_source ganc)"                   # bash, ~/.bashrc
eval "$(_GANC_DISTILL_COMPLETE=zsh_source ganc-distill)"    # zsh, ~/.zshrc
_GANC_SEARCH_COMPLETE=fish_source ganc-search | source      # fish, ~/.config/fish/config.fish
```

## Commands
"""


def main() -> None:
    """Write the page; no argument is taken but --help."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    PAGE.write_text(options_page(), encoding="utf-8")
    print(PAGE)


def options_page() -> str:
    """Return the page as Markdown."""
    contexts = [context for name, command in console_scripts() for context in _with_subcommands(name, command, None)]
    rows = "\n".join(
        f"| [`{context.command_path}`](#{context.command_path.replace(' ', '-')}) | {_summary(context.command)} |"
        for context in contexts
    )
    return "\n".join([HEAD, f"| command | what it does |\n|---|---|\n{rows}\n", *map(_section, contexts)])


def console_scripts() -> Iterator[tuple[str, click.Command]]:
    """Yield name and command of every console script that a distribution of this repository declares."""
    projects = []
    for path in (ROOT / "common" / "pyproject.toml", *ROOT.glob("tools/*/pyproject.toml")):
        projects.append(tomllib.loads(path.read_text(encoding="utf-8"))["project"])
    # The descriptions start with "Stage 1: …", that of the toolbox does not.
    for project in sorted(projects, key=lambda project: project["description"]):
        for name, place in project["scripts"].items():
            package = place.partition(":")[0]  # whose `run` imports the command when it is called
            yield name, importlib.import_module(f"{package}.{'main' if name == 'ganc' else 'cli'}").main


def _with_subcommands(name: str, command: click.Command, parent: click.Context | None) -> Iterator[click.Context]:
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    yield context
    for subcommand in sorted(getattr(command, "commands", {}).items()):
        yield from _with_subcommands(*subcommand, context)


def _summary(command: click.Command) -> str:
    return command.get_short_help_str(limit=1000)


def _section(context: click.Context) -> str:
    usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    parts = [f"## {context.command_path}", f"`{usage}`", *_paragraphs(context.command.help or ""), _table(context)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _paragraphs(text: str) -> Iterator[str]:
    r"""Yield the paragraphs of a command's help; the text behind \b keeps its lines."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        lines = paragraph.split("\n")
        yield "\n".join(["```", *lines[1:], "```"]) if lines[0] == "\b" else paragraph


def _table(context: click.Context) -> str:
    options = [one for one in context.command.get_params(context) if isinstance(one, click.Option)]
    groups = in_groups(
        (option for option in options if not EVERYWHERE & {*option.opts}), getattr(context.command, "moved", None)
    )
    rows = [row for name, members in groups.items() for row in _rows(context, name, members, titled=len(groups) > 1)]
    return "\n".join(["| option | what it says |", "|---|---|", *rows]) if rows else ""


def _rows(context: click.Context, group: str, options: list[click.Option], *, titled: bool) -> Iterator[str]:
    if titled:
        yield f"| **{group}** | |"
    for names, said in (option.get_help_record(context) for option in options):
        yield f"| `{_cell(names)}` | {_cell(said)} |"


def _cell(text: str) -> str:
    """Return the text of a table's cell: one line in which | does not end the cell."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
