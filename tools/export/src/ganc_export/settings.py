"""What is exported and how, said by a command or a program. Needs neither numpy nor Paddle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ganc.base.direction import Direction
from ganc.base.engine_table import FORMATS, PRECISIONS
from ganc.base.errors import SettingError
from ganc.base.settings import check_limits, setting
from ganc.base.target_images import TargetImages, target_images
from ganc.files.choice import Selection, has_bounds
from ganc.training.settings import require_measured

LAYOUTS = ("float32", "uint8", "uint8-nhwc", "uint8-nchw")
_WRITTEN = "; ".join(f"{row.name}: {', '.join(row.precisions)}" for row in FORMATS.values())


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

    def __post_init__(self) -> None:
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


def selection_of(supernet: Path | None, **said: Any) -> Selection | None:
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

    output: Path = setting(
        "The folder to write; an earlier export is replaced if nothing else is in it.",
        names=("-o", "--output"),
        folder=True,
        written=True,
    )
    formats: tuple[str, ...] = setting(
        "What to write; may be given several times.", ("paddle",), names=("--format",), repeats=True
    )
    precisions: tuple[str, ...] = setting(
        f"May be given several times; each format is written in those that it has ({_WRITTEN}).",
        ("f32",),
        names=("--precision",),
        repeats=True,
    )
    layout: str = setting(
        "What goes in and out: floats in [-1, 1], NCHW, or bytes (uint8: NHWC), converted inside the model.",
        "float32",
        names=("--io",),
        choices=LAYOUTS,
    )
    data: Path | None = setting(
        "Folder of images, or pairs side by side, to verify and measure on; int8 is calibrated on its training images.",
        None,
        default_text="random ones",
        folder=True,
    )
    statistics: Path | None = None
    feature_set: str | None = None
    reference: TargetImages | None = None
    device: str = setting(
        "Where to verify: cpu, gpu or gpu:N; what is written does not depend on it.", "cpu", placeholder="DEVICE"
    )

    def __post_init__(self) -> None:
        check_limits(self)
        for name, values, known in (("format", self.formats, FORMATS), ("precision", self.precisions, PRECISIONS)):
            for value in values:
                if value not in known:
                    raise SettingError(f"{name} (={value!r}): expected one of {', '.join(known)}")
        object.__setattr__(self, "reference", target_images(self.reference))
        require_measured(self.data, self.statistics, self.feature_set, self.reference)

    @property
    def compared_with(self) -> dict[str, object]:
        """What the metric is measured against, as of `Evaluation.of_folder`."""
        return {name: getattr(self, name) for name in ("statistics", "feature_set", "reference")}
