"""What people type and read: numbers, counts with units, errors, yes and no, misspelt names. The one place for that."""

import math
import re
from collections.abc import Iterable

from ganc.base.errors import SpecError

LARGEST_COUNT = 10**9  # of whatever an option counts: steps, images, widths, pixels of a side
LARGEST_BUDGET = 10**18
LARGEST_NUMBER = 1e15
ROUNDING = 1e-9  # of a value: an error below it is what computing left, not what was measured
DAY = 86400  # seconds

_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")  # int() would take 4_4 for 44, and digits of other scripts
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,4})?", re.IGNORECASE)
_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_UNITS = {"": 0, "k": 3, "m": 6, "g": 9, "t": 12}
_BUDGET = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e[0-9]{1,2})?\s*([kmgt]?)", re.IGNORECASE | re.ASCII)


def parse_whole(text: str, smallest: int | None = None, largest: int = LARGEST_COUNT) -> int:
    """Return the whole number that decimal digits mean.

    Raises:
        SpecError: the text is no whole number, or the number is not between `smallest` and `largest`.
    """
    if not _WHOLE.fullmatch(text.strip()):
        raise SpecError(f"'{shortened(text)}' is not a whole number")
    value = int(text)
    if value > largest or (smallest is not None and value < smallest):
        least = -largest if smallest is None else smallest
        raise SpecError(f"{shortened(text)} is not a whole number from {least} to {largest}")
    return value


def parse_real(text: str) -> float:
    """Return the finite number that a decimal text such as 0.5, 2e-4 or 3 means.

    Raises:
        SpecError: the text is no finite number, or the number is above LARGEST_NUMBER.
    """
    if not _REAL.fullmatch(text.strip()):
        raise SpecError(f"'{shortened(text)}' is not a number")
    if abs(value := float(text)) > LARGEST_NUMBER:
        raise SpecError(f"{shortened(text)} is too large a number, expected at most {LARGEST_NUMBER:g}")
    return value


def parse_budget(text: str) -> int:
    """Return the number that `2.7G`, `350M`, `12k` or `2700000000` means, rounded down.

    Raises:
        SpecError: the text is none of these, or the number is not between 1 and 10^18.
    """
    from decimal import Decimal  # --help does without

    match = _BUDGET.fullmatch(text.strip())
    if not match:
        raise SpecError(f"budget (={shortened(text)!r}) is not a positive number; write it as 2.7G, 350M or 2700000000")
    number, exponent, unit = match.groups()
    value = Decimal(number + (exponent or "")).scaleb(_UNITS[unit.lower()])
    if not 1 <= value <= LARGEST_BUDGET:
        raise SpecError(f"budget (={shortened(text)!r}) is not between 1 and 10^18; write it as 2.7G or 350M")
    return int(value)


def budget_number(budget: int | str | None) -> int | None:
    """Return the number that a budget means: itself, what a text such as `2.7G` means, None for no bound."""
    return parse_budget(budget) if isinstance(budget, str) else budget


def truth(value: object) -> bool | None:
    """Return whether a value, or its text, is true or false; None if it is neither."""
    return _TRUTHS.get(str(value).lower())


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name, "; did you mean epochs?"; empty where no name is near."""
    from difflib import get_close_matches  # --help does without

    near = get_close_matches(str(name), list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def format_count(count: float) -> str:
    """Return a count with three digits or more and its unit: 2.70 G, 341.60 k, 512."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if round(count / size, 2) >= 1:
            return f"{count / size:.2f} {unit}"
    return f"{count:.0f}"


def counted(number: int, what: str) -> str:
    """Return "1 variant", "2 variants" or "1,300 variants"."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def with_error(value: float | None, error: float | None) -> str:
    """Return 0.0312 ± 0.0041: the error with two digits, the value with as many decimals; four without an error.

    An error that is rounding is none.
    """
    if value is None:
        return "-"
    if error is None or error <= ROUNDING * max(abs(value), 1e-3):
        return f"{value:.4f}"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def even_decimals(values: Iterable[float]) -> int:
    """Return how many decimals a column of milliseconds has: two where all are at least 1, else four."""
    return 2 if min(values, default=1.0) >= 1 else 4


def format_duration(seconds: float) -> str:
    """Return a time as people say it: 350 ms, 41 s, 18 min, 2.4 h, 68 days."""
    for unit, size, least in (("days", DAY, 2), ("h", 3600, 2), ("min", 60, 1.5), ("s", 1, 1)):
        if seconds >= least * size:
            amount = seconds / size
            return f"{amount:.0f} {unit}" if amount >= 10 or unit == "min" else f"{amount:.1f} {unit}"
    return f"{1000 * seconds:.0f} ms"


def format_bytes(count: int) -> str:
    """Return a size with its unit, as files have them: 1.2 GB, 340 MB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def shortened(text: str, most: int = 60) -> str:
    """Return a text as a message quotes it: what is longer than `most` characters is cut."""
    return text if len(text) <= most else text[:most] + "…"
