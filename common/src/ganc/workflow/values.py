"""What single values of a configuration have to be; a message says the place of the one that is not."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import click

from ganc.base.text import did_you_mean, truth
from ganc.workflow.stage_options import ConfigurationError


def section_options(name: str, value: object) -> dict:
    """Return the options that a section has. Raises ConfigurationError where it is no mapping to values or lists."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name}: {value}: expected options with their values, such as {{epochs: 2}}")
    for option, one in value.items():
        for part in one if isinstance(one, list) else [one]:
            if part is None or isinstance(part, Mapping | list):
                raise ConfigurationError(f"{name}: {option}: expected a value, or a list of values")
    return {str(option): one for option, one in value.items()}


def whole_number(place: str, value: object, least: int) -> int:
    """Return a whole number, which may be text. Raises ConfigurationError where it is none, or less than `least`."""
    text = "" if isinstance(value, bool) else str(value)
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise ConfigurationError(f"{place}: {value}: expected a whole number from {least} on")
    return int(text)


def number(value: Any) -> float | None:
    """Return a value as a number; None where it is none."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def require_known(names: Iterable, known: Collection[str], said: str) -> None:
    """Raise ConfigurationError at the first name that is not known, with the nearest that is."""
    for name in names:
        if name not in known:
            raise ConfigurationError(f"{said} {name}{did_you_mean(name, known)}")


def require_plain(place: str, path: str) -> None:
    """Raise ConfigurationError where Snakemake takes a part of a path for a wildcard; no way of writing it helps."""
    if set("{}") & set(path):
        raise ConfigurationError(f"{place}: {path}: Snakemake takes braces for wildcards; choose another name")


def require_kind(place: str, value: object, option: click.Option) -> None:
    """Raise ConfigurationError where a value is not of the kind that an option takes: a flag, one value, or a list."""
    if isinstance(value, list) and not option.multiple:
        raise ConfigurationError(f"{place}: {value}: expected one value")
    for one in value if isinstance(value, list) else [value]:
        if (truth(one) is not None) != option.is_flag:
            expected = "true or false" if option.is_flag else "a value"
            raise ConfigurationError(f"{place}: {one}: expected {expected}")
        if option.name == "widths" and isinstance(one, int) and one > 9999:
            raise ConfigurationError(f"{place}: {one}: YAML takes 16_16 for a number; write it in quotes")
