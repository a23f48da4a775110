"""Stage 1's step with paired images: its losses against numpy, and the order of its updates."""

import dataclasses

import numpy as np
import pytest
from helpers.steps import judged, state_of, states, translated, updated
from helpers.support import assert_equal_states, generator_spec, random_state

from ganc.models.discriminator import Discriminator
from ganc.models.generator import Generator
from ganc.models.spec import DiscriminatorSpec
from ganc.models.task import PIX2PIX
from ganc.system.processes import Processes
from ganc.system.runtime import paddle
from ganc.training.gan import GanStep, gan_specs
from ganc.training.optimizer import Adam
from ganc.training.step import judgement_loss


def pix2pix_step(task=PIX2PIX, judge=True):
    generator = Generator.from_state(random_state(generator_spec(6), 1))
    conditional = DiscriminatorSpec(width=4, in_channels=6)
    discriminator = Discriminator.from_state(random_state(conditional, 3)) if judge else None
    return GanStep(task=task, generators=[generator], discriminators=[discriminator], seed=5, processes=Processes())


@pytest.mark.paddle26
def test_the_losses_are_those_of_the_paper_and_the_discriminator_steps_first(batch):
    source, target = batch
    step = pix2pix_step()
    before = states(step)
    losses = updated(step, source, target, 0, 1e-3)
    after = states(step)["discriminator"]  # the generator is judged by what it has just become
    made, _ = translated(before["generator"], source)
    pairs = {"real": np.concatenate([source, target], axis=1), "made": np.concatenate([source, made], axis=1)}
    real, fake = (judged(before["discriminator"], pairs[name]) for name in ("real", "made"))
    assert losses == pytest.approx(
        {
            "discriminator": 0.5 * (np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean()),
            "gan": -judged(after, pairs["made"]).mean(),
            "reconstruction": 100 * np.abs(made - target).mean(),
        },
        rel=1e-4,
    )
    assert losses["gan"] != pytest.approx(-fake.mean(), rel=1e-3)


def test_the_discriminator_learns_from_its_own_loss_alone(batch):
    """Its new weights are those of a twin that never met the generator's backward pass."""
    source, target = batch
    step = pix2pix_step()
    twin = Discriminator.from_state(step.networks["discriminator"].state())
    adam = Adam({"discriminator": twin}, Processes())
    for number in range(2):
        made = step.translate(paddle.to_tensor(source)).detach()
        adam.backward(judgement_loss(PIX2PIX, twin, paddle.to_tensor(source), paddle.to_tensor(target), made))
        adam.step(1e-3)
        step.update(source, target, number, 1e-3)
    for name, array in states(step)["discriminator"].tensors.items():
        np.testing.assert_allclose(array, twin.state().tensors[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_without_a_gan_loss_it_learns_the_ground_truth_alone(batch):
    step = pix2pix_step(dataclasses.replace(PIX2PIX, gan_weight=0.0), judge=False)
    course = [updated(step, *batch, number, 2e-3) for number in range(20)]
    assert all(set(losses) == {"reconstruction"} for losses in course)
    assert course[-1]["reconstruction"] < 0.8 * course[0]["reconstruction"]
    assert set(step.results) == {"generator"}


def test_a_discriminator_without_weight_is_handed_on_as_it_is(batch):
    step = pix2pix_step(dataclasses.replace(PIX2PIX, gan_weight=0.0))
    before = step.results["discriminator"].state()
    step.update(*batch, 0, 1e-2)
    assert_equal_states(step.results["discriminator"].state(), before)


def test_the_networks_are_one_of_each_and_the_published_discriminator_is_wider():
    specs = gan_specs(PIX2PIX, generator_spec(6))
    assert specs == {
        "generator": generator_spec(6),
        "discriminator": DiscriminatorSpec(width=128, in_channels=6),
    }


def test_it_goes_on_bit_by_bit_from_what_it_gave_out(batch):
    whole, half = pix2pix_step(), pix2pix_step()
    expected = [updated(whole, *batch, number, 1e-3) for number in range(4)]
    for number in range(2):
        half.update(*batch, number, 1e-3)
    again = pix2pix_step()
    state_of(again).load(state_of(half).collect())
    assert [updated(again, *batch, number, 1e-3) for number in (2, 3)] == expected[2:]
    for name, state in states(whole).items():
        assert_equal_states(again.networks[name].state(), state)
