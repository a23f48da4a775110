"""From values to places in a chart, linear or logarithmic, with ticks at round values."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

LOGARITHMIC_FROM = 12  # how many times larger the largest value is than the smallest where a linear axis would hide it

FARTHEST = 1e30  # what is farther from 0 has no place of its own, nor what is nearer than its inverse where 0 has none


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` onto places from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Return where a value is drawn; one beyond an end at that end."""
        low, high, value = (self._plain(min(max(one, self.low), self.high)) for one in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, count: int) -> list[float]:
        """Return about `count` round values within the scale."""
        return _log_ticks(self.low, self.high, count) if self.logarithmic else _ticks(self.low, self.high, count)

    def _plain(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


def spanning(
    values: Iterable[float], start: float, end: float, *, logarithmic: bool = False, zero: bool = False
) -> Scale:
    """Return a scale on which all finite values have a place, with some room around them.

    Args:
        logarithmic: only where all values are positive; otherwise the scale is linear.
        zero: begin at 0.
    """
    known = [min(max(value, -FARTHEST), FARTHEST) for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if logarithmic and low > 0:
        low, high = max(low, 1 / FARTHEST), max(high, 1 / FARTHEST)
        room = max((high / low) ** 0.06, 1.06)
        return Scale(low / room, high * room, start, end, logarithmic=True)
    room = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    return Scale(0.0 if zero and low >= 0 else low - room, high + room, start, end)


def is_wide(values: Iterable[float]) -> bool:
    """Whether values, all positive, lie so far apart that only a logarithmic axis shows the small ones."""
    known = [value for value in values if math.isfinite(value)]
    return bool(known) and min(known) > 0 and max(known) > LOGARITHMIC_FROM * min(known)


def _ticks(low: float, high: float, count: int) -> list[float]:
    step = _round((high - low) / max(count, 1))
    first = math.ceil(low / step)
    return [round(number * step, 12) for number in range(first, math.floor(high / step) + 1)]


def _round(rough: float) -> float:
    """Return the number of the form 1, 2 or 5 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def _log_ticks(low: float, high: float, count: int) -> list[float]:
    if high < 4 * low:  # round steps fall well within less than an order
        return _ticks(low, high, count)
    for factors in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [factor * 10.0**power for power in powers for factor in factors]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= count + 1:
            break
    return ticks[:: 1 + len(ticks) // (count + 2)]
