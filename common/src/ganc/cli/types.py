"""Click parameter types for what ganc's options have in common."""

import os
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ganc.base.errors import DataError, SpecError
from ganc.base.image_files import LARGEST_SIDE
from ganc.base.text import LARGEST_COUNT, parse_budget, parse_real, parse_whole, shortened
from ganc.models.family import Widths
from ganc.system.slurm import array_part
from ganc.training.losses.names import parse_loss

if TYPE_CHECKING:
    from ganc.data.levels import LevelsChoice
    from ganc.models.space import SearchSpace

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


class _Strict(click.ParamType):
    """Lets a number type of Click's take plain decimal numbers only: not 4_4, nan, inf, nor 10^20."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str):
            try:
                self.parse(value)
            except SpecError as error:
                self.fail(f"{error}.", param, ctx)
        return super().convert(value, param, ctx)

    def parse(self, text: str) -> None:
        """Raise SpecError unless the text is such a number."""
        parse_real(text)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return "NUMBER"


class _Limited(click.ParamType):
    """Lets a range of Click's say its limits in words."""

    min: Any
    max: Any
    min_open: bool
    max_open: bool

    def fail(self, message: str, param: click.Parameter | None = None, ctx: click.Context | None = None) -> NoReturn:
        super().fail(message.replace(" is not in the range ", ": expected "), param, ctx)

    def _describe_range(self) -> str:
        if self.max is None:
            return f"{'above' if self.min_open else 'at least'} {self.min}"
        upper = f"{'below' if self.max_open else 'at most'} {self.max}"
        if self.min is None:
            return upper
        if self.min_open or self.max_open:
            return f"{'above' if self.min_open else 'at least'} {self.min}, {upper}"
        return f"{self.min} to {self.max}"


class _Real(_Strict, click.types.FloatParamType):
    pass


class _RealRange(_Limited, _Strict, click.FloatRange):
    pass


class _Count(_Strict):
    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return "N"


class _Whole(_Count, click.types.IntParamType):
    def parse(self, text: str) -> None:
        parse_whole(text)


class _WholeRange(_Limited, _Count, click.IntRange):
    def parse(self, text: str) -> None:
        try:
            parse_whole(text, largest=max(LARGEST_COUNT, self.max or 0))
        except SpecError:  # none, or beyond any range: this one is named
            parse_whole(text, self.min, LARGEST_COUNT if self.max is None else self.max)


def strict(kind: click.ParamType) -> click.ParamType:
    """Return a number type of Click's that takes plain decimal numbers only, and any other type as it is."""
    ranges: dict[type, Any] = {click.IntRange: _WholeRange, click.FloatRange: _RealRange}
    if isinstance(kind, click.IntRange | click.FloatRange) and type(kind) in ranges:
        return ranges[type(kind)](kind.min, kind.max, kind.min_open, kind.max_open, kind.clamp)
    if type(kind) is click.types.IntParamType:
        return _Whole()
    return _Real() if type(kind) is click.types.FloatParamType else kind


class EnumChoice(click.Choice):
    """A member of an enum, by its value."""

    def __init__(self, kind: type[Enum]):
        super().__init__([member.value for member in kind])
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if isinstance(value, self._kind) else self._kind(super().convert(value, param, ctx))


class Size(click.ParamType):
    """An image size: one number, or WIDTHxHEIGHT; gives (width, height)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        parts = value.lower().split("x")
        try:
            sides = [parse_whole(part, 1, LARGEST_SIDE) for part in parts]
        except SpecError:
            sides = []
        if len(sides) not in (1, 2):
            self.fail(
                f"'{shortened(str(value))}': expected a number of pixels or WIDTHxHEIGHT, such as 256 or 512x256",
                param,
                ctx,
            )
        return sides[0], sides[-1]


class TargetSize(Size):
    """A size to resize to: one number is the shorter side; gives (width, height, whether the aspect is kept)."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        return (*super().convert(value, param, ctx), "x" not in value.lower())


class Parsed(click.ParamType):
    """A text that one of the library's parsers reads; what it refuses is wrong usage."""

    def __init__(self, name: str, parse: Callable[[str], object]) -> None:
        self.name, self._parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except (DataError, SpecError) as error:
            self.fail(str(error), param, ctx)
        return None


def _levels(text: str) -> "LevelsChoice":
    from ganc.data.levels import parse_levels

    return parse_levels(text)


def _widths(text: str) -> Widths:
    from ganc.models.families import numbers_of_any_family
    from ganc.models.spec import LARGEST_WIDTH

    widths = numbers_of_any_family(text)
    if max(widths) > LARGEST_WIDTH:
        raise SpecError(f"a width of {str(max(widths))[:20]} is more than the {LARGEST_WIDTH} that are possible")
    return widths


def _family(text: str) -> str:
    from ganc.models.families import family_named

    return family_named(text).name


def _space(text: str) -> "SearchSpace":
    from ganc.models.space import parse_space

    return parse_space(text)


def _block_count(text: str) -> int:
    from ganc.models.families import DEFAULT, FAMILIES
    from ganc.models.spec import LARGEST_BLOCK_COUNT

    multiples = [family.block_multiple for family in FAMILIES.values()]
    try:
        blocks = parse_whole(text, 1, LARGEST_BLOCK_COUNT)
    except SpecError:
        blocks = 0
    if not blocks or all(blocks % multiple for multiple in multiples):
        raise SpecError(
            f"'{shortened(text)}': expected a positive multiple of {DEFAULT.block_multiple}, such as 9 or 6, up to "
            f"{LARGEST_BLOCK_COUNT}"
        )
    return blocks


class Shard(click.ParamType):
    """Part K of N, counted from 1; `slurm` stands for this task of a Slurm array."""

    name = "k/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        if value == "slurm":
            try:
                return array_part(os.environ)
            except SpecError as error:
                self.fail(f"slurm: {error}", param, ctx)
        first, _, last = value.partition("/")
        try:
            count = parse_whole(last, 1)
            return parse_whole(first, 1, count), count
        except SpecError:
            self.fail(f"'{shortened(str(value))}': expected K/N with 1 <= K <= N, such as 3/16", param, ctx)


SIZE = Size()
TARGET_SIZE = TargetSize()
BUDGET = Parsed("count", parse_budget)
LEVELS = Parsed("levels", _levels)
WIDTHS = Parsed("widths", _widths)
FAMILY = Parsed("family", _family)
SPACE = Parsed("space", _space)
BLOCK_COUNT = Parsed("count", _block_count)
LOSS = Parsed("name=weight", parse_loss)
SHARD = Shard()
