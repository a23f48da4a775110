"""Every command of the seven console scripts: its help, what it costs to ask for it, how it ends."""

import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from helpers.stages import refusal
from helpers.support import PATIENCE, command_line, module_of, run_command, succeed

from ganc.cli.help import in_groups
from ganc.system.versions import paddle_versions

ROOT = Path(__file__).parents[2]

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


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_version_is_that_of_the_distribution_and_of_paddle(program):
    version = importlib.metadata.version("ganc-common" if program == "ganc" else program)
    paddle = next(iter(paddle_versions().values()))
    assert succeed(program, "--version").stdout == f"{program} {version}, Paddle {paddle}\n"


def test_a_version_is_said_where_there_is_no_paddle():
    done = run_command("ganc-export", "--version", absent=("paddle", "paddlepaddle", "paddlepaddle_gpu"))
    assert done.stdout.endswith(b", no Paddle installed\n")


def help_of(*names):
    """Return the help of a command and its sections: each title with its options, in their order."""
    said = succeed(names[0], *names[1:], "--help").stdout
    parts = re.split(r"^([A-Z][\w-]+):\n", said, flags=re.MULTILINE)[1:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    return said, {title: re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE) for title, text in sections.items()}


@ALL
def test_help_has_the_required_options_first_and_every_option_once(names, command):
    said, sections = help_of(*names)
    shown = [name for title, members in sections.items() if title != "Commands" for name in members]
    own = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    assert sorted(shown) == sorted({*(next(name for name in one.opts if name[:2] == "--") for one in own), "--help"})
    required = [name for one in own if one.required for name in one.opts if name[:2] == "--"]
    needed = [f"--{name}" for name, title in getattr(command, "moved", {}).items() if title == "Required"]
    assert sorted(sections.get("Required", [])) == sorted(required + needed)
    assert not required + needed or next(iter(sections)) == "Required"
    assert "Options" not in sections or len(sections) <= 3, "a long command has groups"
    assert not re.search(r"RANGE|INTEGER|FLOAT|DIRECTORY|x[<>]=?\d", said)


@ALL
def test_help_ends_with_the_page_that_says_more(names, command):
    last = help_of(*names)[0].splitlines()[-1]
    page = re.fullmatch(r"More: .*\b(docs/[\w-]+\.md)", last)
    assert page, last
    assert (ROOT / page[1]).is_file()


def test_the_options_of_a_long_command_stand_in_groups():
    sections = help_of("ganc-distill")[1]
    assert list(sections) == ["Required", "Files", "Network", "Images", "Schedule", "Losses", "Metric", "Run"]
    assert sections["Run"][-1] == "--help"
    assert {"--epochs", "--lr"} <= {*sections["Schedule"]}


def test_an_option_of_another_group_stands_before_those_of_every_command():
    said = succeed("ganc-search", "--help").stdout
    assert said.index("--engine") < said.index("--batch-size") < said.index("--json") < said.rindex("--help")


@pytest.mark.parametrize(("program", "weight"), [("ganc-distill", 1), ("ganc-supernet", 0), ("ganc-finetune", 1)])
def test_help_says_the_weight_that_this_command_takes(program, weight):
    (option,) = [one for one in main_of(program).params if one.name == "gan_weight"]
    assert f"with --recipe imitate {weight}" in option.show_default
    assert "supernet" not in option.show_default


def test_a_new_option_needs_no_group():
    options = [click.Option([f"--new-{number}"], help="New.") for number in range(20)]
    groups = in_groups([*options, click.Option(["--seed"]), click.Option(["--device"])])
    assert {name: len(members) for name, members in groups.items()} == {"Options": 20, "Run": 2}


@pytest.mark.skipif(shutil.which("script") is None, reason="needs script, of util-linux")
@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_are_for_terminals_that_want_them(environment, coloured):
    """`script` gives the command a terminal."""
    environment = {"NO_COLOR": "", "TERM": "xterm", **environment}
    line = shlex.join(command_line("ganc", "profile", "--help"))
    command = ["script", "-qec", line, "/dev/null"]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    assert ("\x1b[" in done.stdout) == coloured
    assert "\x1b[" not in succeed("ganc", "profile", "--help").stdout
