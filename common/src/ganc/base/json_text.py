"""Reading JSON that another program may have written: bounded in size and depth, with members of known types."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganc.base.errors import FileFormatError
from ganc.base.reading import one_line, read_bytes

MAX_BYTES = 16 << 20
MAX_DEPTH = 40  # Python's own limit is near 1,000, but a walk through such a value recurses too
MAX_DIGITS = 40
MAX_VALUES = 100_000  # of YAML

_REQUIRED = object()
_KINDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    type(None): "null",
}


def parse_json(text: str | bytes, source: object, what: str = "its JSON") -> Any:
    """Return the value of a JSON text in UTF-8.

    NaN and infinities, which JSON lacks but Python's reader takes, are refused.

    Args:
        source: the file that the text comes from, for messages.
        what: the text's part of the file where it is not all of it, such as "its metadata".

    Raises:
        FileFormatError: the text is no JSON, too long, or nested more deeply than MAX_DEPTH.
    """
    place = f"{source}: {what}"
    if len(text) > MAX_BYTES:
        raise FileFormatError(f"{place} has {len(text):,} bytes, expected at most {MAX_BYTES:,}")
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole)
    except RecursionError as error:
        raise _too_deep(place) from error
    except ValueError as error:
        raise FileFormatError(f"{place} is damaged or no JSON ({one_line(error)[:200]})") from error
    _require_depth(value, place)
    return value


def read_json(path: Path, expected: str) -> Any:
    """Return the value of a JSON file; raises FileFormatError as `parse_json` and for a file that cannot be read."""
    return parse_json(read_bytes(path, expected, limit=MAX_BYTES), path)


def require_few_values(value: Any) -> None:
    """Raise ValueError where a value read from YAML holds more than MAX_VALUES.

    Aliases, which JSON lacks, let a few lines mean more values than memory has, once each is written out.
    """
    left = [value]
    for _ in range(MAX_VALUES):
        if not left:
            return
        one = left.pop()
        left += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    raise ValueError(f"it means more than {MAX_VALUES:,} values")


@dataclass(frozen=True)
class JsonObject:
    """A JSON object in a file; its members are taken by name and type.

    Attributes:
        source: the file, for messages.
        members: the object's members.
        place: the path of the object in the file, such as "networks.generator"; empty for the outermost.
    """

    source: object
    members: Mapping[str, Any]
    place: str = ""

    @classmethod
    def of(cls, value: Any, source: object, place: str = "") -> "JsonObject":
        """Return a value that must be an object. Raises FileFormatError."""
        if not isinstance(value, dict):
            what = f"its {place}" if place else "its JSON"
            raise FileFormatError(f"{source}: {what} is {_said(value)}, expected an object")
        return cls(source, value, place)

    def take(self, name: str, kind: type, default: Any = _REQUIRED) -> Any:
        """Return a member of a type: str, int, float (whole numbers too), bool, dict or list.

        Where there is a default, null counts as missing.

        Raises:
            FileFormatError: it is missing and there is no default, or it is of another type; both are named.
        """
        full = f"{self.place}.{name}" if self.place else name
        value = self.members.get(name, default)
        if value is _REQUIRED:
            raise FileFormatError(f"{self.source}: lacks '{full}'; make or copy it again")
        if default is not _REQUIRED and (name not in self.members or value is None):
            return default
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is not kind:
            raise FileFormatError(f"{self.source}: its '{full}' is {_said(value)}, expected {_KINDS[kind]}")
        return value

    def within(self, name: str, default: Any = _REQUIRED) -> "JsonObject":
        """Return a member that is an object; raises as `take` does."""
        return JsonObject(self.source, self.take(name, dict, default), f"{self.place}.{name}" if self.place else name)

    def require_format(self, name: str, versions: tuple[int, ...], instead: str = "make or copy it again") -> int:
        """Return the file's version, after checking that its format is `name` and its version one of `versions`.

        Args:
            instead: what to do with a version that is older than all that can be read.

        Raises:
            FileFormatError: it is of another format or version.
        """
        found = self.members.get("format")
        if found != name:
            known = isinstance(found, str) and found.isprintable() and len(found) < 50
            raise FileFormatError(
                f"{self.source}: is {f'a {found}' if known else 'another kind of'} file, expected {name}"
            )
        version = self.members.get("version")
        if type(version) is not int or version not in versions:
            newer = not (type(version) is int and version < min(versions))
            raise FileFormatError(
                f"{self.source}: {name} version {str(version)[:20]}, this ganc reads version "
                f"{' and '.join(map(str, versions))}; {'update ganc' if newer else instead}"
            )
        return version


def _said(value: Any) -> str:
    """Return a value with its type, as a message quotes it."""
    if isinstance(value, dict | list) or value is None:
        return _KINDS[type(value)]
    return f"{_KINDS[type(value)]} ({str(value)[:40]!r})" if isinstance(value, str) else str(value)[:40]


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text[:40]} is no number that can be stored")
    return value


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _require_depth(value: Any, place: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        inside = [list(one.values()) if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [one for group in inside for one in group]
        if not level:
            return
    raise _too_deep(place)


def _too_deep(place: str) -> FileFormatError:
    return FileFormatError(f"{place} is nested too deeply, expected {MAX_DEPTH} levels at most")
