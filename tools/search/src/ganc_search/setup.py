"""What a search works on: the supernet, the space, the pictures and what their translations are compared with."""

from dataclasses import asdict

import numpy as np

from ganc.base.errors import RunError
from ganc.data import EvaluationSet, search_images
from ganc.files.checkpoint import read_checkpoint, require_stage
from ganc.metrics.evaluation import CACHE_BYTES, Evaluation, chosen_statistics
from ganc.models.space import parse_space
from ganc.models.subnets import SubnetCosts
from ganc.results.search_results import SearchIdentity
from ganc_search.evaluate.memory import Demand, Extent, fitted, machine_bytes
from ganc_search.evaluate.segment_runners import stage_runner
from ganc_search.evaluate.shared_segments import SharedEvaluator
from ganc_search.settings import SearchSettings


class SearchInputs:
    """The files that the settings name, read and checked.

    Raises:
        GancError: a file, the pictures or the settings do not serve; the message says which.
    """

    def __init__(self, settings: SearchSettings):
        supernet = read_checkpoint(settings.supernet)
        require_stage(supernet, settings.supernet, ("supernet",), "--supernet")
        self.settings = settings
        self.supernet = supernet = supernet.facing(settings.direction, settings.supernet)
        self.spec = supernet.generator.spec
        self.space = settings.space or parse_space(self._recorded("space", "--space"), self.spec.shape)
        self.space.require_within(self.spec.widths)
        self.image_size = settings.image_size or tuple(self._recorded("image_size", "--size"))
        self.spec.require_size(*self.image_size)
        self.costs_of = SubnetCosts(self.spec, self.image_size)

    def require_possible(self) -> None:
        """Raise SelectionError where not even the smallest sub-network has few enough MACs and parameters."""
        self.settings.budget.require_possible(self.space, self.costs_of)

    def _recorded(self, fact: str, option: str):
        """Return what the supernet's checkpoint says of its training; it may leave that out."""
        if fact not in self.supernet.training:
            raise RunError(f"{self.settings.supernet}: does not say its {fact}; say it with {option}")
        return self.supernet.training[fact]

    def evaluation(self) -> Evaluation:
        """Return the pictures and what their translations are compared with."""
        settings = self.settings
        source, target = settings.direction[0], settings.direction[-1]
        readings = self.supernet.readings
        pictures, fell_back = search_images(settings.folder, source, readings.source(settings.direction))
        statistics, features = chosen_statistics(
            settings.folder,
            target,
            self.image_size,
            settings.statistics,
            settings.feature_set,
            readings.target(settings.direction),
        )
        shown = EvaluationSet(pictures, self.image_size, CACHE_BYTES)
        subset = f"{'test' if fell_back else 'search'}{source}"
        return Evaluation(shown, subset, statistics, features, settings.batch_size)

    def evaluator(self, evaluation: Evaluation, processes: int = 1) -> tuple[SharedEvaluator, Extent]:
        """Return what measures sub-networks, and how much of it at once, as the memory allows.

        Args:
            processes: how many share the machine's memory.
        """
        settings = self.settings
        runner = stage_runner(self.supernet.generator, settings.engine)
        # What the features take shows after they were computed once.
        width, height = self.image_size
        evaluation.feature_set(np.zeros((settings.batch_size, height, width, 3), np.uint8))
        demand = Demand(
            spec=self.spec,
            space=self.space,
            image_size=self.image_size,
            runner=runner,
            images=len(evaluation.pictures),
            cached=evaluation.pictures.cached,
            whole_batch=settings.batch_size,
            dimensions=evaluation.feature_set.dimensions,
        )
        limit = (settings.memory or machine_bytes() // 4) // processes
        # A machine that is small for Paddle itself is still searched, as long as nobody has named a bound.
        extent = fitted(demand, limit, settings.group_size, strict=settings.memory is not None)
        runner.most = extent.graphs
        return SharedEvaluator(evaluation, runner, extent.batch_size, extent.kept_bytes), extent

    def identity(self, evaluation: Evaluation) -> SearchIdentity:
        """Return what the search's numbers belong to."""
        return SearchIdentity(
            supernet_digest=self.supernet.digest,
            generator_spec=asdict(self.supernet.generator.spec),
            space=self.space.text,
            feature_set=evaluation.feature_set.name,
            feature_digest=evaluation.feature_set.digest,
            statistics_digest=evaluation.statistics.digest,
            data_fingerprint=evaluation.pictures.fingerprint,
            image_size=self.image_size,
        )
