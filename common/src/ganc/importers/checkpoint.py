"""Making a checkpoint of networks that another program trained."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ganc.base.direction import Direction
from ganc.base.errors import FileFormatError, SpecError
from ganc.base.reading import read_bytes
from ganc.data.images import CHANNELS
from ganc.files.checkpoint import DISCRIMINATOR, GENERATOR, REVERSE, Checkpoint
from ganc.importers.files import EXPECTED, networks_in
from ganc.importers.networks import Tensors, is_generator, named_networks, roles
from ganc.importers.resnet import network_state
from ganc.importers.safe_pickle import RefusedError, printable
from ganc.models.convolutions import NetworkState
from ganc.models.space import SearchSpace
from ganc.models.spec import DiscriminatorSpec, GeneratorSpec
from ganc.models.task import CYCLEGAN, PIX2PIX, PUBLISHED, Task, TaskName

STAGE, SUPERNET_STAGE = "import", "supernet"
SPECS = {GENERATOR: GeneratorSpec, DISCRIMINATOR: DiscriminatorSpec}


class SeveralNetworksError(FileFormatError):
    """A file holds several networks, and nothing tells which of them is meant."""


def import_checkpoint(
    files: Mapping[str, Path],
    *,
    direction: Direction = Direction.A_TO_B,
    image_size: tuple[int, int] = (256, 256),
    dropout: float | None = None,
    space: SearchSpace | None = None,
    key: str | None = None,
    task: TaskName | None = None,
    note: Callable[[str], object] = lambda text: None,
) -> Checkpoint:
    """Return the checkpoint of networks in `.pth`, `.pdparams` or `.safetensors` files.

    Args:
        files: a file for each network, by the names of the checkpoint; that of the generator may hold others too.
        direction: which way the generator translates.
        image_size: (width, height) of the images that it was trained on, which no such file tells.
        dropout: of generators whose blocks number one; None takes that of the program that made the file.
        key: which of several networks in the generator's file it is, by its place there, such as "state_dict.g_A2B";
            None takes what the names tell.
        task: what it was trained for; None is what the discriminators tell, a CycleGAN where there are none.
        note: is called with a line about each network that lies beside the generator in its file and cannot be used.
        space: the search space of a supernet, which has the tensors of a plain generator; None: it is none.

    Raises:
        FileFormatError: a file is damaged, needs more than plain containers, or holds another network.
        SpecError: the networks, the size or the space do not fit together.
    """
    networks: dict[str, NetworkState] = {}
    sources: dict[str, str] = {}
    for role, path in files.items():
        content = read_bytes(path, EXPECTED, pipe=True)  # once: a pipe can be read no second time
        sources[role] = hashlib.sha256(content).hexdigest()
        found = named_networks(networks_in(content, path))
        places = _places(path, found, role, direction, key if role == GENERATOR else None)
        networks |= _states(path, found, role, places, dropout, note)
    spec: GeneratorSpec = networks[GENERATOR].spec
    for count in (spec.in_channels, spec.out_channels):
        if count not in CHANNELS:
            raise SpecError(
                f"{files[GENERATOR]}: the generator has {spec.in_channels} channels in and {spec.out_channels} out;"
                f" images have {', '.join(map(str, CHANNELS))}"
            )
    spec.require_size(*image_size)
    training: dict[str, Any] = {"image_size": list(image_size)}
    if space is not None:
        space.require_within(spec.widths, files[GENERATOR])
        training["space"] = space.text
    return Checkpoint(
        stage=SUPERNET_STAGE if space else STAGE,
        task=_task(networks, task),
        direction=direction,
        networks=networks,
        training=training,
        sources=sources,
    )


def _states(
    path: Path,
    found: Mapping[str, Tensors],
    role: str,
    places: Mapping[str, str],
    dropout: float | None,
    note: Callable[[str], object],
) -> dict[str, NetworkState]:
    """Return the networks at `places`, by the names of the checkpoint; that of `role` must be one that ganc has."""
    states = {}
    for name, place in places.items():
        try:
            states[name] = network_state(found[place], dropout)
        except RefusedError as error:
            inside = f" ({printable(place[:50])})" if place else ""
            if name != role:  # it lies beside what was asked for
                note(f"{path}{inside}: is left out: it {error}")
                continue
            raise FileFormatError(f"{path}{inside}: {error}") from error
        if not isinstance(states[name].spec, SPECS[name.removesuffix(REVERSE)]):
            kinds = [kind for kind in SPECS if isinstance(states[name].spec, SPECS[kind])]
            raise FileFormatError(f"{path}: holds a {kinds[0]}, expected a {name.removesuffix(REVERSE)}")
    return states


def _places(
    path: Path, found: Mapping[str, Tensors], role: str, direction: Direction, key: str | None
) -> dict[str, str]:
    """Return where in the file the networks are that it brings, by the names of the checkpoint.

    That is the one of `key`, the file's only one, what the names tell, or the only one of the kind.
    """
    if key is not None:
        if key not in found:
            raise FileFormatError(f"{path}: holds no network '{printable(key[:50])}', it has {_listed(found)}")
        return {role: key}
    if len(found) == 1:
        return {role: next(iter(found))}
    named = roles(list(found), direction)
    if len(named.get(role, ())) == 1:
        return {name: places[0] for name, places in named.items() if len(places) == 1 and role in (name, GENERATOR)}
    alike = [place for place, tensors in found.items() if is_generator(tensors) == role.startswith(GENERATOR)]
    if len(alike) == 1:
        return {role: alike[0]}
    choose = "; choose one with --key" if role == GENERATOR else f"; save the {role} in a file of its own"
    raise SeveralNetworksError(f"{path}: holds several networks, {_listed(found)}{choose}")


def _listed(found: Mapping[str, Tensors]) -> str:
    names = [f"'{printable(place[:50])}'" for place in sorted(found)]
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _task(networks: Mapping[str, NetworkState], wanted: TaskName | None) -> Task:
    """Return the task that the discriminators' inputs tell; where there are none, the wanted one or a CycleGAN."""
    spec: GeneratorSpec = networks[GENERATOR].spec
    ends = {"": (spec.in_channels, spec.out_channels), REVERSE: (spec.out_channels, spec.in_channels)}
    tasks = []
    for suffix, (source, target) in ends.items():
        if GENERATOR + suffix in networks:
            other = networks[GENERATOR + suffix].spec
            if (other.in_channels, other.out_channels) != (source, target):
                raise SpecError(
                    f"the generators do not go together: one makes {spec.out_channels} channels of {spec.in_channels}, "
                    f"the reverse one {other.out_channels} of {other.in_channels}"
                )
        if DISCRIMINATOR + suffix in networks:
            seen = networks[DISCRIMINATOR + suffix].spec.in_channels
            if seen not in (target, source + target):
                raise SpecError(
                    f"{DISCRIMINATOR + suffix} judges {seen} channels, the generator makes {target} of {source}"
                )
            tasks.append(CYCLEGAN if seen == target else PIX2PIX)  # the other sees the source too
    if len(set(tasks)) > 1:
        raise SpecError("one discriminator judges images, the other images with their sources")
    if tasks and wanted not in (None, tasks[0].name):
        raise SpecError(
            f"--task {wanted.value}: the discriminator judges as that of {tasks[0].title}; leave --task out"
        )
    return tasks[0] if tasks else PUBLISHED[wanted or TaskName.CYCLEGAN]
