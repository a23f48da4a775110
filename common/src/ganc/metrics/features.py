"""Feature sets: a name, a digest, and images to an (n, d) array.

A metric is only comparable within one feature set, so its name and digest are written wherever a value of it is.
"""

import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ganc.base.errors import MissingDependencyError, StatisticsError
from ganc.metrics.feature_set import FeatureSet
from ganc.metrics.untrained import UntrainedFeatures

LITE0, UNTRAINED = "efficientnet-lite0", "untrained-conv3-v1"
_LOG = logging.getLogger(__name__)  # without a handler of the caller's, a warning is one line on standard error


def feature_set(name: str | None = None) -> FeatureSet:
    """Return the feature set of this name.

    Args:
        name: a known name, or a file of weights as `ganc import inception` writes it (PATH.safetensors). None takes
            EfficientNet-Lite0 where its package is installed, else the untrained set, and logs once what that one
            cannot see.

    Raises:
        StatisticsError: the name is not known (the known ones are listed), or its weights are not on this machine.
        MissingDependencyError: the package that holds its weights is not installed.
        FileFormatError: the weights are damaged or something else.
    """
    if name is None:
        return _default()
    if name in _FEATURE_SETS:
        return _FEATURE_SETS[name]()
    if name.endswith(".safetensors"):
        return _inception(Path(name))
    raise StatisticsError(
        f"feature set (={name!r}) is not known; use one of {', '.join(sorted(_FEATURE_SETS))}, or a file that ganc "
        "import inception wrote"
    )


def feature_set_of(file: object, name: str) -> FeatureSet:
    """Return the feature set that statistics in a file were computed with.

    Raises:
        MissingDependencyError: the package that it needs is not installed; the file is named.
        StatisticsError, FileFormatError: as `feature_set`.
    """
    try:
        return feature_set(name)
    except MissingDependencyError as error:
        raise MissingDependencyError(f"{file}: was made with {name}, and {error}") from error


def _default() -> FeatureSet:
    try:
        return _lite0()
    except MissingDependencyError as error:
        return _instead_of_lite0(str(error))


@cache
def _instead_of_lite0(reason: str) -> FeatureSet:
    _LOG.warning(
        "warning: %s. Measured on %s instead, which sees colours and textures but not whether an image looks like the "
        "target: it called a good generator's zebras worse than the untouched horses",
        reason,
        UNTRAINED,
    )
    return _untrained_conv3_v1()


# The networks are imported when their set is asked for: each needs packages that the others do without.
@cache
def _untrained_conv3_v1() -> UntrainedFeatures:
    return UntrainedFeatures(UNTRAINED, seed=1706, channels=(16, 16, 32), scale=10.0, colour_scale=2.0)


def _inception(file: Path | None = None) -> FeatureSet:
    from ganc.metrics.inception.network import inception_network
    from ganc.metrics.inception.weights import find_weights
    from ganc.metrics.pretrained.features import NetworkFeatures

    return NetworkFeatures(inception_network(find_weights(file)))


def _inception_bf16() -> FeatureSet:
    from ganc.metrics.inception.network import inception_network
    from ganc.metrics.inception.weights import find_weights
    from ganc.metrics.pretrained.features import NetworkFeatures

    return NetworkFeatures(inception_network(find_weights()), precision="bf16")


def _inception_clean() -> FeatureSet:
    from ganc.metrics.inception.network import clean_network
    from ganc.metrics.inception.weights import find_weights
    from ganc.metrics.pretrained.features import NetworkFeatures

    return NetworkFeatures(clean_network(find_weights()))


@cache
def _lite0() -> FeatureSet:
    from ganc.metrics.lite0.network import packaged_network
    from ganc.metrics.pretrained.features import NetworkFeatures

    return NetworkFeatures(packaged_network())


_FEATURE_SETS: dict[str, Callable[[], FeatureSet]] = {
    LITE0: _lite0,
    "inception-v3-clean": _inception_clean,
    "inception-v3-fid": _inception,
    "inception-v3-fid-bf16": _inception_bf16,
    UNTRAINED: _untrained_conv3_v1,
}
