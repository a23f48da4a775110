"""Costs: the published table, a closed formula, a count of what really runs, and the quick form of searches."""

import pytest
from helpers.published_costs import TABLE

from ganc.base.rng import keyed_generator
from ganc.models.convolutions import Costs
from ganc.models.discriminator import Discriminator
from ganc.models.generator import Generator
from ganc.models.layers import count_costs
from ganc.models.network import ElasticConvolution
from ganc.models.resnet import RESNET
from ganc.models.space import NAMED_SPACES
from ganc.models.spec import DiscriminatorSpec, GeneratorSpec, parse_widths
from ganc.models.subnets import SubnetCosts
from ganc.system.runtime import paddle

ODD_WIDTHS = (5, 3, 7, 2, 9, 4, 6, 8)


def last_digit(number: float) -> float:
    """Return half a unit of the last decimal that a number is printed with."""
    return 0.5 * 10.0 ** -len(str(number).partition(".")[2].ljust(2, "0"))


def closed_formula(widths, block, n_blocks, width, height) -> Costs:
    """Count by hand from the drawing in the architecture: widths w0 (x1) w1 (x2) w2-w5 (x4) w6 (x2) w7 (x1)."""
    w0, w1, w2, *inner, w6, w7 = widths
    full, half, quarter = width * height, width * height // 4, width * height // 16
    weights = [  # of the chain without its blocks: (number of weights, outputs, MACs' pixels, device MACs' pixels)
        (49 * 3 * w0, w0, full, full),
        (9 * w0 * 2 * w1, 2 * w1, half, half),
        (9 * 2 * w1 * 4 * w2, 4 * w2, quarter, quarter),
        (9 * 4 * w2 * 2 * w6, 2 * w6, half, quarter),
        (9 * 2 * w6 * w7, w7, full, half),
        (49 * w7 * 3, 3, full, full),
    ]
    for w in (one for one in inner for _ in range(n_blocks // 3)):
        for ins, outs in ((4 * w2, 4 * w), (4 * w, 4 * w2)):
            if block == "resnet":
                weights.append((9 * ins * outs, outs, quarter, quarter))
            else:
                weights += [(9 * ins, ins, quarter, quarter), (ins * outs, outs, quarter, quarter)]
    return Costs(
        macs=sum(count * pixels for count, _, pixels, _ in weights),
        device_macs=sum(count * pixels for count, _, _, pixels in weights),
        params=sum(count + bias for count, bias, _, _ in weights),
    )


def counted_while_running(network, shape) -> Costs:
    """Count from the weights and the images that meet while the network runs."""
    counts = []

    def count(layer, inputs, output):
        taken, given = inputs[0].shape[2] * inputs[0].shape[3], output.shape[2] * output.shape[3]
        weights = int(layer.weight.size)
        counts.append((given * weights, (taken if given > taken else given) * weights))

    for layer in network.sublayers():
        if isinstance(layer, ElasticConvolution):
            layer.register_forward_post_hook(count)
    with paddle.no_grad():
        network(paddle.zeros(shape))
    return Costs(
        macs=sum(macs for macs, _ in counts),
        device_macs=sum(device for _, device in counts),
        params=sum(int(parameter.size) for parameter in network.parameters()),
    )


@pytest.mark.paddle26
@pytest.mark.parametrize(("widths", "block", "macs", "params", "device_macs"), TABLE)
def test_the_published_table_comes_out(widths, block, macs, params, device_macs):
    costs = GeneratorSpec(widths=parse_widths(widths), block=block).costs((256, 256))
    assert costs.macs / 1e9 == pytest.approx(macs, abs=last_digit(macs))
    assert costs.params / 1e6 == pytest.approx(params, abs=last_digit(params))
    if device_macs:
        assert costs.device_macs / 1e9 == pytest.approx(device_macs, abs=last_digit(device_macs))


@pytest.mark.parametrize("block", RESNET.blocks)
@pytest.mark.parametrize("n_blocks", [3, 6, 9])
@pytest.mark.parametrize("size", [(256, 256), (64, 48), (4, 8)])
def test_costs_are_those_of_the_closed_formula(block, n_blocks, size):
    for widths in (ODD_WIDTHS, ODD_WIDTHS[::-1], (64,) * 8):
        spec = GeneratorSpec(widths=widths, block=block, n_blocks=n_blocks)
        assert spec.costs(size) == closed_formula(widths, block, n_blocks, *size)


@pytest.mark.paddle26
@pytest.mark.parametrize("block", RESNET.blocks)
def test_costs_are_those_of_what_runs(block):
    spec = GeneratorSpec(widths=ODD_WIDTHS, block=block, n_blocks=3)
    assert spec.costs((32, 24)) == counted_while_running(Generator(spec), (1, 3, 24, 32))


def test_a_discriminator_s_costs_are_those_of_what_runs():
    """Where sizes divide: an output row or column is lost at the two unstrided convolutions, which are not counted."""
    spec = DiscriminatorSpec(width=5, n_layers=2, in_channels=6)
    costs = count_costs(spec.layers, (32, 32))
    counted = counted_while_running(Discriminator(spec), (1, 6, 32, 32))
    assert costs.params == counted.params
    assert costs.macs == pytest.approx(counted.macs, rel=0.2)


@pytest.mark.parametrize("block", RESNET.blocks)
@pytest.mark.parametrize("name", NAMED_SPACES)
def test_the_quick_costs_of_sub_networks_are_the_generator_s(name, block):
    space = NAMED_SPACES[name]
    spec = GeneratorSpec(widths=space.largest, block=block)
    costs = SubnetCosts(spec, (256, 192))
    draws = keyed_generator(0, "sub-networks")
    for widths in (space.largest, space.smallest, *(space.draw(draws) for _ in range(60))):
        assert costs(widths) == GeneratorSpec(widths=widths, block=block).costs((256, 192))


def test_the_quick_costs_work_for_a_supernet_wider_than_its_space_and_for_uneven_widths():
    spec = GeneratorSpec(widths=(20, 9, 30, 12, 40, 11, 25, 14), n_blocks=3)
    costs = SubnetCosts(spec, (32, 32))
    draws = keyed_generator(1, "sub-networks")
    for _ in range(60):
        widths = tuple(int(draws.integers(1, width + 1)) for width in spec.widths)
        assert costs(widths) == spec.narrowed(widths).costs((32, 32))


def test_wider_never_costs_less():
    draws = keyed_generator(2, "sub-networks")
    for _ in range(20):
        widths = tuple(int(width) for width in draws.integers(1, 64, 8))
        narrow = GeneratorSpec(widths=widths).costs((64, 64))
        for segment in range(8):
            wide = GeneratorSpec(widths=(*widths[:segment], widths[segment] + 1, *widths[segment + 1 :])).costs(
                (64, 64)
            )
            assert wide.macs > narrow.macs
            assert wide.device_macs > narrow.device_macs
            assert wide.params > narrow.params
