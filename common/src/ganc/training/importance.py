"""Channel importance pruning: a thinner generator made of a trained one's most important channels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ganc.base.errors import SpecError
from ganc.models.convolutions import Convolution, NetworkState
from ganc.models.family import Widths, format_widths
from ganc.models.layers import Branches, Layer, Layers, Residual, channels_after
from ganc.models.spec import GeneratorSpec
from ganc.training.recipes import Ranking


@dataclass(frozen=True)
class Pruned:
    """A thinner generator, and by each convolution's name which of the wide one's channels it still makes."""

    state: NetworkState
    kept: Mapping[str, np.ndarray]


def prune(state: NetworkState, widths: Widths, ranking: Ranking = Ranking.WRITES) -> Pruned:
    """Return a generator of `widths` that starts from the most important channels of `state`.

    A layer's output channels are ranked by the L1 norm of the weights that write them, after its inputs were reduced to
    the kept ones, or of all weights that read them (see `Ranking`); the kept set, in falling order of importance, fixes
    the next layer's inputs. A residual body gives back the channels that it was given, so that the stream keeps its set
    through all blocks; a block's inner set is ranked for its first convolution that mixes channels; the generator keeps
    all its outputs.

    Raises:
        SpecError: a width exceeds the generator's own, or a residual body does not end in a convolution.
    """
    wide: GeneratorSpec = state.spec
    if any(width > own for width, own in zip(widths, wide.widths, strict=True)):
        raise SpecError(
            f"widths {format_widths(widths)} are more than those of the generator to prune, "
            f"{format_widths(wide.widths)}; choose smaller ones"
        )
    narrow = wide.narrowed(widths)
    pruning = _Pruning(state, _read_norms(state) if ranking is Ranking.READS else {})
    chains = [tuple(layer for layers in spec.segments for layer in layers) for spec in (wide, narrow)]
    ends = np.arange(wide.in_channels), np.arange(wide.out_channels)
    pruning.run(chains[0], chains[1], wide.in_channels, *ends)
    return Pruned(NetworkState(narrow, pruning.tensors), pruning.kept)


@dataclass(frozen=True)
class _Pruning:
    """Walks the wide layers and the narrow ones side by side; a set of channels is an array (k,) of wide indices."""

    state: NetworkState
    norms: Mapping[str, np.ndarray]
    tensors: dict[str, np.ndarray] = field(default_factory=dict)
    kept: dict[str, np.ndarray] = field(default_factory=dict)

    def run(
        self, wide: Layers, narrow: Layers, channels: int, kept: np.ndarray, wanted: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the set of channels that comes out where the set `kept` goes in; the tensors are collected.

        Args:
            channels: of the wide layers' input.
            wanted: the set that has to come out; None lets the ranking choose it.
        """
        last = _last_maker(wide) if wanted is not None else None
        for place, (layer, cut) in enumerate(zip(wide, narrow, strict=True)):
            match layer, cut:
                case Convolution() as plan, Convolution() as thin:
                    kept = self._convolution(plan, thin, kept, wanted if place == last else None)
                case Residual(body), Residual(thin_body):
                    self.run(body, thin_body, channels, kept, kept)
                case Branches() as branches, Branches() as thin_branches:
                    kept = self._branches(branches, thin_branches, channels, kept)
            channels = channels_after((layer,), channels)
        return kept

    def _branches(self, layer: Branches, cut: Branches, channels: int, kept: np.ndarray) -> np.ndarray:
        """Each chain's set, moved to where its channels are among the joined ones."""
        sets, start = [], 0
        for chain, narrow in zip(layer.chains, cut.chains, strict=True):
            sets.append(start + self.run(chain, narrow, channels, kept))
            start += channels_after(chain, channels)
        return np.concatenate(sets)

    def _convolution(
        self, plan: Convolution, cut: Convolution, kept: np.ndarray, wanted: np.ndarray | None
    ) -> np.ndarray:
        weight = self.state.tensors[f"{plan.name}.weight"]
        weight = weight[kept] if plan.transposed or plan.depthwise else weight[:, kept]
        if not plan.depthwise:
            norms = self.norms.get(plan.name)
            norms = _written_norms(weight, plan) if norms is None else norms
            kept = np.argsort(-norms, kind="stable")[: cut.out_channels] if wanted is None else wanted
            weight = weight[:, kept] if plan.transposed else weight[kept]
        self.tensors[f"{plan.name}.weight"] = np.ascontiguousarray(weight)
        self.tensors[f"{plan.name}.bias"] = np.ascontiguousarray(self.state.tensors[f"{plan.name}.bias"][kept])
        self.kept[plan.name] = kept
        return kept


def _written_norms(weight: np.ndarray, plan: Convolution) -> np.ndarray:
    """Return the L1 norms (out,) of the weights that write each output channel."""
    return np.abs(weight.astype(np.float64)).sum(axis=(0, 2, 3) if plan.transposed else (1, 2, 3))


def _read_norms(state: NetworkState) -> dict[str, np.ndarray]:
    """Return by a convolution's name the L1 norms (out,) of all weights that read each of its output channels."""
    norms = {plan.name: np.zeros(plan.out_channels) for plan in state.spec.convolutions() if not plan.depthwise}
    inputs = np.zeros(state.spec.in_channels)
    _add_reads((layer for segment in state.spec.segments for layer in segment), state, [inputs], norms)
    return norms


def _add_reads(layers: Iterable[Layer], state: NetworkState, read: list[np.ndarray], norms: dict) -> list[np.ndarray]:
    """Add to the sums `read`, those of the channels that go in, part by part; return the sums of what comes out.

    A depthwise convolution hands its channels on. What a residual body makes is read as the stream that it is added to.
    """
    for layer in layers:
        match layer:
            case Convolution(depthwise=False):
                weight = np.abs(state.tensors[f"{layer.name}.weight"].astype(np.float64))
                reads = weight.sum(axis=(1, 2, 3) if layer.transposed else (0, 2, 3))
                for part, more in zip(read, np.split(reads, np.cumsum([len(part) for part in read])[:-1]), strict=True):
                    part += more
                read = [norms[layer.name]]
            case Residual(body):
                _add_reads(body, state, read, norms)
            case Branches(chains):
                read = [part for chain in chains for part in _add_reads(chain, state, read, norms)]
    return read


def _last_maker(layers: Layers) -> int:
    """Return the place of the convolution that makes the channels that come out."""
    for place in reversed(range(len(layers))):
        match layers[place]:
            case Convolution(depthwise=False):
                return place
            case Branches():
                break
    raise SpecError("channels that have to come out of branches cannot be pruned: end them in a convolution")
