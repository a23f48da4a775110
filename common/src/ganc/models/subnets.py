"""Costs of a generator's sub-networks, quickly: segments are counted once for each pair of widths they depend on."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ganc.models.convolutions import Costs
from ganc.models.family import Widths
from ganc.models.layers import count_costs, sum_costs
from ganc.models.spec import GeneratorSpec


class SubnetCosts:
    """Maps widths to costs for images of `image_size` (width, height)."""

    def __init__(self, spec: GeneratorSpec, image_size: tuple[int, int]):
        self._spec, self._size = spec, image_size
        self._segment_costs = lru_cache(maxsize=None)(self._count)

    def __call__(self, widths: Widths) -> Costs:
        """Return the costs of one sub-network."""
        return sum_costs(
            self._segment_costs(segment, widths[self._spec.shape.input_segment(segment)], width)
            for segment, width in enumerate(widths)
        )

    def totals(self, choices: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
        """Return MACs and parameters of every combination of the segments' widths.

        Both are int64, one axis a segment in the order of its choices: entry [0, …, 0] has each segment's first width.
        A segment's cost is a small table over its own and its input's width; the tables add up by broadcasting.
        """
        shape = tuple(len(widths) for widths in choices)
        totals = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for segment, own in enumerate(choices):
            reads = self._spec.shape.input_segment(segment)
            costs = [[self._segment_costs(segment, before, width) for width in own] for before in choices[reads]]
            axes = [shape[axis] if axis in (reads, segment) else 1 for axis in range(len(shape))]
            for total, name in zip(totals, ("macs", "params"), strict=True):
                table = np.array([[getattr(cost, name) for cost in row] for row in costs], np.int64)
                total += (np.diagonal(table) if reads == segment else table).reshape(axes)
        return totals

    def of_many(self, widths: np.ndarray) -> np.ndarray:
        """Return MACs, device MACs and parameters, int64 (3, N), of many sub-networks (N, segments)."""
        total = np.zeros((3, len(widths)), np.int64)
        for segment in range(widths.shape[1]):
            own, before = widths[:, segment].astype(np.int64), widths[:, self._spec.shape.input_segment(segment)]
            pairs, places = np.unique(own << 32 | before, return_inverse=True)
            costs = [self._segment_costs(segment, int(pair & 0xFFFFFFFF), int(pair >> 32)) for pair in pairs]
            table = np.array([(cost.macs, cost.device_macs, cost.params) for cost in costs], np.int64)
            total += table.reshape(-1, 3)[places].T
        return total

    def _count(self, segment: int, before: int, width: int) -> Costs:
        """Count one segment; none depends on more than its own width and its input's."""
        widths = list(self._spec.widths)
        widths[self._spec.shape.input_segment(segment)] = before
        widths[segment] = width
        layers = self._spec.narrowed(tuple(widths)).segments[segment]
        return count_costs(layers, self._size, self._spec.segment_reduction(segment))
