"""What the texts say of commands: every option is in the reference, what they name exists, command lines can be parsed.

And links lead somewhere.
"""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from helpers.support import succeed

ROOT = Path(__file__).parents[2]
TEXTS = [
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("*.md")),
    ROOT / "common" / "README.md",
    *sorted(ROOT.glob("tools/*/README.md")),
]


def _generate_options():
    spec = importlib.util.spec_from_file_location("generate_options", ROOT / "docs" / "generate_options.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OPTIONS = _generate_options()
PROGRAMS = dict(OPTIONS.console_scripts())


def _commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    for subname, subcommand in getattr(command, "commands", {}).items():
        yield from _commands(f"{name} {subname}", subcommand)


COMMANDS = dict(pair for program in PROGRAMS.items() for pair in _commands(*program))


def test_the_reference_of_options_is_up_to_date(monkeypatch):
    written = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    for columns in ("40", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        assert OPTIONS.options_page() == written, "run python docs/generate_options.py"


def test_the_reference_is_not_written_by_asking_for_help(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(OPTIONS, "PAGE", tmp_path / "options.md")
    for arguments, status in ((["--help"], 0), (["everything"], 2)):
        monkeypatch.setattr("sys.argv", ["generate_options.py", *arguments])
        with pytest.raises(SystemExit) as ended:
            OPTIONS.main()
        assert ended.value.code == status
    assert "usage" in capsys.readouterr().out
    assert not (tmp_path / "options.md").exists()


def test_the_reference_has_every_command_with_every_option():
    assert len(PROGRAMS) == 7
    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    for name, command in COMMANDS.items():
        section = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        assert section, name
        for parameter in command.params:
            if (
                isinstance(parameter, click.Option)
                and not parameter.hidden
                and not OPTIONS.EVERYWHERE & {*parameter.opts}
            ):
                assert all(re.search(rf"^\| `.*{option}\b", section[1], re.MULTILINE) for option in parameter.opts)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_in_full_what_it_does_with_an_example_and_every_option_has_help(name):
    command = COMMANDS[name]
    help_text = succeed(*name.split(), "--help").stdout
    assert "\n\n  ganc" in help_text
    assert [option.opts for option in command.params if isinstance(option, click.Option) and not option.help] == []
    for subname in getattr(command, "commands", {}):
        line = next(line for line in help_text.splitlines() if line.startswith(f"  {subname} "))
        assert line.endswith("."), f"{line}: is cut off"
        assert not line.endswith("..."), f"{line}: is cut off"


def _name(text: Path) -> str:
    return text.relative_to(ROOT).as_posix()


def _shell_texts(page: Path) -> Iterator[str]:
    """Yield what a text has of a shell: blocks, what is typed in consoles, indented lines, and code in a sentence."""
    content = page.read_text(encoding="utf-8").replace("\\\n", " ")
    yield from re.findall(r"^```sh\n(.*?)^```", content, re.MULTILINE | re.DOTALL)
    for block in re.findall(r"^```console\n(.*?)^```", content, re.MULTILINE | re.DOTALL):
        yield "\n".join(re.findall(r"^\$ (.*)", block, re.MULTILINE))
    prose = re.sub(r"^```.*?^```", "", content, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"^    (ganc[ -].*)", prose, re.MULTILINE)
    yield from (" ".join(span.split()) for span in re.findall(r"`(ganc[ -][^`]*)`", prose))


def _command_lines() -> Iterator[tuple[str, str]]:
    """Yield every line of a command, with where it stands: in the texts, and in the commands' own help."""
    texts = [(_name(page), text) for page in TEXTS for text in _shell_texts(page)]
    helps = ((name, part) for name, command in COMMANDS.items() for part in command.help.split("\n\n"))
    texts += [(name, part.replace("\\\n", " ")) for name, part in helps if "\b" in part]
    for place, text in texts:
        values = dict(re.findall(r'^(\w+)="(.*)"$', text, re.MULTILINE))
        for name, value in values.items():
            text = text.replace(f"${name}", value)
        for line in re.sub(r"\\?\||&&", "\n", text).splitlines():
            yield place, line


def _called(line: str) -> tuple[str, list[str]] | None:
    """Return the command that a line runs and its arguments, None where it runs none of ganc's."""
    words = [word.strip("$()") for word in shlex.split(line, comments=True)]
    starts = [index for index, word in enumerate(words) if word in PROGRAMS]
    if not starts:
        return None
    name, *rest = words[starts[0] :]
    while rest and f"{name} {rest[0]}" in COMMANDS:
        name = f"{name} {rest.pop(0)}"
    if rest and (default := getattr(COMMANDS[name], "default", None)):  # which the group's own name stands for
        name = f"{name} {default}"
    return name, rest


CALLS = [(place, line, *called) for place, line in _command_lines() if (called := _called(line))]


def options_of(name: str) -> set[str]:
    return {option for parameter in COMMANDS[name].params for option in parameter.opts + parameter.secondary_opts}


def test_every_command_line_in_the_texts_and_helps_uses_options_that_exist():
    for place, line, name, words in CALLS:
        unknown = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)} - options_of(name)
        assert not unknown - {"--help", "-h"}, f"{place}: {line.strip()}: {unknown} of {name}"
    single = {name for name, command in COMMANDS.items() if not isinstance(command, click.Group)}
    assert {name for _, _, name, _ in CALLS} >= single


def test_every_whole_command_line_in_the_texts_can_be_parsed(monkeypatch):
    """Not whole are those with … or a word such as FILE, and the list of the stages in the toolbox's help."""
    for name in ("ID", "COUNT"):  # as in a task of Slurm, for --shard slurm
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", "1")
    parsed, wrong = 0, []
    for place, line, name, words in CALLS:
        if "…" in line or re.match(r"\s*ganc-\w+ {2,}", line) or any(re.fullmatch(r"[A-Z]+", word) for word in words):
            continue
        if said := _complaint(name, words):
            wrong.append(f"{place}: {line.strip()}: {said}")
        parsed += 1
    assert wrong == []
    assert parsed > 60


def _complaint(name: str, words: list[str]) -> str | None:
    """Return what a command says of its arguments.

    That a file of an example is not here does not count, nor that a sentence names a command with two words at most.
    """
    try:
        COMMANDS[name].make_context(name, [*words])
    except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):  # a group alone, and --help
        return None
    except click.exceptions.MissingParameter as error:
        return error.format_message() if len(words) > 2 else None
    except click.UsageError as error:
        return None if "does not exist" in error.message or len(words) == 1 else error.format_message()
    return None


def _options_of_others() -> set[str]:
    """Return the options of this repository's own programs, and those of others that texts name."""
    own = [
        path.read_text() for folder in ("benchmarks", "workflow", "scripts") for path in (ROOT / folder).glob("*.py")
    ]
    named = {option for text in own for option in re.findall(r'add_argument\(\s*"(--[\w-]+)"', text)}
    others = "--help --cores --snakefile --configfile --config --devices --nproc_per_node --log_dir --build-arg"
    others += " --set-threads --set-resources --groups --group-components --slurm-status-command"
    published = "--config_set --config_str --dataroot --real_stat_path"
    return named | {*others.split(), *published.split()}


@pytest.mark.parametrize("page", TEXTS, ids=_name)
def test_an_option_that_a_text_names_exists(page):
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    known = set().union(*map(options_of, COMMANDS)) | _options_of_others()
    spans = re.findall(r"`([^`]*)`", prose)
    assert {option for span in spans for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", span)} <= known
    if page.parent.parent.name == "tools":
        rows = re.findall(r"^\| (`--[^|]*) \|", prose, re.MULTILINE)
        named = {option for row in rows for option in re.findall(r"`(--?[a-z][\w-]*)", row)}
        assert len(named) > 2
        assert named <= options_of(f"ganc-{page.parent.name}")


@pytest.mark.parametrize("page", TEXTS, ids=_name)
def test_a_link_inside_a_text_leads_somewhere(page):
    def anchors(text: Path) -> set[str]:
        content = text.read_text(encoding="utf-8")
        titles = re.findall(r"^#+ (.*)$", content, re.MULTILINE)
        places = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
        return places | set(re.findall(r'^<a id="([\w-]+)"></a>$', content, re.MULTILINE))

    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        place = page.parent / file if file else page
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target
