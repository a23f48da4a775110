"""Whether a pipeline has images that its search can choose by: known before hours of training, not behind them."""

from collections.abc import Mapping

from ganc.base.errors import SettingError, TooFewImagesError
from ganc.workflow.configuration import ALONE, Configuration
from ganc.workflow.estimate import images_searched
from ganc.workflow.preset_names import Preset
from ganc.workflow.stage_options import ConfigurationError

FEWEST = 2  # that a metric is measured on


def require_search_images(configuration: Configuration, images: Mapping[str, int], *, preset: bool) -> None:
    """Raise GancError where the pipeline searches on too few images, or races and has no part of them to begin with.

    Args:
        images: how many there are, by subset.
        preset: whether a preset made the configuration, whose user has no other values to change.
    """
    if not configuration.searches:
        return
    searched = images_searched(configuration, images)
    if searched < FEWEST:
        raise TooFewImagesError(_too_few(configuration, searched, preset=preset))
    search = configuration.setting("search", "racing")
    if search.racing:
        try:
            search.racing.require_effect(searched, search.batch_size)
        except SettingError as error:
            raise ConfigurationError(f"search: {error}") from error


def _too_few(configuration: Configuration, searched: int, *, preset: bool) -> str:
    place = "demo" if configuration.has("demo") else configuration.path("data")
    need = f"and a search chooses sub-networks by at least {FEWEST}"
    if configuration.aside:
        return f"{place}: search_images sets {searched} image aside, {need}; set more aside"
    source = configuration.direction.source
    there = f"{searched or 'no'} test image{'' if searched else 's'} of domain {source}"
    without = f"--preset {Preset.MINUTES}" if preset else f"'stages: {ALONE}'"
    more = "" if preset else " or set training images aside (search_images)"
    return f"{place}: has {there}, {need}: add images{more}, or do without a search ({without})"
