"""How long engines take, measured by turns."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ganc.base.rng import keyed_generator
from ganc.engines import Engine

# A turn of a fast network: a call that is not timed, so that nothing of the one before is left in the caches and no
# thread of its pool still spins, then calls for so long. A slow network's turn is one call, which dwarfs all that.
TURN_SECONDS = 0.1
SLOW_SECONDS = 0.25


@dataclass(frozen=True)
class Timing:
    """What was measured of one call.

    Attributes:
        median, spread: milliseconds; the spread is the interquartile range.
        least: milliseconds of the fastest call: what others take from the machine meanwhile only adds.
        runs: how many calls were timed.
    """

    median: float
    spread: float
    runs: int
    least: float


def timed_by_turns(
    calls: Sequence[Callable[[], object]],
    repeats: int = 10,
    min_seconds: float = 0.0,
    warm_up: int = 2,
    watch: Callable[[], object] = lambda: None,
) -> list[Timing]:
    """Time functions that take turns, so that a machine that slows down or speeds up meanwhile favours none.

    Args:
        repeats: turns of each; a fast function is timed several times a turn.
        min_seconds: time each for so long in all, at least.
        warm_up: calls of each before that, at least one.
        watch: is called after each turn of each function.
    """
    lasted = [min(_seconds(call) for _ in range(max(1, warm_up))) for call in calls]
    seconds: list[list[float]] = [[] for _ in calls]
    turns = 0
    while turns < repeats or any(sum(times) < min_seconds for times in seconds):
        for call, times, once in zip(calls, seconds, lasted, strict=True):
            if once < SLOW_SECONDS:
                call()
            times.extend(_seconds(call) for _ in range(max(1, int(TURN_SECONDS / max(once, TURN_SECONDS / 20)))))
            watch()
        turns += 1
    return [_timing(times) for times in seconds]


def milliseconds_per_image(
    engines: Sequence[Engine], size: tuple[int, int], channels: Sequence[int] | None = None, repeats: int = 10
) -> list[float]:
    """Return each engine's median milliseconds for one image of `size` (width, height) at batch 1, taking turns.

    Args:
        channels: of each engine's images; None is 3 for all.
    """
    images = [random_images(1, count, size) for count in channels or [3] * len(engines)]
    calls = [partial(engine, image) for engine, image in zip(engines, images, strict=True)]
    return [timing.median for timing in timed_by_turns(calls, repeats)]


def random_images(batch: int, channels: int, size: tuple[int, int]) -> np.ndarray:
    """Return float32 images (batch, channels, height, width) in [-1, 1], equal for equal arguments."""
    shape = (batch, channels, size[1], size[0])
    images = keyed_generator(0, "timing").random(shape, dtype=np.float32)
    images *= 2  # in place: batches may fill the memory
    images -= 1
    return images


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _timing(seconds: Sequence[float]) -> Timing:
    lower, upper = np.percentile(seconds, (25, 75))
    return Timing(1000 * statistics.median(seconds), 1000 * float(upper - lower), len(seconds), 1000 * min(seconds))
