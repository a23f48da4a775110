"""The parts of benchmarks/training.py that run in processes of their own: training_parts.py SIDE STEPS CASE."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from training_setup import CHECKED, LEARNING_RATE, TORCH, Case

if TYPE_CHECKING:
    from ganc.system.processes import Processes

Update = Callable[[np.ndarray, np.ndarray, int, float], Mapping]


def run(side: str, steps: int, case: Case) -> dict:
    """Return the losses of the first steps, and the median milliseconds of `steps` more; None where that is 0.

    The first steps are not timed: in an engine for graphs they compile.
    """
    update = _torch_update(case) if side == TORCH else ganc_update(case, side)
    source, target = case.images()

    def numbers(step: int) -> dict[str, float]:
        losses = update(source, target, step, LEARNING_RATE)
        return {name: float(loss) for name, loss in losses.items()}

    losses = [numbers(step) for step in range(CHECKED)]
    times = []
    for step in range(CHECKED, CHECKED + steps):
        start = time.perf_counter()
        numbers(step)
        times.append(1000 * (time.perf_counter() - start))
    return {"losses": losses, "ms": statistics.median(times) if times else None}


def _torch_update(case: Case) -> Update:
    import torch
    from training_torch import CycleStep, DistillationStep

    from ganc.system.runtime import engine_threads

    torch.set_num_threads(engine_threads())
    kind = CycleStep if case.step == "cyclegan" else DistillationStep
    return kind(case.networks(), case.subnet).update


def ganc_update(case: Case, engine: str, processes: "Processes | None" = None) -> Update:
    """Return ganc's step of a case, made on the CPU for one process or as one of several."""
    from ganc.engines.parts import require_engine_of_parts
    from ganc.models.discriminator import Adaptors, Discriminator
    from ganc.models.generator import Generator
    from ganc.system.processes import Processes
    from ganc.system.runtime import select_device

    select_device("cpu")
    require_engine_of_parts(engine)
    kinds = {"teacher": Generator, "generator": Generator, "discriminator": Discriminator, "adaptors": Adaptors}
    networks = {name: kinds[name.removesuffix("_b")].from_state(state) for name, state in case.networks().items()}
    make = _cycle_step if case.step == "cyclegan" else _distillation_step
    return make(case, networks, engine, processes or Processes()).update


def _cycle_step(case: Case, networks: Mapping, engine: str, processes: "Processes"):
    from ganc.models.task import CYCLEGAN
    from ganc.training.gan import GanStep

    return GanStep(
        task=CYCLEGAN,
        generators=(networks["generator"], networks["generator_b"]),
        discriminators=(networks["discriminator"], networks["discriminator_b"]),
        seed=0,
        processes=processes,
        engine=engine,
    )


def _distillation_step(case: Case, networks: Mapping, engine: str, processes: "Processes"):
    from ganc.models.task import CYCLEGAN
    from ganc.training.distillation import DistillationStep, DistilledNetworks
    from ganc.training.teachers import FrozenTeacher

    return DistillationStep(
        task=CYCLEGAN,
        teacher=FrozenTeacher(networks["teacher"], engine),
        trained=DistilledNetworks(
            student=networks["generator"],
            discriminator=networks["discriminator"],
            adaptors=networks["adaptors"],
            engine=engine,
        ),
        subnets_of=lambda step: [case.subnet(step)],
        processes=processes,
    )


if __name__ == "__main__":
    side, steps, case = sys.argv[1:]
    print(json.dumps(run(side, int(steps), Case(**json.loads(case)))))
