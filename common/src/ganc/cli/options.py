"""Option groups that several tools share. Each group reaches the command as one frozen object."""

import functools
from collections.abc import Callable
from pathlib import Path

import click

from ganc.base.errors import GancError
from ganc.cli.types import BUDGET, SIZE, WIDTHS
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
POSITIVE = click.IntRange(min=1)
NOT_NEGATIVE = click.IntRange(min=0)
WEIGHT = click.FloatRange(min=0)

FEATURE_SET_HELP = "Features of the metric: a name, or a file of ganc import inception."
feature_set_option = click.option(
    "--feature-set", show_default="that of --stats, else untrained-conv3-v1", help=FEATURE_SET_HELP
)


def grouped(name: str, build: Callable, *options: Callable) -> Callable:
    """Return a decorator that adds options and hands their values to the command as one argument `name`."""
    probe = functools.reduce(lambda function, option: option(function), options, lambda: None)
    keys = [option.name for option in probe.__click_params__]

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapper(**values):
            own = {key: values.pop(key) for key in keys}
            try:
                built = build(**own)
            except GancError as error:  # values that do not go together
                raise click.UsageError(str(error)) from error
            return function(**{name: built}, **values)

        for option in reversed(options):
            wrapper = option(wrapper)
        return wrapper

    return decorate


def _data_settings(cache_memory: int, **values) -> DataSettings:
    return DataSettings(cache_bytes=cache_memory << 20, **values)


data_options = grouped(
    "data",
    _data_settings,
    click.option("--data", "folder", type=FOLDER, required=True, help="Folder with trainA, trainB, testA, testB."),
    click.option("--direction", type=click.Choice(["AtoB", "BtoA"]), default="AtoB", help="Which way to translate."),
    click.option("--load-size", type=SIZE, show_default="crop size * 286 / 256", help="Resize to N or WxH, then crop."),
    click.option("--crop-size", type=SIZE, default="256", help="Crop at random to N or WxH; evaluation resizes to it."),
    click.option("--shuffle/--in-order", default=True, help="Source pictures in random order, or as listed."),
    click.option("--workers", type=NOT_NEGATIVE, default=2, help="Threads that prepare pictures ahead; 0: none."),
    click.option(
        "--cache-memory", type=NOT_NEGATIVE, default=2048, help="MiB to keep pictures in, if all of them fit."
    ),
)


def schedule_options(epochs: int, decay_epochs: int) -> Callable:
    """Return the decorator that adds the schedule's options with a stage's defaults."""
    return grouped(
        "schedule",
        Schedule,
        click.option("--epochs", type=NOT_NEGATIVE, default=epochs, help="Epochs at the full learning rate."),
        click.option("--decay-epochs", type=NOT_NEGATIVE, default=decay_epochs, help="Further epochs; it falls to 0."),
        click.option("--max-steps", type=POSITIVE, help="End after so many steps; the schedule stays as it is."),
        click.option("--batch-size", type=POSITIVE, default=1, help="Pictures of each domain a step."),
        click.option(
            "--lr", "learning_rate", type=click.FloatRange(0, 1, min_open=True), default=2e-4, help="Learning rate."
        ),
    )


run_options = grouped(
    "run",
    RunSettings,
    click.option("-o", "--output", type=FILE, required=True, help="The checkpoint to write."),
    click.option("--run-dir", type=FOLDER, show_default="OUTPUT.run", help="Folder of state, log and samples."),
    click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Seed of every random draw."),
    click.option("--device", default="auto", help="auto (a GPU if there is one), cpu, gpu or gpu:N."),
    click.option("--amp", is_flag=True, help="Compute in mixed precision; needs a GPU."),
    click.option("--eval-every", type=NOT_NEGATIVE, default=20, help="Epochs between evaluations; 0: one at the end."),
    click.option(
        "--stats", "statistics", type=FILE, show_default="made from --data", help="Target statistics, from ganc stats."
    ),
    feature_set_option,
    click.option("--restart", is_flag=True, help="Start over instead of going on; needed for other settings."),
)

distillation_options = grouped(
    "settings",
    DistillationSettings,
    click.option("--gan-weight", type=WEIGHT, show_default="the input's", help="Weight of the GAN loss."),
    click.option("--reconstruction-weight", type=WEIGHT, show_default="the input's", help="Weight of the L1 loss."),
    click.option("--feature-weight", type=WEIGHT, show_default="the input's", help="Weight of feature distillation."),
    click.option("--discriminator-width", type=POSITIVE, default=64, help="Of a discriminator that no input brings."),
)


def _selection(**values):
    from ganc.cli.selection import Selection

    return Selection(**values)


_cost_budgets = (
    click.option("--max-macs", type=BUDGET, help="At most so many MACs, such as 2.7G."),
    click.option("--max-params", type=BUDGET, help="At most so many parameters, such as 350k."),
)
_latency_budget = click.option("--max-latency", type=click.FloatRange(min=0), help="At most so many ms an image.")

selection_parts = (
    click.option("--config", "widths", type=WIDTHS, help="The sub-network's widths, such as 16_16_32_16_32_32_16_16."),
    click.option("--results", help="Or results of ganc-search to select from; - is standard input."),
    *_cost_budgets,
    _latency_budget,
    click.option("--rank", type=POSITIVE, default=1, help="Of --results, take the N-th best by the metric."),
)
selection_options = grouped("selection", _selection, *selection_parts)


def budget_options(function: Callable) -> Callable:
    """Add --max-macs and --max-params as plain arguments."""
    for option in reversed(_cost_budgets):
        function = option(function)
    return function


def measured_budget_options(function: Callable) -> Callable:
    """Add the bounds that rows of a search can satisfy: --max-macs, --max-params and --max-latency."""
    return budget_options(_latency_budget(function))


device_option = click.option("--device", default="auto", help="auto (a GPU if there is one), cpu, gpu or gpu:N.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
