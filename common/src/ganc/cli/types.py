"""Click parameter types for what ganc's options have in common."""

import click

from ganc.base.errors import DataError, SpecError


class Size(click.ParamType):
    """A picture size: one number, or WIDTHxHEIGHT; gives (width, height)."""

    name = "size"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        parts = value.lower().split("x")
        if len(parts) in (1, 2) and all(part.isdigit() and int(part) > 0 for part in parts):
            return int(parts[0]), int(parts[-1])
        self.fail(f"'{value}': expected a number of pixels or WIDTHxHEIGHT, such as 256 or 512x256", param, ctx)
        return None


class TargetSize(Size):
    """A size to resize to: one number is the shorter side; gives (width, height, whether the aspect is kept)."""

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        return (*super().convert(value, param, ctx), "x" not in value.lower())


class Parsed(click.ParamType):
    """A text that one of the library's parsers reads; what it refuses is wrong usage."""

    def __init__(self, name: str, parse):
        self.name, self._parse = name, parse

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except (DataError, SpecError) as error:
            self.fail(str(error), param, ctx)
        return None


def _budget(text: str) -> int:
    from ganc.base.text import parse_budget

    return parse_budget(text)


def _levels(text: str):
    from ganc.data.levels import parse_levels

    return parse_levels(text)


def _widths(text: str):
    from ganc.models.families import numbers_of_any_family

    return numbers_of_any_family(text)


def _family(text: str) -> str:
    from ganc.models.families import family_named

    return family_named(text).name


def _space(text: str):
    from ganc.models.space import parse_space

    return parse_space(text)


def _block_count(text: str) -> int:
    from ganc.models.families import DEFAULT, FAMILIES

    multiples = [family.block_multiple for family in FAMILIES.values()]
    if not text.isdigit() or int(text) == 0 or all(int(text) % multiple for multiple in multiples):
        raise SpecError(f"'{text}': expected a positive multiple of {DEFAULT.block_multiple}, such as 9 or 6")
    return int(text)


class Shard(click.ParamType):
    """Part K of N, counted from 1."""

    name = "k/n"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        first, _, last = value.partition("/")
        if first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last):
            return int(first), int(last)
        self.fail(f"'{value}': expected K/N with 1 <= K <= N, such as 3/16", param, ctx)
        return None


SIZE = Size()
TARGET_SIZE = TargetSize()
BUDGET = Parsed("count", _budget)
LEVELS = Parsed("levels", _levels)
WIDTHS = Parsed("widths", _widths)
FAMILY = Parsed("family", _family)
SPACE = Parsed("space", _space)
BLOCK_COUNT = Parsed("count", _block_count)
SHARD = Shard()
