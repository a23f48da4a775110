"""How long an engine takes."""

import statistics
import time

import numpy as np

from ganc.draws import keyed_generator
from ganc.engines import Engine


def milliseconds_per_image(engines: list[Engine], size: tuple[int, int], repeats: int = 25, warm_up: int = 5) -> list:
    """Return each engine's median milliseconds for one image of `size` (width, height) at batch 1.

    The engines take turns, so that a machine that slows down or speeds up meanwhile favours none.
    """
    shape = (1, 3, size[1], size[0])
    image = keyed_generator(0, "timing").uniform(-1, 1, shape).astype(np.float32)
    seconds: list[list[float]] = [[] for _ in engines]
    for repeat in range(warm_up + repeats):
        for engine, times in zip(engines, seconds, strict=True):
            start = time.perf_counter()
            engine(image)
            if repeat >= warm_up:
                times.append(time.perf_counter() - start)
    return [1000 * statistics.median(times) for times in seconds]
