"""What a search would take on this machine, from a few of its sub-networks. No results are written."""

import time
from dataclasses import dataclass, replace

from ganc.base.rng import keyed_generator
from ganc.models.family import Widths
from ganc.results.objective import Objective
from ganc.system.memory import peak_bytes
from ganc_search.search import Search
from ganc_search.settings import PIPE, Budget, SearchSettings
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import Listed

TIMED = 3  # sub-networks


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """The estimate of a search.

    Attributes:
        candidates: how many sub-networks are evaluated, of an evolution at most, and unit: what that counts.
        space: the search space, with the MACs of its smallest and its largest sub-network.
        images: on how many images each is measured, of which subset.
        seconds_each: what a sub-network takes where few share their segments with others.
    """

    candidates: int
    unit: str
    space: str
    macs: tuple[int, int]
    images: int
    subset: str
    metric: str
    engine: str
    seconds_each: float
    peak_bytes: int

    @property
    def seconds(self) -> float:
        """How long the search takes at most, without latencies."""
        return self.candidates * self.seconds_each


def rehearse(settings: SearchSettings) -> Rehearsal:
    """Return the estimate of a search, which is not run.

    Raises:
        GancError: as of `Search`.
    """
    budget = replace(settings.budget, max_latency=None)
    trial = replace(settings, output=PIPE, run_dir=None, racing=None, budget=budget)
    trial = replace(trial, latency=None, objective=Objective.PARETO)
    with Search(trial) as search:
        inputs, evaluation = search.inputs, search.inputs.evaluation
        if settings.racing:
            inputs.require_effect(settings.racing)
        few = _few(trial, search)
        start = time.perf_counter()
        for _ in search.run(Listed(few)):
            pass
        seconds = (time.perf_counter() - start) / len(few)
        macs = (inputs.costs_of(inputs.space.smallest).macs, inputs.costs_of(inputs.space.largest).macs)
        return Rehearsal(
            candidates=search.total or 0,
            unit=search.unit,
            space=inputs.space.text,
            macs=(int(macs[0]), int(macs[1])),
            images=len(evaluation.images),
            subset=evaluation.subset,
            metric=search.ranking,
            engine=search.engine,
            seconds_each=seconds,
            peak_bytes=peak_bytes(),
        )


def _few(settings: SearchSettings, search: Search) -> list[Widths]:
    """Return a few different sub-networks within the budget."""
    allowed = Allowed(search.inputs.space, Budget(**vars(settings.budget)), search.inputs.costs_of)
    drawn = (allowed.draw(keyed_generator(settings.seed, "search/rehearsal", number)) for number in range(TIMED))
    return list({widths: None for widths in drawn if widths}) or [search.inputs.space.smallest]
