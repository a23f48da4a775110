"""Stage 1: a CycleGAN with mobile (or original) blocks, trained from scratch or from another checkpoint."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ganc.base.errors import SpecError
from ganc.engines.eager import EagerEngine
from ganc.files.checkpoint import DISCRIMINATOR, GENERATOR, REVERSE, Checkpoint, read_checkpoint
from ganc.models.convolutions import NetworkSpec, NetworkState, tensor_shapes
from ganc.models.discriminator import Discriminator
from ganc.models.generator import Generator
from ganc.models.network import Network
from ganc.models.spec import GeneratorSpec
from ganc.models.task import Task
from ganc.training.assembly import Stage, assemble_job, chosen_readings, discriminator_spec, prepare
from ganc.training.job import TrainingJob
from ganc.training.observer import Views
from ganc.training.settings import DataSettings, RunSettings, Schedule
from ganc_replace.cycle import CycleStep

STAGE = "replace"


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """What is trained.

    Attributes:
        generator: the spec of both generators.
        discriminator_width: base width of both discriminators.
        init_from: a checkpoint whose tensors the networks start from where name and shape agree.
    """

    task: Task
    generator: GeneratorSpec
    discriminator_width: int = 64
    init_from: Path | None = None

    def specs(self) -> dict[str, NetworkSpec]:
        """Return the specs of all networks by their names in checkpoints."""
        ins, outs = self.generator.in_channels, self.generator.out_channels
        return {
            GENERATOR: self.generator,
            GENERATOR + REVERSE: replace(self.generator, in_channels=outs, out_channels=ins),
            DISCRIMINATOR: discriminator_spec(self.task, ins, outs, self.discriminator_width),
            DISCRIMINATOR + REVERSE: discriminator_spec(self.task, outs, ins, self.discriminator_width),
        }


def replace_job(plan: Replacement, schedule: Schedule, data: DataSettings, run: RunSettings) -> TrainingJob:
    """Return the job that trains the CycleGAN.

    Raises:
        GancError: a file, the images or the settings cannot be used; the message says which.
    """
    start = read_checkpoint(plan.init_from).facing(data.direction, plan.init_from) if plan.init_from else None
    for size in (data.crop_size, data.eval_size):
        plan.generator.require_size(*size)
    specs = plan.specs()
    readings = chosen_readings(data, plan.generator, start)
    around = prepare(plan.task, specs[DISCRIMINATOR], data, run, readings)
    networks = {name: _network(spec) for name, spec in specs.items()}
    for name, network in networks.items():
        network.initialise(run.seed, f"{STAGE}/{name}")
    facts = {"tensors_taken": _start_from(start, plan.init_from, networks)} if start else {}
    step = CycleStep(
        task=plan.task,
        generators=(networks[GENERATOR], networks[GENERATOR + REVERSE]),
        discriminators=(networks[DISCRIMINATOR], networks[DISCRIMINATOR + REVERSE]),
        seed=run.seed,
        processes=around.processes,
        amp=run.amp,
    )
    stage = Stage(
        name=STAGE,
        task=plan.task,
        sources={"init_from": start.digest} if start else {},
        facts=facts,
        choices={"generator": asdict(plan.generator), "discriminator_width": plan.discriminator_width},
    )
    views = Views(evaluation=around.evaluation, engines={"student": EagerEngine(networks[GENERATOR])})
    return assemble_job(stage, step, around, views, schedule, data, run)


def _network(spec: NetworkSpec) -> Network:
    return Generator(spec) if isinstance(spec, GeneratorSpec) else Discriminator(spec)


def _start_from(start: Checkpoint, path: Path, networks: dict[str, Network]) -> int:
    """Take over every tensor of equal name and shape; return how many.

    So a mobile CycleGAN starts from an original one with everything but its blocks.
    """
    taken = {
        name: _fitting_tensors(start.networks[name], network)
        for name, network in networks.items()
        if name in start.networks
    }
    if not taken[GENERATOR]:
        raise SpecError(
            f"{path}: none of its generator's tensors has the shape that these networks need; "
            "choose --width, --widths and --n-blocks as they are there (ganc inspect shows them)"
        )
    for name, tensors in taken.items():
        networks[name].load({**networks[name].state().tensors, **tensors})
    return sum(len(tensors) for tensors in taken.values())


def _fitting_tensors(state: NetworkState, network: Network) -> dict:
    shapes = tensor_shapes(network.spec)
    return {name: array for name, array in state.tensors.items() if shapes.get(name) == array.shape}
