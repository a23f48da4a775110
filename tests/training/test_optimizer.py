"""Adam: its steps, and its state."""

import numpy as np
import pytest
from helpers.support import generator_spec, random_state

from ganc.base.rng import keyed_generator
from ganc.models.generator import Generator
from ganc.system.processes import Processes
from ganc.system.runtime import paddle
from ganc.training.optimizer import Adam


def image_loss(generator, step):
    x = keyed_generator(0, "x", step).uniform(-1, 1, (1, 3, 16, 16)).astype(np.float32)
    return (generator(paddle.to_tensor(x)) ** 2).mean()


def trained(generator, adam, steps, rate=1e-2):
    for step in steps:
        adam.backward(image_loss(generator, step))
        adam.step(rate * (1 + step % 3))
    return generator.state().tensors


@pytest.mark.paddle26
def test_adam_does_what_its_paper_says():
    """Kingma and Ba, arXiv 1412.6980, algorithm 1, with betas (0.5, 0.999) and eps 1e-8."""
    generator = Generator.from_state(random_state(generator_spec(2)))
    adam = Adam({"generator": generator}, Processes())
    expected = {name: array.astype(np.float64) for name, array in generator.state().tensors.items()}
    first = {name: np.zeros_like(array) for name, array in expected.items()}
    second = {name: np.zeros_like(array) for name, array in expected.items()}
    for step, rate in enumerate((1e-2, 3e-3, 1e-3), 1):
        adam.backward(image_loss(generator, step))
        gradients = {name: p.grad.numpy() for name, p in generator.named_parameters() if p.grad is not None}
        adam.step(rate)
        for name, gradient in gradients.items():
            first[name] = 0.5 * first[name] + 0.5 * gradient
            second[name] = 0.999 * second[name] + 0.001 * np.float64(gradient) ** 2
            mean, square = first[name] / (1 - 0.5**step), second[name] / (1 - 0.999**step)
            expected[name] -= rate * mean / (np.sqrt(square) + 1e-8)
    for name, array in generator.state().tensors.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)
    assert all(p.grad is None or not p.grad.numpy().any() for p in generator.parameters())


def test_parameters_without_a_gradient_keep_their_values():
    generator = Generator.from_state(random_state(generator_spec(2)))
    before = generator.state().tensors
    after = trained(generator, Adam({"generator": generator}, Processes()), range(3))
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed == {name for name in before if name.endswith(".weight")} | {"stages.7.output.bias"}


@pytest.mark.paddle26
def test_adam_goes_on_bit_by_bit_from_what_it_gave_out(tmp_path):
    """In a new object, whose parameters have other names inside Paddle, and through a file."""
    from safetensors.numpy import load_file, save_file

    start = random_state(generator_spec(2))
    whole, half = Generator.from_state(start), Generator.from_state(start)
    expected = trained(whole, Adam({"generator": whole}, Processes()), range(8))
    first = Adam({"generator": half}, Processes())
    trained(half, first, range(4))
    save_file(first.state(), tmp_path / "moments")
    again = Generator.from_state(half.state())
    second = Adam({"generator": again}, Processes())
    second.load(load_file(tmp_path / "moments"))
    resumed = trained(again, second, range(4, 8))
    for name, array in expected.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)
    # and the moments matter: without them the weights are others
    forgetful = Generator.from_state(half.state())
    forgotten = trained(forgetful, Adam({"generator": forgetful}, Processes()), range(4, 8))
    assert (forgotten["stages.0.conv.weight"] != expected["stages.0.conv.weight"]).any()


def test_adam_s_state_is_named_by_network_and_parameter():
    networks = {name: Generator.from_state(random_state(generator_spec(2))) for name in ("one", "other")}
    adam = Adam(networks, Processes())
    assert adam.state() == {}
    adam.backward(sum(image_loss(network, 0) for network in networks.values()))
    adam.step(1e-3)
    state = adam.state()
    owners = {key.partition("/")[0] for key in state}
    weights = {name for name in random_state(generator_spec(2)).tensors if name.endswith(".weight")}
    assert owners >= {f"{network}.{name}" for network in networks for name in weights}
    assert all(key.partition("/")[2].startswith(("moment", "beta")) for key in state)
    moments = [array for key, array in state.items() if key.startswith("one.stages.0.conv.weight/moment")]
    assert [array.shape for array in moments] == [(2, 3, 7, 7)] * 2
