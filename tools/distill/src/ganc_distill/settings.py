"""What a user sets of stage 2 beside what all distilling stages have. Needs neither numpy nor Paddle."""

from enum import Enum


class Ranking(Enum):
    """By which weights a channel of the teacher is important.

    Those that write it are the published choice (GAN Compression, arXiv 2003.08936, section 3.1). Behind an instance
    norm their size has no effect on the output; the weights that read a channel say how much of it is used.
    """

    WRITES = "writes"
    READS = "reads"

    @property
    def choices(self) -> dict:
        """What belongs to a run's identity."""
        return {} if self is Ranking.WRITES else {"importance": self.value}
