"""Options that have an effect only beside others, or only without them: said once for commands and for programs.

What a user gives and nothing would read is refused. Defaults, a recipe's and those of a file or of the environment, are
for many calls, and may be of use to others of them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Need:
    """What some options need for an effect.

    Attributes:
        options: the names of their fields.
        met: whether the values of all fields, by name, are such that they have one.
        said: what is said of one of them where it has none, behind its name.
        nothing: a value that asks for nothing, and needs nothing.
    """

    options: Sequence[str]
    met: Callable[[Mapping[str, Any]], bool]
    said: str
    nothing: object = None


def without_effect(
    needs: Sequence[Need], given: Collection[str], values: Mapping[str, Any]
) -> tuple[str, str] | tuple[None, None]:
    """Return the first field that was given and has no effect, and what is said of it; None where there is none.

    Args:
        given: the names of the fields that a user gave.
        values: of all fields, by name.
    """
    for need in needs:
        for name in need.options:
            if name in given and values[name] != need.nothing and not need.met(values):
                return name, need.said
    return None, None


def absence(other: str, option: str, options: Sequence[str], why: str, nothing: object = None) -> Need:
    """Return the need of options that another one leaves without an effect: `option`, whose field is `other`."""
    said = f"has no effect beside {option}, {why}; leave one of the two out"
    return Need(options, lambda values: not values[other], said, nothing)
