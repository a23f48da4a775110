"""How far translations are from the ground truth, image by image; only paired images have one.

Two numbers, each the mean over the images with its standard error: the mean absolute error of 8-bit values, and the
structural similarity of Wang et al. (doi 10.1109/TIP.2003.819861), by scikit-image with their Gaussian window of 11x11
pixels and a deviation of 1.5, as the mean over the channels of RGB.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ganc.base.text import with_error
from ganc.data import EvaluationSet, to_uint8
from ganc.data.images import to_rgb

COLUMNS = ("mean absolute error", "SSIM")  # of tables
VALUES = ("mae", "mae_error", "ssim", "ssim_error")  # for programs


@dataclass(frozen=True)
class PairMeasurement:
    """How far images are from their ground truth.

    Attributes:
        mae: the mean absolute difference of 8-bit values, 0 to 255; lower is nearer.
        mae_error: its standard error over the images; None of one image.
        ssim: the structural similarity, up to 1, which equal images have.
        ssim_error: its standard error over the images; None of one image.
        images: how many there were.
    """

    mae: float
    mae_error: float | None
    ssim: float
    ssim_error: float | None
    images: int

    def values(self) -> dict[str, float | None]:
        """Return what programs get, by their names; of how many images is said elsewhere."""
        return {name: getattr(self, name) for name in VALUES}


def pair_columns(values: Mapping | None) -> dict[str, str]:
    """Return what tables show of `PairMeasurement.values`, by their headings; nothing where they are not among them."""
    if not values or "mae" not in values:
        return {}
    said = (with_error(values[name], values[f"{name}_error"]) for name in ("mae", "ssim"))
    return dict(zip(COLUMNS, said, strict=True))


class PairMeter:
    """Measures images as they pass on their way to somewhere else.

    Args:
        truth: what they should be, in the same order and of their size.

    Attributes:
        absolute_errors: of the images that have passed, each one's mean absolute difference to its partner.
        similarities: their structural similarities.
    """

    def __init__(self, truth: EvaluationSet):
        self._truth = truth
        self.absolute_errors: list[float] = []
        self.similarities: list[float] = []

    def noted(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield batches (n, h, w, 1, 3 or 4) of uint8 as they are. Raises DataError where a partner cannot be read."""
        for batch in batches:
            yield batch  # first: what they pass to refuses images that are too small for any measure
            for image in to_rgb(batch):
                partner = to_rgb(to_uint8(self._truth[len(self.absolute_errors)][None]))[0]
                self.absolute_errors.append(float(np.abs(image.astype(np.int16) - partner).mean()))
                self.similarities.append(_similarity(image, partner))

    @property
    def measurement(self) -> PairMeasurement:
        """The means over all images that have passed, of which there is at least one."""
        mae, mae_error = _mean(self.absolute_errors)
        ssim, ssim_error = _mean(self.similarities)
        return PairMeasurement(mae, mae_error, ssim, ssim_error, len(self.absolute_errors))


def _similarity(image: np.ndarray, partner: np.ndarray) -> float:
    from skimage.metrics import structural_similarity

    # Wang's own settings; the function's defaults are others.
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(image, partner, data_range=255, channel_axis=-1, **wang))


def _mean(values: list[float]) -> tuple[float, float | None]:
    """Return the mean and its standard error."""
    if len(values) < 2:
        return values[0], None
    return float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))
