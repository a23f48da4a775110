"""What to time: the combinations that are asked for, and those of them that can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganc.base.direction import Direction
from ganc.base.engine_table import engine_row, exported_engines, precision_row
from ganc.base.errors import SettingError, SpecError
from ganc.base.settings import check_limits, setting
from ganc.training.settings import RunSettings, require_measured

MOST_PIXELS = 1 << 28  # of a batch: 3 GiB of input, and some fifty times that within a network
OUT_OF_MEMORY = "the memory is not enough; take smaller batches or images (--batch, --size)"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to time, and how.

    Attributes:
        models: checkpoints or exported folders.
        original: the same for what they are compared with; None is an untrained generator of the published size.
        engines, precisions: of `ganc.base.engine_table`; no engine means all but eager Paddle, which is for
            training, and too slow to wait for unasked.
        threads: none means this process's share of the cores.
        size: (width, height) of the images.
        repeats, min_seconds: turns of each network, and how long each is timed at least.
        device: where Paddle's engines run; the others run on the CPU.
        direction: which generator of a checkpoint; None is its own.
        data: a folder of images to compare and measure on; None times alone.
        statistics, feature_set: of the metric, as of `ganc.metrics.evaluation.Evaluation.of_folder`.

    Raises:
        SpecError: an engine or a precision is not known.
        SettingError: a value is outside its limits, a batch has more than MOST_PIXELS, or something is said of a metric
            without images.
    """

    models: Sequence[Path]
    original: Path | None = None
    engines: Sequence[str] = ()
    precisions: Sequence[str] = ("f32",)
    batches: Sequence[int] = (1,)
    threads: Sequence[int] = ()
    size: tuple[int, int] = setting("Image size, N or WxH.", (256, 256))
    repeats: int = setting("Turns of each network.", 10, least=1)
    min_seconds: float = setting("Time each network for so long at least.", 1, least=0)
    device: str = setting(
        "Of Paddle's engines: auto (a GPU if there is one), cpu, gpu or gpu:N.",
        RunSettings.device,
        placeholder="DEVICE",
    )
    direction: Direction | None = None
    data: Path | None = None
    statistics: Path | None = None
    feature_set: str | None = None

    def __post_init__(self) -> None:
        check_limits(self)
        require_measured(self.data, self.statistics, self.feature_set)
        for engine in self.engines:
            engine_row(engine)
        for precision in self.precisions:
            precision_row(precision)
        width, height = self.size
        if (batch := max(self.batches, default=1)) * width * height > MOST_PIXELS:
            raise SettingError(
                f"batch (={batch}) of images of {width}x{height}: expected at most {MOST_PIXELS:,} pixels in a batch; "
                "take smaller batches or images"
            )

    @property
    def chosen_engines(self) -> Sequence[str]:
        """The engines to time."""
        return self.engines or exported_engines()


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one process times: all of its networks and precisions by turns, one batch size after another.

    Attributes:
        networks: files or folders, the original first; None is the untrained one.
    """

    engine: str
    threads: int
    networks: tuple[str | None, ...]
    precisions: tuple[str, ...]
    batches: tuple[int, ...]
    size: tuple[int, int]
    repeats: int
    min_seconds: float
    device: str
    direction: str | None


def precision_obstacle(engine: str, precision: str) -> SpecError | None:
    """Return why an engine cannot compute in a precision on any machine, None if it can on some."""
    has = engine_row(engine).precisions
    return None if precision in has else SpecError(f"{engine} has no {precision}, only {', '.join(has)}")
