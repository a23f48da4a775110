"""Feature sets: a name, a digest, and images to an (n, d) array.

A metric is only comparable within one feature set, so its name and digest are written wherever a value of it is.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from ganc.base.errors import StatisticsError
from ganc.metrics.feature_set import FeatureSet
from ganc.metrics.untrained import UntrainedFeatures

DEFAULT_FEATURE_SET = "untrained-conv3-v1"


def feature_set(name: str = DEFAULT_FEATURE_SET) -> FeatureSet:
    """Return the feature set of this name.

    Args:
        name: a known name, or a file of weights as `ganc import inception` writes it (PATH.safetensors). The default
            does not depend on what is on the machine, so that equal commands give equal metrics.

    Raises:
        StatisticsError: the name is not known (the known ones are listed), or its weights are not on this machine.
        FileFormatError: the weights are damaged or something else.
    """
    if name in _FEATURE_SETS:
        return _FEATURE_SETS[name]()
    if name.endswith(".safetensors"):
        return _inception(Path(name))
    raise StatisticsError(
        f"feature set (={name!r}) is not known; use one of {', '.join(sorted(_FEATURE_SETS))}, or a file that ganc "
        "import inception wrote"
    )


# The networks are imported when their set is asked for: each needs packages that the others do without.
@cache
def _untrained_conv3_v1() -> UntrainedFeatures:
    return UntrainedFeatures("untrained-conv3-v1", seed=1706, channels=(16, 16, 32), scale=10.0, colour_scale=2.0)


def _inception(file: Path | None = None) -> FeatureSet:
    from ganc.metrics.inception.network import inception_network
    from ganc.metrics.inception.weights import find_weights
    from ganc.metrics.pretrained.features import NetworkFeatures

    return NetworkFeatures(inception_network(find_weights(file)))


@cache
def _lite0() -> FeatureSet:
    from ganc.metrics.lite0.network import packaged_network
    from ganc.metrics.pretrained.features import NetworkFeatures

    return NetworkFeatures(packaged_network())


_FEATURE_SETS: dict[str, Callable[[], FeatureSet]] = {
    "efficientnet-lite0": _lite0,
    "inception-v3-fid": _inception,
    "untrained-conv3-v1": _untrained_conv3_v1,
}
