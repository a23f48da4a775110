"""What a user says of stage 3's start; known without Paddle."""

from dataclasses import dataclass
from pathlib import Path

from ganc.models.space import SearchSpace
from ganc_supernet.sampling import Sampling


@dataclass(frozen=True, kw_only=True)
class SupernetStart:
    """Where the supernet starts from.

    Attributes:
        space: the sub-networks that are trained.
        student_file: a distilled student; None trains from scratch.
        width: base width of a supernet trained from scratch; None takes the space's largest widths.
        sampling: which sub-networks a step trains.
    """

    teacher_file: Path
    space: SearchSpace
    student_file: Path | None = None
    width: int | None = None
    sampling: Sampling = Sampling.UNIFORM
