"""Where the weights of a stage's losses come from: the published task, the input checkpoint, or what was said."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from ganc.models.task import PUBLISHED, Task


class Origin(Enum):
    """Who says a weight.

    TASK: it is the published one. INPUT: another one that the input checkpoint was trained with. OPTION: an option, or
    the recipe that stands for it.
    """

    TASK = "task"
    INPUT = "input"
    OPTION = "option"


@dataclass(frozen=True)
class Weight:
    """What a loss is multiplied by, and who says so."""

    value: float
    origin: Origin


def loss_weights(task: Task, names: Iterable[str], given: Collection[str]) -> dict[str, Weight]:
    """Return the weights of a stage's task by the losses' names.

    Args:
        task: as the stage trains it.
        names: of the task's weights that the stage has, such as "gan_weight".
        given: those of them that were said.
    """
    published = PUBLISHED.get(task.name) if task.name else None
    found = {}
    for name in names:
        origin = Origin.TASK if published and getattr(task, name) == getattr(published, name) else Origin.INPUT
        found[name.removesuffix("_weight")] = Weight(getattr(task, name), Origin.OPTION if name in given else origin)
    return found


def said_weights(values: Mapping[str, float]) -> dict[str, Weight]:
    """Return weights by the losses' names that no task has, and which were said."""
    return {name: Weight(value, Origin.OPTION) for name, value in values.items()}
