"""What a supernet starts from where no student was distilled: fresh weights, or its teacher's channels."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ganc.files.checkpoint import DISCRIMINATOR, Checkpoint
from ganc.models.convolutions import NetworkState, initial_state, tensor_shapes
from ganc.models.family import Widths
from ganc.models.spec import GeneratorSpec
from ganc.training.importance import prune
from ganc.training.recipes import Ranking
from ganc.training.refit import Kept
from ganc.training.settings import NO_REFIT, RefitSettings
from ganc_supernet.settings import StartFrom

_STREAM = "initialise/supernet/generator"


@dataclass(frozen=True)
class Beginning:
    """A supernet before its first step.

    Attributes:
        discriminator: what judges it; None where a fresh one does.
        refit, kept, cut: as of a Distillation.
        choices: what belongs to the run's identity; facts: what the checkpoint records.
        notes: what its user should know, a line each.
    """

    generator: NetworkState
    discriminator: NetworkState | None = None
    refit: RefitSettings = NO_REFIT
    kept: Kept = field(default_factory=dict)
    cut: NetworkState | None = None
    choices: Mapping = field(default_factory=dict)
    facts: Mapping = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def from_scratch(teacher: GeneratorSpec, widths: Widths, seed: int) -> Beginning:
    """Return fresh weights of the teacher's depth and of these widths, in its family's first kind of blocks."""
    return Beginning(_fresh(teacher, widths, seed))


def from_teacher(teacher: Checkpoint, widths: Widths, seed: int, ranking: Ranking, refit: RefitSettings) -> Beginning:
    """Return the teacher's channels, the most important first: every sub-network is made of the leading ones.

    Of a teacher with other blocks everything else is taken over, and the blocks are made by the refit.

    Raises:
        SpecError: a width exceeds the teacher's.
    """
    pruned = prune(teacher.generator, widths, ranking)
    fresh = _fresh(pruned.state.spec, widths, seed)
    same = fresh.spec.block == pruned.state.spec.block
    equal = same and pruned.state.spec.widths == teacher.generator.spec.widths
    used = NO_REFIT if equal else refit  # a teacher whose channels are in another order is what it was
    unused = refit.images and equal
    said = {"start_from": StartFrom.TEACHER.value}
    return Beginning(
        generator=NetworkState(fresh.spec, dict(pruned.state.tensors)) if same else _joined(fresh, pruned.state),
        discriminator=teacher.networks.get(DISCRIMINATOR),
        refit=used,
        kept=pruned.kept,
        cut=None if same else pruned.state,
        choices={**said, **ranking.choices, **used.choices},
        facts=said,
        notes=("there is nothing to refit: the teacher has such blocks of these widths already",) if unused else (),
    )


def _fresh(teacher: GeneratorSpec, widths: Widths, seed: int) -> NetworkState:
    return initial_state(replace(teacher, widths=widths, block=teacher.shape.blocks[0], dropout=0.0), seed, _STREAM)


def _joined(fresh: NetworkState, pruned: NetworkState) -> NetworkState:
    """Return the fresh network with every tensor of the pruned one that has its name and shape."""
    shapes = tensor_shapes(fresh.spec)
    taken = {name: array for name, array in pruned.tensors.items() if shapes.get(name) == array.shape}
    return NetworkState(fresh.spec, {**fresh.tensors, **taken})
