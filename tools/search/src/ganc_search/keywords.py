"""The keyword arguments of `ganc_search.find_subnets`, for editors and type checkers; see `ganc.training.keywords`."""

from typing import TYPE_CHECKING, Literal, Required

from ganc.results.objective import Objective
from ganc.training.keywords import (
    BudgetOptions,
    EngineName,
    MetricOptions,
    Needed,
    PathLike,
    RestartOptions,
    SizeLike,
    WayLike,
)
from ganc_search.settings import LatencyKind, ModelName, StrategyName

if TYPE_CHECKING:
    from ganc.models.space import SearchSpace


class SearchOptions(Needed, BudgetOptions, MetricOptions, RestartOptions, total=False):
    """The options of `ganc-search`."""

    supernet: Required[PathLike]
    direction: WayLike
    run_dir: PathLike | None
    space: "str | SearchSpace | None"
    strategy: StrategyName | Literal["exhaustive", "random", "evolution", "predictor", "configs"] | None
    objective: Objective | Literal["pareto", "metric", "latency"]
    samples: int | None
    configs: PathLike | None
    population: int
    generations: int
    parent_ratio: float
    mutation_ratio: float
    mutation: float
    patience: int
    evaluations: int | None
    predictor_model: ModelName | Literal["linear", "trees", "gaussian-process"] | None
    predictor_first: float
    predictor_refits: int
    racing_keep: float
    racing_features: str | None
    latency: LatencyKind | Literal["measured", "table"] | None
    latency_engine: Literal["auto", "openvino", "onnxruntime"]
    latency_precision: Literal["f32", "bf16", "int8"]
    shard: tuple[int, int]
    size: SizeLike | None
    engine: EngineName | Literal["auto"]
    batch_size: int
    group_size: int
    seed: int
