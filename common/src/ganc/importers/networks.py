"""Finding the networks in a file's state dicts, and telling by their names which way each translates."""

import re
from collections.abc import Mapping

import numpy as np

from ganc.base.direction import Direction
from ganc.files.checkpoint import DISCRIMINATOR, GENERATOR, REVERSE

Tensors = Mapping[str, np.ndarray]

# Of torch.nn.DataParallel and torch.compile, which put them before every name inside, in either order.
WRAPPERS = ("module", "_orig_mod")

# A generator's or discriminator's chain is `model.N`; what comes before it is the network's own name.
_IN_CHAIN = re.compile(r"(?P<network>.*?)(?P<tensor>model\.\d+\..*)")

# netG, netG_A, G_B, D_A, generator, g_A2B, G_AB …
_NAME = re.compile(
    r"_?(?:net)?_?(?P<kind>g|d|gen|dis|disc|generator|discriminator)_?(?P<domain>a|b|ab|ba|a2b|b2a|atob|btoa)?",
    re.IGNORECASE,
)


def named_networks(state_dicts: Mapping[str, Tensors]) -> dict[str, Tensors]:
    """Return the networks in the state dicts of a file, each with tensors named as in a file of its own.

    A state dict may hold several, each behind a prefix (`g_A2B.model.1.weight`). Optimizers' values and networks of
    other kinds are left out, unless there is nothing else.

    Returns:
        tensors by the network's place in the file, such as "state_dict.g_A2B"; "" where it is the whole file.
    """
    found: dict[str, Tensors] = {}
    for place, tensors in state_dicts.items():
        for prefix, own in _split(tensors).items():
            if {"model.0.weight", "model.1.weight"} & set(own):
                found[".".join(filter(None, (place, prefix)))] = own
    return found or dict(state_dicts)


def _split(tensors: Tensors) -> dict[str, dict[str, np.ndarray]]:
    """Return the tensors of each network in a state dict, by what comes before their names."""
    parts: dict[str, dict[str, np.ndarray]] = {}
    others = {}
    for name, array in tensors.items():
        if matched := _IN_CHAIN.fullmatch(name):
            parts.setdefault(_unwrapped(matched["network"]), {})[matched["tensor"]] = array
        else:
            others[name] = array
    if "" in parts:
        parts[""] |= others  # one network's own, which is refused for what it has beside its chain
    return parts


def _unwrapped(prefix: str) -> str:
    return ".".join(part for part in prefix.split(".") if part and part not in WRAPPERS)


def is_generator(tensors: Tensors) -> bool:
    """Whether a network of `named_networks` is a generator by its first convolution; a discriminator else."""
    return "model.1.weight" in tensors


def roles(names: list[str], direction: Direction) -> dict[str, list[str]]:
    """Return the networks whose names tell their role, by the checkpoint's names of the roles.

    In the CycleGAN program, GAN Compression and PaddleGAN, G_A translates A to B and D_A judges what it makes; which
    way that is `direction` says. Programs that name both ends (G_AB, g_A2B) name a discriminator by the domain that it
    judges.
    """
    matches = {name: matched for name in names if (matched := _NAME.fullmatch(name.rpartition(".")[2]))}
    both_ends = any(len(matched["domain"] or "") > 1 for matched in matches.values())
    found: dict[str, list[str]] = {}
    for name, matched in matches.items():
        kind = GENERATOR if matched["kind"][0] in "gG" else DISCRIMINATOR
        domain = (matched["domain"] or "").upper()
        reverse = domain[-1:] not in ("", direction.target) if both_ends else domain == "B"
        found.setdefault(kind + REVERSE if reverse else kind, []).append(name)
    return found
