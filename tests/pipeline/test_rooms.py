"""The rooms of the library and the arrows between them: every import of the library and the tools, followed.

An import inside a function counts as one at the top of the file: it may be there so that a command starts fast, never
to get around the order of the rooms.
"""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# From the ground up: a room imports only rooms that come before it. CONTRIBUTING.md says what each is for.
ROOMS = (
    "base",
    "system",
    "data",
    "demo",
    "results",
    "models",
    "files",
    "onnx_graphs",
    "importers",
    "engines",
    "metrics",
    "training",
    "bench",
    "report",
    "api",
    "cli",
    "workflow",
    "toolbox",
)
TOOLS = ("ganc_replace", "ganc_distill", "ganc_supernet", "ganc_search", "ganc_finetune", "ganc_export")
KNOW_CLICK = ("cli", "workflow", "toolbox")


def _modules() -> dict[str, Path]:
    sources = [ROOT / "common" / "src", *sorted((ROOT / "tools").glob("*/src"))]
    files = {file: source for source in sources for file in sorted(source.rglob("*.py"))}
    return {_name(file.relative_to(source)): file for file, source in files.items()}


def _name(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = _modules()


def imported_names(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the dotted name of everything that a module's text imports, wherever it stands."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute here"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def module_of(name: str) -> str | None:
    """Return the module of this project that a dotted name is or stands in, None for one of another project."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or None


def room_of(module: str) -> str:
    """Return the room of a module of the library, or the tool that it belongs to; "" is the package `ganc` itself."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "ganc" else package


def obstacle(module: str, imported: str) -> str | None:
    """Return why a module may not import another, None if it may."""
    here, there = room_of(module), room_of(imported)
    if not here or here == there:
        return None
    if there in TOOLS:
        return "tools depend on the library, nothing depends on a tool"
    if here in TOOLS or not there:
        return None
    return None if ROOMS.index(there) < ROOMS.index(here) else f"{there} is above {here}"


def arrows(modules: dict[str, Path]) -> list[tuple[str, str, str]]:
    """Return (place, module, imported module) of every import within the project."""
    return [
        (f"{file.relative_to(ROOT)}:{line}", module, imported)
        for module, file in modules.items()
        for line, name in imported_names(file.read_text(encoding="utf-8"))
        if (imported := module_of(name)) is not None and imported != module
    ]


ARROWS = arrows(MODULES)


def test_every_module_is_in_a_room():
    rooms = {room_of(module) for module in MODULES} - {""}
    assert rooms <= {*ROOMS, *TOOLS}, f"not in the order: {sorted(rooms - {*ROOMS, *TOOLS})}"


def test_no_arrow_runs_back():
    back = [f"{place}: {module} imports {imported}: {why}" for place, module, imported in ARROWS
            if (why := obstacle(module, imported))]  # fmt: skip
    assert not back, "\n".join(back)


def test_no_modules_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    for _, module, imported in ARROWS:
        # A package stands for what it re-exports; a module of it imports the package's other modules, not the package.
        if not module.startswith(imported + "."):
            graph.setdefault(module, set()).add(imported)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_only_command_lines_know_click():
    for module, file in MODULES.items():
        if room_of(module) in KNOW_CLICK or module.endswith(".cli"):
            continue
        known = {name.partition(".")[0] for _, name in imported_names(file.read_text(encoding="utf-8"))}
        assert "click" not in known, module


@pytest.mark.parametrize(
    ("module", "imported", "free"),
    [
        ("ganc.files.checkpoint", "ganc.models.spec", True),
        ("ganc.models.spec", "ganc.files.checkpoint", False),
        ("ganc.data.sets", "ganc.demo.dataset", False),
        ("ganc_distill.stage", "ganc.training.job", True),
        ("ganc_distill.stage", "ganc_search.search", False),
        ("ganc.toolbox.main", "ganc_search.cli", False),
        ("ganc.base.errors", "ganc", True),
    ],
)
def test_the_rule_itself(module, imported, free):
    assert (obstacle(module, imported) is None) == free


def test_an_import_in_a_function_is_seen():
    text = "def late():\n    from ganc.toolbox.main import main\n    return main\n"
    assert list(imported_names(text)) == [(2, "ganc.toolbox.main.main")]
