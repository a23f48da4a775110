"""Which generators a pipeline's configuration means: what each stage trains, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ganc.base.errors import SelectionError
from ganc.base.text import format_count
from ganc.models.family import ORIGINAL_BLOCK, format_widths
from ganc.models.space import SearchSpace
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts
from ganc.workflow.configuration import Configuration
from ganc.workflow.stage_options import ConfigurationError

TRIED = 2000  # sub-networks among which the one to fine-tune is guessed


@dataclass(frozen=True, kw_only=True)
class Networks:
    """The generators of one pipeline.

    Attributes:
        original: what stage 1 starts from, where that is there or made.
        teacher: what the student learns from.
        trained: by stage, what it trains, in the order of the stages; of the supernet its largest.
        space: the supernet's sub-networks; None where there is no supernet.
        sandwiched: whether a step of the supernet trains three of them.
        chosen: a sub-network such as the search will choose; the student where there is no search.
        image_size: (width, height) of evaluated images.
    """

    original: GeneratorSpec | None
    teacher: GeneratorSpec
    trained: Mapping[str, GeneratorSpec]
    space: SearchSpace | None
    sandwiched: bool
    chosen: GeneratorSpec
    image_size: tuple[int, int]

    @classmethod
    def of(cls, configuration: Configuration, given: GeneratorSpec | None) -> "Networks":
        """Return the networks of a configuration.

        Args:
            given: the generator of the file that is named as teacher, or that stage 1 starts from; None where there is
                no such file.

        Raises:
            ConfigurationError: a stage's networks do not fit those of the stage before.
            SelectionError: no sub-network is as small as is asked; the message names the smallest.
            SpecError: images of this size do not fit.
        """
        trained: dict[str, GeneratorSpec] = {}
        original = None if configuration.has("teacher") else given
        if configuration.has("original"):
            original = trained["original"] = replace(_first(configuration, "original"), block=ORIGINAL_BLOCK)
        if given and configuration.has("teacher"):
            teacher = given
        elif original and configuration.teacher_from == "original":
            teacher, original = original, None
        else:
            teacher = trained["replace"] = _first(configuration, "replace")
            if original and configuration.setting("replace", "init_from").init_from:
                _require_alike(original, teacher)
        size = configuration.setting(configuration.behind_teacher, "eval_size").eval_size
        if configuration.distills:
            widths = teacher.shape.full_widths(configuration.setting("distill", "all_widths").all_widths[0])
            student = trained["distill"] = _narrowed(teacher, widths, "distill: widths")
        else:
            student = _straight(configuration, teacher)
        student.require_size(*size)
        space, sandwiched, chosen = None, False, student
        if configuration.searches:
            supernet = configuration.setting("supernet", "space")
            space, sandwiched = supernet.space, supernet.sampling.value == "sandwich"
            trained["supernet"] = _narrowed(student, space.largest, "supernet: space")
            chosen = trained["finetune"] = _chosen(configuration, student, space, size)
        return cls(
            original=original,
            teacher=teacher,
            trained=trained,
            space=space,
            sandwiched=sandwiched,
            chosen=chosen,
            image_size=size,
        )


def _straight(configuration: Configuration, teacher: GeneratorSpec) -> GeneratorSpec:
    """Return what the supernet is where no student was distilled: the blocks of one, as wide as is asked."""
    supernet = configuration.setting("supernet", "space")
    widths = teacher.shape.full_widths((supernet.width,)) if supernet.width else supernet.space.largest
    blocks = replace(teacher, block=teacher.shape.blocks[0], dropout=0.0)
    if supernet.start_from.value == "teacher" and not supernet.init_from:
        return _narrowed(blocks, widths, "supernet: space")
    return replace(blocks, widths=widths)


def _first(configuration: Configuration, stage: str) -> GeneratorSpec:
    return configuration.setting(stage, "cycle_weight").generator


def _require_alike(original: GeneratorSpec, teacher: GeneratorSpec) -> None:
    """Raise ConfigurationError where stage 1 cannot start from the original."""
    for name in ("family", "in_channels", "out_channels", "n_blocks", "widths"):
        ours, theirs = getattr(teacher, name), getattr(original, name)
        if ours != theirs:
            ours, theirs = map(format_widths, (ours, theirs)) if name == "widths" else (ours, theirs)
            raise ConfigurationError(
                f"replace: {name}: {ours} are not those of the original, {theirs}; make them equal"
            )


def _narrowed(spec: GeneratorSpec, widths: tuple[int, ...], place: str) -> GeneratorSpec:
    if len(widths) != len(spec.widths) or any(map(int.__gt__, widths, spec.widths)):
        raise ConfigurationError(
            f"{place}: {format_widths(widths)} is more than {format_widths(spec.widths)}, which it is made of"
        )
    return spec.narrowed(widths)


def _chosen(
    configuration: Configuration, student: GeneratorSpec, space: SearchSpace, size: tuple[int, int]
) -> GeneratorSpec:
    """Return a sub-network such as the search chooses: the largest within the bounds among evenly spaced ones."""
    selection = configuration.setting("finetune", "max_macs")
    if selection.widths:
        return _narrowed(student, student.shape.full_widths(selection.widths), "finetune: config")
    costs_of = SubnetCosts(student, size)
    bounds = [bound for bound in (selection.max_macs, configuration.search_macs) if bound is not None]
    most = min(bounds, default=None)
    least = costs_of(space.smallest).macs
    if most is not None and least > most:
        raise SelectionError(
            f"{format_count(most)} MACs are less than those of the smallest sub-network, "
            f"{format_widths(space.smallest)}: {format_count(least)} at {size[0]}x{size[1]}"
        )
    places = np.arange(0, len(space), max(1, len(space) // TRIED))
    tried = [tuple(row) for row in space.at(places).tolist()]
    allowed = [widths for widths in tried if most is None or costs_of(widths).macs <= most]
    return student.narrowed(max(allowed or [space.smallest], key=lambda widths: costs_of(widths).macs))
