"""Saying in which of their settings two things differ: a run and its directory, two parts of a search."""

import json
from collections.abc import Iterator, Mapping

ABSENT = "absent"


def differences(one: Mapping, other: Mapping, wording: str = "{name} was {one}, now {other}") -> list[str]:
    """Return one phrase for each value in which two mappings of plain JSON values differ, sorted by name.

    Values of nested mappings are named by their path, such as `task.gan_weight`.

    Args:
        wording: of one phrase; {name}, {one} and {other} are filled in.
    """
    ours, theirs = dict(_flat(one)), dict(_flat(other))
    return [
        wording.format(name=name, one=_text(ours.get(name, ABSENT)), other=_text(theirs.get(name, ABSENT)))
        for name in sorted({*ours, *theirs})
        if ours.get(name, ABSENT) != theirs.get(name, ABSENT)
    ]


def _flat(values: Mapping, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
