"""Costs of a generator's sub-networks, quickly: stages are counted once for each of their widths."""

from functools import lru_cache

from ganc.models.plan import Costs, count_costs
from ganc.models.spec import GeneratorSpec, Widths


class SubnetCosts:
    """Maps widths to costs for pictures of `image_size` (width, height)."""

    def __init__(self, spec: GeneratorSpec, image_size: tuple[int, int]):
        self._spec, self._size = spec, image_size
        self._stage_costs = lru_cache(maxsize=None)(self._count)

    def __call__(self, widths: Widths) -> Costs:
        """Return the costs of one sub-network."""
        shape = self._spec.shape
        parts = []
        for stage, width in enumerate(widths):
            before = widths[stage - 1] if stage else width
            parts.append(self._stage_costs(stage, before, width, widths[shape.residual_stage]))
        return Costs(
            macs=sum(part.macs for part in parts),
            device_macs=sum(part.device_macs for part in parts),
            params=sum(part.params for part in parts),
        )

    def _count(self, stage: int, before: int, width: int, residual: int) -> Costs:
        """Count one stage; no stage depends on more than its own, the previous and the residual stage's width."""
        widths = list(self._spec.widths)
        widths[self._spec.shape.residual_stage] = residual
        widths[stage - 1 if stage else 0] = before
        widths[stage] = width
        if stage == self._spec.shape.residual_stage + 1:
            widths[stage - 1] = residual
        return count_costs(self._spec.narrowed(tuple(widths)).stage_convolutions()[stage], self._size)
