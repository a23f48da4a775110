"""What `ganc compress` is given: looked at before anything runs, so that a long run does not end at its first file."""

import importlib.metadata
import json
import shlex
from collections.abc import Iterable
from pathlib import Path

import yaml

from ganc.base.direction import Direction
from ganc.base.errors import DataError, FileFormatError, MissingDependencyError, SettingError
from ganc.base.extras import Package, install_command, install_tools
from ganc.base.json_text import require_few_values
from ganc.base.reading import one_line, read_bytes
from ganc.data.check import check_folder, count_images
from ganc.data.lists import read_images
from ganc.data.side_by_side import LETTERS, is_side_by_side
from ganc.files.checkpoint import DEFAULT_IMAGE_SIZE, FORMAT, Checkpoint, read_checkpoint
from ganc.files.kinds import RUN_STATE
from ganc.files.tensors import read_any_header
from ganc.importers import SeveralNetworksError, import_checkpoint
from ganc.models.task import TaskName
from ganc.system.runtime import select_device
from ganc.training.losses.names import LossName
from ganc.workflow.configuration import Configuration
from ganc.workflow.stage_options import STAGES

LARGEST_CONFIGURATION = 1 << 20  # bytes
MEASURED = 50  # images whose size is looked at
MULTIPLE = 16  # of which the side of images is, where it is not the usual one

Size = tuple[int, int]


def read_configuration(path: Path) -> dict:
    """Return what a YAML file of the pipeline's configuration says.

    Raises:
        FileFormatError: there is no such file, or it is no YAML of keys with values.
    """
    try:
        values = yaml.safe_load(read_bytes(path, "a configuration of the pipeline (YAML)", limit=LARGEST_CONFIGURATION))
        require_few_values(values)
        values = json.loads(json.dumps(values, default=str))  # a day of YAML, such as 2026-01-01, is a text
    except FileFormatError:
        raise
    except Exception as error:  # values that are not what their own tags say, such as !!bool x, raise nearly anything
        raise FileFormatError(f"{path}: is no YAML ({one_line(error)[:200]})") from error
    if not isinstance(values, dict):
        raise FileFormatError(f"{path}: expected keys with values, such as data: horses")
    return values


def read_teacher(path: Path, direction: Direction, task: TaskName | None = None) -> Checkpoint:
    """Return the generator that is to be compressed, from a checkpoint or another program's file.

    Args:
        task: what it was trained for, which other programs' files do not say; None is what the file tells.

    Raises:
        SettingError: the checkpoint is of another task.
        FileFormatError, SpecError: the file is none, or has no generator of this direction.
    """
    try:
        ours = read_any_header(path, FORMAT).get("format") in (FORMAT, RUN_STATE)
    except FileFormatError:
        ours = False
    if ours:
        checkpoint = read_checkpoint(path).facing(direction, path)
        if task and checkpoint.task.name is not task:
            said = f"{path}: was trained as {checkpoint.task.title}, not as {task.value}; leave the task out"
            again = f", or import it again (ganc import --task {task.value})" if checkpoint.stage == "import" else ""
            raise SettingError(said + again)
        return checkpoint
    try:
        return import_checkpoint({"generator": path}, direction=direction, task=task)
    except SeveralNetworksError as error:
        facing = "" if direction == Direction.A_TO_B else f" --direction {direction.value}"
        facing += f" --task {task.value}" if task else ""
        command = f"ganc import {shlex.quote(str(path))} --key NAME{facing} -o teacher.safetensors"
        raise SeveralNetworksError(f"{error}: {command}, and compress that") from error


def tells_size(teacher: Checkpoint) -> bool:
    """Whether a teacher's file says the size of its images; other programs' files do not."""
    return teacher.stage != "import" or teacher.image_size != DEFAULT_IMAGE_SIZE


def checked_images(folder: Path, *, paired: bool = False) -> dict[str, int]:
    """Return how many images a folder has by subset, such as "trainA"; of side-by-side images for both domains.

    Args:
        paired: whether images have to have partners.

    Raises:
        DataError: something is wrong with it; the first finding is in the message.
    """
    problems = [finding for finding in check_folder(folder, paired=paired) if finding.problem]
    if problems:
        command = f"ganc data check {folder}{' --task pix2pix' if paired else ''}"
        more = f" (and {len(problems) - 1} more: {command} lists them)" if len(problems) > 1 else ""
        raise DataError(f"{problems[0].file}: {problems[0].what}{more}")
    letters = LETTERS if is_side_by_side(folder) else ("",)
    return {subset + letter: count or 0 for subset, count in count_images(folder).items() for letter in letters}


def usual_side(folder: Path, letter: str) -> int:
    """Return the side of square images to train on: that of the published networks, less where images are smaller."""
    images = read_images(folder, f"train{letter}")
    sides = sorted(min(images.reading.size(path)) for path in images.paths[:: max(1, len(images) // MEASURED)])
    middle = sides[len(sides) // 2]
    return min(min(DEFAULT_IMAGE_SIZE), max(MULTIPLE, middle // MULTIPLE * MULTIPLE))


def has_gpu() -> bool:
    """Whether training runs on a GPU here. Only where Paddle is built for one it is asked, which takes seconds."""
    try:
        importlib.metadata.version("paddlepaddle-gpu")
    except importlib.metadata.PackageNotFoundError:
        return False
    return select_device("auto").startswith("gpu")


def require_packages(*packages: Package) -> None:
    """Raise MissingDependencyError unless all packages are installed; it names all that are not, and one command."""
    absent = [package for package in packages if not package.installed]
    if absent:
        names, extras = (
            ", ".join(one.title or one.module for one in absent),
            ",".join(one.extras[0] for one in absent),
        )
        raise MissingDependencyError(f"not installed: {names}; {install_command(extras)}")


def require_commands(stages: Iterable[str]) -> None:
    """Raise MissingDependencyError unless the commands of all stages are installed; it names those that are not."""
    known = {script.name for script in importlib.metadata.entry_points(group="console_scripts")}
    absent = dict.fromkeys(STAGES[stage].words[0] for stage in stages if STAGES[stage].words[0] not in known)
    if absent:
        raise MissingDependencyError(f"not installed: {', '.join(absent)}; {install_tools(*absent)}")


def require_lite0(configuration: Configuration) -> None:
    """Read the weights of EfficientNet-Lite0 where the losses or the metric need them.

    Raises:
        MissingDependencyError: they are not installed.
        FileFormatError: their file is missing or damaged.
    """
    from ganc.metrics.lite0.weights import packaged_tensors

    stages = {configuration.behind_teacher, *(("supernet", "finetune") if configuration.searches else ())}
    added = [configuration.setting(stage, "added_weights").added_weights for stage in stages]
    if configuration.feature_set is None or any(LossName.LITE0.value in weights for weights in added):
        packaged_tensors()
