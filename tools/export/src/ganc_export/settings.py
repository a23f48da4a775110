"""What is exported and how, said by a command or a program. Needs neither numpy nor Paddle."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ganc.base.direction import Direction
from ganc.base.engine_table import FORMATS, PRECISIONS
from ganc.base.errors import SettingError
from ganc.base.settings import check_limits, setting
from ganc.base.target_images import TargetImages
from ganc.files.choice import Selection, has_bounds

LAYOUTS = ("float32", "uint8", "uint8-nhwc", "uint8-nchw")


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is exported: a checkpoint's generator, or a sub-network of a supernet.

    Attributes:
        selection: how the sub-network is chosen; None takes the whole generator.
        direction: which generator; None takes the file's own.

    Raises:
        SettingError: not one of the two files is named.
    """

    checkpoint: Path | None = None
    supernet: Path | None = None
    direction: Direction | None = None
    selection: Selection | None = None

    def __post_init__(self):
        if (self.checkpoint is None) == (self.supernet is None):
            raise SettingError("name a generator with --checkpoint, or a supernet with --supernet (one of the two)")

    @property
    def path(self) -> Path:
        """The file."""
        return cast(Path, self.checkpoint or self.supernet)

    @property
    def role(self) -> str:
        """What the file is, for the record."""
        return "supernet" if self.supernet else "checkpoint"


def selection_of(supernet: Path | None, **said) -> Selection | None:
    """Return how a sub-network is chosen, None where the whole generator is meant.

    Args:
        said: fields of `Selection`, those that have no value as None.

    Raises:
        SettingError: bounds without results, a supernet without a choice, or as `Selection`.
    """
    if said["widths"] is not None or said["results"] is not None:
        return Selection(**said)
    if has_bounds(said):
        raise SettingError("--max-… and --rank select from search results: name them with --results")
    if supernet is not None:
        raise SettingError("--supernet needs --config or --results, which say the sub-network")
    return None


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """What is written, and what it is verified and measured on.

    Attributes:
        layout: what goes in and out: floats in [-1, 1], or bytes (uint8 is NHWC).
        data: images to verify on besides random ones, to measure on, and to calibrate int8 on.
        statistics, feature_set, reference: of the metric, as of `ganc.training.settings.RunSettings`.
        device: where it is verified.

    Raises:
        SettingError: a value is not one of those that there are, or something is said of a metric without images.
    """

    output: Path
    formats: tuple[str, ...] = setting("What to write.", ("paddle",), names=("--format",))
    precisions: tuple[str, ...] = setting("In which precisions.", ("f32",), names=("--precision",))
    layout: str = setting("What goes in and out.", "float32", names=("--io",), choices=LAYOUTS)
    data: Path | None = None
    statistics: Path | None = None
    feature_set: str | None = None
    reference: TargetImages = TargetImages.TRAIN_AND_TEST
    device: str = "cpu"

    def __post_init__(self):
        check_limits(self)
        for name, values, known in (("format", self.formats, FORMATS), ("precision", self.precisions, PRECISIONS)):
            for value in values:
                if value not in known:
                    raise SettingError(f"{name} (={value!r}): expected one of {', '.join(known)}")
        if self.data is None and (self.statistics or self.feature_set):
            raise SettingError("--stats and --feature-set are of a metric: name the images with --data")

    @property
    def compared_with(self) -> dict[str, object]:
        """What the metric is measured against, as of `Evaluation.of_folder`."""
        return {name: getattr(self, name) for name in ("statistics", "feature_set", "reference")}
