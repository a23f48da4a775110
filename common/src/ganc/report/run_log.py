"""A training run as its directory tells it: its settings, the lines of its log, and how far it is."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ganc.base.errors import FileFormatError
from ganc.base.json_text import JsonObject, parse_json, read_json
from ganc.base.reading import read_bytes, read_start
from ganc.files.run_directory import (
    LOG_FILE,
    SAMPLES,
    SETTINGS_FILE,
    STATE_FILE,
    STATE_FORMAT,
    STATE_VERSION,
    WITHOUT_CHECKSUM,
)
from ganc.files.tensors import read_header

LARGEST_LOG = 256 << 20  # bytes
LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class LogLine:
    """One line of a log.

    Attributes:
        epoch, learning_rate: None in the line before the first step.
        losses: weighted, the mean since the line before.
        metrics: Fréchet distances by label; kernels: kernel distances by label, with their standard errors or None.
    """

    step: int
    epoch: int | None
    learning_rate: float | None
    losses: Mapping[str, float]
    metrics: Mapping[str, float]
    kernels: Mapping[str, tuple[float, float | None]]


@dataclass(frozen=True)
class Run:
    """A run's directory, read without the networks.

    Attributes:
        settings: empty where they are missing or damaged.
        lines: of the log, by rising steps.
        saved: steps of the saved state; None where there is none that can be read.
        finished: the digest of what the run wrote when it ended, None where it has not ended.
        samples: the strips of images by step.
        notes: what is missing or damaged, one sentence each.
    """

    path: Path
    settings: Mapping = field(default_factory=dict)
    lines: tuple[LogLine, ...] = ()
    saved: int | None = None
    finished: str | None = None
    samples: Mapping[int, Path] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def stage(self) -> str:
        """The stage's name, empty where it is not known."""
        stage = self.settings.get("stage", "")
        return stage if isinstance(stage, str) else ""

    @property
    def planned(self) -> int | None:
        """How many steps the settings mean, by the epochs that have ended; None where that is not known."""
        epochs = [one for name in ("epochs", "decay_epochs") if type(one := self.settings.get(name)) is int]
        ends = [(line.step, line.epoch + 1) for line in self.lines if line.epoch is not None and line.epoch >= 0]
        if len(epochs) != 2 or not ends or ends[-1][0] % ends[-1][1]:
            return None
        return sum(epochs) * (ends[-1][0] // ends[-1][1])

    @property
    def loss_names(self) -> list[str]:
        return list(dict.fromkeys(name for line in self.lines for name in line.losses))

    @property
    def labels(self) -> list[str]:
        """What was evaluated, such as `student`."""
        return list(dict.fromkeys(label for line in self.lines for label in line.metrics))

    def losses(self, name: str) -> list[tuple[int, float]]:
        """Return a loss's values by step."""
        return [(line.step, line.losses[name]) for line in self.lines if name in line.losses]

    def distances(self, label: str) -> list[tuple[int, float]]:
        """Return the Fréchet distances of what has a label, by step."""
        return [(line.step, line.metrics[label]) for line in self.lines if label in line.metrics]

    def kernels(self, label: str) -> list[tuple[int, float, float | None]]:
        """Return the kernel distances of what has a label by step, each with its standard error."""
        return [(line.step, *line.kernels[label]) for line in self.lines if label in line.kernels]


def is_run(path: Path) -> bool:
    """Whether a folder is a run's, by what is in it; a log alone must have a line of one."""
    path = Path(path)
    if not path.is_dir():
        return False
    if (path / STATE_FILE).is_file():
        return True
    if (path / SETTINGS_FILE).is_file() and "stage" in _settings(path, []):
        return True
    return (path / LOG_FILE).is_file() and bool(_lines(path / LOG_FILE, []))


def is_log(path: Path) -> bool:
    """Whether a file is a run's log, whatever its name: its first line is a step's."""
    path = Path(path)
    if not path.is_file():
        return False
    first, _, _ = read_start(path, "a run's log", LONGEST_LINE).partition(b"\n")
    return first.startswith(b"{") and _line(first, path) is not None


def read_run(path: Path) -> Run:
    """Return what the directory of a run says; what is missing or damaged there is in its notes.

    Args:
        path: the directory, or the log in it.

    Raises:
        FileFormatError: there is no such folder, or it is none of a run.
    """
    path = Path(path)
    if is_log(path):
        if not is_run(path.parent) or path.name != LOG_FILE:
            return Run(path, lines=tuple(_lines(path, [])))
        path = path.parent
    if not is_run(path):
        there = "has no log, settings or state of a run" if path.is_dir() else "no such folder"
        raise FileFormatError(f"{path}: {there}; expected the directory of a run, such as distill.safetensors.run")
    notes: list[str] = []
    settings, lines = _settings(path, notes), _lines(path / LOG_FILE, notes)
    saved, finished = _state(path, notes)
    return Run(path, settings, tuple(lines), saved, finished, dict(_samples(path)), tuple(notes))


def _settings(path: Path, notes: list[str]) -> Mapping:
    if not (path / SETTINGS_FILE).exists():
        notes.append(f"{SETTINGS_FILE} is missing")
        return {}
    try:
        return JsonObject.of(read_json(path / SETTINGS_FILE, "a run's settings"), path / SETTINGS_FILE).members
    except FileFormatError:
        notes.append(f"{SETTINGS_FILE} is damaged")
        return {}


def _lines(path: Path, notes: list[str]) -> list[LogLine]:
    """Return the log's lines; of several with one step the last, as a resumed run would have it."""
    if not path.exists():
        notes.append(f"{LOG_FILE} is missing: no epoch has ended yet")
        return []
    try:
        *texts, rest = read_bytes(path, "a run's log", limit=LARGEST_LOG).split(b"\n")
    except FileFormatError as error:
        notes.append(f"{LOG_FILE} cannot be read ({error})")
        return []
    read = [_line(text, path) for text in texts]
    if damaged := read.count(None):
        notes.append(f"{LOG_FILE}: {damaged} of its {len(texts)} lines {'is' if damaged == 1 else 'are'} damaged")
    if rest.strip():
        notes.append(f"{LOG_FILE}: its last line was cut off")
    by_step = {line.step: line for line in read if line is not None}
    return [by_step[step] for step in sorted(by_step)]


def _line(text: bytes, path: Path) -> LogLine | None:
    try:
        line = JsonObject.of(parse_json(text, path, "a line"), path)
        step = line.take("step", int)
        kernels = line.within("kernels", {})
        return LogLine(
            step=step,
            epoch=line.take("epoch", int, None),
            learning_rate=line.take("learning_rate", float, None),
            losses=_numbers(line.within("losses", {})),
            metrics=_numbers(line.within("metrics", {})),
            kernels={label: _kernel(kernels, label) for label in kernels.members if kernels.members[label]},
        )
    except FileFormatError:
        return None


def _numbers(content: JsonObject) -> dict[str, float]:
    return {name: content.take(name, float) for name in content.members}


def _kernel(content: JsonObject, label: str) -> tuple[float, float | None]:
    value = content.take(label, list)
    numbers = [one for one in value if type(one) in (int, float) and math.isfinite(one)]
    if len(value) != 2 or value[:1] != numbers[:1] or (value[1] is not None and len(numbers) != 2):
        raise FileFormatError(f"{content.source}: a kernel distance is no pair of numbers")
    return float(value[0]), None if value[1] is None else float(value[1])


def _state(path: Path, notes: list[str]) -> tuple[int | None, str | None]:
    if not (path / STATE_FILE).exists():
        notes.append(f"{STATE_FILE} is missing: the run cannot be continued")
        return None, None
    try:
        facts = read_header(path / STATE_FILE, STATE_FORMAT, STATE_VERSION, WITHOUT_CHECKSUM)
        content = JsonObject(path / STATE_FILE, facts)
        return content.take("step", int), content.take("finished", str, None)
    except FileFormatError:
        notes.append(f"{STATE_FILE} is damaged: the run cannot be continued")
        return None, None


def _samples(path: Path) -> Iterator[tuple[int, Path]]:
    for strip in sorted((path / SAMPLES).glob("*.png")):
        if strip.stem.isascii() and strip.stem.isdigit() and len(strip.stem) < 12 and strip.is_file():
            yield int(strip.stem), strip
