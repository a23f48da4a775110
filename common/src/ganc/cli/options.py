"""Option groups that several tools share. Each group reaches the command as one frozen object."""

import functools
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, replace
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any

import click
from click.core import ParameterSource

from ganc.base.direction import Direction
from ganc.base.errors import GancError, MissingDependencyError
from ganc.base.settings import Setting, settings_of
from ganc.cli.defaults_file import lay_under
from ganc.cli.paths import FILE, FOLDER, INPUT_TEXT, OUTPUT_FILE, RUN_FOLDER
from ganc.cli.types import BUDGET, LOSS, SIZE, WIDTHS, EnumChoice
from ganc.files.choice import Selection
from ganc.training.recipes import DEFAULTS, Recipe
from ganc.training.settings import (
    DataSettings,
    DistillationSettings,
    InitSettings,
    RefitSettings,
    RunSettings,
    Schedule,
)

POSITIVE = click.IntRange(min=1)

_PUBLISHED_BY = "ganc.published"  # in a context's meta: the option that leaves no choice of recipe


def grouped(name: str, build: Callable, *options: Callable) -> Callable:
    """Return a decorator that adds options and hands their values to the command as one argument `name`.

    The decorated function's `groups` build such arguments of all values, for `Command.check`.
    """
    probe: Any = functools.reduce(lambda function, option: option(function), options, lambda: None)
    keys = [option.name for option in probe.__click_params__]

    def built(values: Mapping) -> object:
        try:
            return build(**{key: values[key] for key in keys})
        except MissingDependencyError:  # no matter of usage
            raise
        except GancError as error:  # values that do not go together
            raise click.UsageError(str(error)) from error

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def decorated(**values: Any) -> Any:
            others = {key: value for key, value in values.items() if key not in keys}
            return function(**{name: built(values)}, **others)

        wrapper: Any = decorated
        wrapper.groups = (built, *getattr(function, "groups", ()))
        for option in reversed(options):
            wrapper = option(wrapper)
        return wrapper

    return decorate


def setting_options(
    kind: type,
    types: Mapping[str, click.ParamType] | None = None,
    first: Mapping[str, Callable] | None = None,
    texts: Mapping[str, str] | None = None,
    **defaults: object,
) -> list[Callable]:
    """Return one Click option for each setting of a settings class (ganc.base.settings), in the order of its fields.

    Args:
        types: of options that read more than their field's type says, by the field's name.
        first: callbacks of options that are read before the others, by the field's name.
        texts: what help says in place of a default, where it is not what the field says; by the field's name.
        defaults: of fields that have none of their own, or another one here.
    """
    return [
        _option(
            one,
            replace(said, default_text=(texts or {}).get(name, said.default_text)),
            defaults.get(name, one.default),
            (types or {}).get(name),
            (first or {}).get(name),
        )
        for name, (one, said) in settings_of(kind).items()
    ]


def setting_option(kind: type, name: str, **changes: Any) -> Callable:
    """Return the Click option of one setting; `changes` replace what its field says."""
    one, said = settings_of(kind)[name]
    return _option(one, replace(said, **changes), one.default)


def _option(
    one: Field,
    said: Setting,
    default: object,
    reader: click.ParamType | None = None,
    callback: Callable | None = None,
) -> Callable:
    names = said.names or ("--" + one.name.replace("_", "-"),)
    early: dict[str, Any] = {"is_eager": True, "callback": callback} if callback else {}
    if _type_of(one) is bool:
        return click.option(*names, one.name, is_flag=True, default=default, help=said.help, **early)
    needed: dict[str, Any] = {"required": True} if default is MISSING else {"default": _as_text(default)}
    if said.repeats:
        needed = {"multiple": True, "default": default}
    return click.option(
        *names,
        one.name,
        **needed,
        type=reader or _reader(_type_of(one), said),
        show_default=said.default_text or True,
        metavar=said.placeholder,
        help=said.help,
        **early,
    )


def _type_of(one: Field) -> Any:
    """Return the type of a field's values: int for int, and for int | None."""
    if not isinstance(one.type, UnionType):
        return one.type
    (kind,) = {*typing.get_args(one.type)} - {NoneType}
    return kind


def _reader(kind: type, said: Setting) -> click.ParamType:
    """Return the Click type that reads values of a type."""
    if typing.get_origin(kind) is tuple:
        return WIDTHS if Ellipsis in typing.get_args(kind) else SIZE
    if said.choices:
        return click.Choice(said.choices)
    if issubclass(kind, Enum):
        return EnumChoice(kind)
    if kind is Path:
        if said.written:
            return RUN_FOLDER if said.folder else OUTPUT_FILE
        return FOLDER if said.folder else FILE
    if said.names_file:
        return INPUT_TEXT
    if not said.limits:
        return click.types.convert_type(kind)
    low = said.least if said.above is None else said.above
    high = said.most if said.below is None else said.below
    if kind is int:
        return click.IntRange(None if low is None else int(low), None if high is None else int(high))
    return click.FloatRange(low, high, min_open=said.above is not None, max_open=said.below is not None)


def _as_text(default: object) -> object:
    """Return a default as a user would write it: help shows it."""
    if isinstance(default, tuple):
        return str(default[0]) if len({*default}) == 1 else "x".join(map(str, default))
    return default.value if isinstance(default, Enum) else default


data_options = grouped("data", DataSettings, *setting_options(DataSettings))
run_options = grouped("run", RunSettings, *setting_options(RunSettings))


def take_published_defaults(context: click.Context, parameter: click.Parameter, chosen: bool) -> bool:
    """Of a flag, an option that is read first: let the other options have the published recipe's defaults."""
    if chosen:
        context.meta[_PUBLISHED_BY] = parameter.opts[0]
        _require_published(context, context.params.get("recipe", Recipe.PUBLISHED))
        lay_under(context, DEFAULTS[Recipe.PUBLISHED])
    return chosen


def _take_defaults(defaults: Mapping[Recipe, Mapping[str, object]]) -> Callable:
    """Return the callback of an option that lets those that are read after it have the recipe's defaults."""

    def take(context: click.Context, parameter: click.Parameter, recipe: Recipe) -> Recipe:
        if _PUBLISHED_BY in context.meta:
            if context.get_parameter_source(parameter.name) is not ParameterSource.DEFAULT:
                _require_published(context, recipe)
            recipe = Recipe.PUBLISHED
        lay_under(context, defaults[recipe])
        return recipe

    return take


def _require_published(context: click.Context, recipe: Recipe) -> None:
    if recipe is not Recipe.PUBLISHED:
        raise click.UsageError(f"--recipe {recipe.value}: {context.meta[_PUBLISHED_BY]} has the published one alone")


def recipe_option(defaults: Mapping[Recipe, Mapping[str, object]], usual: Recipe) -> Callable:
    """Return the option --recipe of a stage that trains its networks with or without an original."""
    return click.option(
        "--recipe",
        type=EnumChoice(Recipe),
        default=usual.value,
        is_eager=True,
        expose_value=False,
        callback=_take_defaults(defaults),
        help="Defaults of other options: published is the papers'; imitate learns the images of --init-from.",
    )


def distillation_options(defaults: Mapping[Recipe, Mapping[str, object]], usual: Recipe) -> Callable:
    """Return the decorator that adds the options of a distillation, whose --recipe brings these defaults."""
    imitated = defaults[Recipe.IMITATE]["gan_weight"]
    return grouped(
        "settings",
        DistillationSettings,
        *setting_options(
            DistillationSettings,
            types={"losses": LOSS},
            first={"recipe": _take_defaults(defaults)},
            texts={"gan_weight": f"the input's; with --recipe {Recipe.IMITATE.value} {imitated:g}"},
            recipe=usual,
        ),
    )


init_options = grouped("init", InitSettings, *setting_options(InitSettings))
refit_options = grouped("refit", RefitSettings, *setting_options(RefitSettings))
feature_set_option = setting_option(RunSettings, "feature_set")
reference_option = setting_option(RunSettings, "reference")
dry_run_option = setting_option(RunSettings, "dry_run")
device_option = setting_option(RunSettings, "device")


def direction_option(help: str, *, default: Direction | None = None, default_text: str = "the model's own") -> Callable:
    """Return the option of a direction; where there is no default, `default_text` says what is taken."""
    return click.option(
        "--direction",
        type=EnumChoice(Direction),
        default=default and default.value,
        show_default=default_text if default is None else True,
        help=help,
    )


def schedule_options(epochs: int, decay_epochs: int) -> Callable:
    """Return the decorator that adds the schedule's options with a stage's defaults."""
    return grouped("schedule", Schedule, *setting_options(Schedule, epochs=epochs, decay_epochs=decay_epochs))


_cost_budgets = (
    click.option("--max-macs", type=BUDGET, help="At most so many MACs, such as 2.7G."),
    click.option("--max-params", type=BUDGET, help="At most so many parameters, such as 350k."),
)
_latency_budget = click.option("--max-latency", type=click.FloatRange(min=0), help="At most so many ms an image.")

selection_parts = (
    click.option("--config", "widths", type=WIDTHS, help="The sub-network's widths, such as 16_16_32_16_32_32_16_16."),
    click.option("--results", type=INPUT_TEXT, help="Or results of ganc-search to select from; - is standard input."),
    *_cost_budgets,
    _latency_budget,
    click.option("--rank", type=POSITIVE, default=1, help="Of --results, take the N-th best by the metric."),
)
selection_options = grouped("selection", Selection, *selection_parts)


def budget_options(function: Callable) -> Callable:
    """Add --max-macs and --max-params as plain arguments."""
    for option in reversed(_cost_budgets):
        function = option(function)
    return function


def measured_budget_options(function: Callable) -> Callable:
    """Add the bounds that rows of a search can satisfy: --max-macs, --max-params and --max-latency."""
    return budget_options(_latency_budget(function))


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How a stage says what it did.

    Attributes:
        as_json: its end table is for programs.
    """

    as_json: bool


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
stage_options = grouped("shown", Shown, json_option)
