"""Stage 1: a CycleGAN with mobile (or original) blocks, trained from scratch or from another checkpoint."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ganc.base.errors import SpecError
from ganc.engines.eager import EagerEngine
from ganc.files.checkpoint import DISCRIMINATOR, GENERATOR, REVERSE, Checkpoint, read_checkpoint
from ganc.models.convolutions import NetworkState, tensor_shapes
from ganc.models.discriminator import Discriminator
from ganc.models.generator import Generator
from ganc.models.layers import Network
from ganc.models.spec import GeneratorSpec
from ganc.models.task import Task
from ganc.training.assembly import (
    assemble_job,
    check_discriminator,
    discriminator_spec,
    evaluation_of,
    start_device,
    training_set,
)
from ganc.training.job import TrainingJob
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


def replace_job(plan: Replacement, schedule: Schedule, data: DataSettings, run: RunSettings) -> TrainingJob:
    """Return the job that trains the CycleGAN.

    Raises:
        GancError: a file, the pictures or the settings do not serve; the message says which.
    """
    start = read_checkpoint(plan.init_from).facing(data.direction, plan.init_from) if plan.init_from else None
    samples = training_set(plan.task, data, run.seed)
    channels = plan.generator.in_channels, plan.generator.out_channels
    judge_spec = discriminator_spec(plan.task, *channels, plan.discriminator_width)
    judge_spec_b = discriminator_spec(plan.task, *reversed(channels), plan.discriminator_width)
    check_discriminator(judge_spec, data)
    ranks = start_device(run)
    evaluation = evaluation_of(data, run)
    spec_b = replace(plan.generator, in_channels=channels[1], out_channels=channels[0])
    networks = {
        GENERATOR: Generator(plan.generator),
        GENERATOR + REVERSE: Generator(spec_b),
        DISCRIMINATOR: Discriminator(judge_spec),
        DISCRIMINATOR + REVERSE: Discriminator(judge_spec_b),
    }
    for name, network in networks.items():
        network.initialise(run.seed, f"{STAGE}/{name}")
    taken = _start_from(start, plan.init_from, networks) if start else 0
    step = CycleStep(
        task=plan.task,
        generators=(networks[GENERATOR], networks[GENERATOR + REVERSE]),
        discriminators=(networks[DISCRIMINATOR], networks[DISCRIMINATOR + REVERSE]),
        seed=run.seed,
        ranks=ranks,
        amp=run.amp,
    )
    facts = {"image_size": list(data.crop_size)} | ({"tensors_taken": taken} if start else {})
    template = Checkpoint(
        stage=STAGE,
        task=plan.task,
        direction=data.direction,
        networks={},
        training=facts,
        sources={"init_from": start.digest} if start else {},
    )
    return assemble_job(
        template=template,
        step=step,
        samples=samples,
        schedule=schedule,
        data=data,
        run=run,
        evaluation=evaluation,
        views={"student": EagerEngine(networks[GENERATOR])},
        companions={},
        ranks=ranks,
        choices={"generator": asdict(plan.generator), "discriminator_width": plan.discriminator_width},
    )


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
