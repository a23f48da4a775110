"""What commands print with --json and a folder may hold: comparisons of generators, and their times on engines."""

from dataclasses import dataclass
from pathlib import Path

from ganc.base.errors import FileFormatError
from ganc.base.json_text import JsonObject, read_json

LARGEST_COUNT = 10**18
SAME_ENGINE = "same_engine"  # of a row: its time beside what it was made from, both in its own engine


@dataclass(frozen=True, kw_only=True)
class SameEngine:
    """A generator's milliseconds an image and those of the one it was made from, by turns in one engine."""

    beside: str
    engine: str
    precision: str
    original_ms: float
    compressed_ms: float


@dataclass(frozen=True, kw_only=True)
class ComparedRow:
    """A generator beside others, measured on the same images; None is what was not measured.

    Attributes:
        name: of its part in the pipeline, or its file's name.
        metric: the feature set; value: the Fréchet distance; kernel, kernel_error: the kernel distance.
        mae, mae_error, ssim, ssim_error: of pairs, the mean absolute error and SSIM to the ground truth.
        engine: what the time was measured in, such as "openvino f32"; empty where the file does not say.
        same_engine: its time beside that of what it was made from, in one engine.
        judgement: how it compares with the untouched images, a text of `ganc.metrics.judgement`.
        untouched: whether it is the row of the untouched images, which cost nothing.
        reason: why nothing was measured.
    """

    name: str
    macs: int | None
    params: int | None
    bytes: int | None
    milliseconds: float | None
    metric: str | None
    value: float | None
    kernel: float | None
    kernel_error: float | None
    images: int | None
    subset: str | None
    judgement: str | None
    reason: str | None
    mae: float | None = None
    mae_error: float | None = None
    ssim: float | None = None
    ssim_error: float | None = None
    engine: str = ""
    same_engine: SameEngine | None = None

    @property
    def untouched(self) -> bool:
        return self.macs is None


@dataclass(frozen=True, kw_only=True)
class TimedRow:
    """A generator's time beside the original's, on one engine; None is what was not measured.

    Attributes:
        format: what the engine ran; size: of the images, such as "256x256"; both empty where the file does not say.
        difference: the largest to the checkpoint's images; distance, kernel, kernel_error: to the target's.
    """

    model: str
    engine: str
    precision: str
    batch: int
    threads: int
    device: str
    original_ms: float
    compressed_ms: float
    original_spread_ms: float
    compressed_spread_ms: float
    format: str
    bytes: int | None
    size: str
    difference: float | None
    distance: float | None
    kernel: float | None
    kernel_error: float | None

    @property
    def case(self) -> str:
        """What it was measured with, in words."""
        threads = f"{self.threads} thread{'s' if self.threads != 1 else ''}"
        return ", ".join(filter(None, [self.engine, self.precision, f"batch {self.batch}", threads, self.device]))

    @property
    def speedup(self) -> float:
        return self.original_ms / self.compressed_ms


def read_json_results(path: Path) -> tuple[list[ComparedRow], list[TimedRow]]:
    """Return the compared or the timed rows that a JSON file holds; none of both where it is something else.

    Raises:
        FileFormatError: it cannot be read, is no JSON, or a row lacks a member or has one of a wrong type.
    """
    content = read_json(path, "what ganc prints with --json")
    if isinstance(content, dict):
        content = content.get("rows")
    if not isinstance(content, list) or not content or not all(isinstance(row, dict) for row in content):
        return [], []
    rows = [JsonObject(path, row, f"row {place}") for place, row in enumerate(content, 1)]
    if all("engine" in row.members and "compressed_ms" in row.members for row in rows):
        return [], [_timed(row) for row in rows]
    if any("macs" in row.members and {"name", "model"} & row.members.keys() for row in rows):
        return [_compared(row) for row in rows], []
    return [], []


def _compared(row: JsonObject) -> ComparedRow:
    name = row.take("name", str, None) or Path(row.take("model", str)).name
    return ComparedRow(
        name=name,
        macs=_count(row, "macs"),
        params=_count(row, "params"),
        bytes=_count(row, "bytes"),
        milliseconds=row.take("milliseconds", float, None),
        metric=row.take("metric", str, None),
        value=row.take("value", float, None),
        kernel=row.take("kernel", float, None),
        kernel_error=row.take("kernel_error", float, None),
        images=_count(row, "images"),
        subset=row.take("subset", str, None),
        judgement=row.take("judgement", str, None),
        reason=row.take("unmeasured", str, None),
        mae=row.take("mae", float, None),
        mae_error=row.take("mae_error", float, None),
        ssim=row.take("ssim", float, None),
        ssim_error=row.take("ssim_error", float, None),
        engine=" ".join(filter(None, [row.take(name, str, None) for name in ("engine", "precision")])),
        same_engine=_same_engine(row.within(SAME_ENGINE)) if row.members.get(SAME_ENGINE) is not None else None,
    )


def _same_engine(row: JsonObject) -> SameEngine:
    original, compressed = _both_times(row)
    return SameEngine(
        beside=row.take("beside", str),
        engine=row.take("engine", str),
        precision=row.take("precision", str),
        original_ms=original,
        compressed_ms=compressed,
    )


def _both_times(row: JsonObject) -> tuple[float, float]:
    original, compressed = row.take("original_ms", float), row.take("compressed_ms", float)
    if not (original > 0 and compressed > 0):
        raise FileFormatError(f"{row.source}: '{row.place}' has a time that is not above 0")
    return original, compressed


def _count(row: JsonObject, name: str) -> int | None:
    value = row.take(name, int, None)
    if value is not None and not 0 <= value <= LARGEST_COUNT:
        raise FileFormatError(f"{row.source}: its '{row.place}.{name}' is {str(value)[:20]}, no possible count")
    return value


def _timed(row: JsonObject) -> TimedRow:
    original, compressed = _both_times(row)
    metric, difference = row.within("metric", {}), row.within("difference", {})
    return TimedRow(
        model=Path(row.take("model", str)).name,
        engine=row.take("engine", str),
        precision=row.take("precision", str, ""),
        batch=row.take("batch", int, 1),
        threads=row.take("threads", int, 1),
        device=row.take("device", str, ""),
        original_ms=original,
        compressed_ms=compressed,
        original_spread_ms=row.take("original_spread_ms", float, 0.0),
        compressed_spread_ms=row.take("compressed_spread_ms", float, 0.0),
        format=row.take("format", str, ""),
        bytes=_count(row, "bytes"),
        size="x".join(str(side) for side in row.take("size", list, [])[:2]),
        difference=difference.take("largest", float, None),
        distance=metric.take("distance", float, None),
        kernel=metric.take("kernel", float, None),
        kernel_error=metric.take("kernel_error", float, None),
    )
