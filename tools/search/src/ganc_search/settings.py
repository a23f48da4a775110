"""What a user sets of a search."""

from dataclasses import dataclass, field
from pathlib import Path

from ganc.models.space import SearchSpace
from ganc_search.evaluate.memory import LARGEST_GROUP
from ganc_search.evaluate.segment_runners import AUTO
from ganc_search.strategies.candidates import Budget
from ganc_search.strategies.evolution import EvolutionSettings
from ganc_search.strategies.racing import Racing

EXHAUSTIVE, RANDOM, EVOLUTION = STRATEGIES = ("exhaustive", "random", "evolution")


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """What is searched, how, on which pictures, and where the rows go.

    Attributes:
        image_size: (width, height) of the pictures; None takes the supernet's.
        strategy: one of STRATEGIES. samples: how many random sub-networks, for RANDOM.
        evolution: its numbers, for EVOLUTION.
        racing: None evaluates every sub-network on all pictures.
        latency: `ganc_search.latency.MEASURED` or TABLE; None measures none.
        part, parts: this process' share of the candidates.
        engine: what runs the generator. batch_size: pictures whose features are computed at once.
        memory: bytes; None takes a quarter of the machine's. group_size: sub-networks evaluated together, at most.
        output: the results file; None keeps the rows in `run_dir`, or nowhere, until they are piped on.
    """

    supernet: Path
    folder: Path
    direction: str
    output: Path | None
    run_dir: Path | None = None
    space: SearchSpace | None = None
    image_size: tuple[int, int] | None = None
    statistics: Path | None = None
    feature_set: str | None = None
    strategy: str = EXHAUSTIVE
    budget: Budget = field(default_factory=Budget)
    samples: int | None = None
    evolution: EvolutionSettings = field(default_factory=EvolutionSettings)
    racing: Racing | None = None
    latency: str | None = None
    latency_engine: str = AUTO
    part: int = 1
    parts: int = 1
    seed: int = 0
    engine: str = AUTO
    batch_size: int = 8
    memory: int | None = None
    group_size: int = LARGEST_GROUP
    device: str = "auto"
    restart: bool = False

    def __post_init__(self):
        if (self.strategy == RANDOM) != (self.samples is not None):
            raise ValueError(f"samples (={self.samples}) are for the strategy {RANDOM} (={self.strategy})")
        if self.strategy == EVOLUTION and self.parts > 1:
            raise ValueError(f"parts (={self.parts}): the strategy {EVOLUTION} needs all rows, it has no shards")
        if self.budget.max_latency is not None and self.latency is None:
            raise ValueError(f"max_latency (={self.budget.max_latency}) needs latency")
