"""What a user sets of a search: frozen objects of which the options are made. None of them needs Paddle or Click."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, overload

from ganc.base.direction import Direction
from ganc.base.errors import SelectionError, SettingError
from ganc.base.needs import Need
from ganc.base.settings import check_limits, setting, settings_of
from ganc.base.target_images import TargetImages, target_images
from ganc.base.text import format_count
from ganc.models.family import Widths, format_widths
from ganc.results.objective import Objective
from ganc.training.settings import RunSettings
from ganc_search.strategies.racing import Racing

if TYPE_CHECKING:  # --help must not wait for numpy
    import numpy as np

    from ganc.models.space import SearchSpace
    from ganc.models.subnets import SubnetCosts

PIPE = Path("-")
AUTO = "auto"  # the fastest engine that is installed
LatencyOf = Callable[[Widths], float]
LatenciesOf = Callable[["np.ndarray"], "np.ndarray"]  # of (N, segments) widths, (N,)
# What a Gaussian process takes to predict grows with the square of the rows that it is fitted to.
LARGEST_PROCESS = 1000
FOLDS = 5  # of the cross-validation that chooses the predictor's model
FEWEST = 2 * FOLDS  # measured sub-networks that a model is fitted to
KEPT_FILE = "search.h5"  # in the folder of --run-dir


class StrategyName(StrEnum):
    """Which sub-networks are looked at."""

    EXHAUSTIVE = "exhaustive"
    RANDOM = "random"
    EVOLUTION = "evolution"
    PREDICTOR = "predictor"
    CONFIGS = "configs"


class ModelName(StrEnum):
    """What predicts the metric from the widths."""

    LINEAR = "linear"
    TREES = "trees"
    GAUSSIAN_PROCESS = "gaussian-process"


class LatencyKind(StrEnum):
    """How latencies are found: each sub-network timed, or the times of its segments added up."""

    MEASURED = "measured"
    TABLE = "table"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Upper bounds, inclusive; None is no bound. The latency is in milliseconds an image."""

    max_macs: int | None = None
    max_params: int | None = None
    max_latency: float | None = None

    @overload
    def allows(self, macs: int, params: int) -> bool: ...

    @overload
    def allows(self, macs: "np.ndarray", params: "np.ndarray") -> "np.ndarray": ...

    def allows(self, macs: "int | np.ndarray", params: "int | np.ndarray") -> "bool | np.ndarray":
        """Return which of these costs, numbers or arrays of equal shape, are within the bounds."""
        within_macs = macs <= (math.inf if self.max_macs is None else self.max_macs)
        return within_macs & (params <= (math.inf if self.max_params is None else self.max_params))

    def require_possible(
        self, space: "SearchSpace", costs_of: "SubnetCosts", latency_of: LatencyOf | None = None
    ) -> None:
        """Raise SelectionError, naming the smallest possible, where not even the smallest sub-network satisfies it.

        Costs grow with every width, so the smallest sub-network has the smallest; of the latency that is assumed.
        """
        costs, takes, slow = costs_of(space.smallest), "", False
        if latency_of and self.max_latency is not None:
            latency = latency_of(space.smallest)
            takes, slow = f" and takes {latency:.4g} ms an image", latency > self.max_latency
        if slow or not self.allows(costs.macs, costs.params):
            raise SelectionError(
                f"{self.text}: no sub-network of {space.text} satisfies it; the smallest, "
                f"{format_widths(space.smallest)}, has {format_count(costs.macs)} MACs and "
                f"{format_count(costs.params)} parameters{takes}"
            )

    @property
    def text(self) -> str:
        """The bounds as options, such as --max-macs 2.70 G."""
        counts = {"--max-macs": self.max_macs, "--max-params": self.max_params}
        parts = [f"{name} {format_count(bound)}" for name, bound in counts.items() if bound is not None]
        return " ".join(parts + ([] if self.max_latency is None else [f"--max-latency {self.max_latency:g}"]))


@dataclass(frozen=True, kw_only=True)
class EvolutionSettings:
    """The numbers of an evolution; the defaults are the published ones, `patience` is ganc's own.

    Attributes:
        mutation_ratio: the part of the children that one parent makes by mutation; two make the others by crossover.
        mutation_probability: published: 0.2 to 0.4; 0.2 is the default of the published program.

    Raises:
        SettingError: a value is outside its limits.
    """

    population: int = setting("Evolution: sub-networks a generation.", 100, least=1, most=100_000)
    generations: int = setting("Evolution: generations of children at most.", 500, least=0)
    parent_ratio: float = setting("Evolution: parents, as a part of the population.", 0.25, least=0, most=1)
    mutation_ratio: float = setting("Evolution: children made by mutation, as a part.", 0.5, least=0, most=1)
    mutation_probability: float = setting(
        "Evolution: probability that a mutation draws a width anew.", 0.2, names=("--mutation",), least=0, most=1
    )
    patience: int = setting("Evolution: end after so many generations without a better front.", 10, least=1)
    evaluations: int | None = setting(
        "Evolution: end after so many sub-networks.", None, least=1, default_text="no bound"
    )

    def __post_init__(self) -> None:
        check_limits(self)

    @property
    def parents(self) -> int:
        """How many parents a generation has at most."""
        return max(1, round(self.parent_ratio * self.population))


@dataclass(frozen=True, kw_only=True)
class PredictorSettings:
    """The numbers of a search by predictions. Raises SettingError: a value is outside its limits.

    Attributes:
        model: None takes, at each refit, the one that cross-validation says orders sub-networks best.
        first: the part of the samples that is spread over the space before anything is predicted; at least FEWEST are.
        refits: how often the model is fitted, each time to what was measured since.
    """

    model: ModelName | None = setting(
        "Predictor: the model.", None, names=("--predictor-model",), default_text="the best by cross-validation"
    )
    first: float = setting(
        f"Predictor: the first sample, as a part of --samples; at least {FEWEST}.",
        1 / 3,
        names=("--predictor-first",),
        above=0,
        most=1,
        default_text="1/3",
    )
    refits: int = setting("Predictor: how often it is fitted anew.", 5, names=("--predictor-refits",), least=1)

    def __post_init__(self) -> None:
        check_limits(self)
        if self.model is not None:
            object.__setattr__(self, "model", ModelName(self.model))


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """What is searched, how, on which images, and where the rows go.

    Attributes:
        output: the results file, PIPE for standard output.
        space, image_size (width, height): None takes the supernet's.
        statistics, feature_set, reference, device: as of `ganc.training.settings.RunSettings`.
        objective: what an evolution lowers, what a race keeps, and of what the results' front is.
        strategy: None takes the one that `samples` or `configs` imply, else EXHAUSTIVE.
        racing: None evaluates every sub-network on all images.
        shard: which part, from 1, of how many.
        group_size: twice as many compiled segments are kept. A group of more than 32 shares little more (three widths
            a segment: in a group of 27 each segment before the last three runs once), and a kill loses a group.

    Raises:
        SettingError: a value is outside its limits, or settings do not go together.
        SpecError: there is no such direction.
    """

    supernet: Path = setting("The supernet's checkpoint, from ganc-supernet.")
    folder: Path = setting(
        "Folder with searchA.txt or testA, and trainB; of pairs side by side search.txt or test, and train.",
        names=("--data",),
        folder=True,
    )
    direction: Direction = setting("Which way to translate.", Direction.A_TO_B)
    output: Path | None = setting(
        "The results file (HDF5), - writes it to standard output; needed without --rank-check and --dry-run.",
        None,
        names=("-o", "--output"),
        written=True,
    )
    run_dir: Path | None = setting(
        "With -o -: where finished rows are kept, to resume from.", None, folder=True, written=True
    )
    space: "SearchSpace | None" = None
    budget: Budget = field(default_factory=Budget)
    strategy: StrategyName | None = setting(
        "Which sub-networks to look at.",
        None,
        default_text="random with --samples, configs with --configs, else exhaustive",
    )
    objective: Objective = setting(
        "What is lowered: metric and MACs (pareto), the metric alone within the budget, or metric and milliseconds.",
        Objective.PARETO,
    )
    samples: int | None = setting(
        "So many sub-networks: random ones, or the predictor's, which are others for another number.",
        None,
        least=1,
    )
    configs: Path | None = setting("The sub-networks that a file names, a width string a line; - is stdin.", None)
    evolution: EvolutionSettings = field(default_factory=EvolutionSettings)
    predictor: PredictorSettings = field(default_factory=PredictorSettings)
    racing: Racing | None = None
    latency: LatencyKind | None = setting(
        "Add milliseconds an image: each sub-network timed, or summed up from its segments.", None
    )
    latency_engine: str = AUTO
    latency_precision: str = setting(
        "Precision of the form that latencies are measured of.", "f32", choices=("f32", "bf16", "int8")
    )
    shard: tuple[int, int] = (1, 1)
    statistics: Path | None = None
    feature_set: str | None = None
    reference: TargetImages | None = None
    image_size: tuple[int, int] | None = setting(
        "Image size, N or WxH.", None, names=("--size",), default_text="the supernet's"
    )
    engine: str = AUTO
    batch_size: int = setting("Images whose features are computed at once.", 8, least=1)
    group_size: int = setting("Sub-networks evaluated together, at most; fewer take less memory.", 32, least=1)
    seed: int = setting("Seed of random sub-networks.", 0, least=0, most=2**32 - 1)
    device: str = RunSettings.device
    restart: bool = setting("Throw earlier results away instead of resuming.", default=False)
    restart_if_changed: bool = setting(
        "Throw earlier results away where they belong to another search, else resume.", default=False
    )

    def __post_init__(self) -> None:
        check_limits(self)
        object.__setattr__(self, "direction", Direction(self.direction))
        object.__setattr__(self, "reference", target_images(self.reference))
        object.__setattr__(self, "objective", Objective(self.objective))
        object.__setattr__(self, "strategy", self._meant_strategy())
        if self.strategy in (StrategyName.EVOLUTION, StrategyName.PREDICTOR) and self.shard[1] > 1:
            raise SettingError(f"--strategy {self.strategy} has no shards: a round needs all rows of the one before")
        named = self.strategy is StrategyName.PREDICTOR and self.predictor.model is ModelName.GAUSSIAN_PROCESS
        if named and (self.samples or 0) > LARGEST_PROCESS:
            raise SettingError(
                f"--predictor-model {self.predictor.model} takes at most {LARGEST_PROCESS:,} --samples, here are "
                f"{self.samples:,}: take another model, or fewer"
            )
        if self.budget.max_latency is not None and self.latency is None:
            raise SettingError("--max-latency needs --latency measured or --latency table")
        if self.latency is LatencyKind.TABLE and self.latency_precision == "int8":
            raise SettingError("--latency table has no int8, whose segments depend on each other: take measured")
        if self.objective is Objective.LATENCY and self.latency is None:
            raise SettingError("--objective latency needs --latency measured or --latency table")
        if self.run_dir and self.output != PIPE:
            raise SettingError("--run-dir is for -o -: a results file keeps its own rows")

    def _meant_strategy(self) -> StrategyName:
        """Return the strategy. Raises SettingError: options of another one are given, or its own are missing."""
        given = {"--samples": self.samples is not None, "--configs": self.configs is not None}
        implied = {StrategyName.RANDOM: given["--samples"], StrategyName.CONFIGS: given["--configs"]}
        meant = next((name for name, means in implied.items() if means), StrategyName.EXHAUSTIVE)
        strategy = StrategyName(self.strategy or meant)
        sampled = strategy == StrategyName.PREDICTOR
        for name, option in ((StrategyName.RANDOM, "--samples"), (StrategyName.CONFIGS, "--configs")):
            if (strategy == name or (sampled and option == "--samples")) != given[option]:
                named = strategy if sampled and option == "--samples" else name
                raise SettingError(f"{option} and --strategy {named} go together, here is one without the other")
        return strategy

    @property
    def restarts(self) -> dict[str, bool]:
        """Whether what earlier runs left is thrown away: always, or where it belongs to another search."""
        return {"restart": self.restart, "restart_if_changed": self.restart_if_changed}

    @property
    def kept(self) -> Path | None:
        """Where finished rows stay; None for a pipe without a folder to keep them in."""
        if self.output not in (None, PIPE):
            return self.output
        return self.run_dir and self.run_dir / KEPT_FILE


def _of_strategy(kind: type, name: StrategyName) -> Need:
    said = f"needs --strategy {name}: add that, or leave it out"
    return Need(tuple(settings_of(kind)), lambda values: values["strategy"] == name, said)


NEEDS = (
    _of_strategy(EvolutionSettings, StrategyName.EVOLUTION),
    _of_strategy(PredictorSettings, StrategyName.PREDICTOR),
    Need(tuple(settings_of(Racing)), lambda values: values["racing"], "needs --racing: add that, or leave it out"),
    Need(
        ("latency_engine", "latency_precision"),
        lambda values: values["latency"],
        "needs --latency measured or --latency table: add one of them, or leave it out",
    ),
)
