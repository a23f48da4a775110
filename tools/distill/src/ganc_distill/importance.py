"""Channel importance pruning: a thinner generator made of a trained one's most important channels."""

import numpy as np

from ganc.base.errors import SpecError
from ganc.models.convolutions import Convolution, NetworkState
from ganc.models.spec import GeneratorSpec, Widths, format_widths


def prune(state: NetworkState, widths: Widths) -> NetworkState:
    """Return a generator of `widths` that starts from the most important channels of `state`.

    A layer's output channels are ranked by the L1 norm of the weights that write them, after its inputs were reduced to
    the kept ones; the kept set, in falling order of importance, fixes the next layer's inputs. The residual stream
    keeps the set of the last downsampling convolution through all blocks; a block's inner set is ranked by its first
    convolution that mixes channels; the output convolution keeps all its outputs.

    Raises:
        SpecError: a width exceeds the generator's own.
    """
    wide: GeneratorSpec = state.spec
    if any(width > own for width, own in zip(widths, wide.widths, strict=True)):
        raise SpecError(
            f"the student's widths {format_widths(widths)} exceed the teacher's {format_widths(wide.widths)}: "
            "choose a smaller --width"
        )
    narrow = wide.narrowed(widths)
    kept = np.arange(wide.in_channels)
    residual = None
    tensors: dict[str, np.ndarray] = {}
    stages = zip(wide.stage_convolutions(), narrow.stage_convolutions(), strict=True)
    for stage, (wide_stage, narrow_stage) in enumerate(stages):
        half = _half_block_length(wide) if stage in wide.shape.block_stages else 0
        for place, (plan, cut) in enumerate(zip(wide_stage, narrow_stage, strict=True)):
            weight = _inputs_kept(state.tensors[f"{plan.name}.weight"], plan, kept)
            closes_block = bool(half) and (place + 1) % (2 * half) == 0
            if not plan.depthwise:
                kept = residual if closes_block else _most_important(weight, plan, cut.out_channels)
                weight = weight[:, kept] if plan.transposed else weight[kept]
            tensors[f"{plan.name}.weight"] = np.ascontiguousarray(weight)
            tensors[f"{plan.name}.bias"] = np.ascontiguousarray(state.tensors[f"{plan.name}.bias"][kept])
        if stage == wide.shape.residual_stage:
            residual = kept
    return NetworkState(narrow, tensors)


def _half_block_length(spec: GeneratorSpec) -> int:
    """How many convolutions half a block has: a depthwise and a pointwise one, or one of 3x3."""
    return 2 if spec.block == "mobile" else 1


def _inputs_kept(weight: np.ndarray, plan: Convolution, kept: np.ndarray) -> np.ndarray:
    """Reduce a weight to the kept input channels; a depthwise filter goes with its channel."""
    return weight[kept] if plan.transposed or plan.depthwise else weight[:, kept]


def _most_important(weight: np.ndarray, plan: Convolution, count: int) -> np.ndarray:
    """Return the indices of the `count` channels of largest L1 norm, the largest first, ties by index."""
    if plan.name.endswith(".output"):
        return np.arange(plan.out_channels)
    axes = (0, 2, 3) if plan.transposed else (1, 2, 3)
    norms = np.abs(weight.astype(np.float64)).sum(axis=axes)
    return np.argsort(-norms, kind="stable")[:count]
