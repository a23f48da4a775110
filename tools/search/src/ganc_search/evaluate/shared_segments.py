"""Evaluating many sub-networks at once: stages with the same leading widths run once for all that share them.

Sub-networks in lexicographic order are the leaves of a tree whose level k branches by the width of stage k. Walking it
depth first, one activation a level is enough, and each node's stage runs once for a batch of pictures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np

from ganc.base.rng import keyed_generator
from ganc.data import to_uint8
from ganc.metrics import Measurement
from ganc.metrics.evaluation import Evaluation
from ganc.models.family import Family, Widths
from ganc_search.evaluate.segment_runners import Stage, StageRunner


@dataclass(frozen=True)
class Step:
    """One node of the tree: run a stage on the activation of the level above.

    Attributes:
        leaf: which of the group's sub-networks ends here; None before the last stage.
    """

    level: int
    run: Stage
    leaf: int | None


Fits = Callable[[Sequence[Widths]], bool]


def cut_into_groups(candidates: Sequence[Widths], largest: int, fits: Fits | None = None) -> list[list[Widths]]:
    """Return the candidates in groups of at most `largest`, cut where they share the fewest leading widths.

    A group is a whole branch of the tree, or neighbouring branches of one parent.

    Args:
        fits: whether a group of some sub-networks may be; one alone always may.
    """

    def may_be(group: Sequence[Widths]) -> bool:
        return len(group) <= largest and (fits is None or fits(group))

    return _cut(sorted(candidates, reverse=True), may_be, 0)


def different_stages(group: Sequence[Widths], family: Family) -> int:
    """Return how many different stages the sub-networks have together."""
    inputs = [family.input_segment(segment) for segment in range(family.segments)]
    return len({(stage, widths[before], widths[stage]) for widths in group for stage, before in enumerate(inputs)})


def _cut(candidates: list[Widths], fits: Fits, level: int) -> list[list[Widths]]:
    if len(candidates) <= 1 or fits(candidates):
        return [candidates] if candidates else []
    groups: list[list[Widths]] = []
    for _, branch in groupby(candidates, key=itemgetter(level)):
        for part in _cut(list(branch), fits, level + 1):
            if groups and groups[-1][0][:level] == part[0][:level] and fits([*groups[-1], *part]):
                groups[-1].extend(part)
            else:
                groups.append(part)
    return groups


def tree_steps(group: Sequence[Widths], stage_of: Callable[[int, Widths], Stage]) -> list[Step]:
    """Return the walk through the tree of a group in lexicographic order, depth first."""
    steps = []
    before: Widths = ()
    for leaf, widths in enumerate(group):
        shared = next((level for level, (a, b) in enumerate(zip(before, widths, strict=False)) if a != b), len(before))
        for level in range(shared, len(widths)):
            steps.append(Step(level, stage_of(level, widths), leaf if level == len(widths) - 1 else None))
        before = widths
    return steps


def picture_order(count: int) -> np.ndarray:
    """Return the order in which pictures are looked at, the same in every search: its beginning is a fair sample."""
    return keyed_generator(0, "search/pictures").permutation(count)


class SharedEvaluator:
    """Measures groups of sub-networks on the first so many pictures of `picture_order`.

    A sub-network's value does not depend on the group it is measured in: its features are always computed from the
    same pictures at once, `evaluation.batch_size` of them.

    Args:
        evaluation: pictures, feature set and statistics.
        runner: the supernet's stages.
        batch_size: pictures that a stage gets at once, at most the evaluation's.
        kept_bytes: memory for the features of sub-networks that are measured on more pictures later.
    """

    def __init__(self, evaluation: Evaluation, runner: StageRunner, batch_size: int, kept_bytes: int = 0):
        self.evaluation, self.runner, self.batch_size, self.kept_bytes = evaluation, runner, batch_size, kept_bytes
        self._order = picture_order(self.images)
        self._kept: dict[Widths, np.ndarray] = {}

    @property
    def images(self) -> int:
        """How many pictures there are."""
        return len(self.evaluation.pictures)

    @property
    def whole_batch(self) -> int:
        """How many pictures' features are computed at once."""
        return self.evaluation.batch_size

    def measure(self, group: Sequence[Widths], images: int) -> list[Measurement]:
        """Return what each sub-network's translations of the first `images` pictures measure."""
        return [self.evaluation.measure_features(features) for features in self.features(group, images)]

    def features(self, group: Sequence[Widths], images: int) -> list[np.ndarray]:
        """Return the features (images, d) of each sub-network's translations of the first `images` pictures."""
        earlier = [self._kept.pop(widths, None) for widths in group]
        known = [0 if features is None or len(features) > images else len(features) for features in earlier]
        found: list[np.ndarray | None] = [None] * len(group)
        for start in sorted(set(known)):
            places = [place for place, count in enumerate(known) if count == start]
            if start == images:
                rest = [np.empty((0, self.evaluation.feature_set.dimensions))] * len(places)
            else:
                rest = self._computed([group[place] for place in places], start, images)
            for place, features in zip(places, rest, strict=True):
                found[place] = np.concatenate([earlier[place], features]) if start else features
        self._keep(group, found, images)
        return found

    def _keep(self, group: Sequence[Widths], found: Sequence[np.ndarray], images: int) -> None:
        if images == self.images:
            return
        self._kept.update(zip(group, found, strict=True))
        held = sum(features.nbytes for features in self._kept.values())
        while held > self.kept_bytes:  # the oldest are those that a race dropped long ago
            held -= self._kept.pop(next(iter(self._kept))).nbytes

    def _computed(self, group: Sequence[Widths], first: int, end: int) -> list[np.ndarray]:
        """Return the features of pictures `first` to `end`."""
        order = sorted(range(len(group)), key=group.__getitem__, reverse=True)
        leaves = [group[place] for place in order]
        self.runner.prepare(step.run for step in tree_steps(leaves, lambda *place: place))
        steps = tree_steps(leaves, self.runner.stage)
        parts: list[list[np.ndarray]] = [[] for _ in group]
        for start in range(first, end, self.whole_batch):
            indices = self._order[start : min(start + self.whole_batch, end)]
            for leaf, pictures in enumerate(self._translations(steps, len(group), indices)):
                parts[order[leaf]].append(self.evaluation.feature_set(pictures))
        return [np.concatenate(features) for features in parts]

    def _translations(self, steps: Sequence[Step], leaves: int, indices: np.ndarray) -> list[np.ndarray]:
        """Return what each leaf makes of some pictures, as uint8 (n, h, w, 3)."""
        made: list[list[np.ndarray]] = [[] for _ in range(leaves)]
        # Parts of nearly equal size: a last batch of one picture would waste what a batch saves.
        for part in np.array_split(indices, -(-len(indices) // self.batch_size)):
            images = np.stack([self.evaluation.pictures[int(index)] for index in part])
            activations = [self.runner.load(images), *[None] * (steps[-1].level + 1)]
            for step in steps:
                activations[step.level + 1] = step.run(activations[step.level])
                if step.leaf is not None:
                    made[step.leaf].append(to_uint8(self.runner.pictures(activations[-1])))
        return [np.concatenate(pictures) for pictures in made]
