"""Stage 4: evaluate sub-networks of a supernet; finished rows survive anything that happens to the run."""

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ganc.data import EvaluationSet, search_pictures
from ganc.engines.eager import EagerEngine
from ganc.errors import InterruptedRun, RunError
from ganc.files.checkpoint import Checkpoint, read_checkpoint, require_stage
from ganc.files.journal import ResultsWriter
from ganc.files.rows import SearchRow
from ganc.files.search import SearchIdentity, SearchResults
from ganc.metrics.evaluation import CACHE_BYTES, Evaluation, chosen_statistics
from ganc.models.generator import Generator
from ganc.models.space import SearchSpace, parse_space
from ganc.models.spec import Widths
from ganc.models.subnets import SubnetCosts
from ganc.runtime import select_device
from ganc.signals import noticed_signals
from ganc_search.candidates import Budget, exhaustive, sample, shard


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """What is searched, on which pictures, and where the rows go.

    Attributes:
        image_size: (width, height) of the pictures; None takes the supernet's.
        samples: random sub-networks to evaluate; None evaluates all within the budget.
        part, parts: this process' share of the candidates.
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
    budget: Budget = field(default_factory=Budget)
    samples: int | None = None
    part: int = 1
    parts: int = 1
    seed: int = 0
    batch_size: int = 8
    device: str = "auto"
    restart: bool = False


def _refuse_launcher() -> None:
    """Raise RunError under Paddle's launcher, whose processes would all search the same and write one file."""
    processes = int(os.environ.get("PADDLE_TRAINERS_NUM", "1"))
    if processes > 1:
        raise RunError(f"a search is not split by the launcher ({processes} processes): use --shard K/{processes}")


@dataclass(frozen=True)
class SearchProgress:
    """One evaluated sub-network, and the best so far."""

    row: SearchRow
    best: SearchRow


class SearchJob:
    """An iterable with a length: each item is one more evaluated sub-network.

    Raises:
        GancError: a file, the pictures or the settings do not serve; the message says which.
    """

    def __init__(self, settings: SearchSettings):
        supernet = read_checkpoint(settings.supernet)
        require_stage(supernet, settings.supernet, ("supernet",), "--supernet")
        supernet = supernet.facing(settings.direction, settings.supernet)
        spec = supernet.generator.spec
        self.settings = settings
        _refuse_launcher()
        self.space = settings.space or parse_space(self._recorded(supernet, "space", "--space"), spec.shape)
        self.space.require_within(spec.widths)
        self.image_size = settings.image_size or tuple(self._recorded(supernet, "image_size", "--size"))
        self.costs_of = SubnetCosts(spec, self.image_size)
        self.candidates = self._candidates()
        select_device(settings.device)
        self.evaluation = self._evaluation()
        self.identity = self._identity(supernet)
        self._generator = Generator.from_state(supernet.generator)

    @property
    def metric(self) -> str:
        """The metric's name."""
        return self.evaluation.feature_set.name

    @property
    def fell_back(self) -> bool:
        """Whether the search looks at test pictures because none were set aside for it."""
        return self.evaluation.subset.startswith("test")

    def __len__(self) -> int:
        return len(self.candidates)

    def __iter__(self) -> Iterator[SearchProgress]:
        """Evaluate what earlier runs have not, write the results file, and yield after each sub-network.

        Raises:
            InterruptedRun: Ctrl-C or SIGTERM; finished rows are kept.
            RunError: the results file belongs to another search.
        """
        with tempfile.TemporaryDirectory(prefix="ganc-search-") as temporary:
            path = self.settings.output or (self.settings.run_dir or Path(temporary)) / "search.h5"
            with (
                noticed_signals() as signalled,
                ResultsWriter(path, self.identity, self._facts(), restart=self.settings.restart) as writer,
            ):
                best = None
                for number, widths in enumerate(self.candidates, 1):
                    row = writer.done(widths)
                    if row is None or self.metric not in row.metrics:
                        row = self._evaluate(widths)
                        writer.append(row)
                    if best is None or row.metrics[self.metric] < best.metrics[self.metric]:
                        best = row
                    if signalled() and number < len(self):
                        raise InterruptedRun(self._interruption(number), signalled())
                    yield SearchProgress(row, best)
                self.results = self._wanted(writer.close())

    def _recorded(self, supernet: Checkpoint, fact: str, option: str):
        """Return what the supernet's checkpoint says of its training; it may leave that out."""
        if fact not in supernet.training:
            raise RunError(f"{self.settings.supernet}: does not say its {fact}; say it with {option}")
        return supernet.training[fact]

    def _interruption(self, number: int) -> str:
        kept = self.settings.output or self.settings.run_dir
        after = "the same command goes on from there" if kept else "nothing kept: a piped search needs --run-dir"
        return f"stopped after {number} of {len(self)} sub-networks; {after}"

    def _wanted(self, results: SearchResults) -> SearchResults:
        """A results file may hold more than was asked for this time; a pipe gets what was asked for."""
        if self.settings.output:
            return results
        rows = [results.find(widths) for widths in self.candidates]
        return SearchResults(results.identity, results.facts, rows)

    def _evaluate(self, widths: Widths) -> SearchRow:
        start = time.perf_counter()
        value = self.evaluation.measure(EagerEngine(self._generator, widths))
        return SearchRow(
            widths=widths,
            **asdict(self.costs_of(widths)),
            images=len(self.evaluation.pictures),
            metrics={self.metric: value},
            seconds=time.perf_counter() - start,
        )

    def _candidates(self) -> list[Widths]:
        settings = self.settings
        if settings.samples is None:
            found = exhaustive(self.space, settings.budget, self.costs_of)
        else:
            found = sample(self.space, settings.budget, self.costs_of, settings.samples, settings.seed)
        part = shard(found, settings.part, settings.parts)
        if not part:
            raise RunError(
                f"--shard {settings.part}/{settings.parts}: only {len(found)} sub-networks, use fewer shards"
            )
        return part

    def _evaluation(self) -> Evaluation:
        settings = self.settings
        source, target = settings.direction[0], settings.direction[-1]
        pictures, fell_back = search_pictures(settings.folder, source)
        statistics, features = chosen_statistics(
            settings.folder, target, self.image_size, settings.statistics, settings.feature_set
        )
        shown = EvaluationSet(pictures, self.image_size, CACHE_BYTES)
        subset = f"{'test' if fell_back else 'search'}{source}"
        return Evaluation(shown, subset, statistics, features, settings.batch_size)

    def _identity(self, supernet: Checkpoint) -> SearchIdentity:
        return SearchIdentity(
            supernet_digest=supernet.digest,
            generator_spec=asdict(supernet.generator.spec),
            space=self.space.text,
            feature_set=self.evaluation.feature_set.name,
            feature_digest=self.evaluation.feature_set.digest,
            statistics_digest=self.evaluation.statistics.digest,
            data_fingerprint=self.evaluation.pictures.fingerprint,
            image_size=self.image_size,
        )

    def _facts(self) -> dict:
        return {
            "strategy": "exhaustive" if self.settings.samples is None else "random",
            "seed": self.settings.seed,
            "subset": self.evaluation.subset,
            "statistics_verified": self.evaluation.statistics.verified,
            "budget": asdict(self.settings.budget),
        }
