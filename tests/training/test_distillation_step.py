"""A distillation's step: sub-networks, losses that are left out, a GAN that begins later, a teacher that learns."""

import dataclasses

import numpy as np
import pytest
from helpers.steps import adapted, distillation_step, forward_passes, states, translated, updated
from helpers.support import SIZE, assert_equal_states

from ganc.models.spec import AdaptorsSpec
from ganc.models.task import CYCLEGAN
from ganc.system.runtime import paddle
from ganc.training.teachers import FrozenTeacher


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
