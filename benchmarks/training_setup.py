"""What the parts of benchmarks/training.py share: networks of random weights, a batch, a part in its own process."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganc.base.engine_table import engines_of_parts
from ganc.base.rng import keyed_generator
from ganc.models.convolutions import NetworkSpec, NetworkState, initial_state
from ganc.models.family import Widths
from ganc.models.space import parse_space
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec, GeneratorSpec, parse_widths

PARTS = Path(__file__).with_name("training_parts.py")
TORCH = "torch"  # the side that is compared with; the others are named as their engines
ENGINES = engines_of_parts()
STEPS = ("cyclegan", "distillation", "supernet")
LEARNING_RATE = 2e-4
CHECKED = 2  # steps whose losses are compared; those of the second tell whether the gradients were equal

# How idle threads wait for work: as ganc sets it up, and asleep.
WAITING: Mapping[str, Mapping[str, str]] = {
    "default": {},
    "passive": {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0"},
}
_SET_BY_USERS = ("OMP_NUM_THREADS", "MKL_DEBUG_CPU_TYPE", *WAITING["passive"])


@dataclass(frozen=True, kw_only=True)
class Case:
    """A step on images of a size, and the networks of all steps; all blocks are mobile.

    Attributes:
        step: one of STEPS.
        batch: images of each domain.
        width, discriminator_width: of the two generators of a CycleGAN, and of every discriminator.
        teacher, student: widths of the generators of a distillation; the teacher is the supernet's too.
        space: what the supernet's sub-networks are drawn from, one a step.
    """

    step: str
    size: int
    batch: int
    width: str = "64"
    discriminator_width: int = 64
    teacher: str = "64"
    student: str = "32"
    space: str = "channels-32"

    def networks(self) -> dict[str, NetworkState]:
        """Return the networks of the step by name, freshly drawn."""
        judge = DiscriminatorSpec(width=self.discriminator_width)
        if self.step == "cyclegan":
            generator = GeneratorSpec(widths=parse_widths(self.width))
            specs = {"generator": generator, "generator_b": generator, "discriminator": judge, "discriminator_b": judge}
        else:
            teacher = GeneratorSpec(widths=parse_widths(self.teacher))
            student = GeneratorSpec(widths=self._student_widths)
            adaptors = AdaptorsSpec(in_channels=student.tap_channels, out_channels=teacher.tap_channels)
            specs = {"teacher": teacher, "generator": student, "discriminator": judge, "adaptors": adaptors}
        return {name: _drawn(name, spec) for name, spec in specs.items()}

    @property
    def _student_widths(self) -> Widths:
        return parse_space(self.space).largest if self.step == "supernet" else parse_widths(self.student)

    def subnet(self, number: int) -> Widths | None:
        """Return the widths that a step trains; None is the whole student."""
        if self.step != "supernet":
            return None
        return parse_space(self.space).draw(keyed_generator(0, "benchmark/subnet", number))

    def images(self) -> tuple[np.ndarray, np.ndarray]:
        """Return a batch of each domain, float32 (n, 3, size, size) in [-1, 1]."""
        shape = (self.batch, 3, self.size, self.size)
        draws = (keyed_generator(0, f"benchmark/{letter}") for letter in "AB")
        return tuple(one.uniform(-1, 1, shape).astype(np.float32) for one in draws)

    def part(self, side: str, steps: int, waiting: str = "default") -> dict:
        """Run a side in a process of its own; see `training_parts.run`."""
        environment = {name: value for name, value in os.environ.items() if name not in _SET_BY_USERS}
        command = [sys.executable, str(PARTS), side, str(steps), json.dumps(asdict(self))]
        done = subprocess.run(
            command, env=environment | WAITING[waiting], stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{side}, {self.step} at {self.size}: the process failed with status {done.returncode}")
        return json.loads(done.stdout.splitlines()[-1])


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a case's networks."""
    parser.add_argument("--width", default=Case.width, help="widths of a CycleGAN's generators")
    parser.add_argument("--discriminator-width", type=int, default=Case.discriminator_width)
    parser.add_argument("--teacher", default=Case.teacher, help="widths of the teacher, of distillation and supernet")
    parser.add_argument("--student", default=Case.student, help="widths of the student of a distillation")
    parser.add_argument("--space", default=Case.space, help="what the supernet's sub-networks are drawn from")


def chosen_networks(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what these options say, as a Case takes it."""
    return {name: getattr(arguments, name) for name in ("width", "discriminator_width", "teacher", "student", "space")}


def _drawn(name: str, spec: NetworkSpec) -> NetworkState:
    return initial_state(spec, 0, f"benchmark/{name}")
