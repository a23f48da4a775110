"""Running one graph on many inputs at once, by default with as many streams as threads, each of one thread.

Threads that share one input wait for each other after every layer; streams never do. For work that comes in many equal
pieces, such as the features of images, that is the faster way (docs/metric.md has the numbers).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np


class OneToOne(Protocol):
    """A compiled graph of one input and one output."""

    engine: str

    def __call__(self, array: np.ndarray, /) -> np.ndarray: ...


class ThreadedStreams:
    """One Python thread a stream, all of them calling one compiled graph.

    The engine lets go of Python's lock while it computes.
    """

    def __init__(self, graph: OneToOne, streams: int) -> None:
        self.engine, self.streams = graph.engine, streams
        self._run = graph
        self._pool = ThreadPoolExecutor(streams, thread_name_prefix="ganc-stream")

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(self._pool.map(self._run, arrays))
