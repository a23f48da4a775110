"""Batches of a training set for a range of steps, in line or a few batches ahead in threads, always the same ones."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ganc.data.sets import TrainingSet


def steps_per_epoch(dataset: TrainingSet, batch_size: int) -> int:
    """Return ceil(samples / batch_size): the last batch of an epoch may be smaller."""
    return -(-len(dataset) // batch_size)


def batches(
    dataset: TrainingSet,
    batch_size: int,
    first_step: int,
    last_step: int,
    workers: int,
    *,
    process: int = 0,
    processes: int = 1,
) -> Generator[tuple[np.ndarray, ...], None, None]:
    """Yield the batches of steps `first_step` … `last_step` - 1: tuples (source, target) of float32 (n, c, h, w).

    Step s belongs to epoch s // steps_per_epoch. Samples depend on epoch and index only, so the batches do not depend
    on `workers`, nor on where a resumed run starts.

    Args:
        dataset: the training set.
        batch_size: samples a step, over all processes.
        first_step: the first step, from 0 over the whole run.
        last_step: the step to stop before.
        workers: threads that prepare batches ahead; 0 prepares each when it is asked for.
        process: which process's share of every batch to yield.
        processes: into how many shares a batch is split. The small batch that ends an epoch may leave a process without
            samples: it gets the first one, which must not count twice.

    Raises:
        DataError: an image cannot be read; raised in place of the batch that it belongs to.
        ValueError: an argument is out of its range.
    """
    if batch_size < processes or not 0 <= process < processes or workers < 0 or first_step < 0:
        raise ValueError(
            f"expected 0 <= process (={process}) < processes (={processes}) <= batch_size (={batch_size}), "
            f"workers (={workers}) >= 0 and first_step (={first_step}) >= 0"
        )
    steps = range(first_step, last_step)
    if workers == 0:
        return (_batch(dataset, batch_size, step, process, processes) for step in steps)
    return _ahead(dataset, batch_size, steps, workers, process, processes)


def _ahead(
    dataset: TrainingSet, batch_size: int, steps: range, workers: int, process: int, processes: int
) -> Generator:
    executor = ThreadPoolExecutor(workers, thread_name_prefix="ganc-loader")
    pending: deque[Future] = deque()
    try:
        for step in steps:
            pending.append(executor.submit(_batch, dataset, batch_size, step, process, processes))
            if len(pending) > 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _batch(dataset: TrainingSet, batch_size: int, step: int, process: int, processes: int) -> tuple[np.ndarray, ...]:
    epoch, position = divmod(step, steps_per_epoch(dataset, batch_size))
    indices = range(position * batch_size, min((position + 1) * batch_size, len(dataset)))
    share = indices[process::processes] or indices[:1]
    samples = [dataset.sample(epoch, index) for index in share]
    return tuple(np.stack(column) for column in zip(*samples, strict=True))
