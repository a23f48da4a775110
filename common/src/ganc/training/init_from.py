"""Starting from another checkpoint's networks with a schedule of its own: --init-from of all training stages.

What was learnt is in the networks, so a finished run is prolonged, or goes on with another batch size or learning rate.
Optimizers, image pools and random draws start anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ganc.base.direction import Direction
from ganc.base.errors import DataError, SpecError
from ganc.data import Readings
from ganc.files.checkpoint import ANCESTORS, GENERATOR, Checkpoint, read_checkpoint
from ganc.models.convolutions import NetworkState, tensor_shapes
from ganc.models.family import format_widths
from ganc.models.spec import GeneratorSpec

ROLE = "init_from"  # in the sources of what comes out
# What two generators must have alike; dropout has no tensors.
_ALIKE = ("family", "in_channels", "out_channels", "n_blocks", "widths")


@dataclass(frozen=True)
class InitFrom:
    """A checkpoint whose networks a run starts from.

    Attributes:
        checkpoint: facing the run's direction.
        path: its file, for messages.
    """

    checkpoint: Checkpoint
    path: Path

    @classmethod
    def read(cls, path: Path, direction: Direction) -> "InitFrom":
        """Return the file's checkpoint. Raises FileFormatError: it is none, or of another direction."""
        return cls(read_checkpoint(path).facing(direction, path), path)

    @property
    def sources(self) -> dict[str, str]:
        """What a checkpoint that starts here has among its sources."""
        return {ROLE: self.checkpoint.digest}

    @property
    def facts(self) -> dict:
        """What a checkpoint that starts here records: the chain, the nearest first, with each one's steps."""
        trained = self.checkpoint.training
        own = {"stage": self.checkpoint.stage, "digest": self.checkpoint.digest}
        own |= {"steps": trained["steps"]} if "steps" in trained else {}
        return {ANCESTORS: [own, *trained.get(ANCESTORS, [])]}

    def taken(self, states: Mapping[str, NetworkState]) -> int:
        """Return how many tensors such networks take over."""
        theirs = self.checkpoint.networks
        return sum(len(_fitting(theirs[name], state)) for name, state in states.items() if name in theirs)

    def whole(self, spec: GeneratorSpec) -> bool:
        """Whether a generator of this spec takes over all its tensors."""
        return self.checkpoint.generator.spec.block == spec.block

    def into(self, states: Mapping[str, NetworkState], *, other_blocks: bool = False) -> dict[str, NetworkState]:
        """Return networks by name with the checkpoint's tensors; a network that it lacks stays as it is.

        A discriminator or adaptors of another shape stay too: they learn again what they judge.

        Args:
            other_blocks: whether a generator may have blocks of another kind, which then stay as they are.

        Raises:
            SpecError: its generator is of another family or shape; what differs is said.
        """
        found = {name: self.checkpoint.networks[name] for name in states if name in self.checkpoint.networks}
        alike = _ALIKE if other_blocks else (*_ALIKE, "block")
        for name, state in found.items():
            if name == GENERATOR:
                self._require_alike(state.spec, states[name].spec, alike)
        return {**states, **{name: _joined(states[name], state, alike) for name, state in found.items()}}

    def require_readings(self, readings: Readings) -> None:
        """Raise DataError where it was shown images at other levels than this run shows them."""
        theirs = self.checkpoint.readings.levels
        if theirs and theirs != readings.levels:
            said = ", ".join(f"{letter} {one}" for letter, one in sorted(theirs.items()))
            raise DataError(f"{self.path}: was trained at the levels {said}, which are not this run's; see --levels")

    def _require_alike(self, theirs: GeneratorSpec, ours: GeneratorSpec, alike: tuple[str, ...]) -> None:
        for name in alike:
            there, here = getattr(theirs, name), getattr(ours, name)
            if there != here:
                there, here = (format_widths(one) if name == "widths" else one for one in (there, here))
                raise SpecError(
                    f"{self.path}: its generator has {name} {there}, this run's {here}: they cannot start from there; "
                    "choose this run's networks as they are in it (ganc inspect shows them), or another --init-from"
                )


def _fitting(theirs: NetworkState, ours: NetworkState) -> dict:
    """Return the tensors of equal name and shape, where the networks are alike in all but a generator's blocks."""
    if not _alike(theirs, ours, _ALIKE):
        return {}
    shapes = tensor_shapes(ours.spec)
    return {name: array for name, array in theirs.tensors.items() if shapes.get(name) == array.shape}


def _joined(ours: NetworkState, theirs: NetworkState, alike: tuple[str, ...]) -> NetworkState:
    if not _alike(theirs, ours, alike):
        return ours
    return NetworkState(ours.spec, {**ours.tensors, **_fitting(theirs, ours)})


def _alike(theirs: NetworkState, ours: NetworkState, alike: tuple[str, ...]) -> bool:
    if not isinstance(ours.spec, GeneratorSpec):
        return theirs.spec == ours.spec
    return all(getattr(theirs.spec, name) == getattr(ours.spec, name) for name in alike)
