"""The pipeline's configuration: checked as the stages' commands check their options, and turned into these.

What can be wrong is found when the configuration is read, before any rule runs. Values may be text, as Snakemake's
--config gives them.
"""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ganc.base.direction import Direction
from ganc.base.errors import GancError
from ganc.models.task import TaskName
from ganc.workflow.stage_options import BY_HAND, STAGES, ConfigurationError, command, is_read, options_of, words
from ganc.workflow.task import FIRST_STAGES, configured_task
from ganc.workflow.values import (
    number,
    require_kind,
    require_known,
    require_plain,
    section_options,
    whole_number,
)

# Keys that had another name, which still works.
RENAMED = {"pictures": "images", "search_pictures": "search_images"}
VALUES = ("out", "data", "task", "teacher", "start", "stages", "search_images", "feature-set", "threads")
LIMITS = ("untouched", "teacher", "error")  # of `check`, which check.py reads
KEYS = (*VALUES, "images", *STAGES, "check")
# Which stages there are: all; no supernet, search and fine-tuning; or no student between the teacher and the supernet.
ALL, ALONE, SHORT = "all", "distill", "short"
# Options of `images` that the statistics of the target are made with too.
SHARED = ("resize", "levels", "reference")


class Configuration:
    """What a configuration says.

    Args:
        values: as Snakemake read it.
        folders: where relative paths are looked for, one after the other.

    Attributes:
        notes: what its user should know, a line each.
        out: the folder to write.
        direction: which way to translate.
        task_name: what is trained; None where the configuration does not say it.
        threads: cores of a training stage; None where the configuration does not say it.
        aside: how many images are set aside for the search; shards: in how many parts it is made.
        searches: whether there is a supernet, a search and fine-tuning; without, the distilled student is the result.
        distills: whether there is a student between the teacher and the supernet.

    Raises:
        ConfigurationError: a key is not known, or its value is not what it should be.
    """

    def __init__(self, values: Mapping, folders: Sequence[Path]):
        self._folders = folders
        renamed = {old: new for old, new in RENAMED.items() if old in values}
        self.notes = [f"{old} is now called {new} in the configuration" for old, new in renamed.items()]
        self._values = {new: values[old] for old, new in renamed.items()}
        self._values |= {name: value for name, value in values.items() if name not in renamed}
        require_known(self._values, KEYS, "the configuration has no key")
        if self._values.get("out") is None:
            raise ConfigurationError(
                "the configuration names no folder to write: give one with --configfile, or out=FOLDER with --config"
            )
        self.out = os.path.normpath(str(self._values["out"]))
        require_plain("out", self.out)
        sections = ("images", *STAGES, "check")
        self._sections = {name: section_options(name, self._values.get(name)) for name in sections}
        self.direction = self._direction()
        self.task_name = configured_task(self._values.get("task"), self._sections)
        self.aside = whole_number("search_images", self._values.get("search_images", 0), 0)
        self.shards = whole_number("search: shards", self._sections["search"].get("shards", 1), 1)
        self.threads = whole_number("threads", self._values["threads"], 1) if self.has("threads") else None
        stages = str(self._values.get("stages") or ALL)
        if stages not in (ALL, ALONE, SHORT):
            raise ConfigurationError(f"stages: {stages}: expected {ALL}, {ALONE} or {SHORT}")
        self.searches, self.distills = stages != ALONE, stages != SHORT

    def has(self, key: str) -> bool:
        """Whether the configuration has a key."""
        return self._values.get(key) is not None

    def path(self, key: str) -> str:
        """Return the path that a key names. Raises ConfigurationError where there is none."""
        if not self.has(key):
            raise ConfigurationError(f"the configuration has no {key}")
        return self._found(str(self._values[key]))

    @property
    def size(self) -> str:
        """The option of the size of evaluated images; empty where the commands' default holds."""
        images = self._sections["images"]
        side = images.get("eval-size", images.get("crop-size"))
        return "" if side is None else shlex.join(["--size", str(side)])

    @property
    def task(self) -> str:
        """The option of the task, for the images' folder and an import; empty where the configuration says none."""
        return f"--task {self.task_name.value}" if self.task_name else ""

    @property
    def paired(self) -> bool:
        """Whether the configuration says that images come in pairs."""
        return self.task_name is TaskName.PIX2PIX

    @property
    def features(self) -> str:
        """The option of one feature set for all stages; without it, it is the commands' default."""
        return shlex.join(self._features())

    @property
    def reading(self) -> str:
        """The options of how the target's images are read for their statistics."""
        return shlex.join(words({name: v for name, v in self._sections["images"].items() if name in SHARED}))

    @property
    def teacher_from(self) -> str:
        """Which key says where the teacher comes from: its file, stage 1, or where neither is said the original's."""
        if self.has("teacher"):
            return "teacher"
        return "original" if not self.distills and self.has("original") and not self.has("replace") else "replace"

    @property
    def behind_teacher(self) -> str:
        """The stage that learns from the teacher first."""
        return "distill" if self.distills else "supernet"

    def options(self, stage: str) -> str:
        """Return the options that a stage has from the configuration, quoted for a shell."""
        return shlex.join(words(self._options(stage)))

    def settings(self, stage: str) -> list[Any]:
        """Return the settings that a stage's command makes of its options, an object a concern.

        Raises:
            GancError, click.UsageError: as `check` finds them.
        """
        return command(stage).settings(self._command_line(stage))

    def parameters(self, stage: str) -> dict[str, Any]:
        """Return the values that a stage's command has, defaults among them; raises as `settings` does."""
        with command(stage).make_context(stage, self._command_line(stage)) as context:
            return context.params

    def absolute(self) -> dict:
        """Return all values with absolute paths, so that they mean the same in any folder."""
        values = {**self._values, "out": os.path.abspath(self.out)}
        for key in ("data", "teacher", "start"):
            if self.has(key):
                values[key] = os.path.abspath(self.path(key))
        if self.has("feature-set") and os.path.exists(self.path("feature-set")):
            values["feature-set"] = os.path.abspath(self.path("feature-set"))
        for stage in ("images", *STAGES):
            if self.has(stage):
                values[stage] = {name: self._absolute(stage, name, one) for name, one in self._sections[stage].items()}
        return values

    def _absolute(self, section: str, name: str, value: object) -> object:
        stage = "distill" if section == "images" else section
        if is_read(options_of(stage).get(name)) and not isinstance(value, list):
            return os.path.abspath(self._found(str(value)))
        return value

    def setting(self, stage: str, name: str) -> Any:
        """Return that one of a stage's settings objects which has an attribute `name`."""
        return next(one for one in self.settings(stage) if hasattr(one, name))

    @property
    def feature_set(self) -> str | None:
        """The feature set of all stages; None is the commands' default."""
        return self.path("feature-set") if self.has("feature-set") else None

    @property
    def original_networks(self) -> str:
        """The options that take the generators out of what stage `original` makes: one direction's, or both ways'."""
        both = self.setting("original", "discriminator_width").task.both_ways
        return "--network generator" + (" --network generator_b" if both else "")

    @property
    def search_macs(self) -> int | None:
        """The most MACs that the search looks at."""
        return self.setting("search", "budget").budget.max_macs

    def inputs(self, stage: str) -> list[str]:
        """Return the files that a stage's options name to be read: they are there, or the pipeline makes them."""
        options, known = self._options(stage), options_of(stage)
        read = [str(value) for name, value in options.items() if is_read(known.get(name))]
        return [path for path in read if os.path.exists(path) or self._is_made(path)]

    def check(self) -> None:
        """Check everything that can be known before the first rule.

        Raises:
            ConfigurationError: a key, an option or a value is wrong, or what is to be read is missing.
        """
        if not self.has("demo"):
            self._require_images()
        elif self.has("data"):
            self.notes.append("the images are drawn, as demo says; data is not used")
        self._require_generators()
        if not self.distills and self.has("distill"):
            raise ConfigurationError(f"distill: stages is {SHORT}, which has no student; leave one of the two out")
        require_known(self._sections["check"], LIMITS, "check has no limit")
        for name, limit in self._sections["check"].items():
            if number(limit) is None:
                raise ConfigurationError(f"check: {name}: {limit}: expected a number")
        self._check_features()
        stages = [stage for stage in STAGES if self.has(stage)]
        if self._sections["images"] and not any(STAGES[stage].trains for stage in stages):
            stages.append(self.behind_teacher)
        for stage in stages:
            self._check_options(stage)
        for stage in stages:
            self._check_line(stage)

    def _direction(self) -> Direction:
        for stage in STAGES:
            if "direction" in self._sections[stage]:
                raise ConfigurationError(f"{stage}: direction: is that of all stages: put it into images")
        try:
            return Direction(str(self._sections["images"].get("direction", Direction.A_TO_B)))
        except GancError as error:
            raise ConfigurationError(f"images: {error}") from error

    def _options(self, stage: str) -> dict:
        """Return a stage's options, those of `images` among them, with the places of files that are read."""
        own = self._sections[stage]
        values = {**self._sections["images"], **own} if STAGES[stage].trains else own
        if stage == "replace" and self.has("start"):
            values = {"init-from": f"{self.out}/original.safetensors"} | values
        if stage in FIRST_STAGES and self.task_name:
            values = {"task": self.task_name.value} | values
        if stage == "search":
            # The search takes its image size from the supernet, and its shards are the workflow's business.
            values = {name: value for name, value in values.items() if name != "shards"}
            values |= {"direction": self.direction.value} if self.direction != Direction.A_TO_B else {}
        known = options_of(stage)
        return {
            name: self._found(str(value)) if is_read(known.get(name)) and not isinstance(value, list) else value
            for name, value in values.items()
        }

    def _found(self, name: str) -> str:
        """Return the path of something to read: as it is if it is there, else where it is below another folder."""
        if os.path.isabs(name) or os.path.exists(name):
            return name
        return next((str(folder / name) for folder in self._folders if (folder / name).exists()), name)

    def _features(self) -> list[str]:
        return ["--feature-set", self.feature_set] if self.feature_set else []

    def _check_features(self) -> None:
        if not self.has("feature-set"):
            return
        from ganc.metrics.features import feature_set

        try:
            feature_set(self.path("feature-set"))
        except GancError as error:
            raise ConfigurationError(f"feature-set: {error}") from error

    def _require_images(self) -> None:
        if not self.has("data"):
            raise ConfigurationError("the configuration names no images: give their folder as data, or draw them: demo")
        require_plain("data", self.path("data"))
        if not os.path.isdir(self.path("data")):
            raise ConfigurationError(f"data: {self._values['data']}: no such folder")

    def _require_generators(self) -> None:
        for key in ("teacher", "start"):
            if self.has(key):
                require_plain(key, self.path(key))
                if not os.path.isfile(self.path(key)):
                    raise ConfigurationError(f"{key}: {self._values[key]}: no such file")
        for key in ("teacher", "original"):
            if self.has("start") and self.has(key):
                raise ConfigurationError(f"start: stage 1 starts from {self._values['start']}: leave {key} out")

    def _check_options(self, stage: str) -> None:
        own = self._sections[stage]
        for name, value in self._options(stage).items():
            section = stage if name in own or not STAGES[stage].trains else "images"
            self._check_option(stage, section, name, value)

    def _check_line(self, stage: str) -> None:
        own = self._sections[stage]
        try:
            command(stage).check(self._command_line(stage))
        except click.UsageError as error:
            option = error.param.opts[-1] if isinstance(error, click.BadParameter) and error.param else ""
            section = stage if option.removeprefix("--") in own or not STAGES[stage].trains else "images"
            section = section if option else stage
            raise ConfigurationError(f"{section}: {' '.join(error.format_message().split())}") from error
        except GancError as error:
            raise ConfigurationError(f"{stage}: {error}") from error

    def _command_line(self, stage: str) -> list[str]:
        """Return a stage's words as its rule has them; those of files that are made before are only names."""
        given = [*self._given(stage), *(self._features() if "feature-set" in options_of(stage) else [])]
        given += ["--shard", f"1/{self.shards}"] if stage == "search" else []
        return [*given, *words(self._options(stage))]

    def _given(self, stage: str) -> tuple[str, ...]:
        """Return the words that a stage's rule says itself."""
        given = STAGES[stage].given
        if stage != "supernet" or self.distills:
            return given
        place = given.index("--student")
        return given[:place] + given[place + 2 :]

    def _check_option(self, stage: str, section: str, name: str, value: Any) -> None:
        if name == "feature-set":
            raise ConfigurationError(f"{section}: feature-set: is that of all stages: put it beside {section}")
        if name in STAGES[stage].names:
            raise ConfigurationError(f"{section}: {name}: is what the workflow itself says; leave it out")
        if name in BY_HAND:
            raise ConfigurationError(f"{section}: {name}: is for a call by hand; leave it out")
        known = options_of(stage)
        require_known([name], known, f"{section}: {' '.join(STAGES[stage].words)} has no option")
        require_kind(f"{section}: {name}", value, known[name])
        for one in (value if isinstance(value, list) else [value]) if is_read(known[name]) else []:
            require_plain(f"{section}: {name}", one)
            if not self._is_made(one) and not os.path.exists(one):
                raise ConfigurationError(f"{section}: {name}: {one}: no such file")

    def _is_made(self, path: str) -> bool:
        """Whether a path is in the folder that the pipeline writes."""
        return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(self.out))
