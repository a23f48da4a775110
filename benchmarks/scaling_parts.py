"""One process of benchmarks/scaling.py: scaling_parts.py STEPS CASE OUTPUT; the first one writes what it timed."""

import json
import statistics
import sys
import time
from pathlib import Path

from training_parts import ganc_update
from training_setup import CHECKED, LEARNING_RATE, Case

from ganc.base.engine_table import REFERENCE


def run(steps: int, case: Case) -> dict | None:
    """Return the first losses of this process's share, and the median milliseconds of a step of all; None elsewhere."""
    from ganc.system.processes import join_processes
    from ganc.system.runtime import engine_threads, select_device

    select_device("cpu")
    processes = join_processes()
    update = ganc_update(case, REFERENCE, processes)
    source, target = (images[processes.index :: processes.count] for images in case.images())
    losses, times = {}, []
    for step in range(CHECKED + steps):
        processes.wait_for_all()
        start = time.perf_counter()
        found = {name: float(loss) for name, loss in update(source, target, step, LEARNING_RATE).items()}
        processes.wait_for_all()
        losses = losses or found
        if step >= CHECKED:
            times.append(1000 * (time.perf_counter() - start))
    found = {"threads": engine_threads(), "losses": losses, "ms": statistics.median(times)}
    return found if processes.writes else None


if __name__ == "__main__":
    steps, case, output = sys.argv[1:]
    if (found := run(int(steps), Case(**json.loads(case)))) is not None:
        Path(output).write_text(json.dumps(found))
