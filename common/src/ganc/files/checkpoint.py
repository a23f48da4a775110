"""Checkpoints: what a stage hands to the next, in one safetensors file. `docs/formats.md` specifies it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ganc.base.digests import tensors_digest
from ganc.base.direction import Direction
from ganc.base.errors import FileFormatError, RunError, SpecError
from ganc.base.image_files import LARGEST_SIDE
from ganc.base.json_text import JsonObject
from ganc.data.reading import Readings
from ganc.files.tensors import read_tensors, write_tensors
from ganc.models.convolutions import NetworkSpec, NetworkState
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec, GeneratorSpec, spec_from_json
from ganc.models.task import Task

FORMAT = "ganc-checkpoint"
VERSION, WITHOUT_CHECKSUM = 2, (1,)

# Network names of the format, with the class of their specs. `_b` is the reverse direction.
GENERATOR, DISCRIMINATOR, ADAPTORS = "generator", "discriminator", "adaptors"
REVERSE = "_b"
SPECS: dict[str, type] = {
    GENERATOR: GeneratorSpec,
    DISCRIMINATOR: DiscriminatorSpec,
    GENERATOR + REVERSE: GeneratorSpec,
    DISCRIMINATOR + REVERSE: DiscriminatorSpec,
    ADAPTORS: AdaptorsSpec,
}

ANCESTORS = "ancestors"  # the training fact of what it started from, and that from, the nearest first
WIDTHS = "widths"  # the training fact of a generator that was trained at several widths, which it lists

DEFAULT_IMAGE_SIZE = (256, 256)  # of the published networks


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The networks that a stage made, and how.

    Attributes:
        stage: the stage's name.
        direction: which way `generator` translates.
        networks: states by name (generator, discriminator, adaptors; `_b` for the reverse direction).
        training: facts such as steps, seed, data fingerprint, image size and metric; plain JSON values.
        sources: content digests of the files it was made from, by role.
        file_digest: the digest of the file whose other direction this is; empty where it is no other direction.
    """

    stage: str
    task: Task
    direction: Direction
    networks: Mapping[str, NetworkState]
    training: Mapping = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    file_digest: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "direction", Direction(self.direction))

    @property
    def image_size(self) -> tuple[int, int]:
        """(width, height) of the images that it was trained on; 256 x 256 where the file does not say."""
        width, height = self.training.get("image_size") or DEFAULT_IMAGE_SIZE
        return width, height

    @property
    def generator(self) -> NetworkState[GeneratorSpec]:
        return self.networks[GENERATOR]

    @property
    def readings(self) -> Readings:
        """How the generator was shown image files. Raises DataError where the training facts are damaged."""
        spec = self.generator.spec
        return Readings.recorded(self.training, (spec.in_channels, spec.out_channels))

    @cached_property
    def digest(self) -> str:
        """The content digest over all tensors and specs; of a checkpoint that was turned round, its file's."""
        return self.file_digest or tensors_digest(
            {name: asdict(state.spec) for name, state in self.networks.items()}, flatten_networks(self.networks)
        )

    def facing(self, direction: Direction, path: Path) -> "Checkpoint":
        """Return the checkpoint as one of `direction`: the reverse networks take the forward ones' places.

        The digest stays that of the file; the metric, which is the forward generator's, goes.

        Raises:
            FileFormatError: it has no networks of that direction; `path` is named.
        """
        if direction == self.direction:
            return self
        if GENERATOR + REVERSE not in self.networks:
            both = "the checkpoint of ganc-replace, which has both"
            other = both if self.task.both_ways else f"one that was trained with --direction {direction}"
            raise FileFormatError(
                f"{path}: holds a generator for {self.direction} only, expected one for {direction}; "
                f"use --direction {self.direction}, or {other}"
            )
        networks = {_reversed_name(name): state for name, state in self.networks.items() if name != ADAPTORS}
        training = {name: fact for name, fact in self.training.items() if name != "metric"}  # of the forward generator
        return replace(self, direction=direction, networks=networks, training=training, file_digest=self.digest)

    def extracted(self, names: Iterable[str], path: Path) -> "Checkpoint":
        """Return the checkpoint with these networks only; its digest becomes a source of the new one.

        Args:
            path: of the file, for the message.

        Raises:
            SpecError: there is no such network, or the generator is not among them.
        """
        for name in names:
            if name not in self.networks:
                raise SpecError(f"{path}: has no network '{name}', expected some of {', '.join(self.networks)}")
        if GENERATOR not in names:
            raise SpecError(f"{path}: a checkpoint needs the network '{GENERATOR}'; name it too")
        networks = {name: state for name, state in self.networks.items() if name in names}
        return replace(self, networks=networks, sources={**self.sources, "extracted": self.digest})


def _reversed_name(name: str) -> str:
    return name.removesuffix(REVERSE) if name.endswith(REVERSE) else name + REVERSE


def flatten_networks(networks: Mapping[str, NetworkState]) -> dict[str, np.ndarray]:
    """Return the tensors of all networks, each named `network.tensor`."""
    return {f"{name}.{key}": tensor for name, state in networks.items() for key, tensor in state.tensors.items()}


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; equal checkpoints give equal bytes.

    Raises:
        RunError: a tensor holds numbers that are not finite; it is named, and nothing is written.
        WriteError: the file cannot be written; an older one stays.
    """
    tensors = flatten_networks(checkpoint.networks)
    if name := _not_finite(tensors):
        raise RunError(
            f"{path}: not written, because tensor {name} holds numbers that are not finite: the training failed; "
            "train with a lower --lr or without --amp, and with --restart"
        )
    header = {
        "format": FORMAT,
        "version": VERSION,
        "stage": checkpoint.stage,
        "task": checkpoint.task.to_json(),
        "direction": checkpoint.direction,
        "networks": {name: asdict(state.spec) for name, state in checkpoint.networks.items()},
        "training": dict(checkpoint.training),
        "sources": dict(checkpoint.sources),
    }
    write_tensors(path, header, tensors)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and check every tensor against the specs. Members that it does not know are passed over.

    Raises:
        FileFormatError: no such file, another kind or version, truncated, a missing tensor, a wrong shape, or
            numbers that are not finite; the member is named.
    """
    header, tensors = read_tensors(path, FORMAT, VERSION, WITHOUT_CHECKSUM)
    content = JsonObject.of(header, path)
    try:
        networks = {
            name: NetworkState(spec, _belonging(tensors, name)) for name, spec in _specs(content.within("networks"))
        }
        if GENERATOR not in networks:
            raise SpecError("no generator in it")
        return Checkpoint(
            stage=content.take("stage", str),
            task=Task.from_json(content.within("task").members),
            direction=Direction(content.take("direction", str)),
            networks=networks,
            training=_training(content.within("training", {})),
            sources=_sources(content.within("sources", {})),
        )
    except SpecError as error:
        raise FileFormatError(f"{path}: {error}") from error


def require_stage(checkpoint: Checkpoint, path: Path, stages: tuple[str, ...], role: str) -> None:
    """Raise FileFormatError unless the checkpoint comes from one of `stages`."""
    if checkpoint.stage not in stages:
        maker = "ganc import" if checkpoint.stage == "import" else f"ganc-{checkpoint.stage}"
        raise FileFormatError(
            f"{path}: a checkpoint of {maker}, expected one of "
            f"{', '.join('ganc-' + stage for stage in stages)} as {role}"
        )


def require_same_task(checkpoint: Checkpoint, path: Path, task: Task, role: str) -> None:
    """Raise FileFormatError unless a checkpoint was trained for a task, which is that of `role` in the message."""
    if checkpoint.task.kinds != task.kinds:
        raise FileFormatError(
            f"{path}: was trained as {checkpoint.task.title}, and {role} as {task.title}; expected one task of both "
            "(for networks of other programs ganc import has --task)"
        )


def require_supernet(checkpoint: Checkpoint, path: Path) -> None:
    """Raise FileFormatError unless the generator has sub-networks that were trained: a supernet, or several widths."""
    if WIDTHS not in checkpoint.training:
        require_stage(checkpoint, path, ("supernet",), "--supernet")


def _specs(stored: JsonObject) -> Iterator[tuple[str, NetworkSpec]]:
    """Yield the specs of the networks that this version knows, by name."""
    for name in stored.members:
        if name in SPECS:
            try:
                yield name, spec_from_json(SPECS[name], stored.within(name).members)
            except (TypeError, ValueError) as error:
                raise SpecError(f"its '{stored.place}.{name}' has a value of a wrong type ({error})") from error


def _training(facts: JsonObject) -> dict:
    """Return the training facts, after checking those that ganc itself reads."""
    size = facts.take("image_size", list, [1, 1])
    if len(size) != 2 or any(type(side) is not int or not 0 < side <= LARGEST_SIDE for side in size):
        raise SpecError(f"its 'training.image_size' is {str(size)[:40]}, expected two sizes in pixels")
    facts.take("space", str, "")
    if any(not isinstance(one, str) for one in facts.take(WIDTHS, list, [])):
        raise SpecError("its 'training.widths' has a member that is no string")
    if any(not isinstance(one, Mapping) for one in facts.take(ANCESTORS, list, [])):
        raise SpecError(f"its 'training.{ANCESTORS}' has a member that is no object")
    if facts.members.get("metric") is not None:
        metric = facts.within("metric")
        metric.take("name", str)
        metric.take("value", float)
        if "chosen_on" in metric.members:
            metric.take("subset", str)
            chosen = metric.within("chosen_on")
            chosen.take("subset", str)
            chosen.take("images", int)
    return dict(facts.members)


def _sources(sources: JsonObject) -> dict[str, str]:
    return {role: sources.take(role, str) for role in sources.members}


def _belonging(tensors: Mapping[str, np.ndarray], network: str) -> dict[str, np.ndarray]:
    """Return the tensors of a network, all of whose numbers must be finite."""
    prefix = network + "."
    own = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
    if name := _not_finite(own):
        raise SpecError(f"tensor {prefix}{name} holds numbers that are not finite: its training failed")
    return own


def _not_finite(tensors: Mapping[str, np.ndarray]) -> str | None:
    """Return the name of the first tensor that holds a NaN or an infinity, None if there is none."""
    for name, array in tensors.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return name
    return None
