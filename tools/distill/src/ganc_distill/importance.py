"""Channel importance pruning: a thinner generator made of a trained one's most important channels."""

from dataclasses import dataclass, field

import numpy as np

from ganc.base.errors import SpecError
from ganc.models.convolutions import Convolution, NetworkState
from ganc.models.family import Widths, format_widths
from ganc.models.layers import Branches, Layers, Residual, channels_after
from ganc.models.spec import GeneratorSpec


def prune(state: NetworkState, widths: Widths) -> NetworkState:
    """Return a generator of `widths` that starts from the most important channels of `state`.

    A layer's output channels are ranked by the L1 norm of the weights that write them, after its inputs were reduced to
    the kept ones; the kept set, in falling order of importance, fixes the next layer's inputs. A residual body gives
    back the channels that it was given, so that the stream keeps its set through all blocks; a block's inner set is
    ranked by its first convolution that mixes channels; the generator keeps all its outputs.

    Raises:
        SpecError: a width exceeds the generator's own, or a residual body does not end in a convolution.
    """
    wide: GeneratorSpec = state.spec
    if any(width > own for width, own in zip(widths, wide.widths, strict=True)):
        raise SpecError(
            f"the student's widths {format_widths(widths)} exceed the teacher's {format_widths(wide.widths)}: "
            "choose a smaller --width"
        )
    narrow = wide.narrowed(widths)
    pruning = _Pruning(state)
    chains = (tuple(layer for layers in spec.segments for layer in layers) for spec in (wide, narrow))
    ends = np.arange(wide.in_channels), np.arange(wide.out_channels)
    pruning.run(*chains, wide.in_channels, *ends)
    return NetworkState(narrow, pruning.tensors)


@dataclass(frozen=True)
class _Pruning:
    """Walks the wide layers and the narrow ones side by side; a set of channels is an array (k,) of wide indices."""

    state: NetworkState
    tensors: dict[str, np.ndarray] = field(default_factory=dict)

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
            match layer:
                case Convolution():
                    kept = self._convolution(layer, cut, kept, wanted if place == last else None)
                case Residual(body):
                    self.run(body, cut.body, channels, kept, kept)
                case Branches():
                    kept = self._branches(layer, cut, channels, kept)
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
            kept = _most_important(weight, plan, cut.out_channels) if wanted is None else wanted
            weight = weight[:, kept] if plan.transposed else weight[kept]
        self.tensors[f"{plan.name}.weight"] = np.ascontiguousarray(weight)
        self.tensors[f"{plan.name}.bias"] = np.ascontiguousarray(self.state.tensors[f"{plan.name}.bias"][kept])
        return kept


def _most_important(weight: np.ndarray, plan: Convolution, count: int) -> np.ndarray:
    """Return the indices (count,) of the output channels of `weight` with the largest L1 norms, largest first."""
    axes = (0, 2, 3) if plan.transposed else (1, 2, 3)
    norms = np.abs(weight.astype(np.float64)).sum(axis=axes)
    return np.argsort(-norms, kind="stable")[:count]


def _last_maker(layers: Layers) -> int:
    """Return the place of the convolution that makes the channels that come out."""
    for place in reversed(range(len(layers))):
        match layers[place]:
            case Convolution(depthwise=False):
                return place
            case Branches():
                break
    raise SpecError("channels that have to come out of branches cannot be pruned: end them in a convolution")
