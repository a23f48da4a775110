"""What a run does once, before its first step: the refit of what it trains on what that was made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

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
    """Training images in batches, from sample `first` of the first epoch on; each is made anew when it is asked for."""

    samples: TrainingSet
    domain: int
    first: int
    count: int

    def __len__(self) -> int:
        return -(-self.count // BATCH)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int, /) -> np.ndarray:
        """Return float32 (n, c, h, w) in [-1, 1]. Raises IndexError behind the last."""
        if not 0 <= number < len(self):
            raise IndexError(f"batch (={number}) must be in 0 … {len(self) - 1}")
        places = range(self.first + number * BATCH, self.first + min(self.count, (number + 1) * BATCH))
        samples = (self.samples.sample(*divmod(place, len(self.samples))) for place in places)
        return np.stack([sample[self.domain] for sample in samples])


class RefitStart:
    """Refits generators before the first step; what it brought is a part of the run's state.

    Args:
        networks: by their names in the checkpoint.
        samples: the run's images; the first `count` of them are fitted to, the `COMPARED` after them compared.
    """

    def __init__(self, networks: Mapping[str, Refitted], samples: TrainingSet, count: int):
        self._networks, self._samples, self._count = networks, samples, count
        self._distances: dict[str, list[float]] = {}

    @property
    def facts(self) -> dict:
        """What a checkpoint records."""
        return {"refit": {"images": self._count, "l1": self._distances}}

    def state(self) -> dict:
        return dict(self._distances)

    def load(self, state: Mapping) -> None:
        self._distances = dict(state)

    def run(self) -> Iterator[Note]:
        """Refit each generator; yields a note after each layer and after each generator."""
        for name, one in self._networks.items():
            images = SampledBatches(self._samples, one.domain, 0, self._count)
            others = SampledBatches(self._samples, one.domain, self._count, COMPARED)
            before = l1_distance(one.teacher, one.student, others)
            for done, total in refit(one.teacher, one.student, one.kept, images):
                yield Note(f"refit {name} {done}/{total}")
            after = l1_distance(one.teacher, one.student, others)
            self._distances[name] = [before, after]
            said = f"L1 to what it was made of, on {COMPARED} others, {before:.4f} before, {after:.4f} after"
            yield Note(f"{name}: refitted on {self._count} images; {said}", lasting=True)
