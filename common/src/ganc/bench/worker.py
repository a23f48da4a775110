"""The process that times one engine: `python -m ganc.bench.worker JOB.json RESULT.json`."""

import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ganc.base.errors import GancError
from ganc.bench.forms import FormMaker
from ganc.bench.plan import Job
from ganc.engines.timing import Timing, random_images, timed_by_turns


def main(job_file: str, result_file: str) -> None:
    """Time what the job says; the result has the device, rows of timings, and what was not possible and why."""
    job = Job(**json.loads(Path(job_file).read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as folder:
        maker = FormMaker(job.engine, job.device, Path(folder), job.direction)
        forms, obstacles = _open_forms(maker, job)
        timings = [
            {"batch": batch, "precision": precision, "network": number, **_json(timing, batch)}
            for batch in job.batches
            for (precision, number), timing in _timed(forms, batch, job)
        ]
        result = {"device": maker.device, "timings": timings, "obstacles": obstacles}
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


def _open_forms(maker: FormMaker, job: Job) -> tuple[dict, list[dict]]:
    """Open every network in every precision; a precision that the original cannot have is not opened for others."""
    forms: dict[tuple[str, int], tuple[Callable, int]] = {}
    obstacles = []
    for precision in job.precisions:
        for number, path in enumerate(job.networks):
            try:
                forms[precision, number] = maker.open(path and Path(path), precision)
            except GancError as error:
                obstacles.append({"precision": precision, "network": number, "reason": str(error)})
                if number == 0:
                    break
    return forms, obstacles


def _timed(forms: dict, batch: int, job: Job) -> list[tuple[tuple[str, int], Timing]]:
    calls = [partial(run, random_images(batch, channels, tuple(job.size))) for run, channels in forms.values()]
    return list(zip(forms, timed_by_turns(calls, job.repeats, job.min_seconds), strict=True))


def _json(timing: Timing, batch: int) -> dict:
    return {"batch_ms": timing.median, "batch_spread_ms": timing.spread, "runs": timing.runs}


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except GancError as failure:
        sys.exit(str(failure))
