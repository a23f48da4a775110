"""Making a checkpoint of networks that another program trained."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from ganc.base.errors import FileFormatError, SpecError
from ganc.data.images import CHANNELS
from ganc.files.checkpoint import DISCRIMINATOR, GENERATOR, REVERSE, Checkpoint
from ganc.importers.files import read_networks
from ganc.importers.resnet import network_state
from ganc.importers.safe_pickle import RefusedError, printable
from ganc.models.convolutions import NetworkState
from ganc.models.space import SearchSpace
from ganc.models.spec import DiscriminatorSpec, GeneratorSpec
from ganc.models.task import CYCLEGAN, PIX2PIX, Task

STAGE, SUPERNET_STAGE = "import", "supernet"
SPECS = {GENERATOR: GeneratorSpec, DISCRIMINATOR: DiscriminatorSpec}

# netG, netG_A, G_B, netD_A …: in all these programs G_A translates A to B, and D_A judges what G_A makes.
_NAME = re.compile(r"(?:net)?(?P<kind>[GD])(?:_(?P<domain>[AB]))?")


def import_checkpoint(
    files: Mapping[str, Path],
    *,
    direction: str = "AtoB",
    image_size: tuple[int, int] = (256, 256),
    dropout: float | None = None,
    space: SearchSpace | None = None,
) -> Checkpoint:
    """Return the checkpoint of networks in `.pth` or `.pdparams` files.

    Args:
        files: a file for each network, by the names of the checkpoint; that of the generator may hold others too.
        direction: which way the generator translates.
        image_size: (width, height) of the pictures that it was trained on, which no such file tells.
        dropout: of generators whose blocks number one; None takes that of the program that made the file.
        space: the search space of a supernet, which has the tensors of a plain generator; None: it is none.

    Raises:
        FileFormatError: a file is damaged, needs more than plain containers, or holds another network.
        SpecError: the networks, the size or the space do not fit together.
    """
    networks: dict[str, NetworkState] = {}
    for role, path in files.items():
        networks |= _networks(path, role, dropout)
    spec: GeneratorSpec = networks[GENERATOR].spec
    for count in (spec.in_channels, spec.out_channels):
        if count not in CHANNELS:
            raise SpecError(
                f"{files[GENERATOR]}: the generator has {spec.in_channels} channels in and {spec.out_channels} out;"
                f" images have {', '.join(map(str, CHANNELS))}"
            )
    spec.require_size(*image_size)
    training = {"image_size": list(image_size)}
    if space is not None:
        space.require_within(spec.widths)
        training["space"] = space.text
    return Checkpoint(
        stage=SUPERNET_STAGE if space else STAGE,
        task=_task(networks),
        direction=direction,
        networks=networks,
        training=training,
        sources={role: hashlib.sha256(Path(path).read_bytes()).hexdigest() for role, path in files.items()},
    )


def _networks(path: Path, role: str, dropout: float | None) -> dict[str, NetworkState]:
    """Return the networks that a file brings, by the names of the checkpoint: `role`, and what the generator's adds.

    The optimizers' values that lie beside networks are passed over.
    """
    found = read_networks(path)
    groups = {_role(name): name for name in found if _role(name)}
    if len(found) == 1:
        groups = {role: next(iter(found))}
    elif role not in groups:
        names = ", ".join(repr(name[:50]) for name in sorted(found)[:6])
        raise FileFormatError(f"{path}: holds {names}, none of which is named as a {role} (netG_A, netD_A, …)")
    elif role != GENERATOR:
        groups = {role: groups[role]}
    states = {}
    for name, group in groups.items():
        try:
            states[name] = network_state(found[group], dropout)
        except RefusedError as error:
            inside = f" ({printable(group[:50])})" if group else ""
            raise FileFormatError(f"{path}{inside}: {error}") from error
        if not isinstance(states[name].spec, SPECS[name.removesuffix(REVERSE)]):
            kinds = [kind for kind in SPECS if isinstance(states[name].spec, SPECS[kind])]
            raise FileFormatError(f"{path}: holds a {kinds[0]}, expected a {name.removesuffix(REVERSE)}")
    return states


def _role(name: str) -> str | None:
    matched = _NAME.fullmatch(name)
    if not matched:
        return None
    kind = GENERATOR if matched["kind"] == "G" else DISCRIMINATOR
    return kind + REVERSE if matched["domain"] == "B" else kind


def _task(networks: Mapping[str, NetworkState]) -> Task:
    """Return the task that the discriminators' inputs tell, CycleGAN where there are none."""
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
        raise SpecError("one discriminator judges pictures, the other pictures with their sources")
    return tasks[0] if tasks else CYCLEGAN
