"""`ganc doctor`: what is installed, whether it works, and what brings what is missing."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from ganc.cli.command import command
from ganc.cli.messages import note
from ganc.cli.options import json_option
from ganc.cli.tables import show_json

if TYPE_CHECKING:
    from ganc.system.installation import Installation, Part

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle. Here that
# goes for tabulate too, which may be what is missing.


@command(page="install.md")
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Say what is installed and works, and what brings the rest.

    Packages are imported, each where it can do no harm, and Paddle computes something on the device that ganc would
    take. What is broken, and a missing Paddle, is said with what to do, and the exit status is 1. Extras and tools that
    are not installed are listed with the command that brings them; with nothing broken the status is 0.

    \b
    ganc doctor
    ganc doctor --json
    """
    from ganc.base.extras import LITE0
    from ganc.system.installation import examine

    note("imports all packages …")
    found = examine({LITE0: _read_lite0})
    if as_json:
        show_json(_facts(found))
    else:
        _show(found)
    ctx.exit(1 if found.problems else 0)


def _read_lite0() -> None:
    from ganc.metrics.lite0.weights import packaged_tensors

    packaged_tensors()


def _show(found: "Installation") -> None:
    _lines([*_surroundings(), ("Paddle", _paddle(found)), ("device", _device(found)), ("engines", _engines(found))])
    click.echo("\npackages")
    parts = (*found.parts, *found.tools)
    _lines([(f"  {part.name}", f"{part.version or '-':<10}  {_state(part)}") for part in parts])
    for title, advice in (("wrong", found.problems), ("to know", found.notes), ("not installed", _missing(found))):
        if advice:
            click.echo(f"\n{title}")
        for why, cure in advice:
            click.echo(f"  {why}" + (f"\n    {cure}" if cure else ""))
    if not found.problems:
        click.echo("\nnothing is wrong")


def _state(part: "Part") -> str:
    extras = f"{part.state.value:<9} {'extra' if len(part.extras) == 1 else 'extras'} {', '.join(part.extras)}"
    return extras if part.extras else part.state.value


def _lines(pairs: Iterable[tuple[str, str]]) -> None:
    pairs = list(pairs)
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"{name:<{width}}  {value}")


def _surroundings() -> list[tuple[str, str]]:
    import platform

    facts = _here()
    cores = f"{facts['cores']} core{'s' if facts['cores'] > 1 else ''}"
    return [
        ("ganc", f"{facts['ganc']} in {facts['folder']}"),
        ("Python", f"{facts['python']} on {platform.system()} {platform.machine()}"),
        ("threads", f"{facts['threads']} of {cores}; OMP_NUM_THREADS sets them"),
        ("cache", facts["cache"]),
    ]


def _here() -> dict[str, Any]:
    """Return what is known without asking any package."""
    import platform

    import ganc
    from ganc.base.cache import default_cache
    from ganc.system.runtime import available_cores, engine_threads
    from ganc.system.versions import version_of

    return {
        "ganc": version_of("ganc-common") or ganc.__version__,
        "folder": next(iter(ganc.__path__)),
        "python": platform.python_version(),
        "threads": engine_threads(),
        "cores": available_cores(),
        "cache": str(default_cache()),
    }


def _paddle(found: "Installation") -> str:
    if not found.builds:
        return "not installed"
    builds = " and ".join(f"{name} {version}" for name, version in found.builds.items())
    if not found.paddle:
        return f"{builds}, which does not work"
    return f"{builds}, for {f'GPUs with CUDA {cuda}' if (cuda := found.paddle['cuda']) else 'processors'}"


def _device(found: "Installation") -> str:
    if not found.paddle:
        return "-"
    gpus = [f"{gpu['name']} ({gpu['capability']})" for gpu in found.paddle["gpus"]]
    return found.paddle["device"] + (f": {', '.join(gpus)}" if gpus else "")


def _engines(found: "Installation") -> str:
    usable = ", ".join(row.name for row, lacking in found.engines if not lacking)
    lacking = [f"{row.name} lacks {' and '.join(names)}" for row, names in found.engines if names]
    return "; ".join([f"{usable} (the fastest first)" if usable else "none", *lacking])


def _missing(found: "Installation") -> list[tuple[str, str]]:
    """Return the extras and tools that are not installed, each with the command that brings it."""
    from ganc.base.extras import install_command, install_tools

    extras = [(f"{name}: {purpose}", install_command(name)) for name, purpose in found.missing_extras.items()]
    tools = found.missing_tools
    return [*extras, *([(", ".join(tools), install_tools(*tools))] if tools else [])]


def _facts(found: "Installation") -> dict[str, Any]:
    """Return all of it for programs."""
    return {
        **_here(),
        "paddle": {"builds": dict(found.builds), **found.paddle},
        "packages": [_part_facts(part) for part in found.parts],
        "tools": [_part_facts(tool) for tool in found.tools],
        "engines": [{"engine": row.name, "lacks": lacking} for row, lacking in found.engines],
        "problems": [{"problem": why, "cure": cure or None} for why, cure in found.problems],
        "notes": [{"note": why, "cure": cure or None} for why, cure in found.notes],
        "not_installed": [{"name": name, "cure": cure} for name, cure in _missing(found)],
    }


def _part_facts(part: "Part") -> dict[str, Any]:
    return {
        "name": part.name,
        "version": part.version,
        "state": part.state.value,
        "extras": list(part.extras),
        "why": part.why or None,
        "cure": part.cure or None,
    }
