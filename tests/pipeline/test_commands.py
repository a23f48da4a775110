"""Every command of the seven console scripts: its help, what it costs to ask for it, how it ends."""

import importlib.metadata
import re
import shlex
import subprocess
import sys

import click
import pytest
from helpers.stages import refusal
from helpers.support import PATIENCE, command_line, module_of, run_command, succeed

TOOLS = [f"ganc-{stage}" for stage in ("replace", "distill", "supernet", "search", "finetune", "export")]
PROGRAMS = ["ganc", *TOOLS]


def main_of(program):
    module = importlib.import_module(module_of(program))
    return module.main


def walk(command, *names):
    """Yield (names, command) of a command and all below it."""
    yield names, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from walk(below, *names, name)


COMMANDS = [pair for program in PROGRAMS for pair in walk(main_of(program), program)]
ALL = pytest.mark.parametrize(("names", "command"), COMMANDS, ids=[" ".join(names) for names, _ in COMMANDS])


def test_the_toolbox_has_what_it_should():
    names = {" ".join(names) for names, _ in COMMANDS}
    for tool in ("data demo", "data check", "data split", "stats", "inspect", "profile", "evaluate", "translate"):
        assert f"ganc {tool}" in names
    assert {"ganc select", "ganc merge"} <= names


@ALL
def test_help_has_a_sentence_an_example_and_a_word_on_every_option(names, command):
    program, *rest = names
    said = succeed(program, *rest, "--help").stdout
    assert said == succeed(program, *rest, "-h").stdout
    lines = said.splitlines()
    assert lines[0].startswith(f"Usage: {' '.join(names)} ")
    sentence = lines[2].strip()
    assert re.match(r"[A-Z].*[.,:a-z]$", sentence), sentence
    assert [line for line in lines if line.startswith(f"  {program} ")], "no example that can be pasted"
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{option.name} has no help"
            assert re.match(r"[A-Za-z0-9]", option.help), option.help
            assert option.help.endswith("."), option.help


@ALL
def test_defaults_are_shown(names, command):
    text = "".join(succeed(names[0], *names[1:], "--help").stdout.split())  # lines break at hyphens too
    brought = command.context_settings.get("default_map", {})  # by a recipe
    for option in command.params:
        if not isinstance(option, click.Option) or option.is_flag or option.required:
            continue
        default = brought.get(option.name, option.default)
        if isinstance(option.show_default, str):
            assert f"[default:({''.join(option.show_default.split())})" in text, option.name
        elif isinstance(default, str | int | float):
            assert f"[default:{''.join(str(default).split())}" in text, option.name


@ALL
def test_examples_name_options_that_exist(names, command):
    options = {name for option in command.params for name in option.opts}
    for line in (command.help or "").splitlines():
        example = line.strip()
        if example.startswith(f"{' '.join(names)} ") and "|" not in example and not isinstance(command, click.Group):
            assert set(re.findall(r"(?<= )--[a-z-]+", example)) <= options, example


@ALL
def test_an_option_that_does_not_exist_is_wrong_usage(names, command):
    assert "--no-such-option" in refusal(names[0], *names[1:], "--no-such-option", status=2)


# Whole packages; then single modules: slow ones of the standard library, and ganc's own that make layers or read files.
HEAVY = {"paddle", "h5py", "numpy", "scipy", "PIL", "safetensors", "tabulate", "tqdm"}
HEAVY_MODULES = {
    *("asyncio", "concurrent.futures", "decimal", "fractions", "hashlib", "importlib.metadata", "json", "logging"),
    *("random", "subprocess", "tempfile", "urllib.parse", "zipfile"),
    *("ganc.models.families", "ganc.models.layers", "ganc.models.resnet", "ganc.models.spec", "ganc.models.space"),
    *("ganc.files.checkpoint", "ganc.results.table", "ganc.data.levels"),
}
REPORT = f"""
import importlib, sys
before = set(sys.modules)
module, *arguments = sys.argv[1:]
try:
    importlib.import_module(module).main(arguments, prog_name="ganc")
except SystemExit as end:
    assert not end.code, end.code
new = set(sys.modules) - before
heavy = {HEAVY!r} & {{name.partition(".")[0] for name in new}} | {HEAVY_MODULES!r} & new
assert not heavy, sorted(heavy)
"""


@pytest.mark.paddle26
@pytest.mark.parametrize("names", [names for names, _ in COMMANDS], ids=" ".join)
def test_help_imports_nothing_heavy(names):
    program, *rest = names
    done = subprocess.run(
        [sys.executable, "-c", REPORT, module_of(program), *rest, "--help"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: ganc ")


def test_a_traceback_is_shown_only_when_asked_for(tmp_path):
    plain, debugging = (
        run_command("ganc", "inspect", "absent", *options, cwd=tmp_path) for options in ((), ("--debug",))
    )
    assert (plain.returncode, plain.stdout) == (1, b"")
    (line,) = plain.stderr.splitlines()
    assert line.startswith(b"Error: absent")
    assert (debugging.returncode, debugging.stdout) == (1, b"")
    assert debugging.stderr.startswith(b"Traceback")
    assert b"FileFormatError: absent" in debugging.stderr


def test_a_reader_that_stops_reading_ends_a_command_quietly(chain, tmp_path):
    """As in `ganc select search.h5 --json | head -1`."""
    command = shlex.join(command_line("ganc", "select", chain.search, "--json"))
    script = f"{command} 2> messages | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("0", "1")
    assert (tmp_path / "messages").read_text() == ""


def test_the_version_is_that_of_the_distribution():
    version = importlib.metadata.version("ganc-common")
    assert succeed("ganc", "--version").stdout == f"ganc, version {version}\n"
