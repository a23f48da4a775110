"""What `ganc compress` chooses itself: which stages, networks, sizes and, of a time to spend, epochs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ganc.base.direction import Direction
from ganc.base.engine_table import FORMATS, REFERENCE, engines_of_parts, usable_engines, variant_packages
from ganc.base.errors import SelectionError
from ganc.base.extras import missing
from ganc.base.text import format_count
from ganc.models.family import MOBILE, format_widths
from ganc.models.spec import GeneratorSpec
from ganc.models.task import TaskName
from ganc.models.thinning import smallest, space_of, thinned
from ganc.workflow.configuration import ALONE
from ganc.workflow.estimate import Timings, epoch_steps
from ganc.workflow.preset_names import Preset

Size = tuple[int, int]
BATCH = 2
# Largest side from which a CPU trains on crops of half the side: the scale of patterns stays, a step costs a quarter.
CROPPED = 192
SEARCH_IMAGES, LEAST_SEARCH_IMAGES = 60, 8
MOST_STEPS = 100_000  # of a stage; more was never seen to help

# Minutes of training; the rest of the preset's time is for what is around it. None: as many epochs as are published.
MINUTES = {Preset.MINUTES: 11, Preset.OVERNIGHT: 440, Preset.PUBLISHED: None}
# What is trained from scratch where nothing is there: base width, blocks and image side.
SCRATCH = {Preset.MINUTES: (16, 6, 64), Preset.OVERNIGHT: (24, 9, 128), Preset.PUBLISHED: (64, 9, 256)}
# Of the published stages: epochs at the full learning rate, as many follow.
PUBLISHED_EPOCHS = {"replace": 100, "distill": 100, "supernet": 200, "finetune": 50}
PUBLISHED_WIDTH = 32


@dataclass(frozen=True, kw_only=True)
class Given:
    """What there is to compress, and how small it has to become.

    Attributes:
        data, out, teacher: absolute paths; a teacher of None is trained.
        generator: the teacher's.
        size: (width, height) of its images.
        images: how many there are, by subset.
        max_macs: the budget; None is half of what the teacher has with mobile blocks.
        gpu: whether there is one.
        task: what is trained; None is a CycleGAN, or what the teacher's file says.
    """

    data: str
    out: str
    teacher: str | None
    generator: GeneratorSpec | None
    size: Size
    images: Mapping[str, int]
    direction: Direction
    max_macs: int | None
    gpu: bool
    task: TaskName | None = None


def configuration_of(given: Given, preset: Preset) -> dict:
    """Return the pipeline's configuration; where the preset has a time, epochs are still to be chosen (`scheduled`).

    Raises:
        SelectionError: the budget is less than the smallest sub-network has, which the message names, or is no
            reduction of a teacher of mobile blocks.
        SpecError: the image size does not fit the generator.
    """
    teacher = _teacher(given, preset)
    teacher.require_size(*given.size)
    macs = teacher.costs(given.size).macs
    budget = given.max_macs or macs // 2
    if budget >= macs and teacher == given.generator:
        raise SelectionError(
            f"{format_count(budget)} MACs are no reduction: {given.teacher} has {format_count(macs)} at "
            f"{given.size[0]}x{given.size[1]}; ask for less"
        )
    values: dict = {"out": given.out, "data": given.data, "images": _images(given, preset)}
    if given.task:
        values["task"] = given.task.value
    if given.teacher:
        values["start" if _is_original(given.generator) else "teacher"] = given.teacher
    if not given.teacher or _is_original(given.generator):
        values["replace"] = _replace(given, preset, teacher)
    result = thinned(teacher, budget, given.size)
    values["export"] = {"format": _writable_formats()}
    if preset is Preset.MINUTES:
        # A discriminator doubles what a step costs, and so few steps gain nothing by it (docs/distillation.md). With
        # pairs that was not measured.
        alone = {} if given.task is TaskName.PIX2PIX else {"gan-weight": 0}
        return values | {"stages": ALONE, "distill": {"widths": format_widths(result), **alone}}
    if aside := min(SEARCH_IMAGES, given.images.get(f"train{given.direction.source}", 0) // 8):
        values["search_images"] = aside if aside >= LEAST_SEARCH_IMAGES else 0
    return values | _searched(given, preset, teacher, budget)


def scheduled(values: Mapping, preset: Preset, images: Mapping[str, int], timings: Timings | None) -> dict:
    """Return the configuration with the epochs of its stages: those published, or as many as there is time for."""
    minutes, changed = MINUTES[preset], dict(values)
    stages = [name for name in PUBLISHED_EPOCHS if name in values]
    shares = _shares(values, stages)
    for stage in stages:
        if minutes is None or timings is None:
            epochs = {"epochs": PUBLISHED_EPOCHS[stage], "decay-epochs": PUBLISHED_EPOCHS[stage]}
        else:
            steps = min(MOST_STEPS, int(60 * minutes * shares[stage] / timings.step[stage]))
            aside, paired = values.get("search_images", 0), values.get("task") == TaskName.PIX2PIX.value
            epochs = _epochs(steps, epoch_steps(images, values["images"]["batch-size"], aside, paired=paired))
        if stage == "finetune" and minutes is not None:
            epochs["eval-every"] = max(1, (epochs["epochs"] + epochs["decay-epochs"]) // 4)
        changed[stage] = {**values[stage], **epochs}
    return changed


def _teacher(given: Given, preset: Preset) -> GeneratorSpec:
    """Return what the student learns from: the given generator, one of mobile blocks of its widths, or a fresh one."""
    if given.generator:
        return replace(given.generator, block=MOBILE, dropout=0.0) if _is_original(given.generator) else given.generator
    width, blocks, _ = SCRATCH[preset]
    return GeneratorSpec(widths=(width,) * 8, n_blocks=blocks)


def _is_original(generator: GeneratorSpec | None) -> bool:
    return generator is not None and MOBILE in generator.shape.blocks and generator.block != MOBILE


def _images(given: Given, preset: Preset) -> dict:
    size = "x".join(map(str, dict.fromkeys(given.size)))
    direction = {"direction": given.direction.value} if given.direction != Direction.A_TO_B else {}
    if preset is Preset.PUBLISHED:
        load = "x".join(str(round(side * 286 / 256)) for side in dict.fromkeys(given.size))
        return direction | {"load-size": load, "crop-size": size, "batch-size": 1, "lr": 0.0002, "eval-every": 20}
    crop = [side // 8 * 4 if min(given.size) >= CROPPED and not given.gpu else side for side in given.size]
    engine = REFERENCE if given.gpu else usable_engines(engines_of_parts())[0]
    return direction | {
        "load-size": size,
        "crop-size": "x".join(map(str, dict.fromkeys(crop))),
        "eval-size": size,
        "batch-size": BATCH,
        "engine": engine,
        "device": "gpu" if given.gpu else "cpu",
        "eval-every": 0,
    }


def _replace(given: Given, preset: Preset, teacher: GeneratorSpec) -> dict:
    """Return the options of stage 1: it imitates the original that is there, or trains from scratch."""
    shape = {"widths": format_widths(teacher.widths), "n-blocks": teacher.n_blocks}
    if preset is Preset.PUBLISHED:
        return shape
    if given.generator:
        return shape | {"recipe": "imitate"}
    return shape | {"discriminator-width": 32, "lr": 0.0004}


def _searched(given: Given, preset: Preset, teacher: GeneratorSpec, budget: int) -> dict:
    """Return the options of the stages behind the teacher where all of them run."""
    costs = teacher.costs(given.size).macs
    if preset is Preset.PUBLISHED and min(teacher.widths) >= PUBLISHED_WIDTH:
        recipe = {"recipe": "published"}
        return {
            "distill": recipe | {"width": PUBLISHED_WIDTH},
            "supernet": recipe | {"space": f"channels-{PUBLISHED_WIDTH}"},
            "search": {"max-macs": budget},
            "finetune": recipe | {"max-macs": budget},
        }
    # Between the teacher and the budget: large enough to hold the best, and near enough to start it well.
    student_macs = int(math.sqrt(costs * budget)) if costs > budget else costs
    student = thinned(teacher, student_macs, given.size)
    thinner = teacher.narrowed(student)
    floor = thinner.narrowed(smallest(thinner)).costs(given.size).macs
    wanted = [int(math.sqrt(student_macs * budget)), budget, int(0.75 * budget), int(0.5 * budget)]
    choices = [thinned(thinner, macs, given.size) for macs in wanted if floor <= macs < student_macs]
    published = {"recipe": "published"} if preset is Preset.PUBLISHED else {}
    return {
        # What comes of the student is trained on with a discriminator; it has none, as its steps cost half as much.
        "distill": {**(published or {"gan-weight": 0}), "widths": format_widths(student)},
        "supernet": published | {"space": space_of([student, *choices])},
        "search": {"max-macs": budget, **({} if published else {"samples": 200})},
        "finetune": published | {"max-macs": budget, **({} if published else {"lr": 0.0005})},
    }


def _shares(values: Mapping, stages: list[str]) -> dict[str, float]:
    """Return which part of the time each stage has; a CycleGAN from scratch needs most of it."""
    weights = {"replace": 0.35 if "start" in values else 1.2, "distill": 0.32, "supernet": 0.36, "finetune": 0.32}
    whole = sum(weights[stage] for stage in stages)
    return {stage: weights[stage] / whole for stage in stages}


def _epochs(steps: int, an_epoch: int) -> dict[str, int]:
    """Return a schedule of about so many steps: two fifths at the full learning rate, less than an epoch cut short."""
    epochs = round(steps / an_epoch)
    if epochs < 1:
        return {"epochs": 0, "decay-epochs": 1, "max-steps": max(1, steps)}
    return {"epochs": round(0.4 * epochs), "decay-epochs": epochs - round(0.4 * epochs)}


def _writable_formats() -> list[str]:
    return [name for name, row in FORMATS.items() if not row.page and not missing(variant_packages(name, "f32"))]
