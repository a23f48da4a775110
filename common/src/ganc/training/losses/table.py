"""The table of losses that can be added by name: what each needs, and how it is made."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganc.base.engine_table import REFERENCE
from ganc.base.errors import MissingDependencyError, SpecError
from ganc.metrics.lite0.weights import packaged_file
from ganc.models.discriminator import Discriminator
from ganc.training.losses import distances, networks
from ganc.training.losses.names import LossName, WeightedLoss


@dataclass(frozen=True, kw_only=True)
class Given:
    """What losses may need besides images.

    Attributes:
        channels: of the images.
        smallest_side: the smaller side of the images, in pixels.
        discriminator: the teacher's, where it has one.
        engine: what runs networks that never change.
        teacher: the teacher's file, for messages; None where there is none.
    """

    channels: int
    smallest_side: int
    discriminator: Discriminator | None
    engine: str = REFERENCE
    teacher: Path | None = None


@dataclass(frozen=True)
class Distance:
    """How far images are from the wanted ones.

    Both are described, then the descriptions are compared: the wanted images need to be described only once a step,
    however many sub-networks it trains.
    """

    compare: Callable[[Any, Any], Any]
    describe: Callable[[Any], Any] = lambda images: images


@dataclass(frozen=True)
class LossRow:
    """One loss.

    Attributes:
        make: makes its distance of what is given.
        smallest_side: of images that it can compare.
        require: raises MissingDependencyError where a package that it needs is not installed.
    """

    make: Callable[[Given], Distance]
    smallest_side: int
    require: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class AddedLoss:
    """A loss that a run adds to those of its task."""

    name: str
    weight: float
    distance: Distance


def _relations(given: Given) -> Distance:
    return Distance(distances.relation_distance, distances.relations)


def _require_lite0() -> None:
    try:
        packaged_file()
    except MissingDependencyError as error:
        raise MissingDependencyError(f"{error}; --loss lite0 needs it") from error


def _lite0(given: Given) -> Distance:
    if given.channels not in (1, 3):
        raise SpecError(f"--loss lite0: the generator makes {given.channels} channels, expected 1 or 3")
    _require_lite0()
    network = networks.lite0_depths(given.engine)
    return Distance(networks.relative_distance, lambda images: network(networks.lite0_planes(images)))


def _discriminator(given: Given) -> Distance:
    judge = given.discriminator
    if judge is None:
        raise SpecError(
            f"{given.teacher or 'the teacher'}: has no discriminator, by which --loss dcd compares; name a teacher "
            "that has one, as ganc-replace writes them, or leave that loss out"
        )
    if judge.spec.in_channels != given.channels:
        raise SpecError(
            f"--loss dcd: the teacher's discriminator sees {judge.spec.in_channels} channels, "
            f"expected those of an image, {given.channels}"
        )
    return Distance(networks.summed_distance, networks.discriminator_depths(judge))


LOSSES: Mapping[LossName, LossRow] = {
    LossName.SSIM: LossRow(lambda given: Distance(distances.structural_dissimilarity), distances.SSIM_WINDOW),
    LossName.WAVELET: LossRow(lambda given: Distance(distances.wavelet_distance), 2**distances.WAVELET_LEVELS),
    LossName.LITE0: LossRow(_lite0, 32, _require_lite0),
    LossName.CRD: LossRow(_relations, distances.PATCHES),
    LossName.DCD: LossRow(_discriminator, 16),
}


def require_packages(wanted: Iterable[WeightedLoss]) -> None:
    """Raise MissingDependencyError where a loss needs a package that is not installed; the loss is named."""
    for one in wanted:
        LOSSES[one.name].require()


def added_losses(wanted: Iterable[WeightedLoss], given: Given) -> tuple[AddedLoss, ...]:
    """Return the losses that were asked for, ready to be computed.

    Raises:
        SpecError: the images are too small for one, or something that it needs is not there; the loss is named.
        MissingDependencyError: a loss needs a package that is not installed.
    """
    return tuple(AddedLoss(one.name.value, one.weight, _made(one.name, given)) for one in wanted)


def _made(name: LossName, given: Given) -> Distance:
    row = LOSSES[name]
    if given.smallest_side < row.smallest_side:
        needed = f"--loss {name.value} needs at least {row.smallest_side} pixels"
        raise SpecError(f"--crop-size {given.smallest_side}: {needed}")
    return row.make(given)
