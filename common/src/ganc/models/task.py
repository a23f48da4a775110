"""The translation task: all that distinguishes CycleGAN from paired translation, as one frozen object.

Stages take a task as an argument and store it in their checkpoints; none of them knows a task by its name.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any

from ganc.base.errors import SpecError
from ganc.models.family import DISCRIMINATOR_WIDTH

CONDITIONAL_DISCRIMINATOR_WIDTH = 128


class TaskName(Enum):
    """The tasks that options name."""

    CYCLEGAN = "cyclegan"
    PIX2PIX = "pix2pix"


class Pairing(Enum):
    """How the images of the two domains belong together."""

    UNPAIRED = "unpaired"
    PAIRED = "paired"


class AdversarialLoss(Enum):
    """Which GAN loss is used; `ganc.training.losses` has the formulas."""

    LEAST_SQUARES = "least-squares"
    HINGE = "hinge"


class DiscriminatorInput(Enum):
    """What the discriminator sees."""

    IMAGE = "picture"
    SOURCE_AND_IMAGE = "source and picture"


class Reference(Enum):
    """What reconstruction compares a student's output with."""

    TEACHER = "teacher"
    GROUND_TRUTH = "ground truth"


@dataclass(frozen=True, kw_only=True)
class Task:
    """How images are paired, what the discriminator sees, what is compared with what, and the losses' weights.

    `identity_weight` is a fraction of `cycle_weight`; `pool_size` 0 shows the discriminator the newest images only.
    """

    pairing: Pairing
    adversarial_loss: AdversarialLoss
    discriminator_input: DiscriminatorInput
    reference: Reference
    gan_weight: float = 1.0
    cycle_weight: float = 0.0
    identity_weight: float = 0.0
    reconstruction_weight: float = 0.0
    feature_weight: float = 0.0
    pool_size: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith(("_weight", "_size")) and not value >= 0:
                raise SpecError(f"{field.name} (={value}) must not be negative")

    @property
    def name(self) -> TaskName | None:
        """Which of the published tasks it is, whatever its weights; None where it is another one."""
        alike = (name for name, one in PUBLISHED.items() if one.kinds == self.kinds)
        return next(alike, None)

    @property
    def title(self) -> str:
        """What messages call it."""
        return self.name.value if self.name else f"{self.pairing.value} images, {self.adversarial_loss.value}"

    @property
    def kinds(self) -> tuple[Enum, ...]:
        """All that a task is but its numbers."""
        return self.pairing, self.adversarial_loss, self.discriminator_input, self.reference

    @property
    def both_ways(self) -> bool:
        """Whether stage 1 trains the reverse direction too, which only unpaired images need."""
        return self.pairing is Pairing.UNPAIRED

    @property
    def judges_first(self) -> bool:
        """Whether stage 1 updates the discriminator before the generator (pix2pix), or after it (CycleGAN)."""
        return self.pairing is Pairing.PAIRED

    @property
    def ground_truth_weight(self) -> float:
        """The weight of the L1 distance to the ground truth, which stage 1 has where the images are paired."""
        return self.reconstruction_weight if self.reference is Reference.GROUND_TRUTH else 0.0

    @property
    def discriminator_width(self) -> int:
        """The base width that the published discriminators have."""
        conditional = self.discriminator_input is DiscriminatorInput.SOURCE_AND_IMAGE
        return CONDITIONAL_DISCRIMINATOR_WIDTH if conditional else DISCRIMINATOR_WIDTH

    def judged_channels(self, source: int, image: int) -> int:
        """Return how many channels a discriminator sees of images with so many, and of their sources with so many."""
        conditional = self.discriminator_input is DiscriminatorInput.SOURCE_AND_IMAGE
        return image + (source if conditional else 0)

    def to_json(self) -> dict:
        """Return plain values for a checkpoint."""
        return {name: value.value if isinstance(value, Enum) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: Mapping) -> "Task":
        """Rebuild a task from what `to_json` gave.

        Raises:
            SpecError: a value is missing, unknown or impossible.
        """
        kinds: dict[str, Any] = {field.name: field.type for field in fields(cls)}
        if unknown := sorted(set(stored) - set(kinds)):
            raise SpecError(f"task has no '{unknown[0]}'")
        try:
            return cls(
                **{
                    name: kinds[name](value) if issubclass(kinds[name], Enum) else value
                    for name, value in stored.items()
                }
            )
        except (TypeError, ValueError) as error:
            raise SpecError(f"task: {error}") from error


# CycleGAN, arXiv 1703.10593, section 4 and 7.1; weights of the distillation: GAN Compression, arXiv 2003.08936.
CYCLEGAN = Task(
    pairing=Pairing.UNPAIRED,
    adversarial_loss=AdversarialLoss.LEAST_SQUARES,
    discriminator_input=DiscriminatorInput.IMAGE,
    reference=Reference.TEACHER,
    cycle_weight=10.0,
    identity_weight=0.5,
    reconstruction_weight=10.0,
    feature_weight=0.01,
    pool_size=50,
)

# pix2pix, arXiv 1611.07004, section 3; weights of the distillation: GAN Compression, arXiv 2003.08936.
PIX2PIX = Task(
    pairing=Pairing.PAIRED,
    adversarial_loss=AdversarialLoss.HINGE,
    discriminator_input=DiscriminatorInput.SOURCE_AND_IMAGE,
    reference=Reference.GROUND_TRUTH,
    cycle_weight=0.0,
    identity_weight=0.0,
    reconstruction_weight=100.0,
    feature_weight=1.0,
    pool_size=0,
)

PUBLISHED = {TaskName.CYCLEGAN: CYCLEGAN, TaskName.PIX2PIX: PIX2PIX}
