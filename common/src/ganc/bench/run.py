"""Timing all combinations that are possible, each engine and number of threads in a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import product
from pathlib import Path

from ganc.base.engine_table import engine_row
from ganc.base.errors import GancError, RunError, SpecError
from ganc.base.extras import missing
from ganc.bench.networks import stored_as
from ganc.bench.plan import OUT_OF_MEMORY, Job, Wanted, precision_obstacle
from ganc.engines.networks import read_network
from ganc.system.runtime import engine_threads

Say = Callable[[str], None]


def bench(wanted: Wanted, say: Say = lambda line: None) -> list[dict]:
    """Time every model against the original in every combination that is possible, and return one row for each.

    A row has engine, device, format (`ganc.bench.networks.stored_as`), precision, bytes, size (width, height), batch,
    threads, model; original_ms, compressed_ms (medians, per image) and
    speedup, their quotient; original_spread_ms, compressed_spread_ms (interquartile ranges, per image);
    original_batch_ms, compressed_batch_ms (medians of a whole batch); original_runs, compressed_runs (timed calls);
    where there are images to measure on, difference and metric too (`ganc.bench.quality`).

    Args:
        say: is told, one line each, what is being timed and what is left out and why.

    Raises:
        GancError: a model cannot be read, or no combination is possible; it says why the first is not.
    """
    _check_networks(wanted)
    rows: list[dict] = []
    first_obstacle: GancError | None = None  # what is not measured has one
    for found in _measured(wanted, say):
        if isinstance(found, GancError):
            first_obstacle = first_obstacle or found
            say(f"left out: {found}")
        else:
            rows += found
    if first_obstacle is not None and not rows:
        raise first_obstacle
    if wanted.data:
        from ganc.bench.quality import add_quality  # Paddle comes with it, which other engines are timed without

        say(f"comparing and measuring on {wanted.data}")
        add_quality(rows, wanted.data, wanted)
    return rows


def _check_networks(wanted: Wanted) -> None:
    for path in (*wanted.models, *([wanted.original] if wanted.original else [])):
        try:
            read_network(path, wanted.direction).spec.require_size(*wanted.size)
        except SpecError as error:
            raise SpecError(f"{path}: {error}") from error


def _measured(wanted: Wanted, say: Say) -> Iterator[list[dict] | GancError]:
    """Yield each process's rows, and an error for everything that is not possible."""
    for engine, threads in product(wanted.chosen_engines, wanted.threads or (engine_threads(),)):
        if obstacle := missing((engine_row(engine).package,)):
            yield obstacle
            continue
        obstacles = {precision: precision_obstacle(engine, precision) for precision in wanted.precisions}
        yield from (obstacle for obstacle in obstacles.values() if obstacle)
        if possible := tuple(precision for precision, obstacle in obstacles.items() if not obstacle):
            job = _job(wanted, engine, threads, possible)
            say(f"timing {_title(job)}")
            try:
                result = run_job(job)
            except RunError as error:
                yield error
                continue
            yield from (_obstacle(job, wanted, found) for found in result["obstacles"])
            yield _rows(job, wanted, result)


def _job(wanted: Wanted, engine: str, threads: int, precisions: tuple[str, ...]) -> Job:
    networks = (wanted.original, *wanted.models)
    return Job(
        engine=engine,
        threads=threads,
        networks=tuple(str(path.absolute()) if path else None for path in networks),
        precisions=precisions,
        batches=tuple(wanted.batches),
        size=wanted.size,
        repeats=wanted.repeats,
        min_seconds=wanted.min_seconds,
        device=wanted.device,
        direction=wanted.direction,
    )


def run_job(job: Job) -> dict:
    """Time what a job says in a process of its own and return the result of `ganc.bench.worker`.

    A process pool would be no shorter and less safe: its worker imports the caller's main module first, works on after
    the caller was killed, and when it dies, what it said last is lost.

    Raises:
        RunError: the process failed.
    """
    with tempfile.TemporaryDirectory() as folder, _lifeline() as lifeline:
        description, result = Path(folder) / "job.json", Path(folder) / "result.json"
        description.write_text(json.dumps(asdict(job)), encoding="utf-8")
        command = [sys.executable, "-m", "ganc.bench.worker", str(description), str(result)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(job.threads)}
        done = subprocess.run(command, env=environment, stdin=lifeline, capture_output=True, check=False)
        if done.returncode or not result.is_file():
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            if done.returncode == -signal.SIGKILL:
                last = [f"killed, as systems do where {OUT_OF_MEMORY}"]
            raise RunError(f"{_title(job)}: {last[0].strip()} (status {done.returncode} of the process that timed it)")
        return json.loads(result.read_text(encoding="utf-8"))


@contextlib.contextmanager
def _lifeline() -> Iterator[int]:
    """Yield one end of a pipe; it reads as ended when this process has ended, in whatever way."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(reading)
        os.close(writing)


def _title(job: Job) -> str:
    return f"{job.engine}, {job.threads} thread{'s' if job.threads > 1 else ''}"


def _obstacle(job: Job, wanted: Wanted, found: dict) -> GancError:
    network = found["network"]
    whose = wanted.models[network - 1] if network else wanted.original or "the original"
    return SpecError(f"{_title(job)}, {found['precision']}, {whose}: {found['reason']}")


def _rows(job: Job, wanted: Wanted, result: dict) -> list[dict]:
    timings = {(one["batch"], one["precision"], one["network"]): one for one in result["timings"]}
    places = product(job.batches, job.precisions, enumerate(wanted.models, 1))
    return [
        {
            "engine": job.engine,
            "device": result["device"],
            **dict(zip(("format", "bytes"), stored_as(model, job.engine, precision), strict=True)),
            "precision": precision,
            "size": list(job.size),
            "batch": batch,
            "threads": job.threads,
            "model": str(model),
            **_speedup(timings[batch, precision, 0], timings[batch, precision, number], batch),
        }
        for batch, precision, (number, model) in places
        if (batch, precision, number) in timings
    ]


def _speedup(original: dict, compressed: dict, batch: int) -> dict:
    original_ms, compressed_ms = original["batch_ms"] / batch, compressed["batch_ms"] / batch
    return {
        "original_ms": original_ms,
        "compressed_ms": compressed_ms,
        "speedup": original_ms / compressed_ms,
        "original_spread_ms": original["batch_spread_ms"] / batch,
        "compressed_spread_ms": compressed["batch_spread_ms"] / batch,
        "original_batch_ms": original["batch_ms"],
        "compressed_batch_ms": compressed["batch_ms"],
        "original_runs": original["runs"],
        "compressed_runs": compressed["runs"],
    }
