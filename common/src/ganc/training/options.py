"""Settings made of keyword arguments: a program calls a stage with the names of its command's options.

`crop_size=64` is `--crop-size 64`, `lr=1e-3` is `--lr 1e-3`. Values are plain ones: numbers, texts, paths, lists.
"""

import os
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar

from ganc.base.errors import SettingError, SpecError
from ganc.base.needs import Need, without_effect
from ganc.base.settings import Setting, settings_of
from ganc.base.text import did_you_mean, parse_budget
from ganc.models.families import numbers_of_any_family
from ganc.models.space import parse_space
from ganc.training.losses.names import WeightedLoss, parse_loss
from ganc.training.recipes import Recipe
from ganc.training.settings import RunSettings

Kind = TypeVar("Kind")
Member = TypeVar("Member", bound=Enum)


class Options:
    """Keyword arguments of a function, on their way into its settings.

    Args:
        function: its name, for messages.
        kinds: the classes of settings that they belong to.
        options: the arguments.
        defaults: of fields, by the field's name, instead of those that the classes have.

    Raises:
        SettingError: an argument belongs to none of the classes.
    """

    def __init__(
        self,
        function: str,
        kinds: Sequence[type],
        options: Mapping[str, object],
        defaults: Mapping[str, object] | None = None,
    ):
        self._function, self._kinds, self._options, self._defaults = function, kinds, options, defaults or {}
        known = {name for kind in kinds for name in option_names(kind).values()}
        for name in options:
            if name not in known:
                cure = did_you_mean(name, known) or f"; it has {', '.join(sorted(known))}"
                raise SettingError(f"{function}: there is no option {name}{cure}")

    def all(self, needs: Sequence[Need] = ()) -> tuple:
        """Return the settings of all classes, in their order; raises as `make` and `require_effects`."""
        made: tuple = tuple(self.make(kind) for kind in self._kinds)
        self.require_effects(needs, *made)
        return made

    def require_effects(self, needs: Sequence[Need], *made: object) -> None:
        """Raise SettingError where an argument has no effect as the settings are that were made of all of them."""
        names = {one.name: name for kind in self._kinds for one, name in option_names(kind).items()}
        given = [field for field, name in names.items() if name in self._options]
        values = {field: value for settings in made for field, value in vars(settings).items()}
        field, said = without_effect(needs, given, values)
        if field:
            raise SettingError(f"{self._function}: {names[field]} {said}")

    def make(self, kind: type[Kind], **given: object) -> Kind:
        """Return settings of a class; `given` are fields that no option says.

        Raises:
            SettingError: a value is of a wrong type or outside its limits, or one is missing that is needed.
        """
        values = self.values(kind) | given
        for one, name in option_names(kind).items():
            if one.name not in values and one.default is MISSING and one.default_factory is MISSING:
                raise SettingError(f"{self._function}: {name} is missing, which has no default")
        return kind(**values)

    def values(self, kind: type) -> dict[str, Any]:
        """Return what is said of a class's fields, and their defaults here, by the field's name."""
        values: dict[str, Any] = {}
        for one, name in option_names(kind).items():
            if name in self._options:
                values[one.name] = converted(name, self._options[name], one.type)
            elif one.name in self._defaults:  # plain values too: a recipe's
                values[one.name] = converted(name, self._defaults[one.name], one.type)
        return values


def option_names(kind: type) -> dict[Field, str]:
    """Return the option of each field of a class of settings, as a keyword: --crop-size is crop_size.

    Fields that hold settings of another class are none.
    """
    said = settings_of(RunSettings) | settings_of(kind)  # a field that several classes have is declared there
    plain = [one for one in fields(kind) if not any(map(is_dataclass, _alternatives(one.type)))]
    return {one: _keyword(one.name, said[one.name][1] if one.name in said else None) for one in plain}


def _alternatives(kind: object) -> tuple:
    """Return the types of `A | B`, or the only one."""
    return typing.get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _keyword(field_name: str, said: Setting | None) -> str:
    long = [name for name in said.names if name.startswith("--")] if said else []
    return long[0].partition("/")[0].removeprefix("--").replace("-", "_") if long else field_name


def converted(name: str, value: Any, kind: Any) -> Any:
    """Return a plain value as what a field of the type holds.

    Raises:
        SettingError, SpecError: it is none.
    """
    if isinstance(kind, str):  # of a class that settings name only: a search space
        return parse_space(value) if isinstance(value, str) else value
    if isinstance(kind, UnionType):
        if value is None:
            return None
        (kind,) = {*typing.get_args(kind)} - {NoneType}
        return converted(name, value, kind)
    if typing.get_origin(kind) is tuple:
        return _several(name, value, typing.get_args(kind))
    if kind is WeightedLoss and isinstance(value, str):
        return parse_loss(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _member(name, value, kind)
    return _plain(name, value, kind)


def _plain(name: str, value: Any, kind: type) -> Any:
    """Return a number, a text, a truth or a path."""
    whole = hasattr(value, "__index__") and not isinstance(value, bool)  # numpy's too
    if kind is int and isinstance(value, str) and name.startswith("max_"):
        return parse_budget(value)
    if kind in (int, float) and whole:
        return kind(value)
    if kind in (str, Path) and isinstance(value, str | os.PathLike):
        return kind(value)
    if isinstance(value, kind) and kind is not int:
        return value
    raise SettingError(f"{name} (={value!r}): expected {_WORDS.get(kind, f'a {kind.__name__}')}")


_WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a text", Path: "a path"}


def _several(name: str, value: Any, parts: Sequence[Any]) -> tuple:
    """Return a size, widths, or what may be given several times."""
    if parts[-1] is not Ellipsis:
        sides = (value,) * len(parts) if isinstance(value, int) and name.endswith("size") else value
        if isinstance(sides, list | tuple) and len(sides) == len(parts):
            return tuple(converted(name, side, part) for side, part in zip(sides, parts, strict=True))
        raise SettingError(f"{name} (={value!r}): expected {len(parts)} numbers")
    if parts[0] is int:
        return numbers_of_any_family(value) if isinstance(value, str) else _numbers(name, value)
    # One value or a list of such; numbers in a list are one value's widths.
    alone = not isinstance(value, list | tuple) or (value and all(isinstance(one, int) for one in value))
    return tuple(converted(name, one, parts[0]) for one in ([value] if alone else value))


def _numbers(name: str, value: Any) -> tuple[int, ...]:
    numbers = (value,) if isinstance(value, int) else value
    if isinstance(numbers, list | tuple):
        return tuple(converted(name, one, int) for one in numbers)
    raise SettingError(f"{name} (={value!r}): expected widths, such as '16_16_32_16_32_32_16_16'")


def _member(name: str, value: object, kind: type[Member]) -> Member:
    try:
        return kind(value)
    except (ValueError, SpecError) as error:
        raise SettingError(f"{name} (={value!r}): expected {' or '.join(str(one.value) for one in kind)}") from error


def recipe_defaults(
    options: Mapping[str, object], usual: Recipe, table: Mapping[Recipe, Mapping[str, object]]
) -> dict[str, object]:
    """Return what a recipe's settings are by the fields' names, `recipe` among them, of a stage's table of defaults.

    Raises:
        SettingError: there is no such recipe.
    """
    recipe = _member("recipe", options.get("recipe", usual), Recipe)
    return {**table[recipe], "recipe": recipe}
