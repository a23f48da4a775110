"""The documentation: examples run, numbers are what commands print, no command and no member is left out.

What holds for every text: links lead somewhere, options exist, and command lines can be parsed.
"""

import importlib.util
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import h5py
import numpy as np
import pytest
from helpers.search_rows import IDENTITY, make_row
from helpers.support import SIZE, TINY_SPACE, UNTRAINED_SET, succeed
from safetensors import safe_open

from ganc.data import read_images
from ganc.files.checkpoint import read_checkpoint
from ganc.metrics import read_statistics
from ganc.models.generator import Generator
from ganc.models.spec import parse_widths
from ganc.results.journal import Journal

ROOT = Path(__file__).parents[2]
PAGES = sorted(ROOT.glob("docs/*.md"))
TEXTS = [*PAGES, *sorted(ROOT.glob("*.md")), ROOT / "common" / "README.md", *sorted(ROOT.glob("tools/*/README.md"))]
GOLDEN_RESULTS = ROOT / "tests" / "golden" / "results-v1.h5"
STEP = ("--load-size", 36, "--crop-size", SIZE, "--batch-size", 2, "--max-steps", 1, "--workers", 0, "--device", "cpu")


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


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page that are marked as `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    """A folder with the files that the pages speak of, under their names there, made by one step of every stage."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(tiny_data, folder / "horse2zebra")
    data = ("--data", folder / "horse2zebra", *UNTRAINED_SET)
    succeed("ganc", "data", "split", folder / "horse2zebra", "--search", 2)
    shutil.copytree(folder / "horse2zebra", folder / "images")
    succeed("ganc", "stats", *data, "--size", SIZE, "-o", folder / "real_B.npz", "--device", "cpu")
    common = (*data, "--stats", folder / "real_B.npz", *STEP)
    teacher, supernet = folder / "replace.safetensors", folder / "supernet.safetensors"
    small = ("--width", 8, "--n-blocks", 3, "--discriminator-width", 8)
    succeed("ganc-replace", *common, *small, "-o", folder / "original.safetensors")
    succeed("ganc-replace", *common, *small, "--init-from", folder / "original.safetensors", "-o", teacher)
    succeed("ganc-distill", *common, "--teacher", teacher, "--width", 8, "-o", folder / "distill.safetensors")
    student = ("--student", folder / "distill.safetensors", "--space", TINY_SPACE)
    succeed("ganc-supernet", *common, "--teacher", teacher, *student, "-o", supernet)
    search = ("--supernet", supernet, *data, "--stats", folder / "real_B.npz", "--samples", 2, "--device", "cpu")
    succeed("ganc-search", *search, "-o", folder / "search.h5")
    tuned = folder / "finetune.safetensors"
    finetune = ("--supernet", supernet, "--teacher", teacher, "--results", folder / "search.h5")
    succeed("ganc-finetune", *common, *finetune, "-o", tuned)
    succeed("ganc-export", "--checkpoint", tuned, "-o", folder / "dist", "--device", "cpu")
    journal = Journal(folder / "search.h5.journal", IDENTITY, {"seed": 0})
    journal.append(make_row((8,) * 8, metric=2.5, errors={"untrained": 0.1}, latency_ms=3.0, latency_engine="paddle"))
    journal.append(make_row((4,) * 8, seconds=0.5, latency_ms=1.0, latency_precision="f32", latency_device="cpu"))
    journal.close()
    with (folder / "search.h5.journal").open("a") as file:
        file.write('{"widths": [4, 4')
    return folder


@pytest.fixture
def read_by_example(made: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """The names that the examples of formats.md define, run one after another as a reader would."""
    monkeypatch.chdir(made)
    names = {}
    for block in blocks(ROOT / "docs" / "formats.md", "python"):
        exec(block, names)
    return names


def test_the_examples_of_formats_read_what_ganc_reads(made, read_by_example):
    names = read_by_example
    assert names["digest"] == read_checkpoint(made / "replace.safetensors").digest
    assert names["state"]["finished"] == names["digest"]
    assert (names["settings"]["stage"], names["log"][-1]["step"]) == ("replace", 1)
    selected = json.loads(succeed("ganc", "select", made / "search.h5", "--top", 1, "--json").stdout)[0]
    assert parse_widths(selected["widths"]) == tuple(names["rows"]["widths"][names["best"]])
    assert [row["widths"] for row in names["journal_rows"]] == [[8] * 8, [4] * 8]
    statistics = read_statistics(made / "real_B.npz", None)
    np.testing.assert_array_equal(names["mu"], statistics.mu)
    assert names["facts"]["data_fingerprint"] == statistics.data_fingerprint
    assert names["translated"].shape == (1, 3, SIZE, SIZE)
    images = read_images(made / "horse2zebra", "trainA")
    assert names["paths"] == [path.relative_to(made) for path in images.paths]
    assert names["fingerprint"] == images.fingerprint
    for text in ("16_16_32_16_32_32_16_16", "16_16_32_16_16_16", "64"):
        assert tuple(names["parse_widths"](text)) == parse_widths(text)


def test_the_example_of_formats_writes_a_checkpoint_that_runs(made, read_by_example):
    checkpoint = read_checkpoint(made / "own.safetensors")
    assert checkpoint.generator.spec.block == "resnet"
    Generator.from_state(checkpoint.generator)
    image = next((made / "horse2zebra" / "testA").glob("*.png"))
    succeed("ganc", "translate", made / "own.safetensors", image, "-o", made / "own.png", "--device", "cpu")


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "formats.md"], ids=lambda page: page.name)
def test_the_examples_of_the_other_pages_run(page, made, monkeypatch):
    monkeypatch.chdir(made)
    names = {}
    for block in blocks(page, "python"):
        exec(block, names)


def _members(value) -> Iterator[str]:
    """Yield the names of all members of nested JSON objects; those of a label's numbers have no fixed names."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield name
        if name not in ("losses", "metrics", "values", "errors"):
            yield from _members(inner)


def _file_members(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.safetensors"):
        with safe_open(path, framework="numpy") as file:
            yield from _members(json.loads(file.metadata()["ganc"]))
    for path in [*folder.glob("*.run/settings.json"), folder / "dist" / "model.json"]:
        yield from _members(json.loads(path.read_text(encoding="utf-8")))
    for path in [*folder.glob("*.run/log.jsonl"), folder / "search.h5.journal"]:
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            yield from _members(json.loads(line))
    with np.load(folder / "real_B.npz", allow_pickle=False) as archive:
        yield from archive.files
        yield from _members(json.loads(str(archive["ganc"])))
    for path in (folder / "search.h5", GOLDEN_RESULTS):
        with h5py.File(path) as file:
            metrics = json.loads(file["subnets"].attrs["metrics"])
            yield from [*file.attrs, *file, *file["subnets"].attrs, *_members(json.loads(file.attrs["facts"]))]
            yield from (name for name in file["subnets"] if not name.startswith(tuple(metrics)))


def test_formats_names_every_member_and_file_that_ganc_writes(made):
    written = set(_file_members(made))
    written |= {path.name for path in (made / "dist").rglob("*") if path.is_file()}
    written |= {path.name for folder in made.glob("*.run") for path in folder.iterdir() if path.name != "samples"}
    text = re.sub(r"^```.*?^```", "", (ROOT / "docs" / "formats.md").read_text(encoding="utf-8"), flags=re.M | re.S)
    spans = " ".join(re.findall(r"`([^`\n]+)`", text))
    assert len(written) > 80
    assert sorted(name for name in written if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", spans)) == []


def test_the_costs_in_method_are_what_the_commands_print():
    rows = re.findall(r"^\| `(ganc profile [^`]*)` \|(.*)\|$", (ROOT / "docs" / "method.md").read_text("utf-8"), re.M)
    assert len(rows) == 7
    for command, cells in rows:
        printed = succeed(*shlex.split(command)).stdout.splitlines()[-1]
        assert re.split(r"\s{2,}", printed)[-3:] == [cell.strip() for cell in cells.split("|")][-3:], command


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
