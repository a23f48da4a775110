"""Which of a feature set's two distances orders models, and when it does not tell two of them apart."""

import math
from collections.abc import Sequence

# Up to so many images the kernel distance orders models. docs/metric.md, "How many images are few", has the
# measurement: there, the Fréchet distance still falls by 8 % from 240 to 480 images, and the kernel distance does not.
FEW_IMAGES = 500
PREDICTED = ".predicted"
PREDICTED_LATENCY = "latency" + PREDICTED  # milliseconds an image of what was not measured
STEP = ".first-"  # before the number of images: what an earlier step of a race measured

MOST_SUBSETS = 10_000  # that a kernel distance is averaged over: a hundred times what is published


def kernel_metric(feature_set: str) -> str:
    """Return the name of the kernel distance on a feature set; the Fréchet distance has the feature set's own."""
    return f"{feature_set}-kid"


def metric_head(name: str, verified: bool | None) -> str:
    """Return the head of a metric's column; where only an option says what the statistics are of, it says so."""
    return f"{name}, unverified" if verified is False else name


def unverified_line(name: str) -> str:
    """Return the line below a table whose metric is not verified."""
    return f"unverified: the statistics do not say their feature set; that it is {name}, --feature-set alone says"


def predicted_metric(metric: str) -> str:
    """Return the name under which predictions of a metric are kept, which are never mixed with what was measured."""
    return metric + PREDICTED


def is_predicted(metric: str) -> bool:
    """Whether a metric's values are predictions."""
    return metric.endswith(PREDICTED)


def is_whole(metric: str) -> bool:
    """Whether a metric's values are those of rows' own images: no predictions, and not of an earlier step of a race."""
    return not is_predicted(metric) and STEP not in metric


def are_few(images: int) -> bool:
    """Whether the kernel distance orders models that were measured on so many images."""
    return images <= FEW_IMAGES


def ranking_metric(feature_set: str, images: int, has_kernel: bool) -> str:
    """Return the name of the metric that orders models measured on so many images."""
    return kernel_metric(feature_set) if has_kernel and are_few(images) else feature_set


def combined_error(*errors: float | None) -> float:
    """Return the standard error of the difference of values that are independent; no error counts as 0.

    Models measured on the same images are not independent, and their difference is more certain than this says.
    """
    return math.hypot(*(error or 0.0 for error in errors))


def near_best(values: Sequence[float | None], errors: Sequence[float | None]) -> list[bool]:
    """Return which values are not the lowest but within the error of it; None is no value."""
    known = [(value, place) for place, value in enumerate(values) if value is not None]
    if not known:
        return [False] * len(values)
    lowest, best = min(known)
    return [
        place != best
        and value is not None
        and value - lowest <= combined_error(errors[place], errors[best])
        and errors[place] is not None
        for place, value in enumerate(values)
    ]


def near_by_kernel(
    kernels: Sequence[float | None], errors: Sequence[float | None], images: Sequence[int | None]
) -> list[bool]:
    """Return which models are near the best by their kernel distances: none where these do not order the models.

    Many images are ordered by the Fréchet distance, which has no error to compare with.
    """
    ordered = all(are_few(count) for count in images if count is not None)
    return near_best(kernels, errors) if ordered else [False] * len(kernels)
