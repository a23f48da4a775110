"""The parts of benchmarks/training.py that run in processes of their own: training_parts.py SIDE STEPS CASE."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from training_setup import CHECKED, LEARNING_RATE, TORCH, Case

from ganc.base.rng import keyed_generator

if TYPE_CHECKING:
    from ganc.system.processes import Processes

Moments = Callable[[], Mapping[str, np.ndarray]]

DIRECTIONS = 8  # along which gradients are compared
FIRST_MOMENT = "/moment1_0"  # of Paddle's Adam: after one step, half of the gradient


def run(side: str, steps: int, case: Case) -> dict:
    """Return what one side computes and how long it takes.

    Returns:
        `losses` of the first steps by name; `gradients` of the first one, see `_outlines`; `ms`, the median of `steps`
        more, None where that is 0. The first steps are not timed: in an engine for graphs they compile.
    """
    made, first_moments = _torch_step(case) if side == TORCH else _measured_step(case, side)
    source, target = case.images()

    def numbers(step: int) -> dict[str, float]:
        losses = made.update(source, target, step, LEARNING_RATE)
        return {name: float(loss) for name, loss in losses.items()}

    losses = [numbers(0)]
    gradients = _outlines(first_moments())
    losses += [numbers(step) for step in range(1, CHECKED)]
    times = []
    for step in range(CHECKED, CHECKED + steps):
        start = time.perf_counter()
        numbers(step)
        times.append(1000 * (time.perf_counter() - start))
    return {"losses": losses, "gradients": gradients, "ms": statistics.median(times) if times else None}


def _outlines(moments: Mapping[str, np.ndarray]) -> dict[str, dict]:
    """Return what is compared of the arrays of each network, which are named `network.parameter`.

    Returns:
        By network the `norm` of all its arrays, and what they are `along` some random directions. Of two such vectors
        that are a vector d apart, these differ by |d| times what a normal distribution gives.
    """
    outlines: dict[str, dict] = {}
    for name, values in moments.items():
        draws = keyed_generator(0, f"benchmark/directions/{name}")
        along = draws.standard_normal((DIRECTIONS, values.size), np.float32) @ values.reshape(-1).astype(np.float64)
        one = outlines.setdefault(name.partition(".")[0], {"norm": 0.0, "along": np.zeros(DIRECTIONS)})
        one["norm"] = float(np.hypot(one["norm"], np.linalg.norm(values.astype(np.float64))))
        one["along"] = one["along"] + along
    return {name: {**one, "along": one["along"].tolist()} for name, one in outlines.items()}


def _measured_step(case: Case, engine: str) -> tuple[Any, Moments]:
    made = ganc_step(case, engine)

    def first_moments() -> dict[str, np.ndarray]:
        states = [optimizer.state() for optimizer in made.optimizers.values()]
        moments = {key: value for state in states for key, value in state.items() if key.endswith(FIRST_MOMENT)}
        return {key.removesuffix(FIRST_MOMENT): value for key, value in moments.items()}

    return made, first_moments


def _torch_step(case: Case) -> tuple[Any, Moments]:
    import torch
    from training_torch import CycleStep, DistillationStep

    from ganc.system.runtime import engine_threads

    torch.set_num_threads(engine_threads())
    kind = CycleStep if case.step == "cyclegan" else DistillationStep
    made = kind(case.networks(), case.subnet)
    return made, made.first_moments


def ganc_step(case: Case, engine: str, processes: "Processes | None" = None) -> Any:
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
    return make(case, networks, engine, processes or Processes())


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
