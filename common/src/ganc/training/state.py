"""What a run saves for an exact resume: named parts, each of which gives and takes its own state.

Most parts are equal in every process, and the writing process saves its own. What each process has for itself, the
image pools, is sent to the writing process and goes into the same file, so that one rename commits the state of all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from safetensors.numpy import load as from_bytes
from safetensors.numpy import save as to_bytes

from ganc.base.errors import RunError
from ganc.models.network import Network
from ganc.system.processes import Processes
from ganc.training.step import Learner


class Stateful(Protocol):
    """A part of a run that gives its state and takes it over."""

    def state(self) -> Mapping[str, Any]:
        """Return arrays and plain JSON values by name. A part that is one array names it ""."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave, in this or another process."""


@dataclass(frozen=True)
class Weights:
    """A network as a part of a run: its tensors by name."""

    network: Network

    def state(self) -> Mapping[str, np.ndarray]:
        return self.network.state().tensors

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        self.network.load(dict(state))


@dataclass(frozen=True)
class Snapshot:
    """The state of all parts at one moment: JSON values by part and name, arrays by `part.name`."""

    facts: Mapping[str, Mapping]
    arrays: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, parts: Mapping[str, Stateful]) -> "Snapshot":
        """Return the states of the parts."""
        states = {part: stateful.state() for part, stateful in parts.items()}
        facts = {part: {n: v for n, v in state.items() if not _is_array(v)} for part, state in states.items()}
        arrays = {_joined(part, n): v for part, state in states.items() for n, v in state.items() if _is_array(v)}
        return cls({part: values for part, values in facts.items() if values}, arrays)

    def load_into(self, parts: Mapping[str, Stateful]) -> None:
        """Hand each part its state.

        Raises:
            RunError: a part finds something missing; the part is named.
        """
        for part, stateful in parts.items():
            try:
                stateful.load({**(self.facts.get(part) or {}), **self._arrays_of(part)})
            except KeyError as error:
                missing = _joined(part, str(error.args[0]))
                raise RunError(f"the saved state lacks '{missing}'") from error

    def _arrays_of(self, part: str) -> dict[str, np.ndarray]:
        return {
            name.removeprefix(part).removeprefix("."): array
            for name, array in self.arrays.items()
            if name == part or name.startswith(part + ".")
        }


@dataclass(frozen=True, kw_only=True)
class RunState:
    """All that a run has to save.

    Attributes:
        shared: parts that are equal in every process, or that the writing process alone has.
        own: parts that every process has for itself; their states are arrays alone.
    """

    shared: Mapping[str, Stateful]
    own: Mapping[str, Stateful]
    processes: Processes

    @classmethod
    def of(cls, learners: Mapping[str, Learner], further: Mapping[str, Stateful], processes: Processes) -> "RunState":
        """Return the state of what learns, by name ("" for the step itself), and of `further` shared parts."""
        named = [(f"{name}." if name else "", learner) for name, learner in learners.items()]
        weights = {p + name: Weights(network) for p, one in named for name, network in one.networks.items()}
        optimizers = {f"{p}optimizer.{name}": adam for p, one in named for name, adam in one.optimizers.items()}
        pools = {f"{p}pool.{name}": pool for p, one in named for name, pool in one.pools.items()}
        return cls(shared={**weights, **optimizers, **further}, own=pools, processes=processes)

    def collect(self) -> Snapshot:
        """Return the state of all processes in the one that writes, an empty one in the others.

        Every process must call this at the same step.
        """
        shared, own = Snapshot.of(self.shared if self.processes.writes else {}), Snapshot.of(self.own)
        arrays = dict(shared.arrays)
        for index, content in enumerate(self.processes.collect_bytes(to_bytes(dict(own.arrays)))):
            arrays |= {_of_process(index, name): array for name, array in from_bytes(content).items()}
        return Snapshot(shared.facts, arrays)

    def load(self, saved: Snapshot) -> None:
        """Take over what `collect` gave: the shared parts, and those of this process.

        Raises:
            RunError: the state lacks something that a part needs.
        """
        saved.load_into(self.shared)
        mine = {name: _of_process(self.processes.index, name) for name in self.own}
        saved.load_into({mine[name]: part for name, part in self.own.items()})


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray)


def _joined(part: str, name: str) -> str:
    return f"{part}.{name}" if name else part


def _of_process(index: int, name: str) -> str:
    """Return the name of a process's own part in the file; the first process's has no prefix."""
    return f"process.{index}.{name}" if index else name
