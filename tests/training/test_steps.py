"""The two training steps: their losses, what they change and what they leave alone, and that they learn."""

import dataclasses

import numpy as np
import pytest
from helpers import plain_networks
from helpers.support import SIZE, assert_equal_states, generator_spec, random_state

from ganc.base.errors import RunError
from ganc.data import read_images
from ganc.data.sets import EvaluationSet
from ganc.models.discriminator import Adaptors, Discriminator
from ganc.models.generator import Generator
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec
from ganc.models.task import CYCLEGAN, AdversarialLoss, DiscriminatorInput, Reference
from ganc.system.processes import Processes
from ganc.system.runtime import paddle
from ganc.training.cycle import CycleStep
from ganc.training.distillation import DistillationStep, DistilledNetworks
from ganc.training.losses.adversarial import discriminator_loss
from ganc.training.optimizer import Adam
from ganc.training.state import RunState
from ganc.training.step import frozen, learners_of
from ganc.training.teachers import FrozenTeacher

JUDGE = DiscriminatorSpec(width=4)


@pytest.fixture(scope="module")
def batch(tiny_data):
    """Two images of each domain, float32 (2, 3, 32, 32)."""
    return tuple(
        next(iter(EvaluationSet(read_images(tiny_data, f"train{letter}"), (SIZE, SIZE)).batches(2))) for letter in "AB"
    )


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


def cycle_step(*, task=CYCLEGAN, fresh=False):
    networks = [Generator.from_state(random_state(generator_spec(6), seed)) for seed in (1, 2)]
    networks += [Discriminator.from_state(random_state(JUDGE, seed)) for seed in (3, 4)]
    if fresh:
        for index, network in enumerate(networks):
            network.initialise(0, f"test/{index}")
    return CycleStep(
        task=task, generators=tuple(networks[:2]), discriminators=tuple(networks[2:]), seed=5, processes=Processes()
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


@pytest.mark.paddle26
def test_a_distillation_s_losses_are_those_of_the_paper(batch):
    source, target = batch
    step = distillation_step()
    before, teacher = states(step), step.teacher.generator.state()
    losses = updated(step, source, target, 0, 1e-3)
    wanted, wanted_taps = translated(teacher, source)
    made, taps = translated(before["generator"], source)
    fake, real = judged(before["discriminator"], made), judged(before["discriminator"], target)
    features = zip(adapted(before["adaptors"], taps), wanted_taps, strict=True)
    expected = {
        "gan": np.mean((fake - 1) ** 2),
        "reconstruction": 10 * np.mean(np.abs(made - wanted)),
        "feature": 0.01 * sum(np.mean((ours - theirs) ** 2) for ours, theirs in features),
        "discriminator": 0.5 * (np.mean((real - 1) ** 2) + np.mean(fake**2)),
    }
    assert losses == pytest.approx(expected, rel=1e-4)


def test_a_sub_network_is_distilled_with_the_leading_inputs_of_the_adaptors(batch):
    source, target = batch
    widths = (2, 3, 2, 1, 4, 3, 2, 3)
    step = distillation_step(widths=widths)
    before, teacher = states(step), step.teacher.generator.state()
    losses = updated(step, source, target, 0, 1e-3)
    wanted, wanted_taps = translated(teacher, source)
    narrow = before["generator"].leading(before["generator"].spec.narrowed(widths))
    made, taps = translated(narrow, source)
    ours = before["adaptors"].leading(
        AdaptorsSpec(in_channels=narrow.spec.tap_channels, out_channels=step.adaptors.spec.out_channels)
    )
    features = zip(adapted(ours, taps), wanted_taps, strict=True)
    assert losses["reconstruction"] == pytest.approx(10 * np.mean(np.abs(made - wanted)), rel=1e-4)
    assert losses["feature"] == pytest.approx(0.01 * sum(np.mean((a - b) ** 2) for a, b in features), rel=1e-4)
    # What lies beyond the sub-network is not touched.
    after = step.student.state()
    beyond = after.tensors["stages.3.blocks.0.first.pointwise.weight"][4 * widths[3] :]
    np.testing.assert_array_equal(beyond, before["generator"].tensors["stages.3.blocks.0.first.pointwise.weight"][4:])


def test_the_step_s_number_chooses_the_sub_network(batch):
    step = distillation_step()
    asked = []
    step.subnets_of = lambda number: asked.append(number) or [(2,) * 8]
    for number in (7, 3):
        step.update(*batch, number, 1e-3)
    assert asked == [7, 3]


@pytest.mark.paddle26
def test_a_cycle_s_losses_are_those_of_the_paper(batch):
    source, target = batch
    step = cycle_step()
    before = states(step)
    losses = updated(step, source, target, 0, 1e-3)

    def forward(name, x):
        return translated(before[name], x)[0]

    made, made_b = forward("generator", source), forward("generator_b", target)

    def judgement(name, real, fake):
        return 0.5 * (np.mean((judged(before[name], real) - 1) ** 2) + np.mean(judged(before[name], fake) ** 2))

    expected = {
        "gan": np.mean((judged(before["discriminator"], made) - 1) ** 2),
        "gan_b": np.mean((judged(before["discriminator_b"], made_b) - 1) ** 2),
        "cycle": 10 * np.mean(np.abs(forward("generator_b", made) - source)),
        "cycle_b": 10 * np.mean(np.abs(forward("generator", made_b) - target)),
        "identity": 5 * np.mean(np.abs(forward("generator", target) - target)),
        "identity_b": 5 * np.mean(np.abs(forward("generator_b", source) - source)),
        "discriminator": judgement("discriminator", target, made),
        "discriminator_b": judgement("discriminator_b", source, made_b),
    }
    assert losses == pytest.approx(expected, rel=1e-4)


def test_a_cycle_without_identity_has_no_such_loss_and_the_same_others(batch):
    without = updated(cycle_step(task=dataclasses.replace(CYCLEGAN, identity_weight=0.0)), *batch, 0, 1e-3)
    whole = updated(cycle_step(), *batch, 0, 1e-3)
    assert set(whole) - set(without) == {"identity", "identity_b"}
    assert without == pytest.approx({name: whole[name] for name in without}, rel=1e-5)


@pytest.mark.paddle26
@pytest.mark.parametrize(
    ("make_step", "watched"),
    [(distillation_step, ("reconstruction", "feature")), (cycle_step, ("cycle", "cycle_b"))],
    ids=["distillation", "cycle"],
)
def test_on_a_fixed_batch_a_step_learns(batch, make_step, watched):
    step, course = make_step(fresh=True), []
    for number in range(30):
        losses = updated(step, *batch, number, 2e-3)
        course.append([losses[name] for name in watched])
    first, last = np.mean(course[:3], axis=0), np.mean(course[-3:], axis=0)
    assert last.sum() < 0.8 * first.sum()
    assert (last < first).all()


@pytest.mark.paddle26
def test_a_teacher_never_changes(batch):
    step = distillation_step()
    before = step.teacher.generator.state()
    for number in range(3):
        step.update(*batch, number, 1e-2)
    assert_equal_states(step.teacher.generator.state(), before)
    assert all(parameter.grad is None for parameter in step.teacher.generator.parameters())
    assert not step.teacher.generator.training


def test_frozen_networks_get_no_gradients_but_let_them_through():
    judge = Discriminator.from_state(random_state(JUDGE))
    generator = Generator.from_state(random_state(generator_spec(2)))
    with frozen(judge):
        judge(generator(paddle.ones([1, 3, SIZE, SIZE]))).sum().backward()
    assert all(parameter.grad is None for parameter in judge.parameters())
    assert any(parameter.grad is not None for parameter in generator.parameters())
    judge(paddle.ones([1, 3, SIZE, SIZE])).sum().backward()
    assert any(parameter.grad is not None for parameter in judge.parameters())


def test_networks_thaw_after_an_error():
    judge = Discriminator.from_state(random_state(JUDGE))
    with pytest.raises(KeyError), frozen(judge):
        raise KeyError
    assert not any(parameter.stop_gradient for parameter in judge.parameters())


@pytest.mark.paddle26
def test_the_discriminator_learns_from_its_own_loss_alone(batch):
    """Its new weights are those of a twin that never met the student's backward pass; both see the old student."""
    source, target = batch
    step = distillation_step()
    twin = Discriminator.from_state(step.discriminator.state())
    adam = Adam({"discriminator": twin}, Processes())
    for number in range(3):
        made = step.student(paddle.to_tensor(source)).detach()
        scores = twin(paddle.concat([paddle.to_tensor(target), made]))
        adam.backward(discriminator_loss(AdversarialLoss.LEAST_SQUARES, *paddle.split(scores, 2)))
        adam.step(1e-3)
        step.update(source, target, number, 1e-3)
        for name, array in step.discriminator.state().tensors.items():
            np.testing.assert_allclose(array, twin.state().tensors[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_without_a_gan_weight_the_discriminator_never_runs_and_is_handed_on(batch):
    step = distillation_step(task=dataclasses.replace(CYCLEGAN, gan_weight=0.0))
    before = step.discriminator.state()
    seen = forward_passes(step.discriminator)
    losses = [updated(step, *batch, number, 1e-3) for number in range(2)]
    assert not seen
    assert set(losses[0]) == {"reconstruction", "feature"}
    assert_equal_states(step.results["discriminator"].state(), before)
    assert set(step.networks) == {"generator", "adaptors"}
    assert set(step.optimizers) == {"student"}


@pytest.mark.parametrize("name", ["reconstruction", "feature"])
def test_a_loss_without_a_weight_is_not_computed_and_changes_nothing(batch, name):
    """A weight that is too small to move anything gives the same networks."""
    steps = [distillation_step(task=dataclasses.replace(CYCLEGAN, **{f"{name}_weight": w})) for w in (0.0, 1e-30)]
    seen = forward_passes(steps[0].adaptors)
    losses = [[set(updated(step, *batch, number, 1e-3)) for number in range(2)][-1] for step in steps]
    assert losses[1] - losses[0] == {name}
    assert bool(seen) == (name != "feature")
    assert_equal_states(*(step.student.state() for step in steps))


def test_without_a_gan_weight_no_discriminator_is_needed(batch):
    """The losses that are left give the same student."""
    task = dataclasses.replace(CYCLEGAN, gan_weight=0.0)
    steps = distillation_step(task=task), distillation_step(task=task, judge=None)
    for step in steps:
        for number in range(2):
            step.update(*batch, number, 1e-3)
    assert_equal_states(*(step.student.state() for step in steps))
    assert set(steps[1].results) == {"generator", "adaptors"}


def test_before_the_gan_begins_the_discriminator_rests_and_then_all_is_as_ever(batch):
    step = distillation_step(gan_from=2)
    seen = forward_passes(step.discriminator)
    losses = [updated(step, *batch, number, 1e-3) for number in range(2)]
    assert not seen
    assert all(set(one) == {"reconstruction", "feature"} for one in losses)
    plain = distillation_step()
    for name, network in plain.networks.items():
        network.load(dict(step.networks[name].state().tensors))
    # The moments of the student are those of two steps; the discriminator's begin here.
    plain.optimizers["student"].load(step.optimizers["student"].state())
    for number in (2, 3):
        assert updated(step, *batch, number, 1e-3) == updated(plain, *batch, number, 1e-3)
    assert seen
    for name, network in plain.networks.items():
        assert_equal_states(step.networks[name].state(), network.state())


def test_another_task_needs_no_other_step(batch):
    """A discriminator that sees source and image, hinge loss, the ground truth as reference."""
    source, target = batch
    task = dataclasses.replace(
        CYCLEGAN,
        adversarial_loss=AdversarialLoss.HINGE,
        discriminator_input=DiscriminatorInput.SOURCE_AND_IMAGE,
        reference=Reference.GROUND_TRUTH,
        reconstruction_weight=100.0,
    )
    step = distillation_step(task=task, judge=DiscriminatorSpec(width=4, in_channels=6))
    before = states(step)
    losses = updated(step, source, target, 0, 1e-3)
    made, _ = translated(before["generator"], source)
    fake = judged(before["discriminator"], np.concatenate([source, made], axis=1))
    real = judged(before["discriminator"], np.concatenate([source, target], axis=1))
    assert losses["gan"] == pytest.approx(-np.mean(fake), rel=1e-4)
    assert losses["reconstruction"] == pytest.approx(100 * np.mean(np.abs(made - target)), rel=1e-4)
    expected = 0.5 * (np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean())
    assert losses["discriminator"] == pytest.approx(expected, rel=1e-4)


def test_a_teacher_may_bring_its_own_update(batch):
    class Learning(FrozenTeacher):
        def update(self, source, target, step, learning_rate):
            self.seen = (tuple(source.shape), tuple(target.shape), step, learning_rate)
            return {"gan": paddle.to_tensor(0.5)}

    step = distillation_step()
    step.teacher = Learning(step.teacher.generator)
    losses = updated(step, *batch, 4, 1e-3)
    assert losses["teacher_gan"] == 0.5
    assert losses["gan"] != 0.5
    assert step.teacher.seen == ((2, 3, SIZE, SIZE), (2, 3, SIZE, SIZE), 4, 1e-3)


def test_mixed_precision_on_a_cpu_is_refused(batch):
    step = distillation_step()
    step.amp = True
    with pytest.raises(RunError, match="--amp"):
        step.update(*batch, 0, 1e-3)


@pytest.mark.paddle26
@pytest.mark.parametrize("make", [distillation_step, cycle_step], ids=["distillation", "cycle"])
def test_a_step_goes_on_bit_by_bit_from_what_it_gave_out(batch, make):
    """Networks, moments and pools are all that there is to save."""
    half = make(task=dataclasses.replace(CYCLEGAN, pool_size=3))
    whole = make(task=dataclasses.replace(CYCLEGAN, pool_size=3))
    expected = [updated(whole, *batch, number, 1e-3) for number in range(8)]
    assert [updated(half, *batch, number, 1e-3) for number in range(4)] == expected[:4]
    again = make(task=dataclasses.replace(CYCLEGAN, pool_size=3))
    state_of(again).load(state_of(half).collect())
    assert [updated(again, *batch, number, 1e-3) for number in range(4, 8)] == expected[4:]
    for name, state in states(whole).items():
        assert_equal_states(again.networks[name].state(), state)
