"""What a run does once, before its first step: the refit of what it trains on what that was made of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ganc.base.text import counted
from ganc.data import TrainingSet
from ganc.models.generator import Generator
from ganc.training.refit import Kept, l1_distance, refit, require_refittable

BATCH = 4
COMPARED = 32  # images that the distance before and after is measured on


@dataclass(frozen=True)
class Note:
    """What was just done, in words; `lasting` where a user should still see it when more was done."""

    text: str
    lasting: bool = False


@dataclass(frozen=True, kw_only=True)
class Refitted:
    """A generator that is refitted before the first step.

    Attributes:
        teacher: what it was made of.
        kept: see `ganc.training.refit.refit`.
        domain: which of a sample's images it translates: 0 the source, 1 the target.

    Raises:
        SpecError: the two do not fit together.
    """

    teacher: Generator
    student: Generator
    kept: Kept = field(default_factory=dict)
    domain: int = 0

    def __post_init__(self) -> None:
        require_refittable(self.teacher.spec, self.student.spec, self.kept)


@dataclass(frozen=True)
class SampledBatches:
    """Training images in batches; each is made anew when it is asked for.

    Attributes:
        domain: which of a sample's images.
        numbers: of the samples, counted from the first one of the first epoch on.
    """

    samples: TrainingSet
    domain: int
    numbers: Sequence[int]

    def __len__(self) -> int:
        return -(-len(self.numbers) // BATCH)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int, /) -> np.ndarray:
        """Return float32 (n, c, h, w) in [-1, 1]. Raises IndexError behind the last."""
        if not 0 <= number < len(self):
            raise IndexError(f"batch (={number}) must be in 0 … {len(self) - 1}")
        numbers = self.numbers[number * BATCH : (number + 1) * BATCH]
        samples = (self.samples.sample(*divmod(one, len(self.samples))) for one in numbers)
        return np.stack([sample[self.domain] for sample in samples])

    @cached_property
    def places(self) -> frozenset[int]:
        """Which images of the domain they are."""
        return frozenset(map(self._place, self.numbers))

    def others(self, most: int) -> "SampledBatches":
        """Return up to so many of the samples behind these, of an epoch, whose images are not among these, each once.

        An epoch has every source, so that of these none is missed; targets may be drawn at random.
        """
        known, found = set(self.places), list[int]()
        for number in range(len(self.numbers), len(self.numbers) + len(self.samples)):
            if len(found) == most:
                break
            if (place := self._place(number)) not in known:
                known.add(place)
                found.append(number)
        return SampledBatches(self.samples, self.domain, found)

    def _place(self, number: int) -> int:
        return self.samples.places(*divmod(number, len(self.samples)))[self.domain]


@dataclass(frozen=True)
class _Fit:
    """What a generator is fitted to, and what the distance before and after is measured on.

    Attributes:
        others: how many images it is measured on that were not fitted; 0 where it is measured on fitted ones.
    """

    images: SampledBatches
    compared: SampledBatches
    others: int

    @classmethod
    def of(cls, samples: TrainingSet, domain: int, count: int) -> "_Fit":
        images = SampledBatches(samples, domain, range(count))
        others = images.others(COMPARED)
        compared = others if others.numbers else SampledBatches(samples, domain, range(min(count, COMPARED)))
        return cls(images, compared, len(others.numbers))

    def said(self, name: str, before: float, after: float) -> str:
        """Return what a user is told."""
        count, places = len(self.images.numbers), len(self.images.places)
        different = f", {places} of them different" if places < count else ""
        which = f"{self.others} others" if self.others else f"{len(self.compared.numbers)} of these"
        distance = f"L1 to what it was made of, on {which}, {before:.4f} before, {after:.4f} after"
        return f"{name}: refitted on {counted(count, 'image')}{different}; {distance}"


class RefitStart:
    """Refits generators before the first step; what it brought is a part of the run's state.

    Attributes:
        count: how many samples are fitted to.

    Args:
        networks: by their names in the checkpoint.
        samples: the run's images; the first `count` of them are fitted to, `COMPARED` others after them compared.
    """

    def __init__(self, networks: Mapping[str, Refitted], samples: TrainingSet, count: int):
        self._networks, self._samples, self.count = networks, samples, count
        self._distances: dict[str, list[float]] = {}

    @property
    def images(self) -> int:
        """How many images are fitted to, those of all generators together."""
        return self.count * len(self._networks)

    @property
    def facts(self) -> dict:
        """What a checkpoint records."""
        few = {name: fit.others for name, fit in self._fits.items() if fit.others < COMPARED}
        return {"refit": {"images": self.count, "l1": self._distances, **({"others": few} if few else {})}}

    @property
    def fewest(self) -> int:
        """How many different images a generator is fitted to, the least of all generators."""
        return min(len(fit.images.places) for fit in self._fits.values())

    @cached_property
    def _fits(self) -> dict[str, _Fit]:
        return {name: _Fit.of(self._samples, one.domain, self.count) for name, one in self._networks.items()}

    def state(self) -> dict:
        return dict(self._distances)

    def load(self, state: Mapping) -> None:
        self._distances = dict(state)

    def run(self) -> Iterator[Note]:
        """Refit each generator; yields a note after each layer and after each generator."""
        for name, one in self._networks.items():
            fit = self._fits[name]
            before = l1_distance(one.teacher, one.student, fit.compared)
            for done, total in refit(one.teacher, one.student, one.kept, fit.images):
                yield Note(f"refit {name} {done}/{total}")
            after = l1_distance(one.teacher, one.student, fit.compared)
            self._distances[name] = [before, after]
            yield Note(fit.said(name, before, after), lasting=True)
