"""Training steps with small random networks, and their parts by the independent implementation."""

from ganc.models.discriminator import Adaptors, Discriminator
from ganc.models.generator import Generator
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec
from ganc.models.task import CYCLEGAN
from ganc.system.processes import Processes
from ganc.training.distillation import DistillationStep, DistilledNetworks
from ganc.training.gan import GanStep
from ganc.training.state import RunState
from ganc.training.step import learners_of
from ganc.training.teachers import FrozenTeacher
from helpers import plain_networks
from helpers.support import generator_spec, random_state

JUDGE = DiscriminatorSpec(width=4)


def distillation_step(student_width=4, *, widths=None, task=CYCLEGAN, judge=JUDGE, fresh=False, **options):
    """A step with random networks; `fresh` draws them as a run does, and `judge` None leaves the discriminator out."""
    teacher, student = generator_spec(8), generator_spec(student_width)
    networks = [
        Generator.from_state(random_state(student, 1)),
        Discriminator.from_state(random_state(judge, 2)) if judge else None,
        Adaptors.from_state(
            random_state(AdaptorsSpec(in_channels=student.tap_channels, out_channels=teacher.tap_channels), 3)
        ),
    ]
    if fresh:
        for index, network in enumerate(networks):
            network.initialise(0, f"test/{index}")
    return DistillationStep(
        task=task,
        teacher=FrozenTeacher(Generator.from_state(random_state(teacher, 0))),
        trained=DistilledNetworks(student=networks[0], discriminator=networks[1], adaptors=networks[2]),
        subnets_of=lambda step: [widths],
        processes=Processes(),
        **options,
    )


def cycle_step(*, task=CYCLEGAN, fresh=False, amp=None):
    networks = [Generator.from_state(random_state(generator_spec(6), seed)) for seed in (1, 2)]
    networks += [Discriminator.from_state(random_state(JUDGE, seed)) for seed in (3, 4)]
    if fresh:
        for index, network in enumerate(networks):
            network.initialise(0, f"test/{index}")
    return GanStep(
        task=task,
        generators=tuple(networks[:2]),
        discriminators=tuple(networks[2:]),
        seed=5,
        processes=Processes(),
        amp=amp,
    )


def forward_passes(network):
    """Return a list that grows with each forward pass of a network."""
    seen = []
    network.register_forward_post_hook(lambda layer, inputs, outputs: seen.append(1))
    return seen


def updated(step, *arguments):
    """Update a step and return its losses as numbers."""
    return {name: float(loss) for name, loss in step.update(*arguments).items()}


def state_of(step):
    return RunState.of(learners_of(step), {}, Processes())


def states(step):
    return {name: network.state() for name, network in step.networks.items()}


def translated(state, x):
    """The image and the taps that a generator makes, by the independent implementation."""
    return plain_networks.generator(x, state.tensors, state.spec.block, state.spec.n_blocks)


def judged(state, x):
    return plain_networks.discriminator(x, state.tensors, state.spec.n_layers)


def adapted(state, taps):
    return [plain_networks.convolution(tap, state.tensors, f"taps.{index}") for index, tap in enumerate(taps)]
