"""The losses that a user adds by name and weight. Needs neither Paddle nor Click."""

from dataclasses import dataclass
from enum import Enum

from ganc.base.errors import SpecError
from ganc.base.text import parse_real


class LossName(Enum):
    """The distances that can be added; `ganc.training.losses.table` has their functions."""

    SSIM = "ssim"
    WAVELET = "wavelet"
    LITE0 = "lite0"
    CRD = "crd"
    DCD = "dcd"


@dataclass(frozen=True)
class WeightedLoss:
    """One of these losses, and what it is multiplied by.

    Raises:
        SpecError: the weight is not above 0.
    """

    name: LossName
    weight: float

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise SpecError(f"{self.name.value}={self.weight:g}: expected a weight above 0; leave the loss out instead")


def parse_loss(text: str) -> WeightedLoss:
    """Return what a text such as `ssim=0.5` says.

    Raises:
        SpecError: there is no such loss, or the weight is no number above 0.
    """
    name, _, weight = text.partition("=")
    names = [one.value for one in LossName]
    if name not in names:
        raise SpecError(f"'{text[:60]}': expected NAME=WEIGHT with one of the losses {', '.join(names)}")
    if not weight:
        raise SpecError(f"'{text}': expected NAME=WEIGHT, such as {name}=1")
    return WeightedLoss(LossName(name), parse_real(weight))
