"""Evaluating many sub-networks at once: segments with the same leading widths run once for all that share them.

Sub-networks in lexicographic order are the leaves of a tree whose level k branches by the width of segment k. Walking
it depth first, one activation a level is enough, and each node's segment runs once for a batch of images.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from ganc.base.rng import keyed_generator
from ganc.data import to_uint8
from ganc.metrics import Measurement
from ganc.metrics.evaluation import Evaluation
from ganc.models.family import Widths
from ganc_search.evaluate.segments import Segment, Segments

# For the features of sub-networks that a race may measure on more images: those of 250 on 120 images, or of a
# generation of 100 on half of 600 (16 KiB an image in Inception's 2,048 dimensions).
KEPT_BYTES = 1 << 29
_NONE = np.empty((0, 0), np.float32)


class Step(NamedTuple):
    """One node of the tree: a segment of a sub-network; `leaf` is which of the group ends there, else None."""

    level: int
    widths: Widths
    leaf: int | None


Fits = Callable[[Sequence[Widths]], bool]


def cut_into_groups(candidates: Sequence[Widths], largest: int, fits: Fits = lambda group: True) -> list[list[Widths]]:
    """Return the candidates in groups of at most `largest`, cut where they share the fewest leading widths.

    A group is a whole branch of the tree, or neighbouring branches of one parent.

    Args:
        fits: whether a group of some sub-networks may be; one alone always may.
    """
    return _cut(sorted(candidates, reverse=True), lambda group: len(group) <= largest and fits(group), 0)


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


def tree_steps(group: Sequence[Widths]) -> list[Step]:
    """Return the walk through the tree of a group in lexicographic order, depth first."""
    steps: list[Step] = []
    before: Widths = ()
    for leaf, widths in enumerate(group):
        shared = next((level for level, (a, b) in enumerate(zip(before, widths, strict=False)) if a != b), len(before))
        steps.extend(Step(level, widths, None) for level in range(shared, len(widths) - 1))
        steps.append(Step(len(widths) - 1, widths, leaf))
        before = widths
    return steps


def image_order(count: int) -> np.ndarray:
    """Return the order (count,) in which images are looked at, the same in every search: its start is a fair sample."""
    return keyed_generator(0, "search/pictures").permutation(count)


class SharedEvaluator:
    """Measures groups of sub-networks on the first so many images of `image_order`.

    A sub-network's value does not depend on the group it is measured in: its features are always computed from the
    same images at once, `evaluation.batch_size` of them.

    Args:
        kept_bytes: memory for the features of sub-networks that are measured on more images later.

    Attributes:
        images: how many images there are. whole_batch: how many of them have their features computed at once.
        fits: whether some sub-networks may be a group.
        metric: the Fréchet distance's name, the feature set's own. ranking: that of what orders sub-networks.
    """

    def __init__(self, evaluation: Evaluation, segments: Segments, kept_bytes: int = KEPT_BYTES):
        self.evaluation, self.segments, self.kept_bytes = evaluation, segments, kept_bytes
        self.images, self.whole_batch, self.fits = len(evaluation.images), evaluation.batch_size, segments.fits
        self.metric, self.ranking = evaluation.feature_set.name, evaluation.ranking
        self._order = image_order(self.images)
        self._kept: dict[Widths, np.ndarray] = {}

    def measure(self, group: Sequence[Widths], images: int) -> list[Measurement]:
        """Return what each sub-network's translations of the first `images` images measure."""
        return [self.evaluation.measure_features(features) for features in self.features(group, images)]

    def features(self, group: Sequence[Widths], images: int) -> list[np.ndarray]:
        """Return the features (images, d) of each sub-network's translations of the first `images` images."""
        found = {widths: self._kept.pop(widths, _NONE)[:images] for widths in group}
        for start in sorted({*map(len, found.values())} - {images}):
            rest = sorted((widths for widths in group if len(found[widths]) == start), reverse=True)
            for widths, features in zip(rest, self._computed(rest, start, images), strict=True):
                found[widths] = np.concatenate([found[widths], features]) if start else features
        if images < self.images:
            self._kept.update(found)
            held = sum(features.nbytes for features in self._kept.values())
            while held > self.kept_bytes:  # the oldest are those that a race dropped long ago
                held -= self._kept.pop(next(iter(self._kept))).nbytes
        return [found[widths] for widths in group]

    def _computed(self, group: Sequence[Widths], first: int, end: int) -> list[np.ndarray]:
        """Return the features (images, d) of images `first` to `end`, of each of a group in lexicographic order."""
        steps = tree_steps(group)
        self.segments.prepare((step.level, step.widths) for step in steps)
        runs = [self.segments.segment(step.level, step.widths) for step in steps]
        parts: list[list[np.ndarray]] = [[] for _ in group]
        for start in range(first, end, self.whole_batch):
            indices = self._order[start : min(start + self.whole_batch, end)]
            for images, features in zip(self._translations(steps, runs, indices), parts, strict=True):
                features.append(self.evaluation.feature_set(images))
        return [np.concatenate(features) for features in parts]

    def _translations(self, steps: Sequence[Step], runs: Sequence[Segment], indices: np.ndarray) -> list[np.ndarray]:
        """Return what each leaf makes of some images, as uint8 (n, h, w, c)."""
        made: list[list[np.ndarray]] = [[] for step in steps if step.leaf is not None]
        # Parts of nearly equal size: a last batch of one image would waste what a batch saves.
        for part in np.array_split(indices, -(-len(indices) // self.segments.images_at_once)):
            images = np.stack([self.evaluation.images[int(index)] for index in part])
            activations: list[Any] = [self.segments.load(images), *[None] * (steps[-1].level + 1)]
            for step, run in zip(steps, runs, strict=True):
                activations[step.level + 1] = run(activations[step.level])
                if step.leaf is not None:
                    made[step.leaf].append(to_uint8(self.segments.images(activations[-1])))
        return [np.concatenate(images) for images in made]
