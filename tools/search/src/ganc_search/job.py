"""Stage 4: evaluate sub-networks of a supernet; finished rows survive anything that happens to the run."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from ganc.base.errors import InterruptedRun, RunError
from ganc.models.spec import Widths
from ganc.results.journal import ResultsWriter
from ganc.results.search_results import SearchResults
from ganc.system.processes import join_processes
from ganc.system.runtime import select_device
from ganc.system.signals import noticed_signals
from ganc_search.evaluate.processes import Team
from ganc_search.evaluate.shared_segments import different_stages
from ganc_search.latency import latency_of
from ganc_search.search import Latency, Search, SearchProgress
from ganc_search.settings import EVOLUTION, RANDOM, SearchSettings
from ganc_search.setup import SearchInputs
from ganc_search.strategies.candidates import Strategy, exhaustive, one_round, sample, shard
from ganc_search.strategies.evolution import evolution

__all__ = ["SearchJob", "SearchProgress", "SearchSettings"]


class SearchJob:
    """An iterable: each item is one more finished sub-network. `results` holds all rows once it has ended.

    Under Paddle's launcher every process makes the job; the first one yields and writes, the others help it.

    Attributes:
        total: how many sub-networks there are to evaluate at most, over all rounds.

    Raises:
        GancError: a file, the pictures or the settings do not serve; the message says which.
    """

    def __init__(self, settings: SearchSettings):
        self.settings = settings
        self.inputs = SearchInputs(settings)
        self.space, self.image_size = self.inputs.space, self.inputs.image_size
        self.inputs.require_possible()
        select_device(settings.device)
        self.ranks = join_processes()
        if self.ranks.count > 1 and settings.output is None:
            raise RunError("a search of several processes writes a file: name it with -o")
        self.evaluation = self.inputs.evaluation()
        self._latency = self._latency_model() if self.ranks.writes else None
        self._strategy, self.total = self._strategy_and_total() if self.ranks.writes else (None, None)
        self._evaluator, self.extent = self.inputs.evaluator(self.evaluation, self.ranks.count)

    @property
    def metric(self) -> str:
        """The metric's name."""
        return self.evaluation.feature_set.name

    @property
    def engine(self) -> str:
        """What runs the generator."""
        return self._evaluator.runner.name

    @property
    def fell_back(self) -> bool:
        """Whether the search looks at test pictures because none were set aside for it."""
        return self.evaluation.subset.startswith("test")

    def __iter__(self) -> Iterator[SearchProgress]:
        """Evaluate what earlier runs have not, write the results file, and yield after each sub-network.

        Raises:
            InterruptedRun: Ctrl-C or SIGTERM; finished rows are kept.
            RunError: the results file belongs to another search.
        """
        with noticed_signals() as signalled:
            team = Team(self.ranks, self._evaluator, signalled)
            if self.ranks.writes:
                yield from self._led(team)
            elif signal := team.serve():
                raise InterruptedRun("stopped with the first process", signal)

    def _led(self, team: Team) -> Iterator[SearchProgress]:
        progress = None
        with self._writer() as writer, team:
            search = Search(
                self._recorded(self._strategy),
                team,
                writer,
                self.inputs.costs_of,
                self.metric,
                group_size=self.extent.group_size,
                group_fits=self._fits,
                racing=self.settings.racing,
                latency=self._latency,
                total=self.total,
            )
            try:
                for progress in search:
                    yield progress
            except InterruptedRun as stop:
                raise InterruptedRun(self._interruption(progress), stop.signal_number) from None
            self.results = self._wanted(writer.close())

    def _fits(self, group: Sequence[Widths]) -> bool:
        """Whether a group needs no more compiled stages at once than the memory has room for."""
        return different_stages(group, self.inputs.spec.shape) <= self.extent.graphs

    @contextmanager
    def _writer(self) -> Iterator[ResultsWriter]:
        settings = self.settings
        with tempfile.TemporaryDirectory(prefix="ganc-search-") as temporary:
            path = settings.output or (settings.run_dir or Path(temporary)) / "search.h5"
            identity = self.inputs.identity(self.evaluation)
            with ResultsWriter(path, identity, self._facts(), restart=settings.restart) as writer:
                yield writer

    def _recorded(self, strategy: Strategy) -> Strategy:
        """Pass a strategy's rounds on, and note what it asks for."""
        rows = None
        self._asked = []
        while True:
            try:
                candidates = strategy.send(rows)
            except StopIteration:
                return
            self._asked.append(candidates)
            rows = yield candidates

    def _interruption(self, progress: SearchProgress | None) -> str:
        kept = self.settings.output or self.settings.run_dir
        after = "the same command goes on from there" if kept else "nothing kept: a piped search needs --run-dir"
        done, total = (progress.done, progress.total) if progress else (0, self.total)
        most = "at most " if self.settings.strategy == EVOLUTION else ""
        return f"stopped after {done} of {most}{total} {self.unit}; {after}"

    @property
    def unit(self) -> str:
        """What the progress counts."""
        return "evaluations" if self.settings.racing else "sub-networks"

    def _wanted(self, results: SearchResults) -> SearchResults:
        """A results file may hold more than was asked for this time; a pipe gets what was asked for."""
        if self.settings.output:
            return results
        rows = [results.find(widths) for candidates in self._asked for widths in candidates]
        return SearchResults(results.identity, results.facts, rows)

    def _latency_model(self) -> Latency | None:
        settings, inputs = self.settings, self.inputs
        if settings.latency is None:
            return None
        kept = settings.output or (settings.run_dir and settings.run_dir / "search.h5")
        return latency_of(
            inputs.supernet.generator,
            self.space,
            self.image_size,
            settings.latency,
            engine=settings.latency_engine,
            path=kept and kept.with_name(f"{kept.name}.latency"),
            digest=inputs.supernet.digest,
            restart=settings.restart,
        )

    def _strategy_and_total(self) -> tuple[Strategy, int]:
        settings = self.settings
        searched = (self.space, settings.budget, self.inputs.costs_of)
        latency = self._latency and self._latency.of
        if settings.strategy == EVOLUTION:
            numbers = settings.evolution
            most = numbers.evaluations or numbers.population * (numbers.generations + 1)
            strategy = evolution(*searched, self.metric, settings.seed, numbers, latency)
            return strategy, min(most, len(self.space))
        if settings.strategy == RANDOM:
            found = sample(*searched, settings.samples, settings.seed, latency)
        else:
            found = exhaustive(*searched, latency)
        part = found if settings.parts == 1 else shard(found, settings.part, settings.parts)
        if not len(part):
            few = f"--shard {settings.part}/{settings.parts}: only {len(found)} sub-networks, use fewer shards"
            raise RunError(few if len(found) else f"{settings.budget.text}: no sub-network is fast enough")
        return one_round(part), len(part)

    def _facts(self) -> dict:
        settings = self.settings
        facts = {
            "strategy": settings.strategy,
            "seed": settings.seed,
            "subset": self.evaluation.subset,
            "statistics_verified": self.evaluation.statistics.verified,
            "resize": self.evaluation.facts()["resize"],
            "budget": asdict(settings.budget),
            "engine": self.engine,
        }
        if settings.strategy == EVOLUTION:
            facts["evolution"] = asdict(settings.evolution)
        if settings.racing:
            facts["racing"] = asdict(settings.racing)
        if settings.latency:
            facts["latency"] = settings.latency
        return facts
