"""Which way images are translated: from domain A to B, or back."""

from enum import StrEnum

from ganc.base.errors import SpecError


class Direction(StrEnum):
    """A direction; its string is its name in files and options.

    `Direction("AtoB")` reads one; another text raises SpecError.
    """

    A_TO_B = "AtoB"
    B_TO_A = "BtoA"

    @property
    def source(self) -> str:
        """The letter of the domain that is translated."""
        return self.value[0]

    @property
    def target(self) -> str:
        """The letter of the domain of the translations."""
        return self.value[-1]

    @classmethod
    def _missing_(cls, value: object) -> "Direction":
        raise SpecError(f"direction '{value}', expected one of {', '.join(cls)}")
