"""Which task a pipeline's configuration says: its own key, or that of the stage that makes the teacher."""

from collections.abc import Mapping
from pathlib import Path

from ganc.base.errors import SettingError
from ganc.data.side_by_side import is_side_by_side
from ganc.files.checkpoint import DISCRIMINATOR, Checkpoint
from ganc.models.task import TaskName
from ganc.workflow.stage_options import ConfigurationError

# The stages that have the option; all others read the task from a checkpoint.
FIRST_STAGES = ("replace", "original")
_NAMES = tuple(name.value for name in TaskName)


def configured_task(said: object, sections: Mapping[str, Mapping]) -> TaskName | None:
    """Return the task that a configuration says, None where it says none.

    Args:
        said: the value of its key `task`, or None.
        sections: the options of each stage; a value that is no task is refused where these are checked.

    Raises:
        ConfigurationError: the key's value is no task, or a stage says another one.
    """
    if said is not None and str(said) not in _NAMES:
        raise ConfigurationError(f"task: {said}: expected {' or '.join(_NAMES)}")
    found = None if said is None else str(said)
    for stage in FIRST_STAGES:
        own = sections[stage].get("task")
        if own is not None and said is not None and str(own) != found:
            raise ConfigurationError(f"{stage}: task: {own}: task says {found}; leave one of the two out")
        found = found or (None if own is None else str(own))
    return TaskName(found) if found in _NAMES else None


def settled_task(asked: TaskName | None, teacher: Checkpoint | None, data: Path | None, how: str) -> TaskName | None:
    """Return the task that is asked for, or that the teacher's file tells where that is pix2pix; else None.

    Args:
        how: what names a task, such as "--task".

    Raises:
        SettingError: nothing tells the task, and the images are of a layout that only pairs have.
    """
    if asked or (teacher and teacher.task.name is TaskName.PIX2PIX):
        return asked or TaskName.PIX2PIX
    told = teacher is not None and (teacher.stage != "import" or DISCRIMINATOR in teacher.networks)
    if data and not told and is_side_by_side(data):
        raise SettingError(
            f"{data}: its files hold both images of a pair side by side: say {how}pix2pix to learn from pairs, or "
            f"{how}cyclegan to take their halves for unpaired images"
        )
    return None
