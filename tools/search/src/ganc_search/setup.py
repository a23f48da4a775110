"""What a search works on: the supernet, the space, the images and what their translations are compared with."""

from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

from ganc.base.errors import RunError, SettingError, TooFewImagesError
from ganc.data import has_subset
from ganc.files.checkpoint import read_checkpoint, require_stage
from ganc.metrics.evaluation import Evaluation, evaluation_images
from ganc.models.listing import listed
from ganc.models.space import parse_space
from ganc.models.subnets import SubnetCosts
from ganc.results.search_results import SearchIdentity
from ganc.system.runtime import select_device
from ganc_search.evaluate.segments import Segments, segments_on
from ganc_search.evaluate.shared_segments import SharedEvaluator
from ganc_search.settings import FEWEST, SearchSettings, StrategyName
from ganc_search.strategies.racing import Racing


class SearchInputs:
    """The files that the settings name, read and checked.

    Raises:
        GancError: a file or the settings are wrong, or no sub-network has few enough MACs and parameters.
        SettingError: a model needs more samples than there are to be; of a space with no more, all are measured.
    """

    def __init__(self, settings: SearchSettings):
        supernet = read_checkpoint(settings.supernet)
        require_stage(supernet, settings.supernet, ("supernet",), "--supernet")
        self.settings = settings
        self.supernet = supernet = supernet.facing(settings.direction, settings.supernet)
        self.generator, spec = supernet.generator, supernet.generator.spec
        for fact, option, said in (("space", "--space", settings.space), ("image_size", "--size", settings.image_size)):
            if said is None and fact not in supernet.training:
                raise RunError(f"{settings.supernet}: does not say its {fact}; say it with {option}")
        self.space = settings.space or parse_space(supernet.training["space"], spec.shape)
        self.space.require_within(spec.widths, settings.supernet)
        self.image_size = settings.image_size or supernet.image_size
        spec.require_size(*self.image_size)
        self.costs_of = SubnetCosts(spec, self.image_size)
        settings.budget.require_possible(self.space, self.costs_of)
        self._require_a_model()
        select_device(settings.device)

    def _require_a_model(self) -> None:
        samples = self.settings.samples or 0
        if self.settings.strategy != StrategyName.PREDICTOR or samples >= FEWEST:
            return
        possible = listed(self.space, self.costs_of, self.settings.budget.allows)
        if possible is None or len(possible) > samples:
            raise SettingError(
                f"--samples {samples}: --strategy predictor fits its model to {FEWEST} at least: "
                "take as many or more, or --strategy random"
            )

    @cached_property
    def evaluation(self) -> Evaluation:
        """The images and what their translations are compared with. Raises GancError: they are unfit."""
        settings = self.settings
        if settings.racing:
            self.require_effect(settings.racing)
        return self._evaluation(statistics=settings.statistics, feature_set=settings.feature_set)

    def require_effect(self, racing: Racing) -> None:
        """Raise SettingError where a race would have no step on a part of the images; they are counted, not read."""
        folder, source = self.settings.folder, self.settings.direction.source
        reading = self.supernet.readings.source(self.settings.direction)
        images, _ = evaluation_images(folder, source, self._subset, reading)
        racing.require_effect(len(images), self.settings.batch_size)

    @property
    def _subset(self) -> str:
        folder, source = self.settings.folder, self.settings.direction.source
        return f"search{source}" if has_subset(folder, f"search{source}") else f"test{source}"

    def _evaluation(self, **features: Any) -> Evaluation:
        settings = self.settings
        chosen: dict[str, Any] = {"subset": self._subset, "readings": self.supernet.readings}
        chosen |= {"reference": settings.reference, **features}
        try:
            made = Evaluation.of_folder(settings.folder, settings.direction, self.image_size, **chosen)
        except TooFewImagesError as error:
            raise TooFewImagesError(
                f"{error}, and a search chooses by it: add images, or name a sub-network with --config where it is used"
            ) from error
        return replace(made, batch_size=settings.batch_size)

    @cached_property
    def evaluator(self) -> SharedEvaluator:
        """What measures sub-networks."""
        return SharedEvaluator(self.evaluation, self._segments)

    @cached_property
    def cheap_evaluator(self) -> SharedEvaluator | None:
        """What measures the first steps of a race, on other features; None where it is the evaluator itself.

        Raises GancError: the target's images, of which these features have statistics too, are unfit.
        """
        racing = self.settings.racing
        if racing is None or racing.features in (None, self.evaluation.feature_set.name):
            return None
        return SharedEvaluator(self._evaluation(feature_set=racing.features), self._segments)

    @cached_property
    def _segments(self) -> Segments:
        return segments_on(self.generator, self.settings.engine, 2 * self.settings.group_size)

    @property
    def identity(self) -> SearchIdentity:
        """What the search's numbers belong to."""
        evaluation = self.evaluation
        return SearchIdentity(
            supernet_digest=self.supernet.digest,
            generator_spec=asdict(self.generator.spec),
            space=self.space.text,
            feature_set=evaluation.feature_set.name,
            feature_digest=evaluation.feature_set.digest,
            statistics_digest=evaluation.statistics.digest,
            data_fingerprint=evaluation.images.fingerprint,
            image_size=self.image_size,
        )
