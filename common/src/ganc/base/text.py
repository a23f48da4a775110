"""Numbers with units, as people type and read them."""

import re
from decimal import Decimal

from ganc.base.errors import SpecError

_UNITS = {"": 0, "k": 3, "m": 6, "g": 9, "t": 12}
_BUDGET = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e[0-9]{1,2})?\s*([kmgt]?)", re.IGNORECASE)
_LARGEST_BUDGET = 10**18


def parse_budget(text: str) -> int:
    """Return the number that `2.7G`, `350M`, `12k` or `2700000000` means, rounded down.

    Raises:
        SpecError: the text is none of these, or the number is not between 1 and 10^18.
    """
    match = _BUDGET.fullmatch(text.strip())
    if match:
        number, exponent, unit = match.groups()
        value = Decimal(number + (exponent or "")).scaleb(_UNITS[unit.lower()])
        if 1 <= value <= _LARGEST_BUDGET:
            return int(value)
    raise SpecError(f"budget (={text!r}) is not a positive number; write it as 2.7G, 350M or 2700000000")


def format_count(count: float) -> str:
    """Return a count with three digits or more and its unit: 2.70 G, 341.60 k, 512."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if round(count / size, 2) >= 1:
            return f"{count / size:.2f} {unit}"
    return f"{count:.0f}"
