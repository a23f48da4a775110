"""Texts and numbers as a report shows them."""

import math
import re

from ganc.base.text import format_count

LONGEST = 300  # characters of anything that a file says
# Control characters, halves of pairs, and marks that turn the direction of what follows them.
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def clean(text: object, longest: int = LONGEST) -> str:
    """Return a text without characters that cannot be shown or that change how others are, and not too long."""
    shown = _UNSHOWN.sub("\ufffd", str(text))
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def count(number: float | None) -> str:
    return "–" if number is None else format_count(number)


def byte_count(number: float | None) -> str:
    """Return 2.34 MB for 2338272."""
    if number is None:
        return "–"
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}" if number < 1000 * size else f"{number / size:,.0f} {unit}"
    return f"{number:g} bytes"


def milliseconds(number: float | None) -> str:
    if number is None:
        return "–"
    return f"{number:,.0f} ms" if number >= 100 else f"{number:.3g} ms"


def real(number: float | None) -> str:
    """Return a number with four digits."""
    if number is None:
        return "–"
    return f"{number:,.0f}" if abs(number) >= 10_000 else f"{number:.4g}"


def measured(value: float | None, error: float | None = None) -> str:
    """Return 0.2665 ± 0.0062: the error with two digits, the value with as many decimals."""
    if value is None:
        return "–"
    if not error or not math.isfinite(error):
        return real(value)
    decimals = min(max(0, 1 - math.floor(math.log10(abs(error)))), 12)
    return f"{value:.{decimals}f}\u00a0±\u00a0{error:.{decimals}f}"  # on one line


def times(before: float | None, after: float | None, less: str, more: str) -> str:
    """Return "3.2 times fewer" for 124 and 38.6; "" where one is not known, or nearly no difference."""
    if not before or not after:
        return ""
    if max(before, after) / min(before, after) < 1.005:
        return ""
    ratio, word = (before / after, less) if before > after else (after / before, more)
    return f"{ratio:.3g} times {word}" if ratio < 100 else f"{ratio:,.0f} times {word}"


def tick(value: float) -> str:
    """Return a value at an axis: short, with a unit for large counts."""
    if value and abs(value) >= 10_000:
        for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
            if abs(value) >= size:
                return f"{value / size:.3g} {unit}"
    return f"{value:.4g}"
