"""The process that times one engine: `python -m ganc.bench.worker JOB.json RESULT.json`.

It ends when its standard input does, which the process that started it keeps open.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ganc.base.direction import Direction
from ganc.base.errors import GancError
from ganc.bench.networks import open_network, runs_on_gpu
from ganc.bench.plan import OUT_OF_MEMORY, Job
from ganc.engines import Engine
from ganc.engines.timing import Timing, random_images, timed_by_turns


def main(job_file: str, result_file: str) -> None:
    """Time what the job says; the result has the device, rows of timings, and what was not possible and why."""
    job = Job(**json.loads(Path(job_file).read_text(encoding="utf-8")))
    device = _selected_device(job)
    opened, obstacles = _open_networks(job)
    timings = [
        {"batch": batch, "precision": precision, "network": number, **_json(timing)}
        for batch in job.batches
        for (precision, number), timing in _timed(opened, batch, job)
    ]
    result = {"device": device, "timings": timings, "obstacles": obstacles}
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


def _selected_device(job: Job) -> str:
    if not runs_on_gpu(job.engine):
        return "cpu"
    from ganc.system.runtime import select_device  # Paddle comes with it, which other engines run without

    return select_device(job.device)


def _open_networks(job: Job) -> tuple[dict, list[dict]]:
    """Open every network in every precision; a precision that the original cannot have is not opened for others."""
    opened: dict[tuple[str, int], tuple[Engine, int]] = {}
    obstacles = []
    direction = Direction(job.direction) if job.direction else None
    for precision in job.precisions:
        for number, path in enumerate(job.networks):
            try:
                named = Path(path) if path else None
                opened[precision, number] = open_network(named, direction, job.engine, precision)
            except GancError as error:
                obstacles.append({"precision": precision, "network": number, "reason": str(error)})
                if number == 0:
                    break
    return opened, obstacles


def _timed(opened: dict, batch: int, job: Job) -> list[tuple[tuple[str, int], Timing]]:
    calls: list[Callable] = [
        partial(engine, random_images(batch, channels, (job.size[0], job.size[1])))
        for engine, channels in opened.values()
    ]
    return list(zip(opened, timed_by_turns(calls, job.repeats, job.min_seconds), strict=True))


def _json(timing: Timing) -> dict:
    return {"batch_ms": timing.median, "batch_spread_ms": timing.spread, "runs": timing.runs}


def _is_about_memory(error: Exception) -> bool:
    """Whether an engine, each of which has its own error for that, found no memory."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in ("alloc", "out of memory", "exhausted"))


def _end_with_parent() -> None:
    """End this process as soon as standard input ends."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    _end_with_parent()
    try:
        main(*sys.argv[1:])
    except (GancError, MemoryError, RuntimeError) as failure:
        if not (_is_about_memory(failure) or isinstance(failure, GancError)):
            raise
        sys.exit(OUT_OF_MEMORY if _is_about_memory(failure) else str(failure))
