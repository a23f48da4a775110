"""The elastic networks: sub-networks, taps, the forms that are fast on a CPU, and an independent implementation."""

import dataclasses

import numpy as np
import pytest
from helpers import plain_networks
from helpers.support import assert_equal_states, generator_spec, random_state

from ganc.base.errors import SpecError
from ganc.base.rng import keyed_generator
from ganc.models.convolutions import NetworkState, tensor_shapes
from ganc.models.cpu_forms import plain_forms
from ganc.models.discriminator import Adaptors, Discriminator
from ganc.models.generator import Generator
from ganc.models.layers import normalised
from ganc.models.resnet import RESNET
from ganc.models.space import NAMED_SPACES
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec
from ganc.system.runtime import paddle

UNEVEN = (5, 3, 7, 2, 9, 4, 6, 8)


def images(size=16, count=1, channels=3, seed=0):
    """Noise that leaves [-1, 1] in places."""
    return keyed_generator(seed, "pictures").uniform(-1.2, 1.2, (count, channels, size, size)).astype(np.float32)


def run(network, x, *arguments, **options):
    """Run without gradients; arrays in, arrays out."""
    network.eval()
    with paddle.no_grad():
        out = network(paddle.to_tensor(x), *arguments, **options)
    if isinstance(out, tuple):
        return out[0].numpy(), [tap.numpy() for tap in out[1]]
    return out.numpy()


def assert_same_output(one, other):
    """Assert that two passes gave the same, up to how float32 rounds."""
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def alone(generator, widths):
    """Return a standalone generator of a sub-network."""
    return Generator.from_state(generator.state().leading(generator.spec.narrowed(widths)))


def assert_alone_equals_the_sliced_run(generator, widths, x):
    sliced, sliced_taps = run(generator, x, widths, return_taps=True)
    output, taps = run(alone(generator, widths), x, return_taps=True)
    np.testing.assert_allclose(output, sliced, rtol=0, atol=1e-5)
    assert output.std() > 0.1  # or the comparison says nothing
    for tap, sliced_tap in zip(taps, sliced_taps, strict=True):
        np.testing.assert_allclose(tap, sliced_tap, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMED_SPACES)
def test_a_sub_network_alone_equals_the_sliced_run_all_over_a_named_space(name):
    space = NAMED_SPACES[name]
    generator = Generator.from_state(random_state(generator_spec(widths=space.largest, n_blocks=9)))
    draws = keyed_generator(0, "sub-networks")
    for widths in (space.largest, space.smallest, *(space.draw(draws) for _ in range(20))):
        assert_alone_equals_the_sliced_run(generator, widths, images())


@pytest.mark.paddle26
@pytest.mark.parametrize("block", RESNET.blocks)
def test_a_sub_network_alone_equals_the_sliced_run_for_both_blocks_and_uneven_widths(block):
    generator = Generator.from_state(random_state(generator_spec(widths=UNEVEN, block=block)))
    draws = keyed_generator(1, "sub-networks")
    for _ in range(8):
        widths = tuple(int(draws.integers(1, width + 1)) for width in UNEVEN)
        assert_alone_equals_the_sliced_run(generator, widths, images(24, 2))


@pytest.mark.parametrize("block", RESNET.blocks)
def test_a_sub_network_takes_the_leading_channels(block):
    """Whatever the channels beyond hold: it makes no difference."""
    state = random_state(generator_spec(widths=UNEVEN, block=block))
    narrow = (3, 3, 5, 1, 9, 2, 4, 4)
    shapes = tensor_shapes(state.spec.narrowed(narrow))
    spoiled = {name: np.full_like(array, np.nan) for name, array in state.tensors.items()}
    for name, shape in shapes.items():
        leading = tuple(slice(size) for size in shape)
        spoiled[name][leading] = state.tensors[name][leading]
    whole = Generator.from_state(state)
    rest = Generator.from_state(NetworkState(state.spec, spoiled))
    assert_same_output(run(whole, images(), narrow), run(rest, images(), narrow))


def test_the_own_widths_are_the_whole_generator():
    generator = Generator.from_state(random_state(generator_spec(widths=UNEVEN)))
    assert_same_output(run(generator, images()), run(generator, images(), UNEVEN))
    assert_equal_states(alone(generator, UNEVEN).state(), generator.state())


def test_a_sub_network_alone_shares_nothing_with_its_supernet():
    generator = Generator.from_state(random_state(generator_spec(8)))
    before = generator.state()
    alone(generator, (8,) * 8).initialise(1, "other")
    assert_equal_states(generator.state(), before)


@pytest.mark.paddle26
@pytest.mark.parametrize("block", RESNET.blocks)
@pytest.mark.parametrize("n_blocks", [3, 6])
def test_a_generator_agrees_with_the_independent_implementation(block, n_blocks):
    state = random_state(generator_spec(widths=UNEVEN, block=block, n_blocks=n_blocks))
    x = images(20, 2)
    output, taps = run(Generator.from_state(state), x, return_taps=True)
    expected, expected_taps = plain_networks.generator(x, state.tensors, block, n_blocks)
    np.testing.assert_allclose(output, expected, rtol=0, atol=2e-5)
    for tap, expected_tap in zip(taps, expected_taps, strict=True):
        np.testing.assert_allclose(tap, expected_tap, rtol=0, atol=1e-4)
    assert np.abs(x).max() > 1.1  # so that clipping showed
    assert np.abs(output - output.mean()).mean() > 0.1


def test_images_that_are_not_square_and_other_channels():
    state = random_state(generator_spec(4, in_channels=1, out_channels=2))
    x = keyed_generator(3, "pictures").uniform(-1, 1, (1, 1, 12, 28)).astype(np.float32)
    output = run(Generator.from_state(state), x)
    assert output.shape == (1, 2, 12, 28)
    np.testing.assert_allclose(output, plain_networks.generator(x, state.tensors, "mobile", 3)[0], rtol=0, atol=2e-5)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_discriminator_agrees_with_the_independent_implementation(layers):
    state = random_state(DiscriminatorSpec(width=3, n_layers=layers, in_channels=6))
    x = images(40, 2, channels=6)
    scores = run(Discriminator.from_state(state), x)
    assert scores.shape == (2, 1, *(2 * [40 // 2**layers - 2]))
    np.testing.assert_allclose(scores, plain_networks.discriminator(x, state.tensors, layers), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_the_smallest_image_leaves_a_discriminator_one_patch(layers):
    spec = DiscriminatorSpec(width=2, n_layers=layers)
    discriminator = Discriminator.from_state(random_state(spec))
    assert run(discriminator, images(spec.smallest_image)).shape == (1, 1, 1, 1)
    try:
        too_small = run(discriminator, images(spec.smallest_image - 1))
    except (ValueError, RuntimeError, OSError):  # Paddle's own complaints
        return
    assert too_small.size == 0


def test_images_of_a_batch_do_not_influence_each_other():
    """What lets a step run real and made images in one batch."""
    x = images(32, 3)
    for network in (
        Generator.from_state(random_state(generator_spec(4))),
        Discriminator.from_state(random_state(DiscriminatorSpec(width=4))),
    ):
        together = run(network, x)
        alone = np.concatenate([run(network, x[index : index + 1]) for index in range(3)])
        np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("block", RESNET.blocks)
def test_taps_are_the_outputs_of_segments_2_to_5(block):
    generator = Generator.from_state(random_state(generator_spec(widths=UNEVEN, block=block)))
    for widths in (UNEVEN, (1, 2, 3, 1, 9, 4, 6, 8)):
        output, taps = run(generator, images(24, 2), widths, return_taps=True)
        assert [tap.shape for tap in taps] == [(2, 4 * widths[2], 6, 6)] * 4
        assert tuple(tap.shape[1] for tap in taps) == generator.spec.narrowed(widths).tap_channels
        assert_same_output(output, run(generator, images(24, 2), widths))


def test_walking_the_public_segments_gives_the_output():
    generator = Generator.from_state(random_state(generator_spec(widths=UNEVEN)))
    for widths in (None, (2, 3, 4, 1, 5, 4, 3, 2)):
        x = paddle.clip(paddle.to_tensor(images()), -1, 1)
        with paddle.no_grad():
            for segment in generator.segments(widths):
                x = segment(x)
        assert_same_output(x.numpy(), run(generator, images(), widths))


@pytest.mark.paddle26
@pytest.mark.parametrize("width", [8, 24])
def test_the_fast_forms_for_a_cpu_agree_with_the_plain_ones(width):
    """Output and every gradient, to 1e-5 of their size."""
    generator = Generator.from_state(random_state(generator_spec(width)))

    def passes():
        x = paddle.to_tensor(images(32), stop_gradient=False)
        output = generator(x)
        (output * paddle.to_tensor(images(32, seed=1))).sum().backward()
        gradients = [p.grad.numpy() for p in generator.parameters() if p.grad is not None]
        generator.clear_gradients()
        return [output.numpy(), x.grad.numpy(), *gradients]

    fast = passes()
    with plain_forms():
        plain = passes()
    assert len(fast) == len(plain) > 10
    assert any((one != other).any() for one, other in zip(fast, plain, strict=True))  # they are two forms
    for one, other in zip(fast, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * max(1, np.abs(other).max()))


def test_plain_forms_end_with_their_block():
    generator = Generator.from_state(random_state(generator_spec(24)))
    before = run(generator, images())
    with pytest.raises(KeyError), plain_forms():
        raise KeyError
    # Bit by bit, as plain forms differ from the fast ones by rounding alone.
    np.testing.assert_array_equal(run(generator, images()), before)


def test_biases_in_front_of_a_norm_have_no_effect_and_no_gradient():
    state = random_state(generator_spec(4))
    normed = {f"{name}.bias" for layers in state.spec.segments for name in normalised(layers)}
    without = {name: np.zeros_like(array) if name in normed else array for name, array in state.tensors.items()}
    generator = Generator.from_state(state)
    zeroed = Generator.from_state(NetworkState(state.spec, without))
    assert_same_output(run(generator, images()), run(zeroed, images()))
    generator(paddle.to_tensor(images())).sum().backward()
    with_gradient = {name for name, p in generator.named_parameters() if name.endswith(".bias") and p.grad is not None}
    assert with_gradient == {"stages.7.output.bias"}


def test_adaptors_take_the_taps_of_a_sub_network_to_the_teacher_s_channels():
    state = random_state(AdaptorsSpec(in_channels=(8, 8), out_channels=(12, 16)))
    taps = [keyed_generator(0, "taps", index).random((2, 5, 3, 3), np.float32) for index in range(2)]
    adapted = Adaptors.from_state(state)([paddle.to_tensor(tap) for tap in taps])
    for index, tap in enumerate(taps):
        weight, bias = state.tensors[f"taps.{index}.weight"][:, :5, 0, 0], state.tensors[f"taps.{index}.bias"]
        expected = np.einsum("oc,nchw->nohw", weight, tap) + bias[:, None, None]
        np.testing.assert_allclose(adapted[index].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_weights_start_from_a_narrow_normal_distribution_keyed_by_seed_network_and_tensor():
    generator = Generator(generator_spec(16))
    generator.initialise(3, "replace/generator")
    state = generator.state()
    weights = np.concatenate([array.ravel() for name, array in state.tensors.items() if name.endswith(".weight")])
    assert weights.std() == pytest.approx(0.02, rel=0.02)
    assert abs(weights.mean()) < 2e-4
    assert all(not array.any() for name, array in state.tensors.items() if name.endswith(".bias"))
    twin = Generator(generator_spec(16))
    twin.initialise(3, "replace/generator")
    assert_equal_states(twin.state(), state)
    for seed, stream in ((4, "replace/generator"), (3, "replace/generator_b")):
        twin.initialise(seed, stream)
        assert all((twin.state().tensors[n] != a).any() for n, a in state.tensors.items() if n.endswith(".weight"))


def test_dropout_acts_in_training_only():
    state = random_state(generator_spec(8, dropout=0.5))
    generator, plain = Generator.from_state(state), Generator(dataclasses.replace(state.spec, dropout=0.0))
    plain.load(dict(state.tensors))
    assert_same_output(run(generator, images()), run(plain, images()))
    generator.train()
    outputs = []
    for seed in (1, 1, 2):
        paddle.seed(seed)
        outputs.append(generator(paddle.to_tensor(images())).numpy())
    assert_same_output(outputs[0], outputs[1])
    assert np.abs(outputs[0] - outputs[2]).max() > 0.01


def test_a_state_goes_in_and_out_bit_by_bit_and_by_value():
    state = random_state(generator_spec(4))
    generator = Generator.from_state(state)
    taken = generator.state()
    assert_equal_states(taken, state)
    assert sorted(name for name, _ in generator.named_parameters()) == sorted(tensor_shapes(state.spec))
    generator.initialise(0, "other")
    assert_equal_states(taken, state)


@pytest.mark.parametrize(("width", "height"), [(16, 18), (22, 16), (15, 15), (4, 16)])
def test_sizes_that_do_not_fit_are_refused(width, height):
    generator = Generator.from_state(random_state(generator_spec(4)))
    with pytest.raises(SpecError, match=f"{width}x{height}"):
        generator(paddle.zeros([1, 3, height, width]))


def test_widths_that_do_not_fit_are_refused():
    generator = Generator.from_state(random_state(generator_spec(4)))
    for call in (lambda widths: generator(paddle.zeros([1, 3, 16, 16]), widths), generator.spec.narrowed):
        with pytest.raises(SpecError, match="4_4_4_4_4_4_4_4"):
            call((4, 4, 4, 5, 4, 4, 4, 4))
        with pytest.raises(SpecError, match=r"widths.*8"):
            call((4, 4, 4))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda t: t.pop("stages.1.conv.weight"),
            r"stages.1.conv.weight.*\[8, 4, 3",
        ),
        (lambda t: t.update(extra=t["stages.1.conv.bias"]), "extra"),
        (
            lambda t: t.update({"stages.1.conv.bias": np.zeros(9, np.float32)}),
            r"stages.1.conv.bias.*\[9\].*\[8\]",
        ),
        (
            lambda t: t.update({"stages.1.conv.bias": np.zeros(8, np.float16)}),
            "stages.1.conv.bias.*float16.*float32",
        ),
    ],
    ids=["missing", "superfluous", "shape", "dtype"],
)
def test_tensors_that_do_not_fit_are_named(change, named):
    state = random_state(generator_spec(4))
    tensors = dict(state.tensors)
    change(tensors)
    with pytest.raises(SpecError, match=named):
        NetworkState(state.spec, tensors)
    with pytest.raises(SpecError, match=named):
        Generator(state.spec).load(tensors)
