"""--defaults FILE: defaults of a command's options, from YAML or TOML."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from click.core import ParameterSource

from ganc.base.errors import FileFormatError, MissingDependencyError
from ganc.base.extras import PYYAML, require
from ganc.base.reading import read_bytes
from ganc.base.text import did_you_mean, truth
from ganc.cli.help import long_name
from ganc.cli.paths import FILE, Place
from ganc.cli.programs import command_names

# In a context's meta: the file, and its values by the parameters' names.
_FILE, _FROM_FILE = "ganc.defaults.file", "ganc.defaults"
LARGEST = 1 << 20


def take_defaults(ctx: click.Context, parameter: click.Parameter, path: Path | None) -> None:
    """Of an option that is read before all others: let these have a file's defaults."""
    if path is None:
        return
    try:
        values = dict(_values(ctx, path))
    except (FileFormatError, MissingDependencyError) as error:
        raise click.ClickException(str(error)) from error
    ctx.meta[_FILE], ctx.meta[_FROM_FILE] = path, values
    lay_under(ctx, ctx.default_map or {})


def lay_under(ctx: click.Context, defaults: Mapping[str, object]) -> None:
    """Let options that are read from now on have these defaults, but those that the file says."""
    ctx.default_map = {**defaults, **ctx.meta.get(_FROM_FILE, {})}


def is_from_file(ctx: click.Context, name: str) -> bool:
    """Whether a parameter has the value that the file says."""
    said = name in ctx.meta.get(_FROM_FILE, {})
    return said and ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP


def defaults_places(ctx: click.Context) -> list[Place]:
    """Return the file as what a command reads."""
    return [Place("--defaults", ctx.meta[_FILE], FILE)] if _FILE in ctx.meta else []


def _values(ctx: click.Context, path: Path) -> Iterator[tuple[str, object]]:
    """Yield the name of each parameter that the file has a default of, and the default."""
    options = {
        name.lstrip("-"): (option, name in option.opts)
        for option in ctx.command.params
        if isinstance(option, click.Option) and (option.expose_value or option.callback) and _may_be_said(option)
        for name in (*option.opts, *option.secondary_opts)
        if name.startswith("--")
    }
    for key, value in _of_command(_read(path), ctx, path).items():
        name = str(key).replace("_", "-")
        if name not in options:
            advice = did_you_mean(name, options)
            raise click.UsageError(f"{path}: {ctx.command_path} has no option {str(key)[:60]}{advice}")
        option, positive = options[name]
        try:
            yield option.name, _checked(ctx, option, value, positive)
        except click.BadParameter as error:
            raise click.UsageError(f"{path}: {name}: {error.message}") from error


def _may_be_said(option: click.Option) -> bool:
    return long_name(option) not in ("defaults", "version", "help")


def _of_command(content: Mapping, ctx: click.Context, path: Path) -> dict:
    """Return what a file says of a command: what stands outside of sections, and the section that has its name."""
    values = {key: value for key, value in content.items() if not isinstance(value, Mapping)}
    sections = {str(key): value for key, value in content.items() if isinstance(value, Mapping)}
    if foreign := [key for key in sections if key != ctx.command_path]:
        known = {ctx.command_path, *command_names()}
        for key in foreign:
            if key not in known:
                cure = did_you_mean(key, known) or "; a section is named as a command, such as ganc-distill"
                raise click.UsageError(f"{path}: there is no command {key[:60]}{cure}")
    return values | dict(sections.get(ctx.command_path, {}))


def _checked(ctx: click.Context, option: click.Option, value: object, positive: bool) -> object:
    """Return a value as Click takes it in place of what is typed. Raises click.BadParameter."""
    if value is None or value == "":
        raise click.BadParameter("has no value")
    if isinstance(value, Mapping) or (isinstance(value, list) and not option.multiple):
        raise click.BadParameter("expected one value")
    if option.is_flag:
        said = truth(value)
        if said is None:
            raise click.BadParameter(f"'{str(value)[:60]}': expected true or false")
        return said is positive
    given = [str(one) for one in value] if isinstance(value, list) else str(value)
    given = [given] if option.multiple and isinstance(given, str) else given
    option.type_cast_value(ctx, given)
    return given


def _read(path: Path) -> dict:
    """Return the content of a file: of YAML every value is a text, so that 16_16 is no number.

    Raises:
        FileFormatError: it cannot be read.
        MissingDependencyError: it is YAML, and PyYAML is not installed.
    """
    content, is_toml = read_bytes(path, "defaults of options (YAML or TOML)", limit=LARGEST), path.suffix == ".toml"
    try:
        return _parsed(content.decode(), is_toml=is_toml)
    except (ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise FileFormatError(f"{path}: cannot be read as {'TOML' if is_toml else 'YAML'} ({said})") from error


def _parsed(text: str, *, is_toml: bool) -> dict:
    """Raises ValueError."""
    if is_toml:
        import tomllib

        return tomllib.loads(text)
    require(PYYAML)
    import yaml

    from ganc.base.json_text import require_few_values  # --help does without

    try:
        found = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    require_few_values(found)
    if not isinstance(found, dict):
        raise ValueError("expected lines such as epochs: 20")
    return found
