"""Costs of a generator's sub-networks, quickly: stages are counted once for each pair of widths they depend on."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ganc.models.convolutions import Costs, count_costs
from ganc.models.spec import GeneratorSpec, Widths


class SubnetCosts:
    """Maps widths to costs for pictures of `image_size` (width, height)."""

    def __init__(self, spec: GeneratorSpec, image_size: tuple[int, int]):
        self._spec, self._size = spec, image_size
        self._stage_costs = lru_cache(maxsize=None)(self._count)

    def __call__(self, widths: Widths) -> Costs:
        """Return the costs of one sub-network."""
        parts = [
            self._stage_costs(stage, widths[self._spec.shape.input_stage(stage)], width)
            for stage, width in enumerate(widths)
        ]
        return Costs(
            macs=sum(part.macs for part in parts),
            device_macs=sum(part.device_macs for part in parts),
            params=sum(part.params for part in parts),
        )

    def totals(self, choices: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
        """Return MACs and parameters of every combination of the stages' widths.

        Both are int64, one axis a stage in the order of its choices: entry [0, …, 0] has each stage's first width.
        A stage's cost is a small table over its own and its input's width; the tables add up by broadcasting.
        """
        shape = tuple(len(widths) for widths in choices)
        totals = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for stage, own in enumerate(choices):
            reads = self._spec.shape.input_stage(stage)
            costs = [[self._stage_costs(stage, before, width) for width in own] for before in choices[reads]]
            axes = [shape[axis] if axis in (reads, stage) else 1 for axis in range(len(shape))]
            for total, name in zip(totals, ("macs", "params"), strict=True):
                table = np.array([[getattr(cost, name) for cost in row] for row in costs], np.int64)
                total += (np.diagonal(table) if reads == stage else table).reshape(axes)
        return totals

    def _count(self, stage: int, before: int, width: int) -> Costs:
        """Count one stage; no stage depends on more than its own width and its input's."""
        widths = list(self._spec.widths)
        widths[self._spec.shape.input_stage(stage)] = before
        widths[stage] = width
        return count_costs(self._spec.narrowed(tuple(widths)).stage_convolutions()[stage], self._size)
