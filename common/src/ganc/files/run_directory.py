"""A run's directory: the settings it was started with, the state to resume from, the log and the sample images."""

import contextlib
import json
import math
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ganc.base.atomic import place_of, replacing, writing
from ganc.base.differences import differences
from ganc.base.errors import FileFormatError, RunError
from ganc.base.journal_file import append_line, keep_lines, read_lines
from ganc.base.json_text import JsonObject, read_json
from ganc.base.lock import lock
from ganc.base.temporaries import remove_all_leftovers
from ganc.files.kinds import RUN_STATE
from ganc.files.tensors import read_any_header, read_header, read_tensors, write_tensors

STATE_FORMAT = RUN_STATE
STATE_FILE, SETTINGS_FILE, LOG_FILE, BEST_FILE = "state.safetensors", "settings.json", "log.jsonl", "best.safetensors"
NEXT_BEST_FILE = "best.next.safetensors"
LOCK_FILE, SAMPLES = "lock", "samples"
LOCK_CONTENT = b"ganc-run\n"  # an older ganc left it empty: its runs are known by their state or settings
SETTINGS_OF_ALL = {"stage", "task", "direction", "sources", "epochs", "decay_epochs", "learning_rate"}
# All that a run writes in its folder.
NAMES = (STATE_FILE, SETTINGS_FILE, LOG_FILE, BEST_FILE, NEXT_BEST_FILE, LOCK_FILE, SAMPLES)
STATE_VERSION, WITHOUT_CHECKSUM = 3, (2,)  # 1 had one number for each metric


class RunDirectory:
    """The files of one run. The settings identify it: equal settings resume it, others are refused.

    Args:
        path: the directory; made when it is opened.
        settings: plain JSON values that determine the result.
    """

    def __init__(self, path: Path, settings: Mapping):
        self.path = Path(path)
        self.settings = json.loads(json.dumps(settings))
        self._state_file = self.path / STATE_FILE
        self._settings_file = self.path / SETTINGS_FILE
        self._log_file = self.path / LOG_FILE

    @contextlib.contextmanager
    def opened(self, restart: bool, unless: int | None = None) -> Iterator[list[str]]:
        """Make or check the directory and hold it, so that no second process writes there.

        Args:
            restart: start over.
            unless: start over unless the saved run has these settings and at most so many steps.

        Yields:
            What differed from the saved run, so that it starts over.

        Raises:
            RunError: it is none of a run, was started with other settings (named), or another process uses it.
            WriteError: it cannot be written.
        """
        new = not self.path.exists()
        with writing(self.path):
            place_of(self.path).mkdir(parents=True, exist_ok=True)
            self._require_own()
            file = (self.path / LOCK_FILE).open("ab+", buffering=0)
        with file:
            lock(file, self.path, "wait for it, or use --run-dir")
            with writing(self.path):
                _mark(file)
            remove_all_leftovers(place_of(self.path))
            remove_all_leftovers(place_of(self.path / SAMPLES))
            changed = [] if restart or unless is None else self.changes(unless)
            if restart or changed:
                self._remove_all()
            self._check_settings()
            try:
                yield changed
            except Exception:
                if new and not self._state_file.exists():
                    shutil.rmtree(self.path, ignore_errors=True)  # it failed before there was anything to resume
                raise

    def _require_own(self) -> None:
        """Raise RunError where the folder has files but is none of a run; a damaged one is known by its lock."""
        found = {path.name for path in self.path.iterdir()}
        if found <= {LOCK_FILE} or self._is_locked_by_runs() or self._has_state() or self._has_settings():
            return
        raise RunError(f"{self.path}: is not empty and no run of ganc; name another folder with --run-dir")

    def _is_locked_by_runs(self) -> bool:
        path = self.path / LOCK_FILE
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(LOCK_CONTENT)) == LOCK_CONTENT

    def _has_state(self) -> bool:
        try:
            return read_any_header(self._state_file, STATE_FORMAT).get("format") == STATE_FORMAT
        except FileFormatError:
            return False

    def _has_settings(self) -> bool:
        return (self._settings_in_their_file() or {}).keys() >= SETTINGS_OF_ALL

    def _settings_in_their_file(self) -> Mapping[str, Any] | None:
        """Return what settings.json says, None where it is missing or damaged."""
        try:
            return _as_now(
                JsonObject.of(read_json(self._settings_file, "a run's settings"), self._settings_file).members
            )
        except FileFormatError:
            return None

    def _settings_of_state(self) -> Mapping[str, Any] | None:
        """Return the settings that the saved state belongs to, None where they are not known.

        The state has a copy: a run whose settings.json was damaged goes on. An older ganc wrote none.
        """
        with contextlib.suppress(FileFormatError):
            facts = read_header(self._state_file, STATE_FORMAT, STATE_VERSION, WITHOUT_CHECKSUM)
            if (settings := JsonObject(self._state_file, facts).take("settings", dict, None)) is not None:
                return _as_now(settings)
        return self._settings_in_their_file()

    def _check_settings(self) -> None:
        if self._state_file.is_file() and (changed := self._changed_settings()):
            raise RunError(f"{self.path}: was started with other settings ({'; '.join(changed)}); use --restart")
        if self._settings_in_their_file() != self.settings:
            text = json.dumps(self.settings, indent=1, sort_keys=True, ensure_ascii=False)
            with replacing(self._settings_file) as temporary:
                temporary.write_text(text + "\n", encoding="utf-8")

    def _changed_settings(self, besides: Collection[str] = ()) -> list[str]:
        """Return how the settings of the saved run differ. Raises RunError where they are not known."""
        if (before := self._settings_of_state()) is None:
            raise RunError(f"{self._settings_file}: is missing or damaged; use --restart to start over")
        then, now = ({name: one[name] for name in one if name not in besides} for one in (before, self.settings))
        return differences(then, now)

    def changes(self, steps: int, besides: Collection[str] = ()) -> list[str]:
        """Return how the saved run differs from one of these settings and `steps` steps; nothing if none is saved.

        Args:
            besides: names of settings that do not count.

        Raises:
            RunError: the saved run's settings cannot be read.
        """
        try:
            changed = self._changed_settings(besides)
        except RunError:
            if self._state_file.is_file():
                raise
            changed = []
        if not self._state_file.is_file():  # looked at last: another process may be starting over
            return []
        done = self.saved_steps()
        return changed + ([f"steps were {done}, now {steps}"] if done > steps else [])

    def saved_steps(self) -> int:
        """Return how many steps the saved state has; 0 where there is none, or none that can be read."""
        try:
            steps = read_header(self._state_file, STATE_FORMAT, STATE_VERSION, WITHOUT_CHECKSUM).get("step")
        except FileFormatError:
            return 0
        return steps if isinstance(steps, int) else 0

    def save_state(self, facts: Mapping, tensors: Mapping[str, np.ndarray]) -> None:
        """Write everything that an exact resume needs, in one file."""
        header = {"format": STATE_FORMAT, "version": STATE_VERSION, "settings": self.settings, **facts}
        write_tensors(self._state_file, header, tensors)

    def load_state(self) -> tuple[dict, dict[str, np.ndarray]] | None:
        """Return what `save_state` wrote last, None if nothing was saved yet.

        Raises:
            RunError: the state cannot be read.
        """
        if not self._state_file.is_file():
            return None
        try:
            return read_tensors(self._state_file, STATE_FORMAT, STATE_VERSION, WITHOUT_CHECKSUM)
        except FileFormatError as error:
            raise RunError(f"{error}; use --restart to start over") from error

    def finished_digest(self, steps: int) -> str | None:
        """Return the digest of the checkpoint if this run, with these settings, ended after `steps`, else None."""
        try:
            facts = read_header(self._state_file, STATE_FORMAT, STATE_VERSION, WITHOUT_CHECKSUM)
        except FileFormatError:
            return None
        same = self._settings_of_state() == self.settings and facts.get("step") == steps
        return facts.get("finished") if same else None

    def log(self, entry: Mapping) -> None:
        """Append one line to log.jsonl."""
        append_line(self._log_file, entry)

    def logged(self) -> list[dict]:
        """Return the lines of log.jsonl that can be read."""
        return read_lines(self._log_file) if self._log_file.is_file() else []

    def cut_log(self, step: int) -> None:
        """Drop the log's lines after a step, which a resumed run will write again."""
        if self._log_file.is_file():
            keep_lines(self._log_file, lambda entry: entry.get("step", math.inf) <= step)

    def sample_path(self, step: int) -> Path:
        """Return where the sample strip of a step belongs."""
        return self.path / SAMPLES / f"{step:07d}.png"

    def _remove_all(self) -> None:
        # The state first: another process that sees it gone, or other settings, starts over too.
        files = (self._state_file, self._log_file, self._settings_file, self.best_path, self.next_best_path)
        strips = [path for path in (self.path / SAMPLES).glob("*.png") if path.stem.isdigit()]
        with writing(self.path):
            for old in (*files, *strips):
                old.unlink(missing_ok=True)

    @property
    def best_path(self) -> Path:
        """Where the best networks that the saved state names are kept, for stages that keep the best."""
        return self.path / BEST_FILE

    @property
    def next_best_path(self) -> Path:
        """Where better ones are kept until a saved state names them."""
        return self.path / NEXT_BEST_FILE


def _as_now(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a saved run's settings in the words of today: `--amp` took no type at first, and was Paddle's float16."""
    return {**settings, "amp": "fp16"} if settings.get("amp") is True else settings


def _mark(file: BinaryIO) -> None:
    """Write what a folder of a run is known by, where nothing of it is there or the disk was full in its middle."""
    file.seek(0)
    found = file.read(len(LOCK_CONTENT) + 1)
    if found != LOCK_CONTENT and LOCK_CONTENT.startswith(found):
        file.truncate(0)
        rest = LOCK_CONTENT
        while rest:  # the file has no buffer: what could not be written would be tried again when that is closed
            rest = rest[file.write(rest) :]
