"""Stage 4: evaluate sub-networks of a supernet; finished rows survive anything that happens to the run."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Unpack

from ganc.base.atomic import WriteError, place_of
from ganc.base.engine_table import fastest_engine, graph_engines
from ganc.base.errors import InterruptedRun, RunError, SelectionError, SettingError
from ganc.base.extras import SCIKIT_LEARN, require
from ganc.models.family import Widths
from ganc.results.journal import ResultsWriter, journal_path
from ganc.results.parts import UNFINISHED, WHOLE, part_text
from ganc.results.search_results import SearchResults
from ganc.results.selection import select
from ganc.results.table import RowTable, SearchRow
from ganc.system.processes import join_processes
from ganc.system.signals import noticed_signals
from ganc.training.options import Options
from ganc_search.evaluate.processes import Team
from ganc_search.evaluate.rounds import Rounds, SearchProgress
from ganc_search.keywords import SearchOptions
from ganc_search.latency import Deployed, LatencyModel, Watch, device_text, latency_file
from ganc_search.settings import (
    AUTO,
    KEPT_FILE,
    NEEDS,
    PIPE,
    Budget,
    EvolutionSettings,
    LatencyKind,
    PredictorSettings,
    SearchSettings,
    StrategyName,
)
from ganc_search.setup import SearchInputs
from ganc_search.strategies import Bounded, Strategy
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.evolution import Evolution
from ganc_search.strategies.lists import Listed, exhaustive, named_ones, read_configs, sample
from ganc_search.strategies.predictor import Predictor
from ganc_search.strategies.racing import Racing


class Search:
    """A context manager that holds the search's files; `run` evaluates.

    Under Paddle's launcher every process makes the search; the first one yields and writes, the others help it.

    Attributes:
        strategy: the one that the settings name, and total: how many evaluations it takes; None in what helps.
        left_out: how many sub-networks of a given list the budget does not allow.
        ranking: the name of the metric that orders sub-networks. engine: what runs the generator.
        unit: what the progress counts.
        latency: what tells latencies, once it is entered; None where none are asked for.

    Args:
        watch: is called while latencies are timed, as LatencyModel does.

    Raises:
        GancError: a file, the images or the settings are wrong; the message says which.
        InterruptedRun: a signal was noticed while latencies were timed as it is entered; they are kept.
    """

    def __init__(self, settings: SearchSettings, watch: Watch | None = None):
        self.settings, self.inputs, self._watch = settings, SearchInputs(settings), watch
        self.latency: LatencyModel | None = None
        self.processes = join_processes()
        if self.processes.count > 1 and settings.output == PIPE:
            raise RunError("a search of several processes writes a file: name it with -o")
        self.ranking, self.engine = self.inputs.evaluator.ranking, self.inputs.evaluator.segments.name
        self.unit = "evaluations" if settings.racing else "sub-networks"
        self.strategy: Bounded | None = None
        self.total: int | None = None
        self.left_out = 0
        self._team = Team(self.processes, self.inputs.evaluator, self.inputs.cheap_evaluator)
        self._signal: Callable[[], int] = lambda: 0
        self._yielded: dict[Widths, None] = {}

    def __enter__(self) -> "Search":
        if self.processes.writes:
            with ExitStack() as files:
                _require_own(self.settings.run_dir)
                folder = files.enter_context(tempfile.TemporaryDirectory(prefix="ganc-search-"))
                self._open(self.settings.kept or Path(folder) / KEPT_FILE, files)
                self._files = files.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if not self.processes.writes:
            return
        try:
            self._files.close()
        except WriteError as error:
            if not self.settings.kept or not len(self._writer):
                raise
            again = "the same command" + (" without --restart" if self.settings.restart else "")
            rows = f"{len(self._writer)} rows are kept in it and in {journal_path(self.settings.kept)}"
            raise WriteError(f"{error}; {rows}: {again} continues there") from error

    def _open(self, path: Path, files: ExitStack) -> None:
        settings, inputs = self.settings, self.inputs
        self.latency = latency = self._latency(settings.latency, path, files) if settings.latency else None
        with noticed_signals() if latency else nullcontext(lambda: 0) as self._signal:
            self.strategy = named = self._named_strategy(latency)
        self._stop_if(self._signal())
        self._signal = self._team.signal  # the team notes them while the search runs
        self._writer = ResultsWriter(path, inputs.identity, self._facts(), **settings.restarts)
        files.enter_context(self._writer)
        how: dict[str, Any] = {name: getattr(settings, name) for name in ("group_size", "racing", "objective")}
        how |= {"latency": latency, "spare_front": settings.strategy == StrategyName.PREDICTOR}
        self._rounds = Rounds(self._team, self._writer, inputs.space, inputs.costs_of, **how)
        self.total = self._rounds.planned(named.total)

    def run(self, strategy: Strategy | None = None) -> Iterator[SearchProgress]:
        """Evaluate what a strategy asks for and earlier runs have not, and yield after each sub-network.

        Args:
            strategy: any object that asks and is told; None takes the one that the settings name.

        Raises:
            InterruptedRun: Ctrl-C or SIGTERM; finished rows are kept.
            SpecError: the strategy asks for a sub-network that is not in the space.
        """
        with self._team:
            if self.processes.writes:
                chosen = strategy or self.strategy
                assert chosen, "the search is entered before it runs"
                yield from self._led(chosen)
            elif signal := self._team.serve():
                raise InterruptedRun("stopped with the first process", signal)

    def results(self) -> SearchResults:
        """Return the rows so far: all that the file has, or for a pipe what was asked for this time."""
        found = self._writer.results()
        if self.settings.output != PIPE:
            return found
        rows = filter(None, map(found.find, self._yielded))
        return SearchResults(found.identity, found.facts, RowTable.of(rows))

    def _led(self, strategy: Strategy) -> Iterator[SearchProgress]:
        done = 0
        try:
            for progress in self._rounds.run(strategy):
                done += 1
                if self.settings.output == PIPE:
                    self._yielded[progress.row.widths] = None
                yield progress
        except InterruptedRun as stop:
            of = f" of {self.evaluations}" if strategy is self.strategy else ""
            raise InterruptedRun(f"stopped after {done}{of} {self.unit}; {self._kept}", stop.signal_number) from None
        else:
            self._writer.finish()
        finally:
            if isinstance(strategy, Predictor) and strategy.predictions is not None:
                self._writer.predict(strategy.predictions)
            self._writer.fold()

    @property
    def _kept(self) -> str:
        """What to do after the search was stopped."""
        if not self.settings.kept:
            return "nothing kept: a piped search needs --run-dir"
        return "run the same command again to continue"

    @property
    def candidates(self) -> str:
        """How many sub-networks are looked at, for people: an evolution may end before."""
        evolves = self.settings.strategy == StrategyName.EVOLUTION
        return _number_text(self.strategy.total if self.strategy else None, at_most=evolves)

    @property
    def evaluations(self) -> str:
        """How many of what `unit` says there are, for people; a race that spares fronts may end before, too."""
        strategy, raced = self.settings.strategy, self.settings.racing is not None
        spares = raced and strategy == StrategyName.PREDICTOR
        return _number_text(self.total, at_most=spares or strategy == StrategyName.EVOLUTION)

    def _latency(self, kind: LatencyKind, results: Path, files: ExitStack) -> LatencyModel:
        """Return what tells latencies; its numbers are kept beside the results."""
        settings, inputs = self.settings, self.inputs
        engine = fastest_engine(graph_engines()) if settings.latency_engine == AUTO else settings.latency_engine
        deployed = Deployed(engine, settings.latency_precision)
        deployed.require_possible()  # before a file is opened
        header: dict[str, Any] = {"supernet": inputs.supernet.digest, "engine": engine}
        header["precision"] = settings.latency_precision
        header |= {"device": device_text(), "size": [*inputs.image_size], "space": inputs.space.text}
        place = place_of(results)  # beside the file itself where its name is a link
        file = latency_file(place.with_name(f"{place.name}.latency"), header, **settings.restarts)
        files.enter_context(closing(file))
        return LatencyModel(inputs.generator, inputs.space, inputs.image_size, kind, deployed, file, self._timing)

    def _timing(self, done: int, total: int | None) -> None:
        """Look at signals while latencies are timed, before the search begins and in it; what was timed is kept."""
        if self._watch:
            self._watch(done, total)
        self._stop_if(self._signal())

    def _stop_if(self, signal: int) -> None:
        if signal:
            raise InterruptedRun(f"stopped while latencies were timed; {self._kept}", signal)

    def _named_strategy(self, latency: LatencyModel | None) -> Bounded:
        """Return the strategy that the settings name; of a fixed list it asks for this shard's part, maybe none."""
        settings, inputs = self.settings, self.inputs
        count = settings.samples or 0  # where it is used, the settings have asked for it
        found: Sequence[Widths]
        told = (latency.of, latency.of_all, latency.begin_list) if latency else ()
        try:
            allowed = Allowed(inputs.space, settings.budget, inputs.costs_of, *told)
        except SelectionError:
            if settings.shard == WHOLE or settings.budget.max_latency is None:
                raise
            # Another machine may be faster. Costs are the same on all of them.
            Allowed(inputs.space, replace(settings.budget, max_latency=None), inputs.costs_of)
            return Listed(())
        if settings.strategy == StrategyName.EVOLUTION:
            return Evolution(allowed, self.ranking, settings.seed, settings.evolution, settings.objective)
        if settings.strategy == StrategyName.PREDICTOR:
            require(SCIKIT_LEARN)  # now, and not after the first sample was measured
            return Predictor(allowed, self.ranking, settings.seed, count, settings.predictor, settings.objective)
        # A shard is cut before anything is timed: machines differ in their times.
        if settings.strategy == StrategyName.RANDOM:
            found = sample(allowed, count, settings.seed, settings.shard)
        elif settings.strategy == StrategyName.CONFIGS and settings.configs:
            named = read_configs(settings.configs, inputs.space, inputs.generator.spec.shape)
            found, self.left_out = named_ones(allowed, named, settings.shard)
        else:
            found = exhaustive(allowed, settings.shard)
        if not len(found) and settings.shard == WHOLE:  # of several parts one may well be empty
            raise SelectionError(f"{settings.budget.text}: no sub-network of those asked for satisfies it")
        return Listed(found)

    def _facts(self) -> dict:
        settings, evaluation = self.settings, self.inputs.evaluation
        facts = {name: getattr(settings, name) for name in ("strategy", "objective", "seed", "latency")}
        facts |= {name: evaluation.facts()[name] for name in ("subset", "resize")}
        facts |= {"statistics_verified": evaluation.statistics.verified, "engine": self.engine}
        facts[UNFINISHED] = part_text(settings.shard)  # until the writer is told that it has ended
        facts |= {"budget": asdict(settings.budget), "racing": settings.racing and asdict(settings.racing)}
        if self.inputs.cheap_evaluator:
            cheap = self.inputs.cheap_evaluator.evaluation.facts()
            facts["racing"] |= {name: cheap[name] for name in ("feature_digest", "statistics")}
        if settings.strategy == StrategyName.EVOLUTION:
            facts["evolution"] = asdict(settings.evolution)
        if settings.strategy == StrategyName.PREDICTOR:
            facts["predictor"] = asdict(settings.predictor)
        return {name: value for name, value in facts.items() if value is not None}


def find_subnets(
    *, racing: bool = False, watch: Callable[[SearchProgress], object] | None = None, **options: Unpack[SearchOptions]
) -> list[SearchRow]:
    """Evaluate a supernet's sub-networks, write the results and return them, the best first.

    Called again, it goes on where it stopped. Of a shard there may be none within the budget.

    Args:
        racing: first on a part of the images; drop the worst, the rest on more.
        watch: is called after each sub-network, with its `row` and the `best` so far.
        options: `supernet`, `data`, `output` (the HDF5 file) and the other options of `ganc-search`, with `_` for `-`:
            `max_macs="2.7G"`, `strategy="evolution"`, `samples=500`.

    Raises:
        SettingError: there is no such option, or its value is not possible.
        GancError: a file, the images or the settings cannot be used; the message says which.
    """
    kinds = (Budget, EvolutionSettings, PredictorSettings, Racing, SearchSettings)
    given = Options("ganc_search.find_subnets", kinds, options)
    budget, evolution, predictor = (given.make(kind) for kind in kinds[:3])
    parts = {"budget": budget, "evolution": evolution, "predictor": predictor}
    raced = given.make(Racing)
    settings = given.make(SearchSettings, **parts, racing=raced if racing else None)
    given.require_effects(NEEDS, *parts.values(), raced, settings)
    if settings.output in (None, PIPE):
        raise SettingError("ganc_search.find_subnets: output is missing, the file (HDF5) to write")
    with Search(settings) as search:
        for progress in search.run():
            if watch:
                watch(progress)
        if not search.processes.writes or not len(found := search.results()):
            return []
        return list(select(found))


def _number_text(total: int | None, at_most: bool) -> str:
    return f"at most {total}" if at_most else str(total)


def _require_own(run_dir: Path | None) -> None:
    """Raise RunError where a folder to keep rows in has files, and none that a search keeps."""
    found = [path.name for path in run_dir.iterdir()] if run_dir and run_dir.is_dir() else []
    if found and not any(name.startswith(KEPT_FILE) for name in found):
        raise RunError(f"{run_dir}: is not empty and no run of ganc; name another folder with --run-dir")
