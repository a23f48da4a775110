"""Thinner widths for a budget."""

import pytest

from ganc.base.errors import SelectionError
from ganc.models.space import parse_space
from ganc.models.spec import GeneratorSpec
from ganc.models.thinning import smallest, space_of, thinned

PUBLISHED = GeneratorSpec(widths=(16, 16, 32, 16, 32, 32, 16, 16))  # of GAN Compression for horse2zebra
SIZE = (256, 256)


def macs(spec: GeneratorSpec, widths) -> int:
    return spec.narrowed(widths).costs(SIZE).macs


@pytest.mark.parametrize("budget", [2_000_000_000, 1_400_000_000, 980_000_000, 300_000_000])
@pytest.mark.parametrize("spec", [PUBLISHED, GeneratorSpec(widths=(64,) * 8, block="resnet")], ids=["mobile", "resnet"])
def test_thinned_widths_use_the_budget_and_keep_to_it(spec, budget):
    if macs(spec, smallest(spec)) > budget:
        pytest.skip("the smallest is larger")
    found = macs(spec, thinned(spec, budget, SIZE))
    assert 0.85 * budget <= found <= budget


def test_the_stream_loses_most_and_the_stem_least():
    widths = thinned(PUBLISHED, 1_400_000_000, SIZE)
    kept = [narrow / wide for narrow, wide in zip(widths, PUBLISHED.widths, strict=True)]
    assert kept[2] <= 0.75
    assert kept[0] == kept[1] == 1.0
    assert all(width % 4 == 0 for width in widths)


def test_a_budget_above_the_generators_own_costs_leaves_it_as_it_is():
    assert thinned(PUBLISHED, 3_000_000_000, SIZE) == PUBLISHED.widths


def test_a_budget_below_the_smallest_names_the_smallest():
    with pytest.raises(SelectionError, match=r"4_4_4_4_4_4_4_4 has 153\.75 M at 256x256"):
        thinned(PUBLISHED, 1_000_000, SIZE)


def test_narrow_generators_can_be_thinned_too():
    spec = GeneratorSpec(widths=(8,) * 8, n_blocks=3)
    assert smallest(spec) == (2,) * 8
    assert smallest(GeneratorSpec(widths=(2,) * 8)) == (1,) * 8


def test_a_space_has_each_width_once_the_largest_first():
    space = parse_space(space_of([(8,) * 8, (4,) * 8, (8,) * 7 + (2,)]))
    assert space.choices == ((8, 4),) * 7 + ((8, 4, 2),)
