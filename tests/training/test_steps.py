"""The two training steps: their losses, what they change and what they leave alone, and that they learn."""

import dataclasses

import numpy as np
import pytest
from helpers.steps import JUDGE, adapted, cycle_step, distillation_step, judged, state_of, states, translated, updated
from helpers.support import SIZE, assert_equal_states, generator_spec, random_state

from ganc.models.discriminator import Discriminator
from ganc.models.generator import Generator
from ganc.models.network import frozen
from ganc.models.spec import DiscriminatorSpec
from ganc.models.task import CYCLEGAN, AdversarialLoss, DiscriminatorInput, Reference
from ganc.system.processes import Processes
from ganc.system.runtime import paddle
from ganc.training.losses.adversarial import discriminator_loss
from ganc.training.optimizer import Adam


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
