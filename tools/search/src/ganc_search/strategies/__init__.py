"""Which sub-networks to measure next: strategies that are asked for them and told what they measured."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from ganc.models.family import Widths


class Strategy(Protocol):
    """What drives a search: `ask` and `tell` take turns until `ask` returns nothing.

    What a strategy asks for must depend only on its settings and on the rows that it was told. Then a search that is
    started again asks for the same, and is told the rows that the earlier one measured.
    """

    def ask(self) -> Sequence[Widths]:
        """Return the sub-networks to measure next, empty when there are none left."""

    def tell(self, rows: Iterable) -> None:
        """Take the SearchRows of what was asked for, in the same order, once: each is made when it is reached."""


class Bounded(Strategy, Protocol):
    """A strategy that knows beforehand for how many sub-networks it asks at most.

    Attributes:
        total: so many.
    """

    total: int
