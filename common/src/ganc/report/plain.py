"""Facts of a file as people read them: short digests, counts with units, no notation of a programming language."""

import re
from collections.abc import Iterator, Mapping, Sequence

from ganc.base.text import format_count

SHORT = 16  # characters of a digest, as all messages have them
FIRST = ("format", "version", "stage", "digest", "direction")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_COUNTS = ("macs", "params")  # what names of counts end in, such as those of a budget
_BYTES = "bytes"
_SIZES = ("image_size", "load_size", "crop_size", "eval_size", "size")


def plain_lines(facts: Mapping) -> list[tuple[str, str]]:
    """Return dotted names and texts of all leaves of nested JSON objects, what says what it is first."""
    first = {name: facts[name] for name in FIRST if name in facts}
    return list(_leaves({**first, **facts}))


def _leaves(facts: Mapping, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple) and value and all(isinstance(one, Mapping) for one in value):
            for number, one in enumerate(value, 1):
                yield from _leaves(one, f"{prefix}{name}.{_called(one, number)}.")
        else:
            yield prefix + name, plain(name, value)


def _called(one: Mapping, number: int) -> str:
    """Return what tells a member of a list from the others: a variant's format and precision, else its number."""
    return f"{one['format']}-{one['precision']}" if {"format", "precision"} <= one.keys() else str(number)


def plain(name: str, value: object) -> str:
    """Return a value of that name as people read it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return _several(name, value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return format_count(value) if name.endswith(_COUNTS) else f"{value:,}" if name.endswith(_BYTES) else str(value)
    text = str(value)
    return f"{text[:SHORT]}…" if _DIGEST.fullmatch(text) else text


def _several(name: str, values: Sequence) -> str:
    if not values:
        return "none"
    if name in _SIZES or name == "widths":
        return ("_" if name == "widths" else "x").join(map(str, values))
    if name.endswith(_COUNTS) and len(values) == 2:
        return " to ".join(plain(name, one) for one in values)
    if all(isinstance(one, list | tuple) for one in values):
        return ", ".join("x".join(map(str, one)) for one in values)
    return " ".join(plain(name, one) for one in values)
