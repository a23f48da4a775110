"""How much may be evaluated at once within a memory bound."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ganc.base.errors import RunError
from ganc.models.convolutions import Convolution, Reduction
from ganc.models.layers import placed
from ganc.models.space import SearchSpace
from ganc.models.spec import GeneratorSpec
from ganc_search.evaluate.segment_runners import StageRunner

# Sub-networks in a group at most. A larger group shares little more (three widths a stage: of the stages before the
# last three a group of 27 runs each once), and a kill loses a group.
LARGEST_GROUP = 32
_FLOAT, _FEATURE = 4, 8


@dataclass(frozen=True)
class Extent:
    """What is held at once.

    Attributes:
        batch_size: pictures that a stage gets at once.
        group_size: sub-networks that are evaluated together.
        graphs: compiled stages that are kept.
        kept_bytes: features that are kept for a later measurement on more pictures.
    """

    batch_size: int
    group_size: int
    graphs: int
    kept_bytes: int


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What an evaluation holds in memory; sizes are for the widest sub-network of the space.

    Attributes:
        images: pictures of the whole evaluation. cached: whether they are kept, resized.
        whole_batch: pictures whose features are computed at once.
        dimensions: of one picture's features.
    """

    spec: GeneratorSpec
    space: SearchSpace
    image_size: tuple[int, int]
    runner: StageRunner
    images: int
    cached: bool
    whole_batch: int
    dimensions: int

    def __post_init__(self):
        object.__setattr__(self, "spec", self.spec.narrowed(self.space.largest))

    def bytes(self, batch_size: int, group_size: int) -> int:
        """Return what a walk over a group takes, with the graphs that it needs at once."""
        graphs = self.graphs_of(group_size) if self.runner.keeps_memory else 1
        walk = batch_size * self._activations + graphs * self.stage_bytes(batch_size)
        return self.fixed + group_size * self._per_subnet + walk

    @cached_property
    def fixed(self) -> int:
        """What does not depend on how much is evaluated at once: this process as it is, and the pictures."""
        return resident_bytes() + (self.images * self._picture if self.cached else 0)

    def graphs_of(self, group_size: int) -> int:
        """Return how many stages a group has at most: one a node of its tree, but no more than there are pairs."""
        graphs, nodes = 0, group_size
        for stage in reversed(range(self.spec.shape.segments)):
            choices = len(self.space.choices[stage])
            graphs += min(nodes, self._pairs(stage))
            nodes = -(-nodes // choices)
        return graphs

    @property
    def all_graphs(self) -> int:
        """How many different stages the space has at most."""
        return sum(self._pairs(stage) for stage in range(self.spec.shape.segments))

    def stage_bytes(self, batch_size: int) -> int:
        """Return what a stage works with, the mean over the stages."""
        largest = [max(sum(self._traffic(*one)) for one in plans) for plans in self._placed]
        in_flight = min(batch_size, self.runner.pictures_in_flight)
        return int(in_flight * self.runner.working_memory * sum(largest) / len(largest))

    def _pairs(self, stage: int) -> int:
        """Return the combinations of a stage's width and its input's; the input's choices are at most the most."""
        inputs = max(map(len, self.space.choices)) if stage else 1
        return inputs * len(self.space.choices[stage])

    @property
    def _picture(self) -> int:
        return self.image_size[0] * self.image_size[1] * self.spec.out_channels

    @property
    def _per_subnet(self) -> int:
        return self.images * self.dimensions * _FEATURE + 2 * self.whole_batch * self._picture

    @property
    def _activations(self) -> int:
        return sum(self._traffic(*plans[-1])[1] for plans in self._placed)

    @cached_property
    def _placed(self) -> list[list[tuple[Convolution, Reduction]]]:
        """Each segment's convolutions, with the reduction of their inputs."""
        starts = map(self.spec.segment_reduction, range(self.spec.shape.segments))
        return [placed(layers, start)[0] for layers, start in zip(self.spec.segments, starts, strict=True)]

    def _traffic(self, convolution: Convolution, reduction: Reduction) -> tuple[int, int]:
        """Return the bytes of a convolution's input and output for one picture."""
        pixels = self.image_size[0] * self.image_size[1] // reduction**2
        scale = convolution.stride**2
        outputs = pixels * scale if convolution.transposed else pixels // scale
        return pixels * convolution.in_channels * _FLOAT, outputs * convolution.out_channels * _FLOAT


def fitted(demand: Demand, limit: int, largest_group: int = LARGEST_GROUP, *, strict: bool = True) -> Extent:
    """Return how much to evaluate at once within `limit` bytes: whole groups first, then whole batches.

    Args:
        strict: refuse where not even one sub-network on one picture fits, instead of evaluating that.

    Raises:
        RunError: it does not fit; the message says the least that does.
    """
    batch, group = min(demand.runner.pictures_at_once, demand.whole_batch), largest_group
    while demand.bytes(batch, group) > limit and batch > 1:
        batch = -(-batch // 2)
    while demand.bytes(batch, group) > limit and group > 1:
        group = -(-group // 2)
    needed = demand.bytes(batch, group)
    if needed > limit and strict:
        raise RunError(
            f"--memory {format_bytes(limit)} is too little for one sub-network on one picture of "
            f"{demand.image_size[0]}x{demand.image_size[1]}: it takes {format_bytes(needed, up=True)}"
        )
    free = max(0, limit - needed) // 2  # half for graphs, half for features
    more = free // demand.stage_bytes(batch)
    graphs = min(demand.all_graphs, demand.graphs_of(group) + more)
    return Extent(batch, group, graphs, free)


def resident_bytes() -> int:
    """Return the memory that this process holds now; half a gigabyte where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError):
        return 1 << 29
    return pages * os.sysconf("SC_PAGE_SIZE")


def machine_bytes() -> int:
    """Return the memory of this machine, or of the container that this process is confined to."""
    sizes = []
    if {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= os.sysconf_names.keys():
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            sizes.append(int((Path("/sys/fs/cgroup") / name).read_text()))
        except (OSError, ValueError):  # no such control group, or "max"
            continue
    return min(sizes, default=8 << 30)


def format_bytes(count: int, *, up: bool = False) -> str:
    """Return a size as --memory takes it, such as 512M, rounded down (or up, to be enough)."""
    millions = -(-count // 10**6) if up else count // 10**6
    return f"{millions}M" if millions else f"{count}"
